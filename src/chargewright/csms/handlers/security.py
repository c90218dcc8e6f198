"""The security extension, station → CSMS (use cases A02, A04, L01, N01)."""

from chargewright.csms.handlers.table import Services, handles
from chargewright.csms.ports import Answer, CallContext
from chargewright.protocol.v16 import security
from chargewright.protocol.v16.base import UnsetType

__all__ = [
    "log_status_notification",
    "security_event_notification",
    "sign_certificate",
    "signed_firmware_status_notification",
]


@handles(security.LogStatusNotificationRequest)
def log_status_notification(
    request: security.LogStatusNotificationRequest, call: CallContext, services: Services
) -> Answer[security.LogStatusNotificationResponse]:
    """Note how far the upload of a log is (N01)."""
    services.diagnostics.status(call, request.status.value, is_log=True, request_id=_number(request.request_id))
    return call.when_durable(security.LogStatusNotificationResponse)


@handles(security.SignedFirmwareStatusNotificationRequest)
def signed_firmware_status_notification(
    request: security.SignedFirmwareStatusNotificationRequest, call: CallContext, services: Services
) -> Answer[security.SignedFirmwareStatusNotificationResponse]:
    """Note how far a signed firmware update is (L01)."""
    services.firmware.status(call, request.status.value, signed=True, request_id=_number(request.request_id))
    return call.when_durable(security.SignedFirmwareStatusNotificationResponse)


@handles(security.SecurityEventNotificationRequest)
def security_event_notification(
    request: security.SecurityEventNotificationRequest, call: CallContext, services: Services
) -> Answer[security.SecurityEventNotificationResponse]:
    """Keep a security event; every one is acknowledged (A04.FR.03)."""
    services.security_events.receive(call, request)
    return call.when_durable(security.SecurityEventNotificationResponse)


@handles(security.SignCertificateRequest)
def sign_certificate(
    request: security.SignCertificateRequest, call: CallContext, services: Services
) -> Answer[security.SignCertificateResponse]:
    """Keep a request for a certificate, and say that nobody signs it (A02)."""
    status = services.security_events.certificate_requested(call, request)
    return call.when_durable(lambda: security.SignCertificateResponse(status=status))


def _number(value: int | UnsetType) -> int | None:
    return None if isinstance(value, UnsetType) else value
