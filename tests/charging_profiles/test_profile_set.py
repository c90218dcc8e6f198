"""Installed charging profiles: replacing, clearing, what holds now, and when that changes."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.charging_profiles.building import (
    BASE,
    DAILY,
    DAY,
    DEFAULT,
    MAXIMUM,
    RECURRING,
    RELATIVE,
    SECOND,
    TX,
    at,
    make,
    stamp,
)
from tests.charging_profiles.large import LEVELS, large_profiles, large_set
from tests.charging_profiles.oracle import Installed, both, is_valid, maximum_at, own_at
from tests.charging_profiles.strategies import CONNECTORS, Scene, install_naively, placed, scenes

from chargewright.charging_profiles import timeline
from chargewright.charging_profiles.installed_profile import InstalledProfile
from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.charging_profiles.switches import Switches
from chargewright.charging_profiles.units import UNLIMITED, Limit
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.smart_charging import ClearChargingProfileRequest


def amperes(number: float, phases: int = 3) -> Limit:
    return Limit(amperes=Decimal(str(number)), phases=phases)


def numbers(profiles) -> list[int]:
    return [profile.profile_id for profile in profiles]


# Installing.


def test_the_same_id_replaces_wherever_it_is() -> None:
    profiles = ProfileSet()
    profiles.install(make(MAXIMUM, {0: 6}, number=5), 0, at())
    installation = profiles.install(make(DEFAULT, {0: 7}, number=5, level=3), 2, at())
    assert numbers(installation.removed) == [5]
    assert installation.installed is profiles.get(5)
    assert profiles.limit_at(0, at()) == UNLIMITED
    assert profiles.limit_at(2, at()) == amperes(7)


def test_the_same_purpose_and_level_replace_on_the_same_connector_only() -> None:
    profiles = ProfileSet()
    for number, connector, level, purpose in (
        (1, 1, 0, DEFAULT),
        (2, 2, 0, DEFAULT),
        (3, 1, 1, DEFAULT),
        (4, 1, 0, TX),
    ):
        assert profiles.install(make(purpose, {0: 6}, number=number, level=level), connector, at()).removed == ()
    assert numbers(profiles.install(make(DEFAULT, {0: 6}, number=9), 1, at()).removed) == [1]
    assert numbers(profiles) == [2, 3, 4, 9]


def test_one_installation_can_replace_two() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, number=1, level=0), 1, at())
    profiles.install(make(DEFAULT, {0: 6}, number=2, level=1), 1, at())
    removed = profiles.install(make(DEFAULT, {0: 6}, number=1, level=1), 1, at()).removed
    assert sorted(numbers(removed)) == [1, 2]
    assert numbers(profiles) == [1]


def test_a_replacement_that_is_valid_later_removes_the_old_one_at_once() -> None:
    profiles = ProfileSet()
    profiles.install(make(TX, {0: 6}, number=1), 1, at())
    profiles.install(make(DEFAULT, {0: 9}, number=2), 1, at())
    profiles.install(make(TX, {0: 7}, number=3, valid_from=60), 1, at())
    assert profiles.limit_at(1, at(59), at()) == amperes(9)
    assert profiles.limit_at(1, at(60), at()) == amperes(7)


def test_periods_without_sense_change_nothing() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, number=1), 1, at())
    with pytest.raises(ValueError, match="chargingProfileId 1"):
        profiles.install(make(DEFAULT, {5: 6}, number=1), 1, at())
    assert profiles.limit_at(1, at()) == amperes(6)


# Clearing.


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (ClearChargingProfileRequest(), [1, 2, 3, 4]),
        (ClearChargingProfileRequest(id=3), [3]),
        (ClearChargingProfileRequest(id=3, connector_id=0, stack_level=7, charging_profile_purpose=MAXIMUM), [3]),
        (ClearChargingProfileRequest(id=9, connector_id=1), []),
        (ClearChargingProfileRequest(connector_id=0), [1, 2]),
        (ClearChargingProfileRequest(connector_id=1), [3, 4]),
        (ClearChargingProfileRequest(charging_profile_purpose=DEFAULT), [2, 3]),
        (ClearChargingProfileRequest(stack_level=0), [1, 2, 4]),
        (ClearChargingProfileRequest(stack_level=0, connector_id=1), [4]),
        (ClearChargingProfileRequest(charging_profile_purpose=DEFAULT, stack_level=1, connector_id=0), []),
    ],
)
def test_clearing_takes_the_id_or_else_all_that_is_given(request_, expected: list[int]) -> None:
    profiles = ProfileSet()
    profiles.install(make(MAXIMUM, {0: 6}, number=1), 0, at())
    profiles.install(make(DEFAULT, {0: 6}, number=2), 0, at())
    profiles.install(make(DEFAULT, {0: 6}, number=3, level=1), 1, at())
    profiles.install(make(TX, {0: 6}, number=4), 1, at())
    assert numbers(profiles.clear(request_)) == expected
    assert numbers(profiles) == [number for number in (1, 2, 3, 4) if number not in expected]


def test_tx_profiles_end_with_their_transaction() -> None:
    profiles = ProfileSet()
    profiles.install(make(TX, {0: 6}, number=1), 1, at())
    profiles.install(make(TX, {0: 6}, number=2, level=1), 1, at())
    profiles.install(make(TX, {0: 6}, number=3), 2, at())
    profiles.install(make(DEFAULT, {0: 6}, number=4), 1, at())
    assert numbers(profiles.end_transaction(1)) == [1, 2]
    assert profiles.end_transaction(1) == ()
    assert numbers(profiles) == [3, 4]


def test_what_is_never_valid_again_can_be_removed() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, number=1, valid_to=10), 1, at())
    profiles.install(make(DEFAULT, {0: 6}, number=2, level=1), 1, at())
    assert profiles.remove_expired(at(9.999)) == ()
    assert numbers(profiles.remove_expired(at(10))) == [1]
    assert numbers(profiles) == [2]


# What holds.


def test_the_lowest_of_maximum_and_tx_profile_holds() -> None:
    profiles = ProfileSet()
    profiles.install(make(MAXIMUM, {0: 20, 60: 8}, number=1), 0, at())
    profiles.install(make(DEFAULT, {0: 6}, number=2), 1, at())
    profiles.install(make(TX, {0: 10}, number=3), 1, at())
    assert profiles.limit_at(1, at(), at()) == amperes(10)
    assert profiles.limit_at(1, at(60), at()) == amperes(8)
    # Without its transaction a TxProfile does not count.
    assert profiles.limit_at(1, at()) == amperes(6)
    assert profiles.limit_at(2, at()) == amperes(20)
    assert profiles.limit_at(0, at()) == amperes(20)


def test_a_default_for_all_is_replaced_for_one_connector_alone() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, number=1, level=1), 0, at())
    profiles.install(make(DEFAULT, {0: 9}, number=2, level=1, duration=30, valid_to=50), 1, at())
    profiles.install(make(DEFAULT, {0: 8}, number=3, level=0), 1, at())
    assert profiles.limit_at(2, at(5)) == amperes(6)
    assert profiles.limit_at(1, at(5)) == amperes(9)
    # Its schedule is over, but it is still there: the one for all stays replaced, the level below counts.
    assert profiles.limit_at(1, at(40)) == amperes(8)
    assert profiles.limit_at(1, at(50)) == amperes(6)


@pytest.mark.parametrize("valid_from", [None, 60])
def test_a_default_for_all_stays_replaced_while_its_replacement_says_nothing(valid_from: float | None) -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, number=1, valid_from=-5), 0, at())
    profiles.install(make(DEFAULT, {0: 9}, number=2, duration=30, valid_from=valid_from), 1, at())
    assert profiles.limit_at(1, at(40)) == UNLIMITED
    assert profiles.next_change(1, at(40)) is None
    profiles.clear(ClearChargingProfileRequest(id=2))
    assert profiles.limit_at(1, at(40)) == amperes(6)


def test_a_default_for_all_comes_back_at_the_later_of_two_instants() -> None:
    for valid_from in (20, 50, 80):
        profiles = ProfileSet()
        profiles.install(make(DEFAULT, {0: 6}, number=1, valid_from=valid_from), 0, at())
        profiles.install(make(DEFAULT, {0: 9}, number=2, valid_to=50, duration=10), 1, at())
        assert profiles.limit_at(1, at(49)) == UNLIMITED
        assert profiles.next_change(1, at(20)) == at(max(valid_from, 50))


def test_a_higher_default_for_all_prevails_over_a_lower_one_of_the_connector() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, number=1, level=2), 0, at())
    profiles.install(make(DEFAULT, {0: 9}, number=2, level=1), 1, at())
    assert profiles.limit_at(1, at()) == amperes(6)


def test_a_default_set_during_a_transaction_holds_at_once_and_goes_when_cleared() -> None:
    profiles = ProfileSet()
    assert profiles.limit_at(1, at(100), at()) == UNLIMITED
    profiles.install(make(DEFAULT, {0: 6, 60: 8}, kind=RELATIVE), 1, at(100))
    assert profiles.limit_at(1, at(100), at()) == amperes(8)
    profiles.clear(ClearChargingProfileRequest(id=1))
    assert profiles.limit_at(1, at(100), at()) == UNLIMITED


def test_a_top_level_without_end_never_yields() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, number=1, level=0), 1, at())
    profiles.install(make(DEFAULT, {0: 9, 10: 0}, number=2, level=1), 1, at())
    assert profiles.limit_at(1, at(10**9)) == amperes(0)


def test_a_profile_that_recurs_backwards_is_restored_with_its_switches() -> None:
    switches = Switches(recurs_backwards=True)
    profiles = ProfileSet(switches)
    profiles.install(make(DEFAULT, {0: 6}, kind=RECURRING, recurrency=DAILY, start=100), 1, at())
    again = ProfileSet(switches, [InstalledProfile.decoded(profile.encoded()) for profile in profiles])
    assert again.limit_at(1, at()) == profiles.limit_at(1, at()) == amperes(6)


def test_of_two_that_cannot_both_be_installed_the_later_one_is_restored() -> None:
    first = InstalledProfile(make(DEFAULT, {0: 6}, number=1), 1, at())
    second = InstalledProfile(make(DEFAULT, {0: 7}, number=2), 1, at())
    profiles = ProfileSet(installed=[first, second])
    assert numbers(profiles) == [2]
    assert len(profiles.clear(ClearChargingProfileRequest())) == 1


@settings(max_examples=80, deadline=None)
@given(scenes(), st.integers(1, CONNECTORS), st.integers(-30_000, 90_000))
def test_the_limit_is_what_a_scan_of_all_messages_finds(scene: Scene, connector: int, milliseconds: int) -> None:
    now = BASE + timedelta(milliseconds=milliseconds)
    since = scene.begun.get(connector)
    begun = None if since is None else stamp(since)
    switches = scene.profiles.switches
    instant = at(milliseconds / 1000)
    found = scene.profiles.limit_at(connector, instant, None if begun is None else at(since))
    maximum = maximum_at(scene.installed, now, now, switches)
    own = own_at(scene.installed, connector, now, begun, now, switches)
    assert (found.watts, found.amperes, found.phases) == both(maximum, own)
    whole = scene.profiles.limit_at(0, instant)
    assert (whole.watts, whole.amperes, whole.phases) == maximum


def test_no_limit_is_lost_when_the_clock_is_set_back() -> None:
    profiles = ProfileSet(Switches(relative_maximum="accept"))
    profiles.install(make(MAXIMUM, {0: 20}, number=1, kind=RELATIVE), 0, at(100))
    profiles.install(make(TX, {0: 10, 60: 12}, number=2, kind=RELATIVE), 1, at(100))
    assert profiles.limit_at(0, at(40)) == amperes(20)
    assert profiles.limit_at(1, at(40), at(100)) == amperes(10)
    assert profiles.next_change(1, at(40), at(100)) == at(100)
    assert profiles.limit_at(1, at(160), at(100)) == amperes(12)


# When it changes.


@settings(max_examples=80, deadline=None)
@given(scenes(), st.integers(0, CONNECTORS), st.integers(-30, 60))
def test_nothing_changes_before_the_next_change(scene: Scene, connector: int, seconds: int) -> None:
    since = at(-40) if connector else None
    now = at(seconds)
    limit = scene.profiles.limit_at(connector, now, since)
    change = scene.profiles.next_change(connector, now, since)
    horizon = now + 100 * SECOND if change is None else change
    assert horizon > now
    for instant in [*range(now, min(horizon, now + 100 * SECOND), SECOND), horizon - 1]:
        assert scene.profiles.limit_at(connector, instant, since) == limit
    # What was installed after `now` counts from there only when its time has come: then the change may be too early.
    is_set_back = any(profile.installed_at > now for profile in scene.profiles)
    # A thousand changes that change nothing take months with the few profiles of a scene.
    if change is not None and change < now + 30 * DAY * SECOND and not is_set_back:
        # Without a start of charging, every question counts as one: the same start for both.
        assert scene.profiles.limit_at(connector, change, now if since is None else since) != limit


def test_a_change_that_changes_nothing_is_passed_over() -> None:
    profiles = ProfileSet()
    profiles.install(make(MAXIMUM, {0: 6}, number=1), 0, at())
    profiles.install(make(DEFAULT, {0: 10, 20: 12, 40: 5}, number=2), 1, at())
    assert profiles.next_change(1, at()) == at(40)
    assert profiles.next_change(1, at(40)) is None
    assert profiles.next_change(0, at()) is None


def test_a_limit_that_never_changes_but_always_might_is_asked_again_much_later() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, kind=RECURRING, recurrency=DAILY), 1, at())
    change = profiles.next_change(1, at())
    assert change is not None
    assert change > at(86_400 * 900)


# The same as a list.


class AgainstAList(RuleBasedStateMachine):
    """Installing, clearing, ending transactions, expiring: the set against the plainest list."""

    def __init__(self) -> None:
        super().__init__()
        self.profiles = ProfileSet()
        self.installed: list[Installed] = []

    def forget(self, is_gone) -> set[int]:
        gone = {item[2].charging_profile_id for item in self.installed if is_gone(item)}
        self.installed = [item for item in self.installed if item[2].charging_profile_id not in gone]
        return gone

    @rule(item=placed())
    def install(self, item) -> None:
        before = {profile.charging_profile_id for _, _, profile in self.installed}
        connector, profile = item
        expected = {removed.profile_id for removed in self.profiles.replaced_by(profile, connector)}
        removed = numbers(self.profiles.install(profile, connector, at()).removed)
        install_naively(self.installed, connector, 0, profile)
        after = {kept.charging_profile_id for _, _, kept in self.installed}
        assert len(removed) == len(set(removed))
        assert set(removed) - {profile.charging_profile_id} == before - after
        assert set(removed) == expected
        assert (profile.charging_profile_id in removed) == (profile.charging_profile_id in before)

    @precondition(lambda self: self.installed)
    @rule(
        number=st.none() | st.integers(1, 12),
        connector=st.none() | st.integers(0, CONNECTORS),
        purpose=st.sampled_from([None, MAXIMUM, DEFAULT, TX]),
        level=st.none() | st.integers(0, 3),
    )
    def clear(self, number, connector, purpose, level) -> None:
        request = ClearChargingProfileRequest(
            id=UNSET if number is None else number,
            connector_id=UNSET if connector is None else connector,
            charging_profile_purpose=UNSET if purpose is None else purpose,
            stack_level=UNSET if level is None else level,
        )

        def is_gone(item: Installed) -> bool:
            where, _, profile = item
            if number is not None:
                return profile.charging_profile_id == number
            return (
                connector in (None, where)
                and purpose in (None, profile.charging_profile_purpose)
                and level in (None, profile.stack_level)
            )

        assert set(numbers(self.profiles.clear(request))) == self.forget(is_gone)

    @rule(connector=st.integers(1, CONNECTORS))
    def end_transaction(self, connector: int) -> None:
        removed = set(numbers(self.profiles.end_transaction(connector)))
        assert removed == self.forget(lambda item: item[0] == connector and item[2].charging_profile_purpose is TX)

    @rule(seconds=st.integers(-40, 90))
    def expire(self, seconds: int) -> None:
        now = BASE + timedelta(seconds=seconds)
        removed = set(numbers(self.profiles.remove_expired(at(seconds))))
        gone = self.forget(
            lambda item: item[2].valid_to is not UNSET and item[2].valid_to <= now and not is_valid(item[2], now)
        )
        assert removed == gone

    @invariant()
    def holds_the_same(self) -> None:
        assert [(kept.connector_id, kept.profile) for kept in self.profiles] == [
            (connector, profile) for connector, _, profile in self.installed
        ]
        assert len(self.profiles) == len(self.installed)
        places = {(kept.connector_id, kept.purpose, kept.stack_level) for kept in self.profiles}
        assert len(places) == len(self.installed)

    @invariant()
    def limits_the_same(self) -> None:
        for connector in (1, CONNECTORS):
            limit = self.profiles.limit_at(connector, at(5), at())
            expected = both(
                maximum_at(self.installed, stamp(5), stamp(5), self.profiles.switches),
                own_at(self.installed, connector, stamp(5), stamp(0), stamp(5), self.profiles.switches),
            )
            assert (limit.watts, limit.amperes, limit.phases) == expected


AgainstAList.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestAgainstAList = AgainstAList.TestCase


# Work at the limits of a large station.


def test_the_limit_of_now_at_the_limits_is_one_look_per_level_and_one_bisection(monkeypatch) -> None:
    profiles = large_set()
    looks: list[int] = []
    single = timeline.next_window

    def counted(*arguments, **keywords):
        looks.append(1)
        return single(*arguments, **keywords)

    monkeypatch.setattr(timeline, "next_window", counted)
    bisections: list[int] = []
    bisect = InstalledProfile.period_at

    def period_at(self, offset: int) -> int:
        bisections.append(offset)
        return bisect(self, offset)

    monkeypatch.setattr(InstalledProfile, "period_at", period_at)
    # The top level, the lowest level, and one in the middle.
    for seconds, levels in ((999 * 86 + 3, 1), (3, LEVELS), (500 * 86 + 3, LEVELS - 500)):
        looks.clear()
        bisections.clear()
        assert profiles.limit_at(1, at(seconds)) == amperes(6.3)
        assert len(looks) == levels
        assert len(bisections) == 1


def test_replacing_at_the_limits_looks_at_what_is_replaced_alone(monkeypatch) -> None:
    profiles = large_set()
    packed: list[int] = []
    pack = InstalledProfile.__init__

    def init(self, *arguments) -> None:
        packed.append(1)
        pack(self, *arguments)

    monkeypatch.setattr(InstalledProfile, "__init__", init)
    assert numbers(profiles.install(large_profiles()[500], 1, at()).removed) == [500]
    assert len(packed) == 1
    assert len(profiles) == LEVELS
    assert profiles.limit_at(1, at(500 * 86 + 3)) == amperes(6.3)
