"""The statements of the journal, written once, run as strings by both drivers.

A statement takes a table of rows. Its text says `{rows}` where they go, and each driver puts its own form there:

* SQLite: `VALUES (?,?),(?,?),…`, in chunks of fixed sizes, so that the statement cache knows every text.
* PostgreSQL: `SELECT * FROM unnest($1::bigint[],$2::text[],…)`: one text, one prepared statement, any number of rows.

`{lock}` is a row lock on PostgreSQL and nothing on SQLite, which has a single writer.
"""

from typing import Final

import msgspec

__all__ = ["SQLITE_CHUNKS", "Statement"]

# Rows per SQLite statement, largest first.
SQLITE_CHUNKS: Final = (32, 8, 1)

INT: Final = "bigint"
TEXT: Final = "text"
REAL: Final = "double precision"
BOOL: Final = "boolean"
BYTES: Final = "bytea"


class Statement(msgspec.Struct, frozen=True, eq=False):
    """One statement: what it is for (errors name it), its text, and the columns of the rows that it takes."""

    purpose: str
    text: str
    columns: tuple[tuple[str, str], ...]
    returns: bool = False
    lock: str = ""
    for_sqlite: dict[int, str] = {}
    for_postgresql: list[str] = []

    def __post_init__(self) -> None:
        """Render both forms, once."""
        bare = self.text.replace("{columns}", ",".join(name for name, _ in self.columns))
        marks = "(" + ",".join("?" * len(self.columns)) + ")"
        for size in SQLITE_CHUNKS:
            values = "VALUES " + ",".join([marks] * size)
            self.for_sqlite[size] = bare.replace("{rows}", values).replace("{lock}", "")
        arrays = ",".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(self.columns, 1))
        unnest = f"SELECT * FROM unnest({arrays})"  # noqa: S608  # numbers and types, no values
        self.for_postgresql.append(bare.replace("{rows}", unnest).replace("{lock}", self.lock))


def _insert(
    purpose: str, table: str, columns: tuple[tuple[str, str], ...], rest: str = "", returns: bool = False
) -> Statement:
    return Statement(purpose, "INSERT INTO " + table + " ({columns}) {rows} " + rest, columns, returns)


INSERT_METER_VALUES: Final = _insert(
    "store meter values",
    "meter_value",
    (
        ("instant", INT),
        ("station_id", INT),
        ("connector_id", INT),
        ("transaction_id", INT),
        ("content_hash", INT),
        ("station_time", TEXT),
        ("received_at", INT),
        ("samples", TEXT),
        ("energy_wh", REAL),
        ("power_w", REAL),
        ("soc_percent", REAL),
        ("transaction_stop_id", INT),
    ),
    "ON CONFLICT (instant, station_id, connector_id, transaction_id, content_hash) DO NOTHING",
)

INSERT_EVENTS: Final = _insert(
    "write events",
    "event",
    (("sequence", INT), ("station_id", INT), ("kind", TEXT), ("created_at", INT), ("body", TEXT)),
)

STATUS_COLUMNS: Final = (
    ("station_id", INT),
    ("connector_id", INT),
    ("status", TEXT),
    ("error_code", TEXT),
    ("raw_error_code", TEXT),
    ("info", TEXT),
    ("vendor_id", TEXT),
    ("vendor_error_code", TEXT),
    ("instant", INT),
    ("station_time", TEXT),
    ("received_at", INT),
)

INSERT_STATUS_HISTORY: Final = _insert("store connector status", "connector_status", STATUS_COLUMNS)

# The latest by arrival: a station's clock may have been wrong before, and would else be believed for ever.
PUT_STATUS: Final = _insert(
    "store the latest connector status",
    "connector",
    STATUS_COLUMNS,
    "ON CONFLICT (station_id, connector_id) DO UPDATE SET status = excluded.status, error_code = excluded.error_code, "
    "raw_error_code = excluded.raw_error_code, info = excluded.info, vendor_id = excluded.vendor_id, "
    "vendor_error_code = excluded.vendor_error_code, instant = excluded.instant, station_time = excluded.station_time, "
    "received_at = excluded.received_at",
)

INSERT_DATA_TRANSFERS: Final = _insert(
    "store data transfers",
    "data_transfer",
    (
        ("station_id", INT),
        ("vendor_id", TEXT),
        ("message_id", TEXT),
        ("data", TEXT),
        ("status", TEXT),
        ("received_at", INT),
    ),
)

COUNT_DEVIATIONS: Final = _insert(
    "count deviations",
    "deviation",
    (
        ("station_id", INT),
        ("action", TEXT),
        ("kind", TEXT),
        ("field", TEXT),
        ("count", INT),
        ("sample", TEXT),
        ("first_at", INT),
        ("last_at", INT),
    ),
    "ON CONFLICT (station_id, action, kind, field) DO UPDATE SET count = deviation.count + excluded.count, "
    "last_at = excluded.last_at",
)

INSERT_SALVAGED_FRAMES: Final = _insert(
    "keep salvaged frames",
    "salvaged_frame",
    (("station_id", INT), ("content_hash", INT), ("action", TEXT), ("frame", BYTES), ("received_at", INT)),
    "ON CONFLICT (station_id, content_hash) DO NOTHING",
)

INSERT_QUARANTINE: Final = _insert(
    "keep a frame in quarantine",
    "quarantine",
    (
        ("station_id", INT),
        ("action", TEXT),
        ("frame", BYTES),
        ("reason", TEXT),
        ("received_at", INT),
        ("transaction_id", INT),
    ),
)

# --- the station's own row --------------------------------------------------------------------------------------------

CLAIM_STATIONS: Final = Statement(
    "take stations over",
    "WITH k({columns}) AS ({rows}) UPDATE station SET epoch = k.epoch, node = k.node, address = k.address, "
    "connected_at = k.connected_at, disconnected_at = NULL, close_code = NULL, close_reason = NULL, "
    "first_seen_at = COALESCE(first_seen_at, k.connected_at) "
    "FROM k WHERE station.id = k.id",
    (("id", INT), ("epoch", INT), ("node", TEXT), ("address", TEXT), ("connected_at", INT)),
)

DISCONNECT_STATIONS: Final = Statement(
    "note closed connections",
    "WITH k({columns}) AS ({rows}) UPDATE station SET disconnected_at = k.disconnected_at, close_code = k.close_code, "
    "close_reason = k.close_reason FROM k WHERE station.id = k.id",
    (("id", INT), ("disconnected_at", INT), ("close_code", INT), ("close_reason", TEXT)),
)

BOOT_STATIONS: Final = Statement(
    "store boot notifications",
    "WITH k({columns}) AS ({rows}) UPDATE station SET booted = (station.booted OR k.booted), "
    "boot_received_at = k.boot_received_at, vendor = k.vendor, model = k.model, "
    "charge_point_serial_number = k.charge_point_serial_number, charge_box_serial_number = k.charge_box_serial_number, "
    "firmware_version = k.firmware_version, iccid = k.iccid, imsi = k.imsi, meter_type = k.meter_type, "
    "meter_serial_number = k.meter_serial_number FROM k WHERE station.id = k.id",
    (
        ("id", INT),
        ("booted", BOOL),
        ("boot_received_at", INT),
        ("vendor", TEXT),
        ("model", TEXT),
        ("charge_point_serial_number", TEXT),
        ("charge_box_serial_number", TEXT),
        ("firmware_version", TEXT),
        ("iccid", TEXT),
        ("imsi", TEXT),
        ("meter_type", TEXT),
        ("meter_serial_number", TEXT),
    ),
)

TOUCH_STATIONS: Final = Statement(
    "note when stations were last heard",
    "WITH k({columns}) AS ({rows}), seen AS ("
    "SELECT station.id, k.last_seen_at FROM station JOIN k ON k.id = station.id ORDER BY station.id {lock}) "
    "UPDATE station SET last_seen_at = seen.last_seen_at FROM seen WHERE station.id = seen.id",
    (("id", INT), ("last_seen_at", INT)),
    lock="FOR NO KEY UPDATE OF station",
)

OPERATOR_COLUMNS: Final = (
    ("identity", TEXT),
    ("security_profile", INT),
    ("credential_hash", TEXT),
    ("registration", TEXT),
    ("tolerance", TEXT),
    ("time_zone", TEXT),
    ("ping_interval_seconds", REAL),
    ("serial_number", TEXT),
    ("ocpp_version", TEXT),
    ("automatic", BOOL),
    ("maximum_power_w", REAL),
    ("epoch", INT),
    ("booted", BOOL),
)

ADD_STATIONS: Final = _insert("add stations", "station", OPERATOR_COLUMNS, "ON CONFLICT (identity) DO NOTHING")

# What a station has told (`epoch`, `booted`) is not the operator's to overwrite.
PUT_STATIONS: Final = _insert(
    "write stations",
    "station",
    OPERATOR_COLUMNS,
    "ON CONFLICT (identity) DO UPDATE SET security_profile = excluded.security_profile, "
    "credential_hash = excluded.credential_hash, registration = excluded.registration, tolerance = excluded.tolerance, "
    "time_zone = excluded.time_zone, ping_interval_seconds = excluded.ping_interval_seconds, "
    "serial_number = excluded.serial_number, ocpp_version = excluded.ocpp_version, automatic = excluded.automatic, "
    "maximum_power_w = excluded.maximum_power_w, removed_at = NULL",
)

PROBE: Final = _insert(
    "commit a probe",
    "setting",
    (("name", TEXT), ("value", TEXT)),
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
)

# --- transactions -----------------------------------------------------------------------------------------------------

RESERVE_NUMBERS: Final = Statement(
    "reserve numbers",
    "INSERT INTO id_block ({columns}) {rows} ON CONFLICT (name) DO UPDATE "
    "SET next_value = id_block.next_value + excluded.next_value - 1 RETURNING next_value",
    (("name", TEXT), ("next_value", INT)),
    returns=True,
)

RESERVE_TRANSACTION_IDS: Final = Statement(
    "reserve transaction ids",
    "WITH k({columns}) AS ({rows}) UPDATE id_block SET next_value = next_value + k.size FROM k "
    "WHERE id_block.name = 'transaction' RETURNING next_value",
    (("size", INT),),
    returns=True,
)

START_KEY: Final = (
    ("station_id", INT),
    ("connector_id", INT),
    ("id_tag_key", TEXT),
    ("start_instant", INT),
    ("meter_start", INT),
)

FIND_SAME_STARTS: Final = Statement(
    "look for the same start",
    "WITH k({columns}) AS ({rows}) SELECT t.station_id, t.connector_id, t.id_tag_key, t.start_instant, t.meter_start, "
    "t.transaction_id, t.id_tag_status, t.stop_instant, (t.stop_instant IS NULL OR t.stop_arrived_first) "
    "FROM k JOIN charging_transaction t ON t.station_id = k.station_id AND t.start_instant = k.start_instant "
    "AND t.connector_id = k.connector_id AND t.id_tag_key = k.id_tag_key AND t.meter_start = k.meter_start",
    START_KEY,
    returns=True,
)

# A time that could not be read was replaced by that of the receipt, which a repeat has not in common with the first.
FIND_UNREADABLE_STARTS: Final = Statement(
    "look for the same start without a readable time",
    "WITH k({columns}) AS ({rows}) "
    "SELECT t.station_id, t.connector_id, t.id_tag_key, t.meter_start, t.station_time, t.transaction_id, "
    "t.id_tag_status, t.stop_instant "
    "FROM k JOIN charging_transaction t ON t.station_id = k.station_id AND t.connector_id = k.connector_id "
    "AND t.id_tag_key = k.id_tag_key AND t.meter_start = k.meter_start AND t.station_time = k.station_time "
    "WHERE (t.stop_instant IS NULL OR t.stop_arrived_first) AND ' ' || t.flags || ' ' LIKE '% ' || k.flag || ' %' "
    "ORDER BY t.id",
    (
        ("station_id", INT),
        ("connector_id", INT),
        ("id_tag_key", TEXT),
        ("meter_start", INT),
        ("station_time", TEXT),
        ("flag", TEXT),
    ),
    returns=True,
)

INSERT_STARTS: Final = _insert(
    "store transactions",
    "charging_transaction",
    (
        *START_KEY,
        ("transaction_id", INT),
        ("id_tag", TEXT),
        ("id_tag_status", TEXT),
        ("reservation_id", INT),
        ("station_time", TEXT),
        ("received_at", INT),
        ("flags", TEXT),
        ("stop_arrived_first", BOOL),
    ),
    "ON CONFLICT (station_id, connector_id, id_tag_key, start_instant, meter_start) "
    "WHERE stop_instant IS NULL OR stop_arrived_first DO NOTHING RETURNING transaction_id, id",
    returns=True,
)

# The longest transaction whose stop and start are put together without being asked, and the latest that a stop or a
# start may reach us; and how far a clock may be ahead of ours. Microseconds.
LONGEST_MATCH: Final = 7 * 24 * 3600 * 1_000_000
CLOCK_AHEAD: Final = 300 * 1_000_000

# An orphan stop fits a new transaction when nothing else could: see `transactions.py`.
FIND_ORPHAN_STOPS: Final = Statement(
    "look for stops that came before their start",
    "WITH k({columns}) AS ({rows}) "  # noqa: S608  # our own bounds, no values
    "SELECT k.id, s.id, s.instant, s.station_time, s.received_at, s.meter_stop, s.id_tag, s.reason, s.flags "
    "FROM k JOIN transaction_stop s ON s.station_id = k.station_id AND s.charging_transaction_id IS NULL "
    "WHERE s.meter_stop >= k.meter_start AND (s.id_tag_key IS NULL OR s.id_tag_key = k.id_tag_key) "
    f"AND s.instant - k.start_instant BETWEEN 0 AND {LONGEST_MATCH} "
    f"AND s.received_at - s.instant BETWEEN -{CLOCK_AHEAD} AND {LONGEST_MATCH} "
    f"AND k.received_at - k.start_instant BETWEEN -{CLOCK_AHEAD} AND {LONGEST_MATCH} "
    "AND NOT EXISTS (SELECT 1 FROM charging_transaction o WHERE o.transaction_id = s.transaction_id) "
    "AND NOT EXISTS (SELECT 1 FROM charging_transaction o WHERE o.station_id = k.station_id AND o.id <> k.id "
    "AND o.start_instant <= s.instant AND (o.stop_instant IS NULL OR o.start_instant >= k.start_instant))",
    (
        ("id", INT),
        ("station_id", INT),
        ("id_tag_key", TEXT),
        ("start_instant", INT),
        ("meter_start", INT),
        ("received_at", INT),
    ),
    returns=True,
)

LINK_STOPS: Final = Statement(
    "link stops to their late start",
    "WITH k({columns}) AS ({rows}) UPDATE transaction_stop SET charging_transaction_id = k.charging_transaction_id, "
    "relation = 'stop' FROM k WHERE transaction_stop.id = k.id",
    (("id", INT), ("charging_transaction_id", INT)),
)

# Every row says whether its stop came first; the flag word is added once.
STOP_TRANSACTIONS: Final = Statement(
    "stop transactions",
    "WITH k({columns}) AS ({rows}) UPDATE charging_transaction SET stop_instant = k.instant, "
    "stop_station_time = k.station_time, stop_received_at = k.received_at, meter_stop = k.meter_stop, "
    "stop_id_tag = k.id_tag, stop_reason = k.reason, stop_arrived_first = k.arrived_first, flags = k.flags "
    "FROM k WHERE charging_transaction.id = k.id",
    (
        ("id", INT),
        ("instant", INT),
        ("station_time", TEXT),
        ("received_at", INT),
        ("meter_stop", INT),
        ("id_tag", TEXT),
        ("reason", TEXT),
        ("arrived_first", BOOL),
        ("flags", TEXT),
    ),
)

FIND_STOPPED: Final = Statement(
    "look for the transactions that are being stopped",
    "WITH k({columns}) AS ({rows}) "
    "SELECT t.station_id, t.transaction_id, t.id, t.connector_id, t.stop_instant IS NULL, t.flags "
    "FROM k JOIN charging_transaction t ON t.transaction_id = k.transaction_id AND t.station_id = k.station_id "
    "ORDER BY t.id {lock}",
    (("station_id", INT), ("transaction_id", INT)),
    returns=True,
    lock="FOR NO KEY UPDATE OF t",
)

INSERT_STOPS: Final = _insert(
    "store stops",
    "transaction_stop",
    (
        ("station_id", INT),
        ("transaction_id", INT),
        ("instant", INT),
        ("meter_stop", INT),
        ("content_hash", INT),
        ("charging_transaction_id", INT),
        ("relation", TEXT),
        ("station_time", TEXT),
        ("received_at", INT),
        ("id_tag", TEXT),
        ("id_tag_key", TEXT),
        ("reason", TEXT),
        ("flags", TEXT),
    ),
    "ON CONFLICT (station_id, transaction_id, instant, meter_stop, content_hash) DO NOTHING RETURNING station_id, id",
    returns=True,
)
