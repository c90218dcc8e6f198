"""The first tables."""

from alembic import op
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
from sqlalchemy.schema import CreateIndex, CreateTable

revision = "0001"
down_revision = None
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


station_group = Table(
    "station_group",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _needed("time_zone", Text()),
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
    _needed("security_profile", INT32),
    Column("credential_hash", Text),
    _needed("registration", Text()),
    _needed("tolerance", Text()),
    _needed("time_zone", Text()),
    Column("ping_interval_seconds", DOUBLE),
    Column("serial_number", Text),
    _needed("ocpp_version", Text()),
    _needed("epoch", INT64),
    Column("node", Text),
    Column("address", Text),
    Column("connected_at", INT64),
    Column("disconnected_at", INT64),
    Column("close_code", INT64),
    Column("close_reason", Text),
    Column("last_seen_at", INT64),
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
    Column("id_tag_key", Text, nullable=False, unique=True),
    Column("parent_id_tag", Text),
    Column("expires_at", INT64),
    _needed("blocked", BOOLEAN),
    sqlite_strict=True,
)

REPEATABLE_START = "stop_instant IS NULL OR stop_arrived_first"

charging_transaction = Table(
    "charging_transaction",
    metadata,
    _id(),
    Column("transaction_id", INT64, unique=True),
    _station(),
    _needed("connector_id", INT64),
    _needed("id_tag", Text()),
    _needed("id_tag_key", Text()),
    _needed("id_tag_status", Text()),
    Column("reservation_id", INT64),
    _needed("start_instant", INT64),
    _needed("station_time", Text()),
    _needed("received_at", INT64),
    _needed("meter_start", INT64),
    _needed("flags", Text()),
    Column("stop_instant", INT64),
    Column("stop_station_time", Text),
    Column("stop_received_at", INT64),
    Column("meter_stop", INT64),
    Column("stop_id_tag", Text),
    Column("stop_reason", Text),
    _needed("stop_arrived_first", BOOLEAN),
    CheckConstraint("transaction_id BETWEEN 1 AND 2147483647", name="transaction_id_range"),
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
    _needed("transaction_id", INT64),
    _needed("instant", INT64),
    _needed("station_time", Text()),
    _needed("received_at", INT64),
    _needed("meter_stop", INT64),
    Column("id_tag", Text),
    Column("id_tag_key", Text),
    Column("reason", Text),
    _needed("content_hash", INT64),
    _needed("flags", Text()),
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

meter_value = Table(
    "meter_value",
    metadata,
    _id(),
    _needed("station_id", INT64),
    _needed("connector_id", INT64),
    _needed("transaction_id", INT64),
    _needed("instant", INT64),
    _needed("content_hash", INT64),
    _needed("station_time", Text()),
    _needed("received_at", INT64),
    _needed("samples", Text()),
    Column("energy_wh", DOUBLE),
    Column("power_w", DOUBLE),
    Column("soc_percent", DOUBLE),
    Column("transaction_stop_id", INT64),
    UniqueConstraint(
        "instant", "station_id", "connector_id", "transaction_id", "content_hash", name="uq_meter_value_content"
    ),
    Index(
        "ix_meter_value_reading",
        "station_id",
        "transaction_id",
        "connector_id",
        "instant",
        info={"only": "postgresql"},
    ),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

meter_value_reading = Table(
    "meter_value_reading",
    metadata,
    *(
        Column(name, INT64, primary_key=True, autoincrement=False)
        for name in ("station_id", "transaction_id", "connector_id", "instant", "meter_value_id")
    ),
    info={"only": "sqlite"},
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
    _needed("sample", Text()),
    _needed("first_at", INT64),
    _needed("last_at", INT64),
    UniqueConstraint("station_id", "action", "kind", "field"),
    sqlite_strict=True,
)

event = Table(
    "event",
    metadata,
    Column("sequence", INT64, primary_key=True, autoincrement=False),
    Column("station_id", INT64),
    _needed("kind", Text()),
    _needed("created_at", INT64),
    _needed("body", Text()),
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
    Column("transaction_id", INT64),
    sqlite_strict=True,
)

salvaged_frame = Table(
    "salvaged_frame",
    metadata,
    _id(),
    _station(),
    _needed("content_hash", INT64),
    _needed("action", Text()),
    Column("frame", LargeBinary, nullable=False),
    _needed("received_at", INT64),
    UniqueConstraint("station_id", "content_hash"),
    sqlite_strict=True,
)

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


def upgrade() -> None:
    """Create every table, and the counter of transactionIds."""
    database = op.get_context().dialect.name
    for table in metadata.sorted_tables:
        if table.info.get("only", database) != database:
            continue
        op.execute(CreateTable(table))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if index.info.get("only", database) == database:
                op.execute(CreateIndex(index))
    op.execute("INSERT INTO id_block (name, next_value) VALUES ('transaction', 1)")
