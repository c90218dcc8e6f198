"""A file of the first version is carried over, with everything in it."""

import sqlite3
from pathlib import Path
from random import Random

from chargewright.station.store import StationStore

# What the first version of the file looked like.
VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE configuration (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE availability (connector_id INTEGER PRIMARY KEY, is_operative INTEGER NOT NULL, scheduled INTEGER);
CREATE TABLE register (connector_id INTEGER PRIMARY KEY, register_wh REAL NOT NULL, kept_at TEXT NOT NULL);
CREATE TABLE charging_transaction (
    key INTEGER PRIMARY KEY AUTOINCREMENT, connector_id INTEGER NOT NULL, id_tag TEXT NOT NULL, parent_id_tag TEXT,
    state TEXT NOT NULL, transaction_id INTEGER, started_at TEXT NOT NULL, meter_start_wh INTEGER NOT NULL
);
CREATE TABLE sample (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, transaction_key INTEGER NOT NULL, meter_value BLOB NOT NULL
);
CREATE INDEX sample_of_transaction ON sample (transaction_key, sequence);
CREATE TABLE queue (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, transaction_key INTEGER, action TEXT NOT NULL, payload BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, parked_because TEXT
);
INSERT INTO meta VALUES ('instance', 'abc'), ('boot_count', '3');
INSERT INTO configuration VALUES ('HeartbeatInterval', '17');
INSERT INTO register VALUES (1, 12.5, '2026-01-01T00:00:00+00:00');
INSERT INTO charging_transaction VALUES (5, 1, 'TAG', NULL, 'closing', 9, '2026-01-01T00:00:00+00:00', 10);
INSERT INTO sample VALUES (2, 5, '{}');
INSERT INTO queue VALUES (7, 5, 'StopTransaction', '{}', 1, NULL), (8, NULL, 'MeterValues', '{}', 0, NULL);
DELETE FROM queue WHERE sequence = 8;
PRAGMA user_version = 1;
"""


def test_a_file_of_the_first_version_is_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    old = sqlite3.connect(path)
    old.executescript(VERSION_1)
    old.close()
    with StationStore(path, Random(1)) as store:
        assert store.meta("instance", "") == "abc"
        assert store.next_boot() == 4
        assert store.configuration() == {"HeartbeatInterval": "17"}
        assert store.register(1)[0] == 12.5
        assert [item.key for item in store.transactions()] == [5]
        assert len(store.samples(5)) == 1
        assert [(item.sequence, item.attempts) for item in store.queue()] == [(7, 1)]
        # Numbers that were given once are never given again.
        assert store.enqueue(None, "MeterValues", b"{}") == 9
    with StationStore(path, Random(1)) as store:
        assert [item.sequence for item in store.queue()] == [7, 9]
