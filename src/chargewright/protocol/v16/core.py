"""The Core feature profile (§4, §5): enumerations, then messages."""

import enum

from chargewright.protocol.v16.base import (
    UNSET,
    CiString20,
    CiString25,
    CiString50,
    CiString255,
    CiString500,
    Integer,
    Message,
    Timestamp,
    UnsetType,
)
from chargewright.protocol.v16.datatypes import ChargingProfile, IdTagInfo, KeyValue, MeterValue

__all__ = [
    "AuthorizeRequest",
    "AuthorizeResponse",
    "AvailabilityStatus",
    "AvailabilityType",
    "BootNotificationRequest",
    "BootNotificationResponse",
    "ChangeAvailabilityRequest",
    "ChangeAvailabilityResponse",
    "ChangeConfigurationRequest",
    "ChangeConfigurationResponse",
    "ChargePointErrorCode",
    "ChargePointStatus",
    "ClearCacheRequest",
    "ClearCacheResponse",
    "ClearCacheStatus",
    "ConfigurationStatus",
    "DataTransferRequest",
    "DataTransferResponse",
    "DataTransferStatus",
    "GetConfigurationRequest",
    "GetConfigurationResponse",
    "HeartbeatRequest",
    "HeartbeatResponse",
    "KeyValue",
    "MeterValuesRequest",
    "MeterValuesResponse",
    "Reason",
    "RegistrationStatus",
    "RemoteStartStopStatus",
    "RemoteStartTransactionRequest",
    "RemoteStartTransactionResponse",
    "RemoteStopTransactionRequest",
    "RemoteStopTransactionResponse",
    "ResetRequest",
    "ResetResponse",
    "ResetStatus",
    "ResetType",
    "StartTransactionRequest",
    "StartTransactionResponse",
    "StatusNotificationRequest",
    "StatusNotificationResponse",
    "StopTransactionRequest",
    "StopTransactionResponse",
    "UnlockConnectorRequest",
    "UnlockConnectorResponse",
    "UnlockStatus",
]


class RegistrationStatus(enum.StrEnum):
    """Whether the CSMS takes the station on (§7.38)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class AvailabilityType(enum.StrEnum):
    """Wanted availability of a connector or station (§7.4)."""

    INOPERATIVE = "Inoperative"
    OPERATIVE = "Operative"


class AvailabilityStatus(enum.StrEnum):
    """Answer to ChangeAvailability (§7.3). `SCHEDULED`: when the running transaction has ended."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


class ConfigurationStatus(enum.StrEnum):
    """Answer to ChangeConfiguration (§7.22)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


class ClearCacheStatus(enum.StrEnum):
    """Answer to ClearCache (§7.20)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class DataTransferStatus(enum.StrEnum):
    """Answer to DataTransfer (§7.23)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_MESSAGE_ID = "UnknownMessageId"
    UNKNOWN_VENDOR_ID = "UnknownVendorId"


class RemoteStartStopStatus(enum.StrEnum):
    """Answer to RemoteStartTransaction and RemoteStopTransaction (§7.39): the request was accepted, no more."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ResetType(enum.StrEnum):
    """How to reset (§7.41)."""

    HARD = "Hard"
    SOFT = "Soft"


class ResetStatus(enum.StrEnum):
    """Answer to Reset (§7.40)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class UnlockStatus(enum.StrEnum):
    """Answer to UnlockConnector (§7.47)."""

    UNLOCKED = "Unlocked"
    UNLOCK_FAILED = "UnlockFailed"
    NOT_SUPPORTED = "NotSupported"


class ChargePointStatus(enum.StrEnum):
    """Status of a connector (§7.7). Connector 0, the station itself, knows Available, Unavailable and Faulted only."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class ChargePointErrorCode(enum.StrEnum):
    """What is wrong with a connector (§7.6). `OTHER_ERROR`: see the vendor's error code."""

    CONNECTOR_LOCK_FAILURE = "ConnectorLockFailure"
    EV_COMMUNICATION_ERROR = "EVCommunicationError"
    GROUND_FAILURE = "GroundFailure"
    HIGH_TEMPERATURE = "HighTemperature"
    INTERNAL_ERROR = "InternalError"
    LOCAL_LIST_CONFLICT = "LocalListConflict"
    NO_ERROR = "NoError"
    OTHER_ERROR = "OtherError"
    OVER_CURRENT_FAILURE = "OverCurrentFailure"
    OVER_VOLTAGE = "OverVoltage"
    POWER_METER_FAILURE = "PowerMeterFailure"
    POWER_SWITCH_FAILURE = "PowerSwitchFailure"
    READER_FAILURE = "ReaderFailure"
    RESET_FAILURE = "ResetFailure"
    UNDER_VOLTAGE = "UnderVoltage"
    WEAK_SIGNAL = "WeakSignal"


class Reason(enum.StrEnum):
    """Why a transaction was stopped (§7.36). Absent: `LOCAL`."""

    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    EV_DISCONNECTED = "EVDisconnected"
    HARD_RESET = "HardReset"
    LOCAL = "Local"
    OTHER = "Other"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOFT_RESET = "SoftReset"
    UNLOCK_COMMAND = "UnlockCommand"


class AuthorizeRequest(Message):
    """The station asks whether an id tag may charge (§4.1)."""

    id_tag: CiString20


class AuthorizeResponse(Message):
    """What the CSMS thinks of the id tag (§4.1)."""

    id_tag_info: IdTagInfo


class BootNotificationRequest(Message):
    """The station introduces itself (§4.2)."""

    charge_point_vendor: CiString20
    charge_point_model: CiString20
    charge_point_serial_number: CiString25 | UnsetType = UNSET
    charge_box_serial_number: CiString25 | UnsetType = UNSET
    firmware_version: CiString50 | UnsetType = UNSET
    iccid: CiString20 | UnsetType = UNSET
    imsi: CiString20 | UnsetType = UNSET
    meter_type: CiString25 | UnsetType = UNSET
    meter_serial_number: CiString25 | UnsetType = UNSET


class BootNotificationResponse(Message):
    """Accepted: `interval` is the heartbeat interval in seconds; else the least wait before the next attempt (§4.2)."""

    status: RegistrationStatus
    current_time: Timestamp
    interval: Integer


class ChangeAvailabilityRequest(Message):
    """The CSMS takes a connector, or with connector 0 the station, in or out of service (§5.2)."""

    connector_id: Integer
    type: AvailabilityType


class ChangeAvailabilityResponse(Message):
    """§5.2."""

    status: AvailabilityStatus


class ChangeConfigurationRequest(Message):
    """The CSMS sets a configuration key; every value travels as text (§5.3)."""

    key: CiString50
    value: CiString500


class ChangeConfigurationResponse(Message):
    """§5.3."""

    status: ConfigurationStatus


class ClearCacheRequest(Message):
    """The CSMS empties the authorization cache (§5.4)."""


class ClearCacheResponse(Message):
    """§5.4."""

    status: ClearCacheStatus


class DataTransferRequest(Message):
    """Something that OCPP does not know, from either side (§4.3, §5.6). `data` is text, unlimited."""

    vendor_id: CiString255
    message_id: CiString50 | UnsetType = UNSET
    data: str | UnsetType = UNSET


class DataTransferResponse(Message):
    """§4.3, §5.6."""

    status: DataTransferStatus
    data: str | UnsetType = UNSET


class GetConfigurationRequest(Message):
    """The CSMS asks for configuration keys; none named: all (§5.8)."""

    key: list[CiString50] | UnsetType = UNSET


class GetConfigurationResponse(Message):
    """§5.8."""

    configuration_key: list[KeyValue] | UnsetType = UNSET
    unknown_key: list[CiString50] | UnsetType = UNSET


class HeartbeatRequest(Message):
    """The station is alive and wants the time (§4.6)."""


class HeartbeatResponse(Message):
    """§4.6."""

    current_time: Timestamp


class MeterValuesRequest(Message):
    """Readings of a connector's meter, or with connector 0 of the main meter (§4.7)."""

    connector_id: Integer
    meter_value: list[MeterValue]
    transaction_id: Integer | UnsetType = UNSET


class MeterValuesResponse(Message):
    """§4.7."""


class RemoteStartTransactionRequest(Message):
    """The CSMS asks the station to start a transaction (§5.11)."""

    id_tag: CiString20
    connector_id: Integer | UnsetType = UNSET
    charging_profile: ChargingProfile | UnsetType = UNSET


class RemoteStartTransactionResponse(Message):
    """§5.11."""

    status: RemoteStartStopStatus


class RemoteStopTransactionRequest(Message):
    """The CSMS asks the station to stop a transaction (§5.12)."""

    transaction_id: Integer


class RemoteStopTransactionResponse(Message):
    """§5.12."""

    status: RemoteStartStopStatus


class ResetRequest(Message):
    """The CSMS resets the station (§5.14)."""

    type: ResetType


class ResetResponse(Message):
    """§5.14."""

    status: ResetStatus


class StartTransactionRequest(Message):
    """A transaction has started (§4.8). `meter_start` in Wh."""

    connector_id: Integer
    id_tag: CiString20
    meter_start: Integer
    timestamp: Timestamp
    reservation_id: Integer | UnsetType = UNSET


class StartTransactionResponse(Message):
    """§4.8."""

    id_tag_info: IdTagInfo
    transaction_id: Integer


class StatusNotificationRequest(Message):
    """The status of a connector has changed (§4.9). `timestamp` absent: the time of receipt counts."""

    connector_id: Integer
    error_code: ChargePointErrorCode
    status: ChargePointStatus
    info: CiString50 | UnsetType = UNSET
    timestamp: Timestamp | UnsetType = UNSET
    vendor_id: CiString255 | UnsetType = UNSET
    vendor_error_code: CiString50 | UnsetType = UNSET


class StatusNotificationResponse(Message):
    """§4.9."""


class StopTransactionRequest(Message):
    """A transaction has ended (§4.10). `meter_stop` in Wh."""

    meter_stop: Integer
    timestamp: Timestamp
    transaction_id: Integer
    id_tag: CiString20 | UnsetType = UNSET
    reason: Reason | UnsetType = UNSET
    transaction_data: list[MeterValue] | UnsetType = UNSET


class StopTransactionResponse(Message):
    """§4.10. The status is for the cache; the transaction has ended whatever it says."""

    id_tag_info: IdTagInfo | UnsetType = UNSET


class UnlockConnectorRequest(Message):
    """The CSMS frees a stuck cable (§5.18)."""

    connector_id: Integer


class UnlockConnectorResponse(Message):
    """§5.18."""

    status: UnlockStatus
