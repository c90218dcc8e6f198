"""ExtendedTriggerMessage: TriggerMessage with the messages of the security extension (whitepaper §5.5)."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from chargewright.protocol.v16.remote_trigger import (
    MessageTrigger,
    TriggerMessageRequest,
    TriggerMessageResponse,
    TriggerMessageStatus,
)
from chargewright.protocol.v16.security import (
    ExtendedMessageTrigger,
    ExtendedTriggerMessageRequest,
    ExtendedTriggerMessageResponse,
)
from chargewright.station.context import Answer

__all__ = ["ExtendedTrigger", "ExtendedTriggers"]

# Those that mean the same in both, and are sent in the same way.
_COMMON: Final[Mapping[ExtendedMessageTrigger, MessageTrigger]] = {
    ExtendedMessageTrigger.BOOT_NOTIFICATION: MessageTrigger.BOOT_NOTIFICATION,
    ExtendedMessageTrigger.HEARTBEAT: MessageTrigger.HEARTBEAT,
    ExtendedMessageTrigger.METER_VALUES: MessageTrigger.METER_VALUES,
    ExtendedMessageTrigger.STATUS_NOTIFICATION: MessageTrigger.STATUS_NOTIFICATION,
}


class ExtendedTriggers(msgspec.Struct, frozen=True, kw_only=True):
    """What can be sent on request; None: this station never sends it.

    `may_send` is False as long as nothing but BootNotification may be sent (§4.2); `common`
    serves what TriggerMessage knows as well. `sign_certificate` returns whether a request can be made.
    """

    common: Callable[[TriggerMessageRequest], Answer]
    may_send: Callable[[], bool]
    sign_certificate: Callable[[], bool]
    firmware_status: Callable[[], None] | None = None
    log_status: Callable[[], None] | None = None


class ExtendedTrigger:
    """The firmware status is told with SignedFirmwareStatusNotification here, and by nothing else (L01.FR.28)."""

    def __init__(self, triggers: ExtendedTriggers) -> None:
        self._triggers = triggers

    def extended_trigger_message(self, request: ExtendedTriggerMessageRequest) -> Answer:
        """The answer first, then the message; NotImplemented for what this station never sends."""
        message = request.requested_message
        if message in _COMMON:
            answer = self._triggers.common(
                TriggerMessageRequest(requested_message=_COMMON[message], connector_id=request.connector_id)
            )
            if not isinstance(answer.response, TriggerMessageResponse):
                raise TypeError(f"TriggerMessage was answered with {type(answer.response).__name__}")
            return _answer(answer.response.status, answer.then)
        if message is ExtendedMessageTrigger.SIGN_CHARGE_POINT_CERTIFICATE:
            can_be_made = self._triggers.sign_certificate()
            return _answer(TriggerMessageStatus.ACCEPTED if can_be_made else TriggerMessageStatus.REJECTED)
        is_about_firmware = message is ExtendedMessageTrigger.FIRMWARE_STATUS_NOTIFICATION
        send = self._triggers.firmware_status if is_about_firmware else self._triggers.log_status
        if send is None:
            return _answer(TriggerMessageStatus.NOT_IMPLEMENTED)
        if not self._triggers.may_send():
            return _answer(TriggerMessageStatus.REJECTED)
        return _answer(TriggerMessageStatus.ACCEPTED, send)


def _answer(status: TriggerMessageStatus, then: Callable[[], None] | None = None) -> Answer:
    return Answer(ExtendedTriggerMessageResponse(status=status), then)
