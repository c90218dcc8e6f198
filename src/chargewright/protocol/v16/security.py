"""The security extension (whitepaper "Improved security for OCPP 1.6-J", §5, §6): enumerations, then messages."""

import enum
from typing import Annotated

from msgspec import Meta

from chargewright.protocol.v16.base import UNSET, CiString50, CiString255, Integer, Message, Timestamp, UnsetType
from chargewright.protocol.v16.remote_trigger import TriggerMessageStatus

__all__ = [
    "CertificateHashData",
    "CertificateSignedRequest",
    "CertificateSignedResponse",
    "CertificateSignedStatus",
    "CertificateUse",
    "DeleteCertificateRequest",
    "DeleteCertificateResponse",
    "DeleteCertificateStatus",
    "ExtendedMessageTrigger",
    "ExtendedTriggerMessageRequest",
    "ExtendedTriggerMessageResponse",
    "Firmware",
    "GenericStatus",
    "GetInstalledCertificateIdsRequest",
    "GetInstalledCertificateIdsResponse",
    "GetInstalledCertificateStatus",
    "GetLogRequest",
    "GetLogResponse",
    "HashAlgorithm",
    "InstallCertificateRequest",
    "InstallCertificateResponse",
    "InstallCertificateStatus",
    "LogParameters",
    "LogStatus",
    "LogStatusNotificationRequest",
    "LogStatusNotificationResponse",
    "LogType",
    "SecurityEventNotificationRequest",
    "SecurityEventNotificationResponse",
    "SignCertificateRequest",
    "SignCertificateResponse",
    "SignedFirmwareStatus",
    "SignedFirmwareStatusNotificationRequest",
    "SignedFirmwareStatusNotificationResponse",
    "SignedUpdateFirmwareRequest",
    "SignedUpdateFirmwareResponse",
    "TriggerMessageStatus",
    "UpdateFirmwareStatus",
    "UploadLogStatus",
]

# The extension bounds its strings in the schemas; the names are by what they hold.
Pem = Annotated[str, Meta(max_length=5500)]
CertificateChain = Annotated[str, Meta(max_length=10000)]
Location512 = Annotated[str, Meta(max_length=512)]
Signature = Annotated[str, Meta(max_length=800)]
Hash = Annotated[str, Meta(max_length=128)]
SerialNumber = Annotated[str, Meta(max_length=40)]


class CertificateSignedStatus(enum.StrEnum):
    """Answer to CertificateSigned."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class CertificateUse(enum.StrEnum):
    """What a root certificate is for."""

    CENTRAL_SYSTEM_ROOT_CERTIFICATE = "CentralSystemRootCertificate"
    MANUFACTURER_ROOT_CERTIFICATE = "ManufacturerRootCertificate"


class DeleteCertificateStatus(enum.StrEnum):
    """Answer to DeleteCertificate."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


class ExtendedMessageTrigger(enum.StrEnum):
    """What ExtendedTriggerMessage may ask for; the schema's name for it is MessageTrigger too."""

    BOOT_NOTIFICATION = "BootNotification"
    LOG_STATUS_NOTIFICATION = "LogStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    SIGN_CHARGE_POINT_CERTIFICATE = "SignChargePointCertificate"
    STATUS_NOTIFICATION = "StatusNotification"


class GenericStatus(enum.StrEnum):
    """Answer to SignCertificate: the request can be processed, no more."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class GetInstalledCertificateStatus(enum.StrEnum):
    """Answer to GetInstalledCertificateIds."""

    ACCEPTED = "Accepted"
    NOT_FOUND = "NotFound"


class HashAlgorithm(enum.StrEnum):
    """How the hashes of a certificate's issuer were made."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class InstallCertificateStatus(enum.StrEnum):
    """Answer to InstallCertificate. `FAILED`: the certificate is good, storing it did not work."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    REJECTED = "Rejected"


class LogType(enum.StrEnum):
    """Which log GetLog asks for; the schema calls it LogEnumType."""

    DIAGNOSTICS_LOG = "DiagnosticsLog"
    SECURITY_LOG = "SecurityLog"


class LogStatus(enum.StrEnum):
    """Answer to GetLog. `ACCEPTED_CANCELED`: a running upload was given up for it."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"


class UploadLogStatus(enum.StrEnum):
    """How far the upload of a log is; note `UploadFailure`, where diagnostics have `UploadFailed`."""

    BAD_MESSAGE = "BadMessage"
    IDLE = "Idle"
    NOT_SUPPORTED_OPERATION = "NotSupportedOperation"
    PERMISSION_DENIED = "PermissionDenied"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    UPLOADING = "Uploading"


class UpdateFirmwareStatus(enum.StrEnum):
    """Answer to SignedUpdateFirmware."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"
    INVALID_CERTIFICATE = "InvalidCertificate"
    REVOKED_CERTIFICATE = "RevokedCertificate"


class SignedFirmwareStatus(enum.StrEnum):
    """How far a signed firmware update is; the schema's name for it is FirmwareStatus."""

    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADING = "Downloading"
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOAD_PAUSED = "DownloadPaused"
    IDLE = "Idle"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLING = "Installing"
    INSTALLED = "Installed"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    INVALID_SIGNATURE = "InvalidSignature"
    SIGNATURE_VERIFIED = "SignatureVerified"


class CertificateHashData(Message):
    """What names a certificate, as OCSP does (RFC 6960); hexadecimal, the serial number without leading zeros."""

    hash_algorithm: HashAlgorithm
    issuer_name_hash: Hash
    issuer_key_hash: Hash
    serial_number: SerialNumber


class LogParameters(Message):
    """Where to upload a log to, and what part of it."""

    remote_location: Location512
    oldest_timestamp: Timestamp | UnsetType = UNSET
    latest_timestamp: Timestamp | UnsetType = UNSET


class Firmware(Message):
    """A signed firmware file: its URL, when to fetch and install it, and what proves its origin (base64 signature)."""

    location: Location512
    retrieve_date_time: Timestamp
    signing_certificate: Pem
    signature: Signature
    install_date_time: Timestamp | UnsetType = UNSET


class CertificateSignedRequest(Message):
    """The CSMS delivers the certificate that the station asked for: PEM, its own first, then the issuers (A02, A03)."""

    certificate_chain: CertificateChain


class CertificateSignedResponse(Message):
    """A02, A03."""

    status: CertificateSignedStatus


class DeleteCertificateRequest(Message):
    """M04."""

    certificate_hash_data: CertificateHashData


class DeleteCertificateResponse(Message):
    """M04."""

    status: DeleteCertificateStatus


class ExtendedTriggerMessageRequest(Message):
    """As TriggerMessage, with the messages of the extension."""

    requested_message: ExtendedMessageTrigger
    connector_id: Integer | UnsetType = UNSET


class ExtendedTriggerMessageResponse(Message):
    """As TriggerMessage."""

    status: TriggerMessageStatus


class GetInstalledCertificateIdsRequest(Message):
    """M03."""

    certificate_type: CertificateUse


class GetInstalledCertificateIdsResponse(Message):
    """M03. Where nothing was found the list is absent; an empty one is not allowed."""

    status: GetInstalledCertificateStatus
    certificate_hash_data: Annotated[list[CertificateHashData], Meta(min_length=1)] | UnsetType = UNSET


class GetLogRequest(Message):
    """N01. `retry_interval` in seconds."""

    log: LogParameters
    log_type: LogType
    request_id: Integer
    retries: Integer | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET


class GetLogResponse(Message):
    """N01. `filename` absent: nothing to upload."""

    status: LogStatus
    filename: CiString255 | UnsetType = UNSET


class InstallCertificateRequest(Message):
    """M05."""

    certificate_type: CertificateUse
    certificate: Pem


class InstallCertificateResponse(Message):
    """M05."""

    status: InstallCertificateStatus


class LogStatusNotificationRequest(Message):
    """N01. `request_id` is that of GetLog; absent only where no upload is going on."""

    status: UploadLogStatus
    request_id: Integer | UnsetType = UNSET


class LogStatusNotificationResponse(Message):
    """N01."""


class SecurityEventNotificationRequest(Message):
    """A04. `type` is a name of `security_events` or one of the vendor's own; `timestamp` is when it happened."""

    type: CiString50
    timestamp: Timestamp
    tech_info: CiString255 | UnsetType = UNSET


class SecurityEventNotificationResponse(Message):
    """A04."""


class SignCertificateRequest(Message):
    """The station asks for a certificate: a PKCS#10 request in PEM (A02, A03)."""

    csr: Pem


class SignCertificateResponse(Message):
    """A02, A03."""

    status: GenericStatus


class SignedFirmwareStatusNotificationRequest(Message):
    """L01. `request_id` is that of SignedUpdateFirmware; absent only with `IDLE`."""

    status: SignedFirmwareStatus
    request_id: Integer | UnsetType = UNSET


class SignedFirmwareStatusNotificationResponse(Message):
    """L01."""


class SignedUpdateFirmwareRequest(Message):
    """L01. `retry_interval` in seconds."""

    request_id: Integer
    firmware: Firmware
    retries: Integer | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET


class SignedUpdateFirmwareResponse(Message):
    """L01."""

    status: UpdateFirmwareStatus
