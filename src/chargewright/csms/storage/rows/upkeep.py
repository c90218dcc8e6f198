"""Rows of configuration, firmware, diagnostics and security events."""

from chargewright.csms.storage.rows.base import Row

__all__ = [
    "CertificateRequestRow",
    "ConfigurationReportedRow",
    "ConfigurationStateRow",
    "ConfigurationWantedRow",
    "DiagnosticsStatusRow",
    "DiagnosticsUploadRow",
    "FirmwareStatusRow",
    "FirmwareUpdateRow",
    "SecurityEventRow",
]


class ConfigurationWantedRow(Row, kw_only=True):
    """The wanted value of a configuration key; key: `scope` and `key`."""

    id: int = 0
    scope: str
    key: str
    value: str
    changed_at: int


class ConfigurationReportedRow(Row, kw_only=True):
    """What the station said of a configuration key; key: station and `key`."""

    id: int = 0
    station_id: int
    key: str
    value: str | None = None
    readonly: bool
    received_at: int


class ConfigurationStateRow(Row, kw_only=True):
    """Whether the station has what is wanted; key: station."""

    id: int = 0
    station_id: int
    state: str
    read_at: int | None = None
    unknown_keys: str
    refused: str
    changed_at: int


class FirmwareUpdateRow(Row, kw_only=True):
    """An update that was asked for; key: `update_id`."""

    id: int = 0
    update_id: str
    station_id: int
    request_id: int | None = None
    signed: bool
    location: str
    retrieve_at: int
    install_at: int | None = None
    retries: int | None = None
    retry_interval_seconds: int | None = None
    state: str
    problem: str | None = None
    version_before: str | None = None
    version_after: str | None = None
    created_at: int
    changed_at: int
    finished_at: int | None = None


class FirmwareStatusRow(Row, kw_only=True):
    """One reported status of firmware; added. `expected`: it was next in the sequence."""

    id: int = 0
    station_id: int
    update_id: str | None = None
    request_id: int | None = None
    signed: bool
    status: str
    expected: bool = True
    received_at: int


class DiagnosticsUploadRow(Row, kw_only=True):
    """An upload that was asked for; key: `upload_id`."""

    id: int = 0
    upload_id: str
    station_id: int
    kind: str
    request_id: int | None = None
    location: str
    oldest_at: int | None = None
    latest_at: int | None = None
    retries: int | None = None
    retry_interval_seconds: int | None = None
    file_name: str | None = None
    state: str
    problem: str | None = None
    created_at: int
    changed_at: int
    finished_at: int | None = None


class DiagnosticsStatusRow(Row, kw_only=True):
    """One reported status of an upload; added. `expected`: it was next in the sequence."""

    id: int = 0
    station_id: int
    upload_id: str | None = None
    request_id: int | None = None
    status: str
    expected: bool = True
    received_at: int


class SecurityEventRow(Row, kw_only=True):
    """One SecurityEventNotification (A04); added."""

    id: int = 0
    station_id: int
    type: str
    critical: bool
    instant: int
    station_time: str
    tech_info: str | None = None
    received_at: int


class CertificateRequestRow(Row, kw_only=True):
    """One SignCertificate (A02); key: `certificate_request_id`."""

    id: int = 0
    certificate_request_id: str
    station_id: int
    csr: str
    status: str
    received_at: int
