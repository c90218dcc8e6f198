"""What an attempt checks and tells."""

import pytest

from chargewright.file_transfer.base import Attempt, Progress, TimeLimits
from chargewright.file_transfer.errors import TooLarge
from chargewright.file_transfer.files import MemorySink
from chargewright.file_transfer.locations import parse_location

HERE = parse_location("http://h/x")


async def test_a_chunk_beyond_the_bound_does_not_reach_the_sink() -> None:
    sink, told = MemorySink(), list[Progress]()
    attempt = Attempt(2, TimeLimits(), 5, told.append)
    await attempt.receive(HERE, sink, b"12345", 6)
    with pytest.raises(TooLarge, match="6 bytes or more, and 5"):
        await attempt.receive(HERE, sink, b"6", 6)
    assert bytes(sink.data) == b"12345"
    assert told == [Progress(5, 6, 2)]


@pytest.mark.parametrize("limits", [(0, 1), (1, 0), (-1, 1)])
def test_time_limits_are_above_zero(limits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        TimeLimits(*limits)
