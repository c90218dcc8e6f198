"""How far the clocks of stations are off."""

from chargewright.csms.services.clock_offsets import SAMPLES, ClockOffsets

SECOND = 1_000_000


def test_the_median_decides_so_that_a_few_old_messages_do_not() -> None:
    offsets = ClockOffsets()
    assert offsets.seconds(1) is None
    for late in (5, 5, 6, -86_400, -43_200):
        offsets.observe(1, 1, late * SECOND, 0)
    assert offsets.seconds(1) == 5
    assert offsets.seconds(2) is None


def test_each_connection_begins_anew() -> None:
    offsets = ClockOffsets()
    offsets.observe(1, 1, 100 * SECOND, 0)
    offsets.observe(1, 2, SECOND, 0)
    assert offsets.seconds(1) == 1
    offsets.forget(1)
    assert offsets.seconds(1) is None


def test_the_newest_count() -> None:
    offsets = ClockOffsets()
    for _ in range(SAMPLES):
        offsets.observe(1, 1, 0, 0)
    for _ in range(SAMPLES):
        offsets.observe(1, 1, 7 * SECOND, 0)
    assert offsets.seconds(1) == 7
