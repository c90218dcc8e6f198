"""The file of one station or of many: atomic, gathered where it is shared, carried over from what came before."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from chargewright.station.database import StationDatabase
from chargewright.station.store import StationStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
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


class Later:
    """A `call_later` that calls when told to."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def __call__(self, seconds: float, callback: Callable[[], None]) -> "Later":
        self.calls.append(callback)
        return self

    def cancel(self) -> None:
        self.calls.clear()


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


def test_a_shared_file_keeps_stations_apart(tmp_path: Path) -> None:
    with StationDatabase(tmp_path / "fleet.sqlite3") as database:
        one, two = (StationStore(database, Random(number), f"CW {number}") for number in (1, 2))
        one.set_configuration("HeartbeatInterval", "17")
        one.enqueue(None, "MeterValues", b"{}")
        one.records("list").put("TAG", b"1")
        one.set_register(1, 5.0, NOW)
        assert two.configuration() == {} and two.queue() == [] and two.records("list").count() == 0
        assert two.register(1) == (0.0, None)
        assert StationStore(database, Random(9), "CW 1").configuration() == {"HeartbeatInterval": "17"}
        assert one.meta("instance", "") != two.meta("instance", "")


def test_what_is_gathered_is_told_of_after_the_commit(tmp_path: Path) -> None:
    later = Later()
    path = tmp_path / "fleet.sqlite3"
    with StationDatabase(path, call_later=later) as database:
        store = StationStore(database, Random(1), "CW 1")
        told: list[str] = []
        database.commit()
        database.when_durable(lambda: told.append("nothing to wait for"))
        assert told == ["nothing to wait for"]
        commits = database.commits
        store.set_configuration("HeartbeatInterval", "17")
        with pytest.raises(ZeroDivisionError), store.atomically():
            store.set_configuration("HeartbeatInterval", str(1 // 0))
        database.when_durable(lambda: told.append("first"))
        store.set_configuration("ConnectionTimeOut", "5")
        database.when_durable(lambda: told.append("second"))
        assert told == ["nothing to wait for"] and database.commits == commits
        later.calls[-1]()
        assert told[1:] == ["first", "second"] and database.commits == commits + 1
        assert store.configuration() == {"HeartbeatInterval": "17", "ConnectionTimeOut": "5"}


def test_alone_nothing_has_to_be_waited_for() -> None:
    with StationDatabase(":memory:") as database:
        told: list[str] = []
        database.when_durable(lambda: told.append("now"))
        with database.atomically():
            database.write("INSERT INTO station (identity) VALUES ('x')")
            with database.atomically():
                database.write("INSERT INTO station (identity) VALUES ('y')")
        assert told == ["now"] and not database.is_shared and database.bytes_written == 0
        assert len(database.read("SELECT * FROM station")) == 2


def test_records_are_sorted_and_forgotten() -> None:
    with StationStore(":memory:", Random(1)) as store:
        records = store.records("profile")
        records.put_many((name, name.encode()) for name in ("b", "a", "c"))
        records.put("a", b"new")
        assert list(records.items()) == [("a", b"new"), ("b", b"b"), ("c", b"c")]
        assert records.get("b") == b"b" and records.get("x") is None and records.count() == 3
        records.remove("b")
        records.remove("x")
        assert records.count() == 2
        assert store.records("other").count() == 0
        records.clear()
        assert list(records.items()) == []


def test_only_the_owner_may_read_what_a_station_keeps(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite3"
    path.touch(0o666)
    with StationDatabase(path) as database:
        database.write("INSERT INTO station (identity) VALUES (?)", ("S",))
        modes = {item.name: item.stat().st_mode & 0o777 for item in tmp_path.iterdir() if "sqlite3" in item.name}
    assert modes["station.sqlite3"] == 0o600
    assert all(mode == 0o600 for name, mode in modes.items() if name.endswith(("-wal", "-shm"))), modes
