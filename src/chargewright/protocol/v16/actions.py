"""The table of actions: what each is for, what it carries, who may send it, and whether it may be sent twice."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from chargewright.protocol.v16 import (
    core,
    firmware_management,
    local_auth_list_management,
    remote_trigger,
    reservation,
    security,
    smart_charging,
)
from chargewright.protocol.v16.base import Message

__all__ = ["ACTIONS", "ACTION_OF_REQUEST", "Action", "FeatureProfile", "Role"]


class Role(enum.Enum):
    """The two sides of a connection."""

    STATION = "station"
    CSMS = "csms"


class FeatureProfile(enum.Enum):
    """The feature profiles (§3.2, errata v4.0 §3.2); values as in SupportedFeatureProfiles.

    The security extension is none of them and is never listed there.
    """

    CORE = "Core"
    FIRMWARE_MANAGEMENT = "FirmwareManagement"
    LOCAL_AUTH_LIST_MANAGEMENT = "LocalAuthListManagement"
    RESERVATION = "Reservation"
    SMART_CHARGING = "SmartCharging"
    REMOTE_TRIGGER = "RemoteTrigger"
    SECURITY = "Security"


class Action(msgspec.Struct, frozen=True):
    """One action.

    `is_repeatable`: may be sent again when it is not known whether the peer received it, because a second time changes
    nothing. What moves a contactor or a lock, resets, transfers files, or makes keys is not.
    """

    name: str
    feature_profile: FeatureProfile
    request: type[Message]
    response: type[Message]
    sent_by: frozenset[Role]
    is_repeatable: bool


def _action(
    request: type[Message], response: type[Message], profile: FeatureProfile, *senders: Role, repeatable: bool
) -> Action:
    name = request.__name__.removesuffix("Request")
    return Action(name, profile, request, response, frozenset(senders), repeatable)


_STATION, _CSMS = Role.STATION, Role.CSMS
_CORE, _FIRMWARE, _LIST = (
    FeatureProfile.CORE,
    FeatureProfile.FIRMWARE_MANAGEMENT,
    FeatureProfile.LOCAL_AUTH_LIST_MANAGEMENT,
)
_RESERVATION, _SMART = FeatureProfile.RESERVATION, FeatureProfile.SMART_CHARGING
_TRIGGER, _SECURITY = FeatureProfile.REMOTE_TRIGGER, FeatureProfile.SECURITY

_ROWS: Final = (
    _action(core.AuthorizeRequest, core.AuthorizeResponse, _CORE, _STATION, repeatable=True),
    _action(core.BootNotificationRequest, core.BootNotificationResponse, _CORE, _STATION, repeatable=True),
    _action(core.DataTransferRequest, core.DataTransferResponse, _CORE, _STATION, _CSMS, repeatable=False),
    _action(core.HeartbeatRequest, core.HeartbeatResponse, _CORE, _STATION, repeatable=True),
    _action(core.MeterValuesRequest, core.MeterValuesResponse, _CORE, _STATION, repeatable=True),
    _action(core.StartTransactionRequest, core.StartTransactionResponse, _CORE, _STATION, repeatable=True),
    _action(core.StatusNotificationRequest, core.StatusNotificationResponse, _CORE, _STATION, repeatable=True),
    _action(core.StopTransactionRequest, core.StopTransactionResponse, _CORE, _STATION, repeatable=True),
    _action(core.ChangeAvailabilityRequest, core.ChangeAvailabilityResponse, _CORE, _CSMS, repeatable=True),
    _action(core.ChangeConfigurationRequest, core.ChangeConfigurationResponse, _CORE, _CSMS, repeatable=True),
    _action(core.ClearCacheRequest, core.ClearCacheResponse, _CORE, _CSMS, repeatable=True),
    _action(core.GetConfigurationRequest, core.GetConfigurationResponse, _CORE, _CSMS, repeatable=True),
    _action(core.RemoteStartTransactionRequest, core.RemoteStartTransactionResponse, _CORE, _CSMS, repeatable=False),
    _action(core.RemoteStopTransactionRequest, core.RemoteStopTransactionResponse, _CORE, _CSMS, repeatable=True),
    _action(core.ResetRequest, core.ResetResponse, _CORE, _CSMS, repeatable=False),
    _action(core.UnlockConnectorRequest, core.UnlockConnectorResponse, _CORE, _CSMS, repeatable=False),
    _action(
        firmware_management.DiagnosticsStatusNotificationRequest,
        firmware_management.DiagnosticsStatusNotificationResponse,
        _FIRMWARE,
        _STATION,
        repeatable=True,
    ),
    _action(
        firmware_management.FirmwareStatusNotificationRequest,
        firmware_management.FirmwareStatusNotificationResponse,
        _FIRMWARE,
        _STATION,
        repeatable=True,
    ),
    _action(
        firmware_management.GetDiagnosticsRequest,
        firmware_management.GetDiagnosticsResponse,
        _FIRMWARE,
        _CSMS,
        repeatable=False,
    ),
    _action(
        firmware_management.UpdateFirmwareRequest,
        firmware_management.UpdateFirmwareResponse,
        _FIRMWARE,
        _CSMS,
        repeatable=False,
    ),
    _action(
        local_auth_list_management.GetLocalListVersionRequest,
        local_auth_list_management.GetLocalListVersionResponse,
        _LIST,
        _CSMS,
        repeatable=True,
    ),
    _action(
        local_auth_list_management.SendLocalListRequest,
        local_auth_list_management.SendLocalListResponse,
        _LIST,
        _CSMS,
        repeatable=True,
    ),
    _action(
        reservation.CancelReservationRequest,
        reservation.CancelReservationResponse,
        _RESERVATION,
        _CSMS,
        repeatable=True,
    ),
    _action(reservation.ReserveNowRequest, reservation.ReserveNowResponse, _RESERVATION, _CSMS, repeatable=False),
    _action(
        smart_charging.ClearChargingProfileRequest,
        smart_charging.ClearChargingProfileResponse,
        _SMART,
        _CSMS,
        repeatable=True,
    ),
    _action(
        smart_charging.GetCompositeScheduleRequest,
        smart_charging.GetCompositeScheduleResponse,
        _SMART,
        _CSMS,
        repeatable=True,
    ),
    _action(
        smart_charging.SetChargingProfileRequest,
        smart_charging.SetChargingProfileResponse,
        _SMART,
        _CSMS,
        repeatable=True,
    ),
    _action(
        remote_trigger.TriggerMessageRequest, remote_trigger.TriggerMessageResponse, _TRIGGER, _CSMS, repeatable=True
    ),
    _action(
        security.LogStatusNotificationRequest,
        security.LogStatusNotificationResponse,
        _SECURITY,
        _STATION,
        repeatable=True,
    ),
    _action(
        security.SecurityEventNotificationRequest,
        security.SecurityEventNotificationResponse,
        _SECURITY,
        _STATION,
        repeatable=True,
    ),
    _action(security.SignCertificateRequest, security.SignCertificateResponse, _SECURITY, _STATION, repeatable=False),
    _action(
        security.SignedFirmwareStatusNotificationRequest,
        security.SignedFirmwareStatusNotificationResponse,
        _SECURITY,
        _STATION,
        repeatable=True,
    ),
    _action(security.CertificateSignedRequest, security.CertificateSignedResponse, _SECURITY, _CSMS, repeatable=False),
    _action(security.DeleteCertificateRequest, security.DeleteCertificateResponse, _SECURITY, _CSMS, repeatable=True),
    _action(
        security.ExtendedTriggerMessageRequest,
        security.ExtendedTriggerMessageResponse,
        _SECURITY,
        _CSMS,
        repeatable=False,
    ),
    _action(
        security.GetInstalledCertificateIdsRequest,
        security.GetInstalledCertificateIdsResponse,
        _SECURITY,
        _CSMS,
        repeatable=True,
    ),
    _action(security.GetLogRequest, security.GetLogResponse, _SECURITY, _CSMS, repeatable=False),
    _action(
        security.InstallCertificateRequest, security.InstallCertificateResponse, _SECURITY, _CSMS, repeatable=False
    ),
    _action(
        security.SignedUpdateFirmwareRequest, security.SignedUpdateFirmwareResponse, _SECURITY, _CSMS, repeatable=False
    ),
)

# By the name on the wire.
ACTIONS: Final[Mapping[str, Action]] = MappingProxyType({action.name: action for action in _ROWS})
ACTION_OF_REQUEST: Final[Mapping[type[Message], Action]] = MappingProxyType(
    {action.request: action for action in _ROWS}
)
