"""The tables of configuration, firmware, diagnostics and security events."""

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint

from chargewright.csms.storage.tables.base import BOOLEAN, INT64, id_column, metadata, needed, station_column

__all__ = [
    "certificate_request",
    "configuration_reported",
    "configuration_state",
    "configuration_wanted",
    "diagnostics_status",
    "diagnostics_upload",
    "firmware_status",
    "firmware_update",
    "security_event",
]

# `scope` is `station:<row id>` or `group:<row id>`.
configuration_wanted = Table(
    "configuration_wanted",
    metadata,
    id_column(),
    needed("scope", Text()),
    needed("key", Text()),
    needed("value", Text()),
    needed("changed_at", INT64),
    UniqueConstraint("scope", "key"),
    sqlite_strict=True,
)

configuration_reported = Table(
    "configuration_reported",
    metadata,
    id_column(),
    station_column(),
    needed("key", Text()),
    Column("value", Text),
    needed("readonly", BOOLEAN),
    needed("received_at", INT64),
    UniqueConstraint("station_id", "key"),
    sqlite_strict=True,
)

# `state`: see `csms/services/configuration.py`.
configuration_state = Table(
    "configuration_state",
    metadata,
    id_column(),
    Column("station_id", INT64, nullable=False, unique=True),
    needed("state", Text()),
    Column("read_at", INT64),
    needed("unknown_keys", Text()),  # JSON list
    needed("refused", Text()),  # JSON: key → what the station answered to its wanted value
    needed("changed_at", INT64),
    sqlite_strict=True,
)

# `state`: see `csms/services/firmware.py`. `location` is without its secrets.
firmware_update = Table(
    "firmware_update",
    metadata,
    id_column(),
    Column("update_id", Text, nullable=False, unique=True),  # opaque
    station_column(),
    Column("request_id", INT64),  # of a signed update
    needed("signed", BOOLEAN),
    needed("location", Text()),
    needed("retrieve_at", INT64),
    Column("install_at", INT64),
    Column("retries", INT64),
    Column("retry_interval_seconds", INT64),
    needed("state", Text()),
    Column("problem", Text),
    Column("version_before", Text),
    Column("version_after", Text),
    needed("created_at", INT64),
    needed("changed_at", INT64),
    Column("finished_at", INT64),
    Index(None, "station_id", "id"),
    Index(None, "state", "id"),
    Index(None, "finished_at"),
    sqlite_strict=True,
)

firmware_status = Table(
    "firmware_status",
    metadata,
    id_column(),
    station_column(),
    Column("update_id", Text),
    Column("request_id", INT64),
    needed("signed", BOOLEAN),
    needed("status", Text()),
    needed("expected", BOOLEAN),
    needed("received_at", INT64),
    Index(None, "station_id", "received_at"),
    Index(None, "update_id"),
    sqlite_strict=True,
)

# GetDiagnostics and GetLog. `kind`: Diagnostics, DiagnosticsLog or SecurityLog; `state`: see
# `csms/services/diagnostics.py`. `location` is without its secrets.
diagnostics_upload = Table(
    "diagnostics_upload",
    metadata,
    id_column(),
    Column("upload_id", Text, nullable=False, unique=True),  # opaque
    station_column(),
    needed("kind", Text()),
    Column("request_id", INT64),  # of GetLog
    needed("location", Text()),
    Column("oldest_at", INT64),
    Column("latest_at", INT64),
    Column("retries", INT64),
    Column("retry_interval_seconds", INT64),
    Column("file_name", Text),
    needed("state", Text()),
    Column("problem", Text),
    needed("created_at", INT64),
    needed("changed_at", INT64),
    Column("finished_at", INT64),
    Index(None, "station_id", "id"),
    Index(None, "state", "id"),
    Index(None, "finished_at"),
    sqlite_strict=True,
)

diagnostics_status = Table(
    "diagnostics_status",
    metadata,
    id_column(),
    station_column(),
    Column("upload_id", Text),
    Column("request_id", INT64),
    needed("status", Text()),
    needed("expected", BOOLEAN),
    needed("received_at", INT64),
    Index(None, "station_id", "received_at"),
    Index(None, "upload_id"),
    sqlite_strict=True,
)

security_event = Table(
    "security_event",
    metadata,
    id_column(),
    station_column(),
    needed("type", Text()),
    needed("critical", BOOLEAN),
    needed("instant", INT64),
    needed("station_time", Text()),
    Column("tech_info", Text),
    needed("received_at", INT64),
    Index(None, "station_id", "id"),
    Index(None, "critical", "id"),
    Index(None, "type", "id"),
    sqlite_strict=True,
)

# What SignCertificate brought; `status` is our answer.
certificate_request = Table(
    "certificate_request",
    metadata,
    id_column(),
    Column("certificate_request_id", Text, nullable=False, unique=True),  # opaque
    station_column(),
    needed("csr", Text()),
    needed("status", Text()),
    needed("received_at", INT64),
    Index(None, "station_id", "id"),
    sqlite_strict=True,
)
