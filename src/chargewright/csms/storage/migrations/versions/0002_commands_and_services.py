"""Commands that are kept, attempts, reservations, lists, profiles, configuration, upkeep; reviews of transactions."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.dialects.sqlite import INTEGER, REAL
from sqlalchemy.schema import CreateIndex, CreateTable

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

INT64 = BigInteger().with_variant(INTEGER(), "sqlite")
INT32 = Integer()
DOUBLE: Double[float] = Double().with_variant(REAL(), "sqlite")
BOOLEAN = Boolean().with_variant(INTEGER(), "sqlite")


def _id() -> Column[int]:
    return Column("id", INT64, Identity(), primary_key=True)


def _station() -> Column[int]:
    return Column("station_id", INT64, ForeignKey("station.id"), nullable=False)


def _needed(name: str, kind: BigInteger | Integer | Text | Double[float] | Boolean) -> Column[object]:
    return Column(name, kind, nullable=False)


UNFINISHED = "finished_at IS NULL"

# Commands that are kept until their station is there, and those of a bulk command. `state`: see
# `csms/commands/states.py`. `payload` and `outcome` are JSON.
command = Table(
    "command",
    metadata,
    _id(),
    Column("command_id", Text, nullable=False, unique=True),  # opaque
    Column("bulk_id", Text),
    _station(),
    _needed("action", Text()),
    _needed("payload", Text()),
    _needed("state", Text()),
    _needed("timeout_seconds", DOUBLE),
    _needed("created_at", INT64),
    Column("keep_until", INT64),
    Column("sent_at", INT64),
    _needed("sent_epoch", INT64),  # of the connection over which it went last; 0: never
    Column("finished_at", INT64),
    Column("outcome", Text),
    Index(None, "station_id", "id"),
    Index(None, "bulk_id", "state"),
    Index(
        "ix_command_unfinished",
        "station_id",
        "id",
        sqlite_where=text(UNFINISHED),
        postgresql_where=text(UNFINISHED),
    ),
    sqlite_strict=True,
)

bulk_command = Table(
    "bulk_command",
    metadata,
    _id(),
    Column("bulk_id", Text, nullable=False, unique=True),
    _needed("action", Text()),
    _needed("payload", Text()),
    _needed("selection", Text()),  # JSON, as it was asked for
    _needed("stations", INT64),  # how many were selected
    _needed("created_at", INT64),
    sqlite_strict=True,
)

# What was learned of a station's ways, `name` by `name` (`csms/services/abilities.py`); `value` is JSON.
station_ability = Table(
    "station_ability",
    metadata,
    _id(),
    _station(),
    _needed("name", Text()),
    _needed("value", Text()),
    _needed("learned_at", INT64),
    UniqueConstraint("station_id", "name"),
    sqlite_strict=True,
)

# Upgrades that were refused, counted; see `csms/attempts.py`.
connection_attempt = Table(
    "connection_attempt",
    metadata,
    _id(),
    Column("attempt_id", Text, nullable=False, unique=True),
    Column("identity", Text),
    Column("address", Text),
    _needed("path", Text()),
    _needed("cause", Text()),
    Column("subprotocols", Text),
    _needed("detail", Text()),
    _needed("count", INT64),
    _needed("first_at", INT64),
    _needed("last_at", INT64),
    sqlite_strict=True,
)

# `state`: see `csms/services/reservations.py`.
reservation = Table(
    "reservation",
    metadata,
    _id(),
    _station(),
    _needed("reservation_id", INT64),  # OCPP's
    _needed("connector_id", INT64),
    _needed("id_tag", Text()),
    _needed("id_tag_key", Text()),
    Column("parent_id_tag", Text),
    _needed("expires_at", INT64),
    _needed("state", Text()),
    _needed("created_at", INT64),
    _needed("changed_at", INT64),
    Column("transaction_id", INT64),  # OCPP's, of the transaction that used it
    Column("end_reason", Text),
    UniqueConstraint("station_id", "reservation_id"),
    Index(None, "state", "id"),
    Index(None, "station_id", "id"),
    sqlite_strict=True,
)

# The wanted list of a station or a group of stations: `scope` is `station:<row id>` or `group:<row id>`.
local_list = Table(
    "local_list",
    metadata,
    _id(),
    Column("scope", Text, nullable=False, unique=True),
    _needed("version", INT64),  # rising, and never given again, over all lists
    _needed("selection", Text()),  # which entries go first where a station cannot hold all of them
    _needed("entries", INT64),
    _needed("base_version", INT64),  # what changed before it is no longer known: stations that have less need all of it
    _needed("complete", BOOLEAN),  # false: the entries are being written, or that was interrupted
    _needed("changed_at", INT64),
    sqlite_strict=True,
)

# Entries with the version in which each changed last; removed ones stay as gravestones, so that a station at an earlier
# version can be brought in step with the difference alone.
local_list_entry = Table(
    "local_list_entry",
    metadata,
    _id(),
    _needed("scope", Text()),
    _needed("id_tag_key", Text()),
    _needed("id_tag", Text()),
    _needed("status", Text()),
    Column("expires_at", INT64),
    Column("parent_id_tag", Text),
    _needed("position", INT64),  # in the list as it was wanted
    _needed("version", INT64),
    _needed("removed", BOOLEAN),
    _needed("follows", BOOLEAN),  # what it says is taken from the registered id tag
    UniqueConstraint("scope", "id_tag_key"),
    Index(None, "scope", "version"),
    Index(None, "scope", "position"),
    Index(None, "scope", "id"),
    Index(None, "id_tag_key"),
    sqlite_strict=True,
)

# What is known of the list that a station has. `state`: see `csms/services/local_lists.py`.
local_list_state = Table(
    "local_list_state",
    metadata,
    _id(),
    Column("station_id", INT64, nullable=False, unique=True),
    _needed("state", Text()),
    Column("scope", Text),  # whose list it was given
    _needed("list_version", INT64),  # of that list, which the station has at least; 0: none, or not known
    _needed("version", INT64),  # listVersion that the station accepted last; 0: none, or not known
    _needed("sent_version", INT64),  # the highest listVersion that it may have been sent
    _needed("partial", BOOLEAN),
    _needed("entries", INT64),
    _needed("changed_at", INT64),
    Column("problem", Text),
    sqlite_strict=True,
)

# One sending of a charging profile. `state`: see `csms/services/charging_profile_states.py`; `profile` is the object as
# it was sent.
charging_profile = Table(
    "charging_profile",
    metadata,
    _id(),
    Column("installation_id", Text, nullable=False, unique=True),  # opaque
    _station(),
    Column("connector_id", INT64),  # absent: the station chooses it at the start
    _needed("charging_profile_id", INT64),  # OCPP's
    _needed("stack_level", INT64),
    _needed("purpose", Text()),
    Column("transaction_id", INT64),  # OCPP's, of the transaction that it is for
    _needed("with_start", BOOLEAN),  # sent with RemoteStartTransaction
    _needed("profile", Text()),
    _needed("state", Text()),
    Column("answer", Text),  # of the station, or why there is none, where the state does not say it
    _needed("sent_at", INT64),
    _needed("changed_at", INT64),
    Index(None, "station_id", "id"),
    Index(None, "station_id", "charging_profile_id", "id"),
    Index(None, "state", "id"),
    Index(None, "transaction_id", "id"),
    sqlite_strict=True,
)

# The last answer to GetCompositeSchedule, as reported.
composite_schedule = Table(
    "composite_schedule",
    metadata,
    _id(),
    _station(),
    _needed("connector_id", INT64),
    _needed("unit", Text()),  # as asked for; empty: none was
    _needed("duration", INT64),  # as asked for, in seconds
    _needed("schedule", Text()),  # JSON of the response
    _needed("received_at", INT64),
    UniqueConstraint("station_id", "connector_id", "unit"),
    sqlite_strict=True,
)

# `scope` is `station:<row id>` or `group:<row id>`.
configuration_wanted = Table(
    "configuration_wanted",
    metadata,
    _id(),
    _needed("scope", Text()),
    _needed("key", Text()),
    _needed("value", Text()),
    _needed("changed_at", INT64),
    UniqueConstraint("scope", "key"),
    sqlite_strict=True,
)

configuration_reported = Table(
    "configuration_reported",
    metadata,
    _id(),
    _station(),
    _needed("key", Text()),
    Column("value", Text),
    _needed("readonly", BOOLEAN),
    _needed("received_at", INT64),
    UniqueConstraint("station_id", "key"),
    sqlite_strict=True,
)

# `state`: see `csms/services/configuration.py`.
configuration_state = Table(
    "configuration_state",
    metadata,
    _id(),
    Column("station_id", INT64, nullable=False, unique=True),
    _needed("state", Text()),
    Column("read_at", INT64),
    _needed("unknown_keys", Text()),  # JSON list
    _needed("refused", Text()),  # JSON: key → what the station answered to its wanted value
    _needed("changed_at", INT64),
    sqlite_strict=True,
)

# `state`: see `csms/services/firmware.py`. `location` is without its secrets.
firmware_update = Table(
    "firmware_update",
    metadata,
    _id(),
    Column("update_id", Text, nullable=False, unique=True),  # opaque
    _station(),
    Column("request_id", INT64),  # of a signed update
    _needed("signed", BOOLEAN),
    _needed("location", Text()),
    _needed("retrieve_at", INT64),
    Column("install_at", INT64),
    Column("retries", INT64),
    Column("retry_interval_seconds", INT64),
    _needed("state", Text()),
    Column("problem", Text),
    Column("version_before", Text),
    Column("version_after", Text),
    _needed("created_at", INT64),
    _needed("changed_at", INT64),
    Column("finished_at", INT64),
    Index(None, "station_id", "id"),
    Index(None, "state", "id"),
    Index(None, "finished_at"),
    sqlite_strict=True,
)

firmware_status = Table(
    "firmware_status",
    metadata,
    _id(),
    _station(),
    Column("update_id", Text),
    Column("request_id", INT64),
    _needed("signed", BOOLEAN),
    _needed("status", Text()),
    _needed("expected", BOOLEAN),
    _needed("received_at", INT64),
    Index(None, "station_id", "received_at"),
    Index(None, "update_id"),
    sqlite_strict=True,
)

# GetDiagnostics and GetLog. `kind`: Diagnostics, DiagnosticsLog or SecurityLog; `state`: see
# `csms/services/diagnostics.py`. `location` is without its secrets.
diagnostics_upload = Table(
    "diagnostics_upload",
    metadata,
    _id(),
    Column("upload_id", Text, nullable=False, unique=True),  # opaque
    _station(),
    _needed("kind", Text()),
    Column("request_id", INT64),  # of GetLog
    _needed("location", Text()),
    Column("oldest_at", INT64),
    Column("latest_at", INT64),
    Column("retries", INT64),
    Column("retry_interval_seconds", INT64),
    Column("file_name", Text),
    _needed("state", Text()),
    Column("problem", Text),
    _needed("created_at", INT64),
    _needed("changed_at", INT64),
    Column("finished_at", INT64),
    Index(None, "station_id", "id"),
    Index(None, "state", "id"),
    Index(None, "finished_at"),
    sqlite_strict=True,
)

diagnostics_status = Table(
    "diagnostics_status",
    metadata,
    _id(),
    _station(),
    Column("upload_id", Text),
    Column("request_id", INT64),
    _needed("status", Text()),
    _needed("expected", BOOLEAN),
    _needed("received_at", INT64),
    Index(None, "station_id", "received_at"),
    Index(None, "upload_id"),
    sqlite_strict=True,
)

security_event = Table(
    "security_event",
    metadata,
    _id(),
    _station(),
    _needed("type", Text()),
    _needed("critical", BOOLEAN),
    _needed("instant", INT64),
    _needed("station_time", Text()),
    Column("tech_info", Text),
    _needed("received_at", INT64),
    Index(None, "station_id", "id"),
    Index(None, "critical", "id"),
    Index(None, "type", "id"),
    sqlite_strict=True,
)

# What SignCertificate brought; `status` is our answer.
certificate_request = Table(
    "certificate_request",
    metadata,
    _id(),
    Column("certificate_request_id", Text, nullable=False, unique=True),  # opaque
    _station(),
    _needed("csr", Text()),
    _needed("status", Text()),
    _needed("received_at", INT64),
    Index(None, "station_id", "id"),
    sqlite_strict=True,
)


# What stood before is only named here, so that keys can refer to it.
_station_row = Table("station", metadata, Column("id", INT64, primary_key=True))

_NEW_COLUMNS = {
    "station": (
        Column("automatic", BOOLEAN, nullable=False, server_default=true()),
        Column("maximum_power_w", DOUBLE),
        Column("first_seen_at", INT64),
        Column("removed_at", INT64),
    ),
    "id_tag": (Column("max_active_transactions", INT32), Column("note", Text)),
    "charging_transaction": (
        Column("closed_at", INT64),
        Column("review", Text, nullable=False, server_default=""),
        Column("review_reasons", Text, nullable=False, server_default=""),
        Column("review_note", Text),
        Column("reviewed_at", INT64),
    ),
}
_NEW_INDEXES = (
    "CREATE INDEX ix_id_tag_blocked_id ON id_tag (blocked, id)",
    "CREATE INDEX ix_station_model_id ON station (model, id)",
    "CREATE INDEX ix_station_vendor_id ON station (vendor, id)",
    "CREATE INDEX ix_charging_transaction_id_tag_key_start_instant ON charging_transaction (id_tag_key, start_instant)",
    "CREATE INDEX ix_charging_transaction_start_instant ON charging_transaction (start_instant)",
    "CREATE INDEX ix_charging_transaction_open ON charging_transaction (station_id) WHERE stop_instant IS NULL",
    "CREATE INDEX ix_charging_transaction_running ON charging_transaction (id) WHERE stop_instant IS NULL",
    "CREATE INDEX ix_charging_transaction_review ON charging_transaction (id) WHERE review = 'pending'",
)


def upgrade() -> None:
    """Add what is new."""
    for table, columns in _NEW_COLUMNS.items():
        for column in columns:
            op.add_column(table, column)
    for statement in _NEW_INDEXES:
        op.execute(statement)
    for new in metadata.sorted_tables:
        if new is _station_row:
            continue
        op.execute(CreateTable(new))
        for index in sorted(new.indexes, key=lambda index: str(index.name)):
            op.execute(CreateIndex(index))
