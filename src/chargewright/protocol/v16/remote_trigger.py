"""The Remote Trigger feature profile (§5.17): enumerations, then messages."""

import enum

from chargewright.protocol.v16.base import UNSET, Integer, Message, UnsetType

__all__ = ["MessageTrigger", "TriggerMessageRequest", "TriggerMessageResponse", "TriggerMessageStatus"]


class MessageTrigger(enum.StrEnum):
    """What TriggerMessage may ask for (§7.32). ExtendedTriggerMessage has a list of its own, in `security`."""

    BOOT_NOTIFICATION = "BootNotification"
    DIAGNOSTICS_STATUS_NOTIFICATION = "DiagnosticsStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    STATUS_NOTIFICATION = "StatusNotification"


class TriggerMessageStatus(enum.StrEnum):
    """Answer to TriggerMessage (§7.44) and to ExtendedTriggerMessage."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_IMPLEMENTED = "NotImplemented"


class TriggerMessageRequest(Message):
    """§5.17. `connector_id` absent: all connectors, where the message is about connectors."""

    requested_message: MessageTrigger
    connector_id: Integer | UnsetType = UNSET


class TriggerMessageResponse(Message):
    """§5.17."""

    status: TriggerMessageStatus
