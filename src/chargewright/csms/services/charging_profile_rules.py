"""The rules by which stations replace and remove charging profiles, and what ends of commands say of them (§5.16,
§5.5)."""

from typing import Final, TypeAlias

from chargewright.csms.outcomes import Answered, NotSent, Outcome, Refused
from chargewright.csms.services.charging_profile_states import ChargingProfileCue
from chargewright.csms.services.events import make_event
from chargewright.csms.storage.base import EventRecord
from chargewright.csms.storage.rows.charging import ChargingProfileRow
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.core import (
    RemoteStartStopStatus,
    RemoteStartTransactionRequest,
    RemoteStartTransactionResponse,
)
from chargewright.protocol.v16.datatypes import ChargingProfile
from chargewright.protocol.v16.smart_charging import (
    ChargingProfileStatus,
    ClearChargingProfileRequest,
    SetChargingProfileRequest,
    SetChargingProfileResponse,
)

__all__ = ["SendingRequest", "event_of", "is_cleared_by", "is_in_place_of", "profile_of", "reading"]

# What sends a profile.
SendingRequest: TypeAlias = SetChargingProfileRequest | RemoteStartTransactionRequest

_C = ChargingProfileCue
# CALLERRORs that say that the command itself is not there.
_NOT_THERE: Final = ("NotImplemented", "NotSupported")


def profile_of(request: SendingRequest) -> ChargingProfile | None:
    """The profile that goes with a command; None where none does."""
    if isinstance(request, SetChargingProfileRequest):
        return request.cs_charging_profiles
    return None if isinstance(request.charging_profile, UnsetType) else request.charging_profile


def is_in_place_of(new: ChargingProfileRow, old: ChargingProfileRow) -> bool:
    """Whether the station removes the old one where it accepts the new one (§5.16.4): one with the same id anywhere, or
    with the same stack level and purpose on the same connector."""
    if new.installation_id == old.installation_id:
        return False
    if new.charging_profile_id == old.charging_profile_id:
        return True
    is_same_level = (new.stack_level, new.purpose) == (old.stack_level, old.purpose)
    return is_same_level and new.connector_id is not None and new.connector_id == old.connector_id


def is_cleared_by(row: ChargingProfileRow, request: ClearChargingProfileRequest) -> bool:
    """Whether a ClearChargingProfile means it (errata v4.0 §3.25): with an id nothing else counts, without any field
    every profile is meant."""
    if not isinstance(request.id, UnsetType):
        return row.charging_profile_id == request.id
    purpose = request.charging_profile_purpose
    return (
        (isinstance(request.connector_id, UnsetType) or row.connector_id == request.connector_id)
        and (isinstance(purpose, UnsetType) or row.purpose == purpose.value)
        and (isinstance(request.stack_level, UnsetType) or row.stack_level == request.stack_level)
    )


def reading(request: SendingRequest, outcome: Outcome) -> tuple[ChargingProfileCue | None, str | None]:
    """What the end of a command says of its profile, and the answer where that is not all; None where it was not
    sent."""
    if isinstance(outcome, NotSent):
        return None, None
    if isinstance(outcome, Refused):
        answer = f"CALLERROR {outcome.code}"
        is_missing = outcome.code in _NOT_THERE and isinstance(request, SetChargingProfileRequest)
        return (_C.UNSUPPORTED if is_missing else _C.REFUSED), answer
    if isinstance(outcome, Answered):
        response = outcome.response
        if isinstance(response, SetChargingProfileResponse):
            if response.status is ChargingProfileStatus.ACCEPTED:
                return _C.ACCEPTED, None
            is_missing = response.status is ChargingProfileStatus.NOT_SUPPORTED
            return (_C.UNSUPPORTED if is_missing else _C.REFUSED), response.status.value
        if isinstance(response, RemoteStartTransactionResponse):
            is_accepted = response.status is RemoteStartStopStatus.ACCEPTED
            return (_C.START_ACCEPTED, None) if is_accepted else (_C.REFUSED, response.status.value)
    return _C.UNANSWERED, getattr(outcome, "reason", "the answer is none to this command")


def event_of(row: ChargingProfileRow, before: str) -> EventRecord:
    """What readers are told when a profile has come out of the state `before`."""
    body = {
        "chargingProfileId": row.charging_profile_id,
        "connectorId": row.connector_id,
        "stackLevel": row.stack_level,
        "purpose": row.purpose,
        "transactionId": row.transaction_id,
        "previously": before,
        "answer": row.answer,
    }
    present = {name: value for name, value in body.items() if value is not None}
    return make_event(f"charging_profile.{row.state.replace('-', '_')}", present)
