"""The tables of stations, id tags, transactions and what stations send (the first floor)."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)

from chargewright.csms.storage.tables.base import (
    BOOLEAN,
    DOUBLE,
    INT32,
    INT64,
    ONLY,
    TRANSACTION_ID_MAXIMUM,
    id_column,
    metadata,
    needed,
    station_column,
)

station_group = Table(
    "station_group",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    needed("time_zone", Text()),  # IANA name
    sqlite_strict=True,
)

site = Table(
    "site",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    needed("time_zone", Text()),
    sqlite_strict=True,
)

station = Table(
    "station",
    metadata,
    id_column(),
    Column("identity", Text, nullable=False, unique=True),
    Column("site_id", INT64, ForeignKey("site.id")),
    # What the operator says.
    needed("security_profile", INT32),
    Column("credential_hash", Text),
    needed("registration", Text()),
    Column(
        "automatic", BOOLEAN, nullable=False, server_default=true()
    ),  # whether anything is sent to it that nobody asked for
    Column("maximum_power_w", DOUBLE),  # of one connector, for the plausibility of energies
    needed("tolerance", Text()),
    needed("time_zone", Text()),
    Column("ping_interval_seconds", DOUBLE),
    Column("serial_number", Text),
    needed("ocpp_version", Text()),
    # What the connection says. `epoch` counts the connections that were accepted.
    needed("epoch", INT64),
    Column("node", Text),
    Column("address", Text),
    Column("connected_at", INT64),
    Column("disconnected_at", INT64),
    Column("close_code", INT64),
    Column("close_reason", Text),
    Column("first_seen_at", INT64),
    Column("last_seen_at", INT64),
    Column("removed_at", INT64),  # the operator took it out of service; its history stays
    # What the last BootNotification says (§6.3). `booted`: one was accepted at some time.
    needed("booted", BOOLEAN),
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
    Index(None, "vendor", "id"),
    Index(None, "model", "id"),
    sqlite_strict=True,
)

station_group_member = Table(
    "station_group_member",
    metadata,
    id_column(),
    station_column(),
    Column("station_group_id", INT64, ForeignKey("station_group.id"), nullable=False),
    UniqueConstraint("station_id", "station_group_id"),
    sqlite_strict=True,
)

connector = Table(
    "connector",
    metadata,
    id_column(),
    station_column(),
    needed("connector_id", INT64),
    needed("status", Text()),
    needed("error_code", Text()),
    Column("raw_error_code", Text),
    Column("info", Text),
    Column("vendor_id", Text),
    Column("vendor_error_code", Text),
    needed("instant", INT64),
    Column("station_time", Text),
    needed("received_at", INT64),
    UniqueConstraint("station_id", "connector_id"),
    sqlite_strict=True,
)

connector_status = Table(
    "connector_status",
    metadata,
    id_column(),
    needed("station_id", INT64),
    needed("connector_id", INT64),
    needed("status", Text()),
    needed("error_code", Text()),
    Column("raw_error_code", Text),
    Column("info", Text),
    Column("vendor_id", Text),
    Column("vendor_error_code", Text),
    needed("instant", INT64),
    Column("station_time", Text),
    needed("received_at", INT64),
    Index(None, "station_id", "connector_id", "received_at"),
    sqlite_strict=True,
)

id_tag = Table(
    "id_tag",
    metadata,
    id_column(),
    needed("id_tag", Text()),
    Column("id_tag_key", Text, nullable=False, unique=True),  # casefolded
    Column("parent_id_tag", Text),
    Column("expires_at", INT64),
    needed("blocked", BOOLEAN),
    Column("max_active_transactions", INT32),  # NULL: the server's setting; 0: any number
    Column("note", Text),
    Index(None, "blocked", "id"),
    sqlite_strict=True,
)

# `stop_arrived_first`: a stop was here before the start that it ends. The station may not have had our answer yet, so
# the same start may still be sent again: such a transaction keeps its place in the unique index although it is stopped.
REPEATABLE_START = "stop_instant IS NULL OR stop_arrived_first"

charging_transaction = Table(
    "charging_transaction",
    metadata,
    id_column(),
    Column("transaction_id", INT64, unique=True),  # OCPP's; NULL only for what was imported without one
    station_column(),
    needed("connector_id", INT64),
    needed("id_tag", Text()),
    needed("id_tag_key", Text()),  # casefolded
    needed("id_tag_status", Text()),
    Column("reservation_id", INT64),
    needed("start_instant", INT64),
    needed("station_time", Text()),
    needed("received_at", INT64),
    needed("meter_start", INT64),
    needed("flags", Text()),  # words, separated by spaces
    Column("stop_instant", INT64),  # NULL: open
    Column("stop_station_time", Text),
    Column("stop_received_at", INT64),
    Column("meter_stop", INT64),
    Column("stop_id_tag", Text),
    Column("stop_reason", Text),
    needed("stop_arrived_first", BOOLEAN),
    Column("closed_at", INT64),  # an operator ended it; no stop of the station was here then
    # `review`: empty, `pending` or `resolved`; the reasons are words, separated by spaces.
    Column("review", Text, nullable=False, server_default=""),
    Column("review_reasons", Text, nullable=False, server_default=""),
    Column("review_note", Text),
    Column("reviewed_at", INT64),
    CheckConstraint(f"transaction_id BETWEEN 1 AND {TRANSACTION_ID_MAXIMUM}", name="transaction_id_range"),
    Index(None, "station_id", "start_instant"),
    Index(None, "id_tag_key", "start_instant"),
    Index(None, "start_instant"),
    Index(
        "ix_charging_transaction_open",
        "station_id",
        sqlite_where=text("stop_instant IS NULL"),
        postgresql_where=text("stop_instant IS NULL"),
    ),
    # All that are open, in the order of a list; SQLite would else go through all rows for them.
    Index(
        "ix_charging_transaction_running",
        "id",
        sqlite_where=text("stop_instant IS NULL"),
        postgresql_where=text("stop_instant IS NULL"),
    ),
    Index(
        "ix_charging_transaction_review",
        "id",
        sqlite_where=text("review = 'pending'"),
        postgresql_where=text("review = 'pending'"),
    ),
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
    id_column(),
    station_column(),
    Column(
        "charging_transaction_id",
        INT64,
        ForeignKey("charging_transaction.id", name="fk_transaction_stop_charging_transaction"),
    ),
    needed("relation", Text()),
    needed("transaction_id", INT64),  # as sent
    needed("instant", INT64),
    needed("station_time", Text()),
    needed("received_at", INT64),
    needed("meter_stop", INT64),
    Column("id_tag", Text),
    Column("id_tag_key", Text),
    Column("reason", Text),
    needed("content_hash", INT64),
    needed("flags", Text()),  # words, separated by spaces
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
    id_column(),
    needed("station_id", INT64),
    needed("connector_id", INT64),  # -1: transactionData of an orphan stop
    needed("transaction_id", INT64),  # as sent; -2^63: none was sent
    needed("instant", INT64),
    needed("content_hash", INT64),
    needed("station_time", Text()),
    needed("received_at", INT64),
    needed("samples", Text()),  # JSON of the SampledValues, values byte for byte
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
    id_column(),
    station_column(),
    needed("vendor_id", Text()),
    Column("message_id", Text),
    Column("data", Text),
    needed("status", Text()),
    needed("received_at", INT64),
    Index(None, "station_id", "received_at"),
    sqlite_strict=True,
)

deviation = Table(
    "deviation",
    metadata,
    id_column(),
    station_column(),
    needed("action", Text()),
    needed("kind", Text()),
    needed("field", Text()),
    needed("count", INT64),
    needed("sample", Text()),  # of the first
    needed("first_at", INT64),
    needed("last_at", INT64),
    UniqueConstraint("station_id", "action", "kind", "field"),
    sqlite_strict=True,
)

# The writer chooses `sequence`, so that readers in its order never meet a gap that fills later (see the drivers).
event = Table(
    "event",
    metadata,
    Column("sequence", INT64, primary_key=True, autoincrement=False),
    Column("station_id", INT64),
    needed("kind", Text()),
    needed("created_at", INT64),
    needed("body", Text()),  # JSON
    sqlite_strict=True,
)

quarantine = Table(
    "quarantine",
    metadata,
    id_column(),
    needed("station_id", INT64),
    needed("action", Text()),
    Column("frame", LargeBinary, nullable=False),
    needed("reason", Text()),
    needed("received_at", INT64),
    Column("transaction_id", INT64),  # what a start was answered with
    sqlite_strict=True,
)

# Transaction messages as received, of which mending lost something: what their rows do not say, stands here.
salvaged_frame = Table(
    "salvaged_frame",
    metadata,
    id_column(),
    station_column(),
    needed("content_hash", INT64),  # of the payload
    needed("action", Text()),
    Column("frame", LargeBinary, nullable=False),
    needed("received_at", INT64),
    UniqueConstraint("station_id", "content_hash"),
    sqlite_strict=True,
)

# Counters from which nodes reserve blocks: `next_value` is the first that nobody has.
id_block = Table(
    "id_block",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    needed("next_value", INT64),
    sqlite_strict=True,
)

setting = Table(
    "setting",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    needed("value", Text()),
    sqlite_strict=True,
)
