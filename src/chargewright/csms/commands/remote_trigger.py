"""TriggerMessage (§5.17): what a station refused before, and what it may not be asked for."""

from collections.abc import Iterable
from typing import Final

from chargewright.csms.commands.station_doubts import connector_doubts, profile_doubts
from chargewright.csms.commands.table import notes, warns
from chargewright.csms.outcomes import Answered, Outcome, Refused
from chargewright.csms.services.abilities import refused_trigger
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.actions import FeatureProfile
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.remote_trigger import (
    MessageTrigger,
    TriggerMessageRequest,
    TriggerMessageResponse,
    TriggerMessageStatus,
)

__all__ = ["note_trigger", "warn_trigger"]

# CALLERRORs that say that the command itself is not there.
_NOT_THERE: Final = ("NotImplemented", "NotSupported")


@warns(TriggerMessageRequest)
def warn_trigger(request: TriggerMessageRequest, station: StationRow, services: Services) -> Iterable[str]:
    """A trigger that was refused, a connector that there is not, a boot that must not be asked for."""
    yield from profile_doubts(FeatureProfile.REMOTE_TRIGGER, station, services)
    before = services.abilities.of(station.id, refused_trigger(request.requested_message.value))
    if before is not None:
        yield f"requestedMessage {request.requested_message.value}: {station.identity} answered {before} before"
    if not isinstance(request.connector_id, UnsetType):
        # For connectors from 1, says the field; of connector 0 there is a StatusNotification all the same.
        lowest = 0 if request.requested_message is MessageTrigger.STATUS_NOTIFICATION else 1
        yield from connector_doubts(request.connector_id, station, services, lowest=lowest)
    if request.requested_message is MessageTrigger.BOOT_NOTIFICATION and station.booted:
        yield "requestedMessage BootNotification: the station was accepted already (errata v4.0 §3.35)"


@notes(TriggerMessageRequest)
async def note_trigger(
    request: TriggerMessageRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Remember a refusal, and forget it when the station does it after all."""
    name = refused_trigger(request.requested_message.value)
    if isinstance(outcome, Refused) and outcome.code in _NOT_THERE:
        await services.abilities.learn(station.id, name, outcome.code)
        return
    if not isinstance(outcome, Answered) or not isinstance(outcome.response, TriggerMessageResponse):
        return
    status = outcome.response.status
    is_boot = request.requested_message is MessageTrigger.BOOT_NOTIFICATION
    if status is TriggerMessageStatus.ACCEPTED:
        await services.abilities.forget(station.id, name)
    elif status is TriggerMessageStatus.NOT_IMPLEMENTED:
        await services.abilities.learn(station.id, name, status.value)
    elif isinstance(request.connector_id, UnsetType) and not (is_boot and station.booted):
        # Rejected for one connector says nothing of the others; an accepted station rejects the boot for a while.
        await services.abilities.learn(station.id, name, status.value)
