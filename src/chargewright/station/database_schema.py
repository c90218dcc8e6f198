"""Tables of the file in which stations remember, and how a file of the version before becomes one of this."""

from typing import Final

__all__ = ["CARRIED_OVER", "OLD_TABLES", "SCHEMA", "SCHEMA_VERSION"]

SCHEMA_VERSION: Final = 2
SCHEMA: Final = """
CREATE TABLE station (key INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
CREATE TABLE meta (station INTEGER, name TEXT, value TEXT NOT NULL, PRIMARY KEY (station, name)) WITHOUT ROWID;
CREATE TABLE configuration (
    station INTEGER, name TEXT, value TEXT NOT NULL, PRIMARY KEY (station, name)
) WITHOUT ROWID;
CREATE TABLE availability (
    station INTEGER, connector_id INTEGER, is_operative INTEGER NOT NULL, scheduled INTEGER,
    PRIMARY KEY (station, connector_id)
) WITHOUT ROWID;
CREATE TABLE register (
    station INTEGER, connector_id INTEGER, register_wh REAL NOT NULL, kept_at TEXT NOT NULL,
    PRIMARY KEY (station, connector_id)
) WITHOUT ROWID;
CREATE TABLE charging_transaction (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    station INTEGER NOT NULL,
    connector_id INTEGER NOT NULL,
    id_tag TEXT NOT NULL,
    parent_id_tag TEXT,
    state TEXT NOT NULL,
    transaction_id INTEGER,
    started_at TEXT NOT NULL,
    meter_start_wh INTEGER NOT NULL,
    last_reading_at TEXT
);
CREATE INDEX transaction_of_station ON charging_transaction (station, key);
CREATE TABLE sample (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, transaction_key INTEGER NOT NULL, meter_value BLOB NOT NULL
);
CREATE INDEX sample_of_transaction ON sample (transaction_key, sequence);
CREATE TABLE queue (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    station INTEGER NOT NULL,
    transaction_key INTEGER,
    action TEXT NOT NULL,
    payload BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    parked_because TEXT
);
CREATE INDEX queue_of_station ON queue (station, sequence);
CREATE TABLE record (
    station INTEGER, kind TEXT, name TEXT, value BLOB NOT NULL, PRIMARY KEY (station, kind, name)
) WITHOUT ROWID;
"""
# What a file of version 1 held was one station's, the first of version 2.
OLD_TABLES: Final = ("meta", "configuration", "availability", "register", "charging_transaction", "sample", "queue")
CARRIED_OVER: Final = """
INSERT INTO station VALUES (1, '');
INSERT INTO meta SELECT 1, name, value FROM old_meta;
INSERT INTO configuration SELECT 1, name, value FROM old_configuration;
INSERT INTO availability SELECT 1, connector_id, is_operative, scheduled FROM old_availability;
INSERT INTO register SELECT 1, connector_id, register_wh, kept_at FROM old_register;
INSERT INTO charging_transaction SELECT key, 1, connector_id, id_tag, parent_id_tag, state, transaction_id, started_at,
    meter_start_wh, NULL FROM old_charging_transaction;
INSERT INTO sample SELECT sequence, transaction_key, meter_value FROM old_sample;
INSERT INTO queue SELECT sequence, 1, transaction_key, action, payload, attempts, parked_because FROM old_queue;
-- Numbers that were given once are never given again, or an old message could overtake.
UPDATE sqlite_sequence SET seq = (SELECT max(old.seq) FROM sqlite_sequence AS old
    WHERE old.name IN (sqlite_sequence.name, 'old_' || sqlite_sequence.name));
INSERT INTO sqlite_sequence (name, seq) SELECT substr(name, 5), seq FROM sqlite_sequence AS old
    WHERE name LIKE 'old\\_%' ESCAPE '\\' AND substr(name, 5) NOT IN (SELECT name FROM sqlite_sequence);
"""
