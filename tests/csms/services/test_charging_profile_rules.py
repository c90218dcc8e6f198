"""What replaces and removes a charging profile, and what ends of commands say of it."""

from typing import Any

import pytest
from tests.csms.services.profile_station import clear_request, profile, set_request

from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.services.charging_profile_rules import (
    event_of,
    is_cleared_by,
    is_in_place_of,
    profile_of,
    reading,
)
from chargewright.csms.services.charging_profile_states import ChargingProfileCue
from chargewright.csms.storage.rows.charging import ChargingProfileRow
from chargewright.protocol.v16.core import (
    RemoteStartStopStatus,
    RemoteStartTransactionRequest,
    RemoteStartTransactionResponse,
)
from chargewright.protocol.v16.smart_charging import (
    ChargingProfileStatus,
    ClearChargingProfileResponse,
    ClearChargingProfileStatus,
    SetChargingProfileResponse,
)

Cue = ChargingProfileCue
SET = set_request(1, profile(1))
START = RemoteStartTransactionRequest(id_tag="TAG", charging_profile=SET.cs_charging_profiles)


def row(installation_id: str = "old", **changes: Any) -> ChargingProfileRow:
    fields: dict[str, Any] = {
        "installation_id": installation_id,
        "station_id": 1,
        "connector_id": 1,
        "charging_profile_id": 1,
        "stack_level": 0,
        "purpose": "TxDefaultProfile",
        "with_start": False,
        "profile": "{}",
        "state": "installed",
        "sent_at": 0,
        "changed_at": 0,
    }
    return ChargingProfileRow(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"connector_id": 2, "stack_level": 3, "purpose": "TxProfile"}, True),
        ({"charging_profile_id": 2}, True),
        ({"charging_profile_id": 2, "connector_id": 0}, False),
        ({"charging_profile_id": 2, "connector_id": None}, False),
        ({"charging_profile_id": 2, "stack_level": 1}, False),
        ({"charging_profile_id": 2, "purpose": "TxProfile"}, False),
    ],
)
def test_what_one_profile_replaces(changes: dict[str, Any], expected: bool) -> None:
    assert is_in_place_of(row("new", **changes), row()) is expected


def test_no_profile_replaces_itself_nor_one_whose_connector_is_open() -> None:
    assert not is_in_place_of(row(), row())
    first, second = row("new", charging_profile_id=2, connector_id=None), row(connector_id=None)
    assert not is_in_place_of(first, second), "each may get a connector of its own"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"id": 1, "connectorId": 5, "stackLevel": 5}, True),
        ({"id": 2, "connectorId": 1}, False),
        ({"connectorId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile"}, True),
        ({"connectorId": 0}, False),
        ({"connectorId": 1, "stackLevel": 1}, False),
        ({"connectorId": 1, "chargingProfilePurpose": "TxProfile"}, False),
    ],
)
def test_what_a_clearing_means(fields: dict[str, Any], expected: bool) -> None:
    assert is_cleared_by(row(), clear_request(**fields)) is expected


def answered(response: Any) -> Outcome:
    return Answered(response=response, elapsed_seconds=0.0)


@pytest.mark.parametrize(
    ("request_", "outcome", "expected"),
    [
        (SET, answered(SetChargingProfileResponse(status=ChargingProfileStatus.ACCEPTED)), (Cue.ACCEPTED, None)),
        (SET, answered(SetChargingProfileResponse(status=ChargingProfileStatus.REJECTED)), (Cue.REFUSED, "Rejected")),
        (
            SET,
            answered(SetChargingProfileResponse(status=ChargingProfileStatus.NOT_SUPPORTED)),
            (Cue.UNSUPPORTED, "NotSupported"),
        ),
        (SET, Refused(code="NotImplemented"), (Cue.UNSUPPORTED, "CALLERROR NotImplemented")),
        (SET, Refused(code="GenericError"), (Cue.REFUSED, "CALLERROR GenericError")),
        (SET, Unanswered(reason="silence"), (Cue.UNANSWERED, "silence")),
        (SET, Malformed(reason="nonsense"), (Cue.UNANSWERED, "nonsense")),
        (SET, NotSent(reason="offline"), (None, None)),
        (
            SET,
            answered(ClearChargingProfileResponse(status=ClearChargingProfileStatus.ACCEPTED)),
            (Cue.UNANSWERED, "the answer is none to this command"),
        ),
        (
            START,
            answered(RemoteStartTransactionResponse(status=RemoteStartStopStatus.ACCEPTED)),
            (Cue.START_ACCEPTED, None),
        ),
        (
            START,
            answered(RemoteStartTransactionResponse(status=RemoteStartStopStatus.REJECTED)),
            (Cue.REFUSED, "Rejected"),
        ),
        (START, Refused(code="NotSupported"), (Cue.REFUSED, "CALLERROR NotSupported")),
    ],
)
def test_what_the_end_of_a_command_says(request_: Any, outcome: Outcome, expected: Any) -> None:
    assert reading(request_, outcome) == expected


def test_which_profile_goes_with_a_command() -> None:
    assert profile_of(SET) is SET.cs_charging_profiles
    assert profile_of(START) is SET.cs_charging_profiles
    assert profile_of(RemoteStartTransactionRequest(id_tag="TAG")) is None


def test_an_event_says_what_is_known() -> None:
    event = event_of(row(state="not-supported", answer="NotSupported"), "sent")
    assert event.kind == "charging_profile.not_supported"
    assert event.body == {
        "chargingProfileId": 1,
        "connectorId": 1,
        "stackLevel": 0,
        "purpose": "TxDefaultProfile",
        "previously": "sent",
        "answer": "NotSupported",
    }
