"""The composite schedule: the examples of certification, random profiles against an oracle second by second, and the
work done at the limits of a large station."""

import itertools
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.charging_profiles.building import (
    BASE,
    DAILY,
    DAY,
    DEFAULT,
    MAXIMUM,
    RECURRING,
    RELATIVE,
    TX,
    WEEKLY,
    A,
    W,
    at,
    make,
    stamp,
    station,
    steps,
)
from tests.charging_profiles.large import LEVELS, PERIODS, large_set
from tests.charging_profiles.oracle import composite_at
from tests.charging_profiles.strategies import CONNECTORS, Scene, scenes

from chargewright.charging_profiles.composite_schedule import (
    MAX_PERIODS,
    StationSupply,
    answer_get_composite_schedule,
    composite_schedule,
)
from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.charging_profiles.switches import Switches
from chargewright.charging_profiles.units import DirectCurrent, Limit, Supply
from chargewright.charging_profiles.validation import ProfileLimits
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.coding import decode, encode
from chargewright.protocol.v16.smart_charging import (
    ClearChargingProfileRequest,
    GetCompositeScheduleRequest,
    GetCompositeScheduleResponse,
    GetCompositeScheduleStatus,
)

GAPS = [0, 1, 2, 7, 10]
UNITS = pytest.mark.parametrize(("unit", "factor"), [(A, 1), (W, 1000)])


def scaled(expected: dict[int, float], factor: int) -> dict[int, float]:
    return {second: limit * factor for second, limit in expected.items()}


# The three examples of certification. The gap is the time between setting the profiles and asking.


def overruled_set(factor: int, unit, switches: Switches | None = None) -> ProfileSet:
    profiles = ProfileSet(switches)

    def limits(values: dict[int, float]) -> dict[int, float | str]:
        return {begin: value * factor for begin, value in values.items()}

    profiles.install(make(MAXIMUM, limits({0: 10}), number=1, duration=86_400, unit=unit), 0, at())
    default = limits({0: 6, 60: 10, 120: 8, 180: 15, 260: 8})
    profiles.install(make(DEFAULT, default, number=2, duration=300, valid_to=401, unit=unit), 1, at())
    own = limits({0: 8, 50: 11, 140: 16, 200: 6, 240: 12})
    profiles.install(make(TX, own, number=3, duration=260, valid_to=401, unit=unit), 1, at())
    return profiles


@pytest.mark.parametrize("gap", GAPS)
@UNITS
def test_a_valid_tx_profile_overrules_the_default_also_after_its_schedule(unit, factor: int, gap: int) -> None:
    profiles = overruled_set(factor, unit)
    schedule = composite_schedule(profiles, station(), 1, at(gap), 400, unit, {1: at(-5)})
    expected = {0: 8, 50 - gap: 10, 200 - gap: 6, 240 - gap: 10}
    assert steps(schedule) == scaled(expected, factor)
    assert schedule.duration == 400


@UNITS
def test_stacked_defaults_without_a_transaction_fall_to_the_lower_level(unit, factor: int) -> None:
    for gap in GAPS:
        profiles = ProfileSet()
        low, high = {0: 6, 100: 8, 200: 10}, {0: 7, 100: 9}
        profiles.install(make(DEFAULT, scaled(low, factor), number=1, duration=400, unit=unit), 1, at())
        profiles.install(make(DEFAULT, scaled(high, factor), number=2, level=1, duration=150, unit=unit), 1, at())
        schedule = composite_schedule(profiles, station(), 1, at(gap), 350, unit)
        assert steps(schedule) == scaled({0: 7, 100 - gap: 9, 150 - gap: 8, 200 - gap: 10}, factor)


@pytest.mark.parametrize("gap", GAPS)
def test_what_is_cleared_no_longer_limits_until_the_stations_own_limit_is_left(gap: int) -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6, 60: 8, 200: 10}, number=1, level=1, duration=400), 1, at())
    profiles.install(make(DEFAULT, {0: 7, 100: 9}, number=2, level=0, duration=400), 1, at())
    profiles.install(make(MAXIMUM, {0: 11, 200: 12}, number=3, duration=86_400), 0, at())

    def seen() -> dict[int, float]:
        return steps(composite_schedule(profiles, station(), 1, at(gap), 350, A))

    assert [removed.profile_id for removed in profiles.clear(ClearChargingProfileRequest(id=1))] == [1]
    assert seen() == {0: 7, 100 - gap: 9}
    request = ClearChargingProfileRequest(charging_profile_purpose=DEFAULT, stack_level=0)
    assert [removed.profile_id for removed in profiles.clear(request)] == [2]
    assert seen() == {0: 11, 200 - gap: 12}
    assert [removed.profile_id for removed in profiles.clear(ClearChargingProfileRequest())] == [3]
    assert seen() == {0: 32}


# Random profiles against the oracle.


@settings(max_examples=100, deadline=None)
@given(scenes(), st.integers(0, CONNECTORS), st.integers(-20_000, 60_000), st.sampled_from([A, W]))
def test_the_schedule_is_what_holds_at_each_second(scene: Scene, connector: int, milliseconds: int, unit) -> None:
    seconds = milliseconds / 1000
    horizon = 70
    begun = scene.begun
    schedule = composite_schedule(
        scene.profiles,
        scene.supply,
        connector,
        at(seconds),
        horizon,
        unit,
        {number: at(since) for number, since in begun.items()},
    )
    periods = schedule.charging_schedule_period
    assert schedule.duration == horizon
    assert periods[0].start_period == 0
    for left, right in itertools.pairwise(periods):
        assert left.start_period < right.start_period < horizon
        assert (left.limit, left.number_phases) != (right.limit, right.number_phases)
    start = BASE + timedelta(milliseconds=milliseconds)
    for second in range(horizon):
        period = [period for period in periods if period.start_period <= second][-1]
        limit, phases = composite_at(
            scene.installed,
            scene.supply,
            connector,
            start + timedelta(seconds=second),
            start,
            {number: stamp(since) for number, since in begun.items()},
            unit,
            scene.profiles.switches,
        )
        found = None if period.number_phases is UNSET else period.number_phases
        assert (period.limit, found) == (limit, phases), f"at second {second}"


@settings(max_examples=40, deadline=None)
@given(scenes(), st.integers(0, CONNECTORS), st.integers(1, 69))
def test_two_windows_joined_are_the_whole(scene: Scene, connector: int, cut: int) -> None:
    begun = {number: at(scene.begun.get(number, -5)) for number in range(1, CONNECTORS + 1)}

    def seconds(start: int, duration: int) -> list[tuple[Decimal, object]]:
        schedule = composite_schedule(scene.profiles, scene.supply, connector, at(start), duration, A, begun)
        found = []
        for second in range(duration):
            period = [p for p in schedule.charging_schedule_period if p.start_period <= second][-1]
            found.append((period.limit, period.number_phases))
        return found

    assert seconds(0, cut) + seconds(cut, 70 - cut) == seconds(0, 70)


# Boundaries.


def test_a_change_between_two_seconds_shows_at_the_later_one() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6, 30: 8}, start=-0.4), 1, at())
    assert steps(composite_schedule(profiles, station(), 1, at(), 60, A)) == {0: 6, 30: 8}
    assert steps(composite_schedule(profiles, station(), 1, at(0.7), 60, A)) == {0: 6, 29: 8}


def test_what_began_within_the_millisecond_of_asking_counts_from_its_first_second() -> None:
    profiles = ProfileSet()
    profiles.install(make(TX, {0: 6, 20: 8}, kind=RELATIVE), 1, at(0.0004))
    assert steps(composite_schedule(profiles, station(), 1, at(0.0006), 60, A, {1: at(0.0005)})) == {0: 6, 20: 8}


def test_seconds_count_from_the_millisecond_that_the_answer_names() -> None:
    profiles = ProfileSet()
    profiles.install(make(TX, {0: 6, 40: 8}, kind=RELATIVE), 1, at(-10))
    # The change comes 30.0005 s after BASE.
    schedule = composite_schedule(profiles, station(), 1, at(0.0007), 60, A, {1: at(-9.9995)})
    assert steps(schedule) == {0: 6, 31: 8}


def test_a_duration_of_zero_tells_the_limit_of_now() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}), 1, at())
    schedule = composite_schedule(profiles, station(), 1, at(), 0, A)
    assert (steps(schedule), schedule.duration) == ({0: 6}, 0)


def test_valid_to_ends_a_limit_at_that_instant() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, valid_from=10, valid_to=20), 1, at())
    assert steps(composite_schedule(profiles, station(), 1, at(), 60, A)) == {0: 32, 10: 6, 20: 32}


def test_a_daily_schedule_comes_every_24_hours_whatever_clocks_do() -> None:
    profiles = ProfileSet()
    profiles.install(
        make(DEFAULT, {0: 6, 3600: 10}, kind=RECURRING, recurrency=DAILY, start=-DAY, duration=7200), 1, at()
    )
    schedule = composite_schedule(profiles, station(), 1, at(-DAY), 3 * DAY, A)
    expected = {}
    for day in (0, DAY, 2 * DAY):
        expected |= {day: 6, day + 3600: 10, day + 7200: 32}
    assert steps(schedule) == expected


def test_a_weekly_schedule_comes_every_seven_days_and_is_cut_by_the_next() -> None:
    profiles = ProfileSet()
    periods = {0: 6, 6 * DAY: 8, 8 * DAY: 16}
    profiles.install(make(DEFAULT, periods, kind=RECURRING, recurrency=WEEKLY, duration=9 * DAY), 1, at())
    schedule = composite_schedule(profiles, station(), 1, at(), 14 * DAY, A)
    assert steps(schedule) == {0: 6, 6 * DAY: 8, 7 * DAY: 6, 13 * DAY: 8}


def test_a_relative_default_counts_from_now_without_a_transaction() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6, 20: 8}, kind=RELATIVE), 1, at())
    assert steps(composite_schedule(profiles, station(), 1, at(1000), 60, A)) == {0: 6, 20: 8}
    assert steps(composite_schedule(profiles, station(), 1, at(1000), 60, A, {1: at(995)})) == {0: 6, 15: 8}


def test_a_tx_profile_without_a_transaction_does_not_count() -> None:
    profiles = ProfileSet()
    profiles.install(make(TX, {0: 6}), 1, at())
    assert steps(composite_schedule(profiles, station(), 1, at(), 60, A)) == {0: 32}
    assert steps(composite_schedule(profiles, station(), 1, at(), 60, A, {1: at()})) == {0: 6}


def test_ten_years_ahead_are_told_as_far_as_the_bounds_go() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6, 3600: 8}, kind=RECURRING, recurrency=DAILY), 1, at())
    schedule = composite_schedule(profiles, station(), 1, at(), 3650 * DAY, A)
    assert len(schedule.charging_schedule_period) == MAX_PERIODS
    assert schedule.duration == MAX_PERIODS // 2 * DAY
    short = composite_schedule(profiles, station(), 1, at(), 2 * DAY, A, max_periods=3)
    assert (steps(short), short.duration) == ({0: 6, 3600: 8, DAY: 6}, DAY + 3600)


def test_the_largest_duration_that_can_be_sent_ends() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, kind=RECURRING, recurrency=DAILY, number=1), 1, at())
    flat = composite_schedule(profiles, station(), 1, at(), 2**63 - 1, A, max_steps=5_000)
    assert steps(flat) == {0: 6}
    assert isinstance(flat.duration, int)
    assert flat.duration % DAY == 0 and 1_000 * DAY < flat.duration < 5_000 * DAY
    assert composite_schedule(ProfileSet(), station(), 1, at(), 2**63 - 1, A).duration == 2**63 - 1


def test_of_two_changes_within_a_second_only_what_comes_of_them_is_told() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, number=1, valid_to=10.2), 1, at())
    profiles.install(make(DEFAULT, {0: 8}, number=2, level=1, valid_from=10.3, valid_to=10.6), 1, at())
    assert steps(composite_schedule(profiles, station(), 1, at(), 30, A)) == {0: 6, 11: 32}


# Units and phases.


def test_ampere_and_watt_hold_both_at_the_phases_that_are_left() -> None:
    profiles = ProfileSet()
    profiles.install(make(MAXIMUM, {0: 10}, number=1, phases=3), 0, at())
    profiles.install(make(DEFAULT, {0: 16}, number=2, phases=1), 1, at())
    power = composite_schedule(profiles, station(), 1, at(), 60, W).charging_schedule_period
    assert [(period.limit, period.number_phases) for period in power] == [(2300, 1)]
    profiles.install(make(DEFAULT, {0: 1150}, number=2, phases=1, unit=W), 1, at())
    current = composite_schedule(profiles, station(), 1, at(), 60, A).charging_schedule_period
    assert [(period.limit, period.number_phases) for period in current] == [(5, 1)]


def test_a_converted_limit_is_rounded_down() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 10_000}, unit=W), 1, at())
    assert steps(composite_schedule(profiles, station(), 1, at(), 60, A)) == {0: 14.4}


def test_direct_current_has_no_phases() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 13_800}, unit=W, phases=1), 1, at())
    for direct, expected in ((DirectCurrent.GRID_SIDE, 20.0), (DirectCurrent.OUTLET, 34.5)):
        supply = station(max_amperes=None, direct_current=direct)
        schedule = composite_schedule(profiles, supply, 1, at(), 60, A)
        assert steps(schedule) == {0: expected}
        assert schedule.charging_schedule_period[0].number_phases is UNSET


# The grid connection.


def test_the_station_is_the_sum_of_its_connectors_and_at_most_its_maximum() -> None:
    profiles = ProfileSet()
    supply = station(3)
    profiles.install(make(DEFAULT, {0: 6, 20: 16}, number=1), 1, at())
    profiles.install(make(DEFAULT, {0: 10}, number=2), 2, at())
    assert steps(composite_schedule(profiles, supply, 0, at(), 60, A)) == {0: 48, 20: 58}
    profiles.install(make(MAXIMUM, {0: 40, 30: 50}, number=3), 0, at())
    assert steps(composite_schedule(profiles, supply, 0, at(), 60, A)) == {0: 40, 30: 50}
    assert steps(composite_schedule(profiles, supply, 1, at(), 60, A)) == {0: 6, 20: 16}


def test_a_default_for_all_counts_for_each_and_not_for_their_sum() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6, 20: 8}), 0, at())
    assert steps(composite_schedule(profiles, station(2), 0, at(), 60, A)) == {0: 12, 20: 16}
    assert profiles.next_change(0, at()) is None
    assert profiles.limit_at(0, at()).is_unlimited


def test_the_grid_connection_is_a_limit_of_its_own() -> None:
    supply = StationSupply(connectors=station(2).connectors, grid=Supply(max_watts=Decimal(30_000)))
    assert steps(composite_schedule(ProfileSet(), supply, 0, at(), 60, W)) == {0: 30_000}


def test_the_example_of_the_documentation() -> None:
    # BASE stands for 18:45.
    seven, half_past_six, eight = -42_300, -900, 4_500
    profiles = ProfileSet()
    profiles.install(make(MAXIMUM, {0: 40}, number=1, start=-DAY), 0, at())
    daily = make(DEFAULT, {0: 8}, number=2, kind=RECURRING, recurrency=DAILY, start=seven, duration=12 * 3600)
    profiles.install(daily, 0, at())
    power = make(DEFAULT, {0: 3680}, number=3, level=1, start=-DAY, unit=W, phases=1, valid_to=eight)
    profiles.install(power, 2, at())
    profiles.install(make(TX, {0: 16, 3600: 24}, number=4, kind=RELATIVE, duration=7200), 1, at())
    seen = [
        composite_schedule(profiles, station(2), connector, at(), 7200, A, {1: at(half_past_six)})
        for connector in (0, 1, 2)
    ]
    assert [steps(schedule) for schedule in seen] == [
        {0: 32, 2700: 40},
        {0: 16, 2700: 24, 6300: 32},
        {0: 16, 4500: 32},
    ]
    assert [period.number_phases for period in seen[2].charging_schedule_period] == [1, 3]


@pytest.mark.parametrize("connector", [-1, 3])
def test_a_connector_that_there_is_not_is_an_error(connector: int) -> None:
    with pytest.raises(ValueError, match=f"connector {connector}: there are 0 to 2"):
        composite_schedule(ProfileSet(), station(2), connector, at(), 60, A)


def test_a_negative_duration_is_an_error() -> None:
    with pytest.raises(ValueError, match="-1 s"):
        composite_schedule(ProfileSet(), station(), 1, at(), -1, A)


# The answer.

LIMITS = ProfileLimits(number_of_connectors=1, max_stack_level=9, max_periods=24, max_profiles=10, allowed_units=(W,))


def test_the_answer_says_from_when_for_how_long_and_in_which_unit() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 10}), 1, at())
    request = GetCompositeScheduleRequest(connector_id=1, duration=300)
    answer = answer_get_composite_schedule(request, profiles, station(), LIMITS, at(1.2345))
    assert answer.status is GetCompositeScheduleStatus.ACCEPTED
    assert answer.connector_id == 1
    assert answer.schedule_start == stamp(1.234)
    schedule = answer.charging_schedule
    assert (schedule.charging_rate_unit, schedule.duration, steps(schedule)) == (W, 300, {0: 6900})
    assert schedule.start_schedule is UNSET
    assert decode(GetCompositeScheduleResponse, encode(answer)) == answer


@pytest.mark.parametrize(
    "request_",
    [
        GetCompositeScheduleRequest(connector_id=2, duration=300),
        GetCompositeScheduleRequest(connector_id=-1, duration=300),
        GetCompositeScheduleRequest(connector_id=1, duration=300, charging_rate_unit=A),
        GetCompositeScheduleRequest(connector_id=1, duration=-1),
    ],
)
def test_what_cannot_be_told_is_rejected_without_fields(request_: GetCompositeScheduleRequest) -> None:
    answer = answer_get_composite_schedule(request_, ProfileSet(), station(), LIMITS, at())
    assert encode(answer) == b'{"status":"Rejected"}'


# Work at the limits of a large station: 1,000 levels of 1,000 periods each.


def test_a_day_at_the_limits_is_work_for_profiles_and_answers_not_for_all_periods(monkeypatch) -> None:
    profiles = large_set()
    walks = []
    make_walk = ProfileSet.walk

    def walk(self, *arguments, **keywords):
        walks.append(make_walk(self, *arguments, **keywords))
        return walks[-1]

    monkeypatch.setattr(ProfileSet, "walk", walk)
    schedule = composite_schedule(profiles, station(), 1, at(), DAY, A, max_periods=100_000)
    periods = len(schedule.charging_schedule_period)
    assert schedule.duration == DAY
    assert periods > PERIODS
    # Each profile is looked at when it begins and when it has ended, each period of the answer once.
    assert walks[0].steps <= 6 * LEVELS + periods
    assert walks[0].steps < LEVELS * PERIODS // 10


def test_a_maximum_is_divided_as_the_caller_says_among_those_that_charge() -> None:
    profiles = ProfileSet()
    profiles.install(make(MAXIMUM, {0: 32, 60: 20}), 0, at())
    profiles.install(make(DEFAULT, {0: 12}, number=2), 1, at())
    asked = []

    def evenly(maximum: Limit, limits: Mapping[int, Limit]) -> Mapping[int, Limit]:
        asked.append((maximum.amperes, {number: limit.amperes for number, limit in limits.items()}))
        assert maximum.amperes is not None
        return dict.fromkeys(limits, Limit(amperes=maximum.amperes / len(limits)))

    def told(connector_id: int, *charging: int) -> dict[int, float]:
        since = dict.fromkeys(charging, at())
        return steps(composite_schedule(profiles, station(2), connector_id, at(), 90, A, since, sharing=evenly))

    assert told(1, 1) == {0: 12}
    assert told(2, 2) == {0: 32, 60: 20}
    assert asked == []
    assert told(1, 1, 2) == {0: 12, 60: 10}
    assert told(2, 1) == {0: 16, 60: 10}
    assert asked[0] == (32, {1: 12, 2: 32})
    assert told(0, 1, 2) == {0: 32, 60: 20}
