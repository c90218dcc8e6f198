"""The tables, for SQLite and PostgreSQL alike.

Every table has its own 64-bit `id` (the event log's is its `sequence`); OCPP's transactionId is a column like any
other. Instants are microseconds since 1970-01-01 UTC. Where a row tells of something that the station dated,
`station_time` is the text as sent, and `received_at` is when we got it.

On SQLite the tables are STRICT: a text in a column of integers is refused there as PostgreSQL refuses it. The tables
that every message writes (`meter_value`, `connector_status`, `event`) have no foreign key to `station`: a batch reads
its stations' epochs before it writes, and refuses a station that does not exist.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.sqlite import INTEGER, REAL

__all__ = ["ONLY", "TRANSACTION_ID_MAXIMUM", "metadata"]

# The largest transactionId that we give out: many stations keep it in a signed 32-bit integer.
TRANSACTION_ID_MAXIMUM: Final = 2**31 - 1

# Key in `info` of what only one database has; its value is the name of that database's dialect.
ONLY: Final = "only"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# STRICT tables of SQLite know INTEGER, REAL, TEXT and BLOB only.
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


station_group = Table(
    "station_group",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _needed("time_zone", Text()),  # IANA name
    sqlite_strict=True,
)

site = Table(
    "site",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _needed("time_zone", Text()),
    sqlite_strict=True,
)

station = Table(
    "station",
    metadata,
    _id(),
    Column("identity", Text, nullable=False, unique=True),
    Column("site_id", INT64, ForeignKey("site.id")),
    # What the operator says.
    _needed("security_profile", INT32),
    Column("credential_hash", Text),
    _needed("registration", Text()),
    _needed("tolerance", Text()),
    _needed("time_zone", Text()),
    Column("ping_interval_seconds", DOUBLE),
    Column("serial_number", Text),
    _needed("ocpp_version", Text()),
    # What the connection says. `epoch` counts the connections that were accepted.
    _needed("epoch", INT64),
    Column("node", Text),
    Column("address", Text),
    Column("connected_at", INT64),
    Column("disconnected_at", INT64),
    Column("close_code", INT64),
    Column("close_reason", Text),
    Column("last_seen_at", INT64),
    # What the last BootNotification says (§6.3). `booted`: one was accepted at some time.
    _needed("booted", BOOLEAN),
    Column("boot_received_at", INT64),
    Column("vendor", Text),
    Column("model", Text),
    Column("charge_point_serial_number", Text),
    Column("charge_box_serial_number", Text),
    Column("firmware_version", Text),
    Column("iccid", Text),
    Column("imsi", Text),
    Column("meter_type", Text),
    Column("meter_serial_number", Text),
    CheckConstraint("length(identity) BETWEEN 1 AND 48", name="identity_length"),
    sqlite_strict=True,
)

station_group_member = Table(
    "station_group_member",
    metadata,
    _id(),
    _station(),
    Column("station_group_id", INT64, ForeignKey("station_group.id"), nullable=False),
    UniqueConstraint("station_id", "station_group_id"),
    sqlite_strict=True,
)

connector = Table(
    "connector",
    metadata,
    _id(),
    _station(),
    _needed("connector_id", INT64),
    _needed("status", Text()),
    _needed("error_code", Text()),
    Column("raw_error_code", Text),
    Column("info", Text),
    Column("vendor_id", Text),
    Column("vendor_error_code", Text),
    _needed("instant", INT64),
    Column("station_time", Text),
    _needed("received_at", INT64),
    UniqueConstraint("station_id", "connector_id"),
    sqlite_strict=True,
)

connector_status = Table(
    "connector_status",
    metadata,
    _id(),
    _needed("station_id", INT64),
    _needed("connector_id", INT64),
    _needed("status", Text()),
    _needed("error_code", Text()),
    Column("raw_error_code", Text),
    Column("info", Text),
    Column("vendor_id", Text),
    Column("vendor_error_code", Text),
    _needed("instant", INT64),
    Column("station_time", Text),
    _needed("received_at", INT64),
    Index(None, "station_id", "connector_id", "received_at"),
    sqlite_strict=True,
)

id_tag = Table(
    "id_tag",
    metadata,
    _id(),
    _needed("id_tag", Text()),
    Column("id_tag_key", Text, nullable=False, unique=True),  # casefolded
    Column("parent_id_tag", Text),
    Column("expires_at", INT64),
    _needed("blocked", BOOLEAN),
    sqlite_strict=True,
)

# `stop_arrived_first`: a stop was here before the start that it ends. The station may not have had our answer yet, so
# the same start may still be sent again: such a transaction keeps its place in the unique index although it is stopped.
REPEATABLE_START = "stop_instant IS NULL OR stop_arrived_first"

charging_transaction = Table(
    "charging_transaction",
    metadata,
    _id(),
    Column("transaction_id", INT64, unique=True),  # OCPP's; NULL only for what was imported without one
    _station(),
    _needed("connector_id", INT64),
    _needed("id_tag", Text()),
    _needed("id_tag_key", Text()),  # casefolded
    _needed("id_tag_status", Text()),
    Column("reservation_id", INT64),
    _needed("start_instant", INT64),
    _needed("station_time", Text()),
    _needed("received_at", INT64),
    _needed("meter_start", INT64),
    _needed("flags", Text()),  # words, separated by spaces
    Column("stop_instant", INT64),  # NULL: open
    Column("stop_station_time", Text),
    Column("stop_received_at", INT64),
    Column("meter_stop", INT64),
    Column("stop_id_tag", Text),
    Column("stop_reason", Text),
    _needed("stop_arrived_first", BOOLEAN),
    CheckConstraint(f"transaction_id BETWEEN 1 AND {TRANSACTION_ID_MAXIMUM}", name="transaction_id_range"),
    Index(None, "station_id", "start_instant"),
    Index(
        "uq_charging_transaction_repeatable_start",
        "station_id",
        "connector_id",
        "id_tag_key",
        "start_instant",
        "meter_start",
        unique=True,
        sqlite_where=text(REPEATABLE_START),
        postgresql_where=text(REPEATABLE_START),
    ),
    sqlite_strict=True,
)

# Every stop that was received. `relation`: `stop` (it ended the transaction), `correction` (another stop had ended it),
# `orphan` (no transaction known; `charging_transaction_id` is NULL).
transaction_stop = Table(
    "transaction_stop",
    metadata,
    _id(),
    _station(),
    Column(
        "charging_transaction_id",
        INT64,
        ForeignKey("charging_transaction.id", name="fk_transaction_stop_charging_transaction"),
    ),
    _needed("relation", Text()),
    _needed("transaction_id", INT64),  # as sent
    _needed("instant", INT64),
    _needed("station_time", Text()),
    _needed("received_at", INT64),
    _needed("meter_stop", INT64),
    Column("id_tag", Text),
    Column("id_tag_key", Text),
    Column("reason", Text),
    _needed("content_hash", INT64),
    _needed("flags", Text()),  # words, separated by spaces
    UniqueConstraint(
        "station_id", "transaction_id", "instant", "meter_stop", "content_hash", name="uq_transaction_stop_content"
    ),
    Index(None, "charging_transaction_id"),
    Index(
        "ix_transaction_stop_orphan",
        "station_id",
        sqlite_where=text("charging_transaction_id IS NULL"),
        postgresql_where=text("charging_transaction_id IS NULL"),
    ),
    CheckConstraint("(relation = 'orphan') = (charging_transaction_id IS NULL)", name="relation"),
    sqlite_strict=True,
)

# One row per MeterValue of the wire (docs/adr/0001). The unique key begins with the instant, so that the values of all
# stations that arrive together share its pages. Rows are never changed, and no id is ever given twice: the deferred
# index of SQLite depends on both.
meter_value = Table(
    "meter_value",
    metadata,
    _id(),
    _needed("station_id", INT64),
    _needed("connector_id", INT64),  # -1: transactionData of an orphan stop
    _needed("transaction_id", INT64),  # as sent; -2^63: none was sent
    _needed("instant", INT64),
    _needed("content_hash", INT64),
    _needed("station_time", Text()),
    _needed("received_at", INT64),
    _needed("samples", Text()),  # JSON of the SampledValues, values byte for byte
    Column("energy_wh", DOUBLE),
    Column("power_w", DOUBLE),
    Column("soc_percent", DOUBLE),
    Column("transaction_stop_id", INT64),  # the stop whose transactionData brought it
    UniqueConstraint(
        "instant", "station_id", "connector_id", "transaction_id", "content_hash", name="uq_meter_value_content"
    ),
    Index(
        "ix_meter_value_reading",
        "station_id",
        "transaction_id",
        "connector_id",
        "instant",
        info={ONLY: "postgresql"},
    ),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

# SQLite's index for reading meter values, filled many rows at a time (`deferred_index.py`). It may still have entries
# of rows that were deleted; whoever deletes by age deletes here too.
meter_value_reading = Table(
    "meter_value_reading",
    metadata,
    *(
        Column(name, INT64, primary_key=True, autoincrement=False)
        for name in ("station_id", "transaction_id", "connector_id", "instant", "meter_value_id")
    ),
    info={ONLY: "sqlite"},
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

data_transfer = Table(
    "data_transfer",
    metadata,
    _id(),
    _station(),
    _needed("vendor_id", Text()),
    Column("message_id", Text),
    Column("data", Text),
    _needed("status", Text()),
    _needed("received_at", INT64),
    Index(None, "station_id", "received_at"),
    sqlite_strict=True,
)

deviation = Table(
    "deviation",
    metadata,
    _id(),
    _station(),
    _needed("action", Text()),
    _needed("kind", Text()),
    _needed("field", Text()),
    _needed("count", INT64),
    _needed("sample", Text()),  # of the first
    _needed("first_at", INT64),
    _needed("last_at", INT64),
    UniqueConstraint("station_id", "action", "kind", "field"),
    sqlite_strict=True,
)

# The writer chooses `sequence`, so that readers in its order never meet a gap that fills later (see the drivers).
event = Table(
    "event",
    metadata,
    Column("sequence", INT64, primary_key=True, autoincrement=False),
    Column("station_id", INT64),
    _needed("kind", Text()),
    _needed("created_at", INT64),
    _needed("body", Text()),  # JSON
    sqlite_strict=True,
)

quarantine = Table(
    "quarantine",
    metadata,
    _id(),
    _needed("station_id", INT64),
    _needed("action", Text()),
    Column("frame", LargeBinary, nullable=False),
    _needed("reason", Text()),
    _needed("received_at", INT64),
    Column("transaction_id", INT64),  # what a start was answered with
    sqlite_strict=True,
)

# Transaction messages as received, of which mending lost something: what their rows do not say, stands here.
salvaged_frame = Table(
    "salvaged_frame",
    metadata,
    _id(),
    _station(),
    _needed("content_hash", INT64),  # of the payload
    _needed("action", Text()),
    Column("frame", LargeBinary, nullable=False),
    _needed("received_at", INT64),
    UniqueConstraint("station_id", "content_hash"),
    sqlite_strict=True,
)

# Counters from which nodes reserve blocks: `next_value` is the first that nobody has.
id_block = Table(
    "id_block",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _needed("next_value", INT64),
    sqlite_strict=True,
)

setting = Table(
    "setting",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _needed("value", Text()),
    sqlite_strict=True,
)
