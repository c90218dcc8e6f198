"""The status as a pure function of the facts."""

import itertools

import msgspec
import pytest

from chargewright.protocol.v16.connector_status import CONNECTOR_ZERO_STATUSES
from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus
from chargewright.station.connector_status import Facts, derive_station_status, derive_status, warning_of

NAMES = [field.name for field in msgspec.structs.fields(Facts)]
ALL_FACTS = [
    Facts(**dict(zip(NAMES, values, strict=True))) for values in itertools.product([False, True], repeat=len(NAMES))
]


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (Facts(), "Available"),
        (Facts(is_plugged=True), "Preparing"),
        (Facts(is_authorized=True), "Preparing"),
        (Facts(has_transaction=True, is_plugged=True, is_ev_ready=True), "Charging"),
        (Facts(has_transaction=True, is_plugged=True), "SuspendedEV"),
        (Facts(has_transaction=True, is_plugged=True, is_ev_ready=True, is_allowed=False), "SuspendedEVSE"),
        (Facts(is_plugged=True, must_user_act=True), "Finishing"),
        (Facts(is_reserved=True), "Reserved"),
        (Facts(is_reserved=True, is_plugged=True), "Reserved"),
        (Facts(is_reserved=True, is_authorized=True), "Preparing"),
        (Facts(is_reserved=True, must_user_act=True), "Finishing"),
        (Facts(is_operative=False), "Unavailable"),
        (Facts(is_operative=False, is_plugged=True), "Unavailable"),
        (Facts(is_faulted=True, has_transaction=True), "Faulted"),
    ],
)
def test_examples(facts: Facts, status: str) -> None:
    assert derive_status(facts).value == status


def test_when_both_sides_suspend_the_station_is_named() -> None:
    both = Facts(has_transaction=True, is_ev_ready=False, is_allowed=False)
    assert derive_status(both) is ChargePointStatus.SUSPENDED_EVSE


def test_over_all_facts() -> None:
    charging = {ChargePointStatus.CHARGING, ChargePointStatus.SUSPENDED_EV, ChargePointStatus.SUSPENDED_EVSE}
    for facts in ALL_FACTS:
        status = derive_status(facts)
        assert (status is ChargePointStatus.FAULTED) == facts.is_faulted
        assert (status in charging) == (facts.has_transaction and not facts.is_faulted)
    assert {derive_status(facts) for facts in ALL_FACTS} == set(ChargePointStatus)


@pytest.mark.parametrize(("is_operative", "is_faulted"), list(itertools.product([False, True], [False, True])))
def test_connector_zero_knows_three_statuses(is_operative: bool, is_faulted: bool) -> None:
    status = derive_station_status(is_operative=is_operative, is_faulted=is_faulted)
    assert status in CONNECTOR_ZERO_STATUSES
    assert (status is ChargePointStatus.FAULTED) == is_faulted


@pytest.mark.parametrize("status", list(ChargePointStatus))
def test_a_vehicle_that_does_not_answer_is_told_only_where_there_is_one(status: ChargePointStatus) -> None:
    mute = ChargePointErrorCode.EV_COMMUNICATION_ERROR
    expected = status.value in ("Preparing", "SuspendedEV", "SuspendedEVSE", "Finishing")
    assert (warning_of(mute, status) is mute) is expected
    assert warning_of(ChargePointErrorCode.HIGH_TEMPERATURE, status) is ChargePointErrorCode.HIGH_TEMPERATURE
