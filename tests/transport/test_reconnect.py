"""The wait is bounded below and above, doubles, spreads, and repeats from a seed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargewright.transport.reconnect import BackOff, back_off_seconds


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (4, 16), (5, 16), (6, 16), (1_000_000, 16)])
def test_the_wait_doubles_up_to_its_bound(attempt: int, seconds: float) -> None:
    assert back_off_seconds(attempt, BackOff(2, 0, 3), random.Random(1)) == seconds


@given(
    attempt=st.integers(1, 50),
    minimum=st.floats(0, 100),
    spread=st.floats(0, 100),
    repeat_times=st.integers(0, 10),
    seed=st.integers(),
)
def test_the_wait_stays_in_its_range_and_repeats_from_its_seed(
    attempt: int, minimum: float, spread: float, repeat_times: int, seed: int
) -> None:
    settings = BackOff(minimum, spread, repeat_times)
    wait = back_off_seconds(attempt, settings, random.Random(seed))
    floor = minimum * 2 ** min(attempt - 1, repeat_times)
    assert floor <= wait <= floor + spread
    assert back_off_seconds(attempt, settings, random.Random(seed)) == wait


def test_a_thousand_stations_come_back_spread_out() -> None:
    dice = random.Random(1)
    waits = [back_off_seconds(1, BackOff(2, 5, 6), dice) for _ in range(1000)]
    per_second = [sum(second <= wait - 2 < second + 1 for wait in waits) for second in range(5)]
    assert all(150 <= count <= 250 for count in per_second)


def test_impossible_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="got 0"):
        back_off_seconds(0, BackOff(), random.Random(1))
    with pytest.raises(ValueError, match="-1"):
        BackOff(wait_minimum_seconds=-1)
