"""Clocks: what moves, what stays, and in which zone they tell the time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from chargewright.clock import LoopClock, ManualClock, SystemClock

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1)))


def test_the_system_clock_tells_utc_and_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    first = clock.monotonic()
    assert clock.monotonic() >= first


def test_a_manual_clock_moves_both_times_together() -> None:
    clock = ManualClock(NOON)
    clock.advance(90)
    assert clock.now() == datetime(2026, 3, 1, 11, 1, 30, tzinfo=UTC)
    assert clock.monotonic() == 90


def test_setting_the_wall_clock_leaves_monotonic_time_alone() -> None:
    clock = ManualClock(NOON)
    clock.advance(5)
    clock.set_wall_clock(datetime(1970, 1, 1, tzinfo=UTC))
    assert clock.now().year == 1970
    assert clock.monotonic() == 5


def test_a_manual_clock_refuses_to_go_back() -> None:
    with pytest.raises(ValueError, match="-1"):
        ManualClock(NOON).advance(-1)


def test_a_loop_clock_starts_at_its_start_whatever_the_loop_says() -> None:
    loop_time = 1_000.0

    def read() -> float:
        return loop_time

    clock = LoopClock(NOON, read)
    assert clock.now() == NOON
    loop_time += 60
    assert clock.now() == NOON + timedelta(minutes=1)
    assert clock.monotonic() == 1_060.0


def test_microseconds_say_the_same_as_the_date() -> None:
    manual = ManualClock(NOON)
    manual.advance(0.000_007)
    assert manual.now_microseconds() == int(NOON.timestamp()) * 1_000_000 + 7
    loop = LoopClock(NOON, lambda: 5.0)
    assert loop.now_microseconds() == int(NOON.timestamp()) * 1_000_000
    system = SystemClock()
    before = system.now()
    between = system.now_microseconds()
    after = system.now()
    assert before <= datetime.fromtimestamp(0, UTC) + timedelta(microseconds=between) <= after
