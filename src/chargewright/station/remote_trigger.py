"""TriggerMessage: answer, then send what was asked for (§5.17)."""

from collections.abc import Callable
from typing import Final

import msgspec

from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.core import MeterValuesRequest, MeterValuesResponse
from chargewright.protocol.v16.datatypes import MeterValue
from chargewright.protocol.v16.remote_trigger import (
    MessageTrigger,
    TriggerMessageRequest,
    TriggerMessageResponse,
    TriggerMessageStatus,
)
from chargewright.station.context import Answer, CallFailed, Context

__all__ = ["RemoteTrigger", "Triggers"]

# Those whose connectorId means something; for the others it is ignored.
_ABOUT_CONNECTORS: Final = frozenset({MessageTrigger.STATUS_NOTIFICATION, MessageTrigger.METER_VALUES})


class Triggers(msgspec.Struct, frozen=True):
    """The hands of the trigger: what can be sent on request.

    `boot` returns False when the station is accepted already (errata v4.0 §3.35). `transaction_id` is None where no
    transaction runs or its id is not known yet. `firmware_status` and `diagnostics_status` tell how far it is, Idle
    where nothing is going on; None where this station never tells that. `may_send` is False as long as nothing but
    BootNotification may be sent (§4.2).
    """

    may_send: Callable[[], bool]
    boot: Callable[[], bool]
    heartbeat: Callable[[], None]
    statuses: Callable[[list[int]], None]
    meter_value: Callable[[int], MeterValue | None]
    transaction_id: Callable[[int], int | None]
    firmware_status: Callable[[], None] | None = None
    diagnostics_status: Callable[[], None] | None = None


class RemoteTrigger:
    """Sends current data only; triggered MeterValues are not transaction messages and are never queued."""

    def __init__(self, context: Context, connectors: int, triggers: Triggers) -> None:
        self._context = context
        self._connectors = connectors
        self._triggers = triggers

    def trigger_message(self, request: TriggerMessageRequest) -> Answer:
        """§5.17: NotImplemented for what this station never sends, Rejected for what it may not send now."""
        message = request.requested_message
        connector_id = None if request.connector_id is UNSET else request.connector_id
        least = 0 if message is MessageTrigger.STATUS_NOTIFICATION else 1
        if message in _ABOUT_CONNECTORS and connector_id is not None:
            if not least <= connector_id <= self._connectors:
                return _answer(TriggerMessageStatus.REJECTED)
            numbers = [connector_id]
        else:
            numbers = list(range(least, self._connectors + 1))
        match message:
            case MessageTrigger.BOOT_NOTIFICATION:
                is_asked = self._triggers.boot()
                return _answer(TriggerMessageStatus.ACCEPTED if is_asked else TriggerMessageStatus.REJECTED)
            case MessageTrigger.HEARTBEAT:
                return self._promise(self._triggers.heartbeat)
            case MessageTrigger.STATUS_NOTIFICATION:
                return self._promise(lambda: self._triggers.statuses(numbers))
            case MessageTrigger.METER_VALUES:
                return self._promise(lambda: self._context.spawn(self._send_meter_values(numbers)))
            case MessageTrigger.FIRMWARE_STATUS_NOTIFICATION:
                return self._promise(self._triggers.firmware_status)
            case MessageTrigger.DIAGNOSTICS_STATUS_NOTIFICATION:
                return self._promise(self._triggers.diagnostics_status)

    def _promise(self, send: Callable[[], None] | None) -> Answer:
        if send is None:
            return _answer(TriggerMessageStatus.NOT_IMPLEMENTED)
        if not self._triggers.may_send():
            return _answer(TriggerMessageStatus.REJECTED)
        return _answer(TriggerMessageStatus.ACCEPTED, send)

    async def _send_meter_values(self, connector_ids: list[int]) -> None:
        for connector_id in connector_ids:
            meter_value = self._triggers.meter_value(connector_id)
            if meter_value is None:
                continue
            transaction_id = self._triggers.transaction_id(connector_id)
            request = MeterValuesRequest(
                connector_id=connector_id,
                meter_value=[meter_value],
                transaction_id=UNSET if transaction_id is None else transaction_id,
            )
            try:
                await self._context.call(request, MeterValuesResponse, is_triggered=True)
            except CallFailed as failure:
                self._context.log.info("triggered meter values failed", reason=str(failure))


def _answer(status: TriggerMessageStatus, then: Callable[[], None] | None = None) -> Answer:
    return Answer(TriggerMessageResponse(status=status), then)
