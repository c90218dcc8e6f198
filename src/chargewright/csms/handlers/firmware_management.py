"""The Firmware Management feature profile, station → CSMS (§4.4, §4.5)."""

from chargewright.csms.handlers.table import Services, handles
from chargewright.csms.ports import Answer, CallContext
from chargewright.protocol.v16 import firmware_management

__all__ = ["diagnostics_status_notification", "firmware_status_notification"]


@handles(firmware_management.DiagnosticsStatusNotificationRequest)
def diagnostics_status_notification(
    request: firmware_management.DiagnosticsStatusNotificationRequest, call: CallContext, services: Services
) -> Answer[firmware_management.DiagnosticsStatusNotificationResponse]:
    """Note how far an upload of diagnostics is (§4.4)."""
    services.diagnostics.status(call, request.status.value, is_log=False)
    return call.when_durable(firmware_management.DiagnosticsStatusNotificationResponse)


@handles(firmware_management.FirmwareStatusNotificationRequest)
def firmware_status_notification(
    request: firmware_management.FirmwareStatusNotificationRequest, call: CallContext, services: Services
) -> Answer[firmware_management.FirmwareStatusNotificationResponse]:
    """Note how far a firmware update is (§4.5)."""
    services.firmware.status(call, request.status.value, signed=False)
    return call.when_durable(firmware_management.FirmwareStatusNotificationResponse)
