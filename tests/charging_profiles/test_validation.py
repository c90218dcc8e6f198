"""Every reason to refuse a charging profile, its answer, and what lies just inside."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.charging_profiles.building import (
    ABSOLUTE,
    DAILY,
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
)
from tests.charging_profiles.strategies import placed

from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.charging_profiles.switches import Switches
from chargewright.charging_profiles.validation import (
    ProfileLimits,
    Reason,
    RunningTransaction,
    check_for_start,
    check_installable,
)
from chargewright.protocol.v16.base import Timestamp
from chargewright.protocol.v16.error_codes import ErrorCode
from chargewright.protocol.v16.smart_charging import ChargingProfileStatus

LIMITS = ProfileLimits(number_of_connectors=2, max_stack_level=3, max_periods=3, max_profiles=2, allowed_units=(A,))
RUNNING = RunningTransaction(77)
NOBODY = None
REJECTED = ChargingProfileStatus.REJECTED
VIOLATION = ErrorCode.PROPERTY_CONSTRAINT_VIOLATION

# Reason, profile, connector, transaction, answer, what the sentence says.
CASES = [
    (Reason.UNKNOWN_CONNECTOR, make(DEFAULT, {0: 6}), 3, NOBODY, VIOLATION, "connectorId 3: there are 0 to 2"),
    (Reason.UNKNOWN_CONNECTOR, make(DEFAULT, {0: 6}), -1, NOBODY, VIOLATION, "connectorId -1"),
    (Reason.MAXIMUM_NOT_ON_STATION, make(MAXIMUM, {0: 6}), 1, NOBODY, REJECTED, "connectorId 1"),
    (Reason.TX_PROFILE_ON_STATION, make(TX, {0: 6}), 0, RUNNING, REJECTED, "connectorId 0"),
    (Reason.NO_TRANSACTION, make(TX, {0: 6}), 1, NOBODY, REJECTED, "none runs on connector 1"),
    (Reason.OTHER_TRANSACTION, make(TX, {0: 6}, transaction_id=78), 1, RUNNING, REJECTED, "transactionId 78, not 77"),
    (
        Reason.OTHER_TRANSACTION,
        make(TX, {0: 6}, transaction_id=78),
        1,
        RunningTransaction(),
        REJECTED,
        "transactionId 78, not None",
    ),
    (Reason.STACK_LEVEL, make(DEFAULT, {0: 6}, level=-1), 1, NOBODY, REJECTED, "stackLevel -1: there are 0 to 3"),
    (Reason.STACK_LEVEL, make(DEFAULT, {0: 6}, level=4), 1, NOBODY, REJECTED, "stackLevel 4"),
    (Reason.NO_PERIODS, make(DEFAULT, {}), 1, NOBODY, REJECTED, "at least one"),
    (Reason.TOO_MANY_PERIODS, make(DEFAULT, {0: 1, 1: 1, 2: 1, 3: 1}), 1, NOBODY, REJECTED, "4 periods: at most 3"),
    (Reason.FIRST_PERIOD, make(DEFAULT, {1: 6}), 1, NOBODY, REJECTED, "startPeriod 1"),
    (Reason.PERIOD_ORDER, make(DEFAULT, {0: 6, 9: 6, 5: 6}), 1, NOBODY, REJECTED, "startPeriod 5 comes after 9"),
    (Reason.NEGATIVE_LIMIT, make(DEFAULT, {0: 6, 9: -0.1}), 1, NOBODY, REJECTED, "limit -0.1 of startPeriod 9"),
    (Reason.PHASES, make(DEFAULT, {0: 6}, phases=0), 1, NOBODY, REJECTED, "numberPhases 0"),
    (Reason.PHASES, make(DEFAULT, {0: 6}, phases=4), 1, NOBODY, REJECTED, "numberPhases 4"),
    (Reason.UNIT, make(DEFAULT, {0: 6}, unit=W), 1, NOBODY, REJECTED, "chargingRateUnit W: allowed is A"),
    (Reason.DURATION, make(DEFAULT, {0: 6}, duration=0), 1, NOBODY, REJECTED, "duration 0"),
    (Reason.VALIDITY, make(DEFAULT, {0: 6}, valid_from=5, valid_to=5), 1, NOBODY, REJECTED, "validFrom"),
    (Reason.RECURRENCY_KIND_MISSING, make(DEFAULT, {0: 6}, kind=RECURRING), 1, NOBODY, REJECTED, "Daily or Weekly"),
    (
        Reason.RECURRENCY_KIND_MISPLACED,
        make(DEFAULT, {0: 6}, kind=ABSOLUTE, recurrency=WEEKLY),
        1,
        NOBODY,
        REJECTED,
        "recurrencyKind Weekly with chargingProfileKind Absolute",
    ),
    (
        Reason.RECURRING_WITHOUT_START,
        make(DEFAULT, {0: 6}, kind=RECURRING, recurrency=DAILY, start=None),
        1,
        NOBODY,
        REJECTED,
        "there is none",
    ),
    (Reason.RELATIVE_MAXIMUM, make(MAXIMUM, {0: 6}, kind=RELATIVE), 0, NOBODY, REJECTED, "Relative"),
]

ACCEPTED = [
    (make(MAXIMUM, {0: 6}), 0, NOBODY),
    (make(DEFAULT, {0: 6}), 0, NOBODY),
    (make(DEFAULT, {0: 6, 1: 0, 2: 0}, level=3, phases=3), 2, NOBODY),
    (make(DEFAULT, {0: 6}, kind=RELATIVE, duration=1, phases=1), 1, NOBODY),
    (make(DEFAULT, {0: 6}, kind=RECURRING, recurrency=DAILY, valid_from=5, valid_to=5.001), 1, NOBODY),
    (make(TX, {0: 6}), 1, RUNNING),
    (make(TX, {0: 6}), 1, RunningTransaction()),
    (make(TX, {0: 6}, transaction_id=77, valid_from=0, valid_to=9), 1, RUNNING),
]


@pytest.mark.parametrize(
    ("reason", "profile", "connector", "transaction", "answer", "words"),
    CASES,
    ids=[f"{case[0].name}-{number}" for number, case in enumerate(CASES)],
)
def test_a_profile_is_refused_for_its_reason(reason, profile, connector, transaction, answer, words) -> None:
    refusal = check_installable(profile, connector, LIMITS, ProfileSet(), transaction)
    assert refusal is not None
    assert refusal.reason is reason
    assert refusal.answer is answer
    assert words in refusal.detail
    assert str(refusal) == f"{reason.sentence}: {refusal.detail}"


@pytest.mark.parametrize(("profile", "connector", "transaction"), ACCEPTED)
def test_what_lies_just_inside_is_taken(profile, connector, transaction) -> None:
    assert check_installable(profile, connector, LIMITS, ProfileSet(), transaction) is None


def test_every_reason_has_a_case_here_or_below() -> None:
    elsewhere = {
        Reason.NOT_SUPPORTED,
        Reason.FULL,
        Reason.TIME_UNREADABLE,
        Reason.ABSOLUTE_WITHOUT_START,
        Reason.START_NEEDS_TX_PROFILE,
        Reason.START_KNOWS_NO_TRANSACTION,
    }
    assert {case[0] for case in CASES} | elsewhere == set(Reason)


def test_reasons_are_told_apart() -> None:
    assert len({reason.sentence for reason in Reason}) == len(Reason)


def test_a_station_without_smart_charging_says_so_before_anything_else() -> None:
    limits = msgspec.structs.replace(LIMITS, is_supported=False)
    refusal = check_installable(make(DEFAULT, {}), 9, limits, ProfileSet())
    assert refusal is not None
    assert (refusal.reason, refusal.answer) == (Reason.NOT_SUPPORTED, ErrorCode.NOT_SUPPORTED)


def test_the_number_of_profiles_counts_after_what_is_replaced() -> None:
    profiles = ProfileSet()
    profiles.install(make(DEFAULT, {0: 6}, number=1, level=0), 1, at())
    profiles.install(make(DEFAULT, {0: 6}, number=2, level=1), 1, at())
    for profile in (make(DEFAULT, {0: 6}, number=1, level=2), make(DEFAULT, {0: 6}, number=3, level=1)):
        assert check_installable(profile, 1, LIMITS, profiles) is None
    refusal = check_installable(make(DEFAULT, {0: 6}, number=3, level=2), 1, LIMITS, profiles)
    assert refusal is not None
    assert (refusal.reason, refusal.detail) == (Reason.FULL, "2 of 2 would stay installed")


def test_a_time_that_could_not_be_read_is_no_time() -> None:
    profile = make(DEFAULT, {0: 6}, valid_from=1)
    profile.valid_from = Timestamp.unreadable("yesterday")
    refusal = check_installable(profile, 1, LIMITS, ProfileSet())
    assert refusal is not None
    assert (refusal.reason, refusal.detail) == (Reason.TIME_UNREADABLE, "validFrom 'yesterday'")


def test_the_switches_of_the_set_count() -> None:
    profile = make(DEFAULT, {0: 6}, start=None)
    profiles = ProfileSet(Switches(absolute_without_start="reject"))
    refusal = check_installable(profile, 1, LIMITS, profiles)
    assert refusal is not None
    assert (refusal.reason, refusal.answer) == (Reason.ABSOLUTE_WITHOUT_START, REJECTED)


@pytest.mark.parametrize("purpose", [DEFAULT, MAXIMUM])
def test_a_remote_start_takes_a_tx_profile_only(purpose) -> None:
    refusal = check_for_start(make(purpose, {0: 6}), 1, LIMITS, ProfileSet())
    assert refusal is not None
    assert (refusal.reason, refusal.answer) == (Reason.START_NEEDS_TX_PROFILE, REJECTED)


def test_a_remote_start_knows_no_transaction_yet() -> None:
    refusal = check_for_start(make(TX, {0: 6}, transaction_id=1), 1, LIMITS, ProfileSet())
    assert refusal is not None
    assert (refusal.reason, refusal.answer) == (Reason.START_KNOWS_NO_TRANSACTION, REJECTED)
    assert check_for_start(make(TX, {0: 6}), 1, LIMITS, ProfileSet()) is None


def test_the_profile_of_a_remote_start_is_held_to_the_same_form() -> None:
    for profile, connector, reason in (
        (make(TX, {1: 6}), 1, Reason.FIRST_PERIOD),
        (make(TX, {0: 6}), 3, Reason.UNKNOWN_CONNECTOR),
        (make(TX, {0: 6}), 0, Reason.TX_PROFILE_ON_STATION),
    ):
        refusal = check_for_start(profile, connector, LIMITS, ProfileSet())
        assert refusal is not None
        assert refusal.reason is reason


@settings(max_examples=50, deadline=None)
@given(st.lists(placed(), max_size=8))
def test_what_is_found_installable_can_be_installed_and_never_overfills(items) -> None:
    profiles = ProfileSet()
    limits = msgspec.structs.replace(LIMITS, max_periods=7, max_profiles=4, allowed_units=(A, W))
    for connector, profile in items:
        if check_installable(profile, connector, limits, profiles, RUNNING) is None:
            profiles.install(profile, connector, at())
        assert len(profiles) <= 4
