"""Each switch, both ways: the default is what certification expects."""

import pytest
from tests.charging_profiles.building import (
    ABSOLUTE,
    DAILY,
    DAY,
    DEFAULT,
    MAXIMUM,
    RECURRING,
    RELATIVE,
    TX,
    A,
    at,
    make,
    stamp,
    station,
    steps,
)

from chargewright.charging_profiles.composite_schedule import composite_schedule
from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.charging_profiles.switches import Switches
from chargewright.charging_profiles.validation import ProfileLimits, Reason, check_installable
from chargewright.protocol.v16.base import UNSET

LIMITS = ProfileLimits(number_of_connectors=1, max_stack_level=9, max_periods=24, max_profiles=10)


def refused(profile, connector: int, switches: Switches) -> Reason | None:
    refusal = check_installable(profile, connector, LIMITS, ProfileSet(switches))
    return None if refusal is None else refusal.reason


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        (Switches(), {0: 8, 50: 10, 200: 6, 240: 10}),
        (Switches(exhausted_tx_profile="default"), {0: 8, 50: 10, 200: 6, 240: 10, 260: 8, 300: 10}),
    ],
)
def test_whether_the_default_comes_back_when_the_schedule_of_a_tx_profile_is_over(switches, expected) -> None:
    profiles = ProfileSet(switches)
    profiles.install(make(MAXIMUM, {0: 10}, number=1, duration=86_400), 0, at())
    profiles.install(make(DEFAULT, {0: 6, 60: 10, 120: 8, 180: 15, 260: 8}, number=2, duration=300), 1, at())
    profiles.install(make(TX, {0: 8, 50: 11, 140: 16, 200: 6, 240: 12}, number=3, duration=260, valid_to=401), 1, at())
    assert steps(composite_schedule(profiles, station(), 1, at(), 400, A, {1: at()})) == expected


@pytest.mark.parametrize(("backwards", "expected"), [(False, {0: 32, 100: 6}), (True, {0: 8, 100: 6})])
def test_whether_a_recurring_schedule_holds_before_its_first_start(backwards: bool, expected) -> None:
    profiles = ProfileSet(Switches(recurs_backwards=backwards))
    periods = {0: 6, DAY // 2: 8}
    profiles.install(make(DEFAULT, periods, kind=RECURRING, recurrency=DAILY, start=100), 1, at())
    assert steps(composite_schedule(profiles, station(), 1, at(), 300, A)) == expected


def test_whether_an_absolute_profile_without_start_is_taken() -> None:
    profile = make(DEFAULT, {0: 6}, kind=ABSOLUTE, start=None)
    assert refused(profile, 1, Switches()) is None
    assert refused(profile, 1, Switches(absolute_without_start="reject")) is Reason.ABSOLUTE_WITHOUT_START
    assert refused(make(DEFAULT, {0: 6}), 1, Switches(absolute_without_start="reject")) is None


def test_whether_a_relative_maximum_is_taken_and_that_it_counts_from_its_installation() -> None:
    profile = make(MAXIMUM, {0: 6, 30: 8}, kind=RELATIVE)
    assert refused(profile, 0, Switches()) is Reason.RELATIVE_MAXIMUM
    switches = Switches(relative_maximum="accept")
    assert refused(profile, 0, switches) is None
    profiles = ProfileSet(switches)
    profiles.install(profile, 0, at(-10))
    assert steps(composite_schedule(profiles, station(), 1, at(), 60, A)) == {0: 6, 20: 8}


@pytest.mark.parametrize(("local", "expected"), [("caps", {0: 32, 50: 6, 60: 32}), ("fills", {0: 40, 50: 6, 60: 32})])
def test_whether_the_stations_own_limit_caps_that_of_profiles(local, expected) -> None:
    profiles = ProfileSet(Switches(local_limit=local))
    profiles.install(make(DEFAULT, {0: 40, 50: 6}, duration=60), 1, at())
    assert steps(composite_schedule(profiles, station(), 1, at(), 90, A)) == expected
    assert steps(composite_schedule(profiles, station(), 0, at(), 90, A)) == expected


@pytest.mark.parametrize(("has_start", "expected"), [(False, UNSET), (True, stamp(5))])
def test_whether_the_answer_repeats_its_start(has_start: bool, expected) -> None:
    profiles = ProfileSet(Switches(has_start_schedule=has_start))
    assert composite_schedule(profiles, station(), 1, at(5), 60, A).start_schedule == expected
