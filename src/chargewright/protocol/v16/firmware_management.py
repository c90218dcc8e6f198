"""The Firmware Management feature profile (§4.4, §4.5, §5.9, §5.19): enumerations, then messages."""

import enum

from chargewright.protocol.v16.base import UNSET, CiString255, Integer, Message, Timestamp, UnsetType

__all__ = [
    "DiagnosticsStatus",
    "DiagnosticsStatusNotificationRequest",
    "DiagnosticsStatusNotificationResponse",
    "FirmwareStatus",
    "FirmwareStatusNotificationRequest",
    "FirmwareStatusNotificationResponse",
    "GetDiagnosticsRequest",
    "GetDiagnosticsResponse",
    "UpdateFirmwareRequest",
    "UpdateFirmwareResponse",
]


class DiagnosticsStatus(enum.StrEnum):
    """How far an upload of diagnostics is (§7.24)."""

    IDLE = "Idle"
    UPLOADED = "Uploaded"
    UPLOAD_FAILED = "UploadFailed"
    UPLOADING = "Uploading"


class FirmwareStatus(enum.StrEnum):
    """How far an unsigned firmware update is (§7.25)."""

    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADING = "Downloading"
    IDLE = "Idle"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLING = "Installing"
    INSTALLED = "Installed"


class DiagnosticsStatusNotificationRequest(Message):
    """§4.4."""

    status: DiagnosticsStatus


class DiagnosticsStatusNotificationResponse(Message):
    """§4.4."""


class FirmwareStatusNotificationRequest(Message):
    """§4.5."""

    status: FirmwareStatus


class FirmwareStatusNotificationResponse(Message):
    """§4.5."""


class GetDiagnosticsRequest(Message):
    """The CSMS asks for a diagnostics file (§5.9). `location`: URL of a directory; `retry_interval` in seconds."""

    location: str
    retries: Integer | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET
    start_time: Timestamp | UnsetType = UNSET
    stop_time: Timestamp | UnsetType = UNSET


class GetDiagnosticsResponse(Message):
    """§5.9. `file_name` absent: nothing to upload."""

    file_name: CiString255 | UnsetType = UNSET


class UpdateFirmwareRequest(Message):
    """The CSMS orders an unsigned firmware update (§5.19). `location`: the file's URL; `retry_interval` in seconds."""

    location: str
    retrieve_date: Timestamp
    retries: Integer | UnsetType = UNSET
    retry_interval: Integer | UnsetType = UNSET


class UpdateFirmwareResponse(Message):
    """§5.19."""
