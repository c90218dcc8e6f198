"""When schedules are in force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.charging_profiles.building import (
    ABSOLUTE,
    DAILY,
    DAY,
    DEFAULT,
    RECURRING,
    RELATIVE,
    SECOND,
    WEEKLY,
    at,
    make,
)

from chargewright.charging_profiles.recurrence import (
    Timing,
    Window,
    instant_of,
    next_window,
    schedule_start,
    timing_of,
)
from chargewright.protocol.v16.base import UNSET, Timestamp

# Charging began 100 s after BASE.
CHARGING = 100


def started(seconds: float, *, backwards: bool = False, **profile: object) -> float | None:
    """The start of the schedule in force, in seconds after BASE."""
    timing = timing_of(make(DEFAULT, {0: 6}, **profile))  # type: ignore[arg-type]
    start = schedule_start(timing, at(seconds), at(CHARGING), recurs_backwards=backwards)
    return None if start is None else (start - at()) / SECOND


def test_absolute_counts_from_start_schedule() -> None:
    assert started(-1, kind=ABSOLUTE) is None
    assert started(0, kind=ABSOLUTE) == 0
    assert started(10_000_000, kind=ABSOLUTE) == 0


def test_relative_and_absolute_without_start_count_from_the_start_of_charging() -> None:
    for kind in (RELATIVE, ABSOLUTE):
        assert started(99, kind=kind, start=None) is None
        assert started(100, kind=kind, start=None) == 100


def test_the_start_schedule_of_a_relative_profile_is_ignored() -> None:
    profile = make(DEFAULT, {0: 6}, kind=ABSOLUTE, start=0)
    profile.charging_profile_kind = RELATIVE
    assert timing_of(profile).start is None


def test_the_recurrency_kind_of_another_kind_is_ignored() -> None:
    assert timing_of(make(DEFAULT, {0: 6}, kind=ABSOLUTE, recurrency=DAILY)).recurrence is None


@pytest.mark.parametrize(("recurrency", "cycle"), [(DAILY, DAY), (WEEKLY, 7 * DAY)])
def test_recurring_counts_from_the_latest_cycle(recurrency, cycle: int) -> None:
    for seconds, expected in ((0, 0), (cycle - 0.001, 0), (cycle, cycle), (100.5 * cycle, 100 * cycle)):
        assert started(seconds, kind=RECURRING, recurrency=recurrency) == expected


def test_recurring_before_its_first_start_only_where_it_recurs_backwards() -> None:
    assert started(-1, kind=RECURRING, recurrency=DAILY) is None
    assert started(-1, kind=RECURRING, recurrency=DAILY, backwards=True) == -DAY
    assert started(-9.5 * DAY, kind=RECURRING, recurrency=WEEKLY, backwards=True) == -14 * DAY


def test_duration_ends_each_execution() -> None:
    assert started(59.999, kind=ABSOLUTE, duration=60) == 0
    assert started(60, kind=ABSOLUTE, duration=60) is None
    assert started(DAY + 59, kind=RECURRING, recurrency=DAILY, duration=60) == DAY
    assert started(DAY + 60, kind=RECURRING, recurrency=DAILY, duration=60) is None


def test_a_duration_beyond_the_cycle_is_cut_by_the_next_execution() -> None:
    assert started(DAY + 5, kind=RECURRING, recurrency=DAILY, duration=2 * DAY) == DAY


def test_valid_from_counts_and_valid_to_does_not() -> None:
    assert started(4.999, valid_from=5, valid_to=10) is None
    assert started(5, valid_from=5, valid_to=10) == 0
    assert started(9.999, valid_from=5, valid_to=10) == 0
    assert started(10, valid_from=5, valid_to=10) is None


def test_an_execution_that_began_before_valid_from_counts_from_its_own_start() -> None:
    timing = timing_of(make(DEFAULT, {0: 6}, duration=60, valid_from=20, valid_to=40))
    assert next_window(timing, at(-5), at()) == Window(at(0), at(20), at(40))


def test_the_next_execution_is_told_where_none_is_in_force() -> None:
    timing = timing_of(make(DEFAULT, {0: 6}, kind=RECURRING, recurrency=DAILY, duration=60, valid_to=2.5 * DAY))
    assert next_window(timing, at(60), at()) == Window(at(DAY), at(DAY), at(DAY + 60))
    assert next_window(timing, at(-5 * DAY), at()) == Window(at(0), at(0), at(60))
    assert next_window(timing, at(2 * DAY + 60), at()) is None


def test_without_any_time_a_recurring_schedule_never_holds() -> None:
    assert next_window(Timing(start=0, duration=0, recurrence=DAY), 5, 0) is None


def test_a_time_without_zone_is_utc() -> None:
    assert instant_of(Timestamp.parse("1970-01-02T00:00:00")) == DAY * SECOND
    assert instant_of(Timestamp.parse("1970-01-02T02:00:00.000001+02:00")) == DAY * SECOND + 1
    assert instant_of(UNSET) is None


optional = st.none() | st.integers(-50, 50)


@given(
    st.builds(
        Timing,
        start=optional,
        duration=st.none() | st.integers(1, 40),
        recurrence=st.none() | st.integers(1, 20),
        valid_from=optional,
        valid_to=optional,
    ),
    st.integers(-60, 60),
    st.integers(-50, 50),
    st.booleans(),
)
def test_windows_are_what_a_scan_of_instants_finds(timing: Timing, now: int, charging: int, backwards: bool) -> None:
    def is_in_force(instant: int) -> bool:
        start = charging if timing.start is None else timing.start
        starts = [start]
        if timing.recurrence is not None:
            starts = [start + timing.recurrence * n for n in range(-300 if backwards else 0, 300)]
        begun = [candidate for candidate in starts if candidate <= instant]
        return (
            bool(begun)
            and (timing.duration is None or instant - max(begun) < timing.duration)
            and (timing.valid_from is None or timing.valid_from <= instant)
            and (timing.valid_to is None or instant < timing.valid_to)
        )

    window = next_window(timing, now, charging, recurs_backwards=backwards)
    found = next((instant for instant in range(now, now + 200) if is_in_force(instant)), None)
    if found is None:
        assert window is None
        return
    assert window is not None
    assert max(window.begin, now) == found
    assert window.start <= window.begin
    last = found if window.end is None else window.end - 1
    assert is_in_force(last)
    assert window.end is None or timing.recurrence is not None or not is_in_force(window.end)
