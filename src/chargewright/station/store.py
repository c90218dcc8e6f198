"""What survives a power cut: one SQLite file per station.

Every change is committed before the method returns (WAL, synchronous=FULL), unless several are put into one commit with
`atomically`. A second process on the same file is refused.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final, Self

import msgspec

from chargewright.errors import ChargewrightError

__all__ = ["Availability", "QueuedMessage", "StationStore", "StationStoreError", "StoredTransaction"]

SCHEMA_VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE configuration (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE availability (connector_id INTEGER PRIMARY KEY, is_operative INTEGER NOT NULL, scheduled INTEGER);
CREATE TABLE register (connector_id INTEGER PRIMARY KEY, register_wh REAL NOT NULL, kept_at TEXT NOT NULL);
CREATE TABLE charging_transaction (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    connector_id INTEGER NOT NULL,
    id_tag TEXT NOT NULL,
    parent_id_tag TEXT,
    state TEXT NOT NULL,
    transaction_id INTEGER,
    started_at TEXT NOT NULL,
    meter_start_wh INTEGER NOT NULL
);
CREATE TABLE sample (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, transaction_key INTEGER NOT NULL, meter_value BLOB NOT NULL
);
CREATE INDEX sample_of_transaction ON sample (transaction_key, sequence);
CREATE TABLE queue (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    transaction_key INTEGER,
    action TEXT NOT NULL,
    payload BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    parked_because TEXT
);
"""

# What is appended to the path of the file that names the process.
PROCESS_FILE: Final = ".pid"

ALL_TRANSACTIONS: Final = """
SELECT key, connector_id, id_tag, parent_id_tag, state, transaction_id, started_at, meter_start_wh
FROM charging_transaction ORDER BY key"""
TRANSACTION_BY_KEY: Final = """
SELECT key, connector_id, id_tag, parent_id_tag, state, transaction_id, started_at, meter_start_wh
FROM charging_transaction WHERE key = ?"""
WHOLE_QUEUE: Final = """
SELECT sequence, transaction_key, action, payload, attempts, parked_because FROM queue ORDER BY sequence"""
QUEUE_HEAD: Final = """
SELECT sequence, transaction_key, action, payload, attempts, parked_because FROM queue
WHERE parked_because IS NULL ORDER BY sequence LIMIT 1"""


class StationStoreError(ChargewrightError):
    """The station's file cannot be used; names the file and the reason."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Availability(msgspec.Struct, frozen=True):
    """What ChangeAvailability left behind (§5.2); `scheduled` is what waits for the end of a transaction."""

    is_operative: bool = True
    scheduled: bool | None = None


class QueuedMessage(msgspec.Struct, frozen=True):
    """A transaction message that waits for its answer; `payload` is JSON, `attempts` counts the CALLERRORs so far."""

    sequence: int
    transaction_key: int | None
    action: str
    payload: bytes
    attempts: int
    parked_because: str | None = None


class StoredTransaction(msgspec.Struct, frozen=True):
    """A transaction that is not wholly reported yet."""

    key: int
    connector_id: int
    id_tag: str
    parent_id_tag: str | None
    state: str
    transaction_id: int | None
    started_at: datetime
    meter_start_wh: int


class StationStore:
    """The memory of one station. `path` `":memory:"` is for simulations, and lives as long as this object.

    `random` gives a new file its instance name, which keeps message ids unique when a file is thrown away.
    """

    def __init__(self, path: Path | str, random: Random) -> None:
        self.path = str(path)
        self._depth = 0
        # Opened and used on the event loop's thread; commits are short and ordered, which a thread would only blur.
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=0.0)
        except sqlite3.Error as error:
            reason = f"{error}; is {Path(self.path).parent} a directory that can be written?"
            raise StationStoreError(self.path, reason) from error
        try:
            self._prepare(random)
            self._sign()
        except sqlite3.Error as error:
            self._db.close()
            raise StationStoreError(self.path, self._in_use() if "locked" in str(error) else str(error)) from error
        except StationStoreError:
            self._db.close()
            raise
        except OSError as error:
            self._db.close()
            raise StationStoreError(f"{self.path}{PROCESS_FILE}", f"cannot be written: {error.strerror}") from error

    def _prepare(self, random: Random) -> None:
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        journal = self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        self._db.execute("PRAGMA synchronous=FULL")
        synchronous = self._db.execute("PRAGMA synchronous").fetchone()[0]
        if self.path != ":memory:" and (journal, synchronous) != ("wal", 2):
            raise StationStoreError(self.path, f"cannot be made durable: journal {journal}, synchronous {synchronous}")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StationStoreError(self.path, f"written by a newer version (schema {version}, known {SCHEMA_VERSION})")
        if version == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
            self.set_meta("instance", f"{random.getrandbits(40):010x}")

    def _sign(self) -> None:
        """Leave our process id beside the file, for whoever is refused; SQLite's lock lets nobody look inside."""
        if self.path != ":memory:":
            Path(self.path + PROCESS_FILE).write_text(f"{os.getpid()}\n", encoding="ascii")

    def _in_use(self) -> str:
        try:
            holder = Path(self.path + PROCESS_FILE).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            holder = "unknown"
        return (
            f"another process runs this station (process {holder}); "
            "stop that one, or choose another identity or data directory (--id, --data)"
        )

    def claim(self, product: str, connectors: int) -> None:
        """Remember at the first use whose memory this is; raises `StationStoreError` when it is another product's.

        Configuration, availability, meters and transactions of one product make no sense to another.
        """
        ours = (product, str(connectors))
        known = (self.meta("product", ""), self.meta("connectors", ""))
        if known == ("", ""):
            with self.atomically():
                self.set_meta("product", ours[0])
                self.set_meta("connectors", ours[1])
        elif known != ours:
            whose, whose_not = (f"{name} (connectors: {count})" for name, count in (known, ours))
            reason = f"is the memory of {whose}, not of {whose_not}; choose another data directory (--data)"
            raise StationStoreError(self.path, reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file. Idempotent."""
        self._db.close()

    @contextmanager
    def atomically(self) -> Iterator[None]:
        """Put all changes made inside into one commit; nests. Nothing is kept when the body raises."""
        if self._depth:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._depth -= 1

    # Names and counters.

    def meta(self, name: str, default: str) -> str:
        """A single remembered value."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return default if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Remember a single value."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def next_boot(self) -> int:
        """Count this start of the station; the first is 1."""
        with self.atomically():
            boot = int(self.meta("boot_count", "0")) + 1
            self.set_meta("boot_count", str(boot))
        return boot

    # Configuration keys that were changed.

    def configuration(self) -> dict[str, str]:
        """Changed keys and their values."""
        return dict(self._db.execute("SELECT name, value FROM configuration"))

    def set_configuration(self, name: str, value: str) -> None:
        """Keep a changed key."""
        self._db.execute("INSERT OR REPLACE INTO configuration VALUES (?, ?)", (name, value))

    # Availability and meters.

    def availability(self, connector_id: int) -> Availability:
        """What was last kept for a connector (0 = the station)."""
        row = self._db.execute(
            "SELECT is_operative, scheduled FROM availability WHERE connector_id = ?", (connector_id,)
        ).fetchone()
        return Availability() if row is None else Availability(bool(row[0]), None if row[1] is None else bool(row[1]))

    def set_availability(self, connector_id: int, availability: Availability) -> None:
        """Keep what ChangeAvailability asked for."""
        self._db.execute(
            "INSERT OR REPLACE INTO availability VALUES (?, ?, ?)",
            (connector_id, availability.is_operative, availability.scheduled),
        )

    def register(self, connector_id: int) -> tuple[float, datetime | None]:
        """Where the meter stood when it was last kept, in Wh, and when that was."""
        row = self._db.execute(
            "SELECT register_wh, kept_at FROM register WHERE connector_id = ?", (connector_id,)
        ).fetchone()
        return (0.0, None) if row is None else (float(row[0]), _moment(row[1]))

    def set_register(self, connector_id: int, register_wh: float, kept_at: datetime) -> None:
        """Keep a meter's register."""
        self._db.execute(
            "INSERT OR REPLACE INTO register VALUES (?, ?, ?)", (connector_id, register_wh, _text(kept_at))
        )

    # Transactions.

    def add_transaction(
        self, connector_id: int, id_tag: str, parent_id_tag: str | None, state: str, started_at: datetime, meter_wh: int
    ) -> StoredTransaction:
        """Open a transaction; its key is ours alone and never on the wire."""
        cursor = self._db.execute(
            "INSERT INTO charging_transaction (connector_id, id_tag, parent_id_tag, state, started_at, meter_start_wh)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (connector_id, id_tag, parent_id_tag, state, _text(started_at), meter_wh),
        )
        assert cursor.lastrowid is not None
        return self.transaction(cursor.lastrowid)

    def transaction(self, key: int) -> StoredTransaction:
        """One transaction; raises `StationStoreError` when it is not there."""
        rows = self._transactions(TRANSACTION_BY_KEY, (key,))
        if not rows:
            raise StationStoreError(self.path, f"no transaction with key {key}")
        return rows[0]

    def transactions(self) -> list[StoredTransaction]:
        """All that are not wholly reported, oldest first."""
        return self._transactions(ALL_TRANSACTIONS, ())

    def _transactions(self, query: str, parameters: tuple[object, ...]) -> list[StoredTransaction]:
        return [
            StoredTransaction(key, connector_id, id_tag, parent, state, transaction_id, _moment(started_at), meter_wh)
            for key, connector_id, id_tag, parent, state, transaction_id, started_at, meter_wh in self._db.execute(
                query, parameters
            )
        ]

    def update_transaction(self, key: int, *, state: str, transaction_id: int | None) -> None:
        """Move a transaction to another state, with the id known by now."""
        self._db.execute(
            "UPDATE charging_transaction SET state = ?, transaction_id = ? WHERE key = ?", (state, transaction_id, key)
        )

    def remove_transaction(self, key: int) -> None:
        """Forget a transaction that is wholly reported, with its samples."""
        with self.atomically():
            self._db.execute("DELETE FROM sample WHERE transaction_key = ?", (key,))
            self._db.execute("DELETE FROM charging_transaction WHERE key = ?", (key,))

    def add_sample(self, transaction_key: int, meter_value: bytes) -> None:
        """Keep one MeterValue (JSON) for `StopTransaction.transactionData`."""
        self._db.execute(
            "INSERT INTO sample (transaction_key, meter_value) VALUES (?, ?)", (transaction_key, meter_value)
        )

    def samples(self, transaction_key: int) -> list[tuple[int, bytes]]:
        """Sequence number and JSON of the kept samples, oldest first."""
        return self._db.execute(
            "SELECT sequence, meter_value FROM sample WHERE transaction_key = ? ORDER BY sequence", (transaction_key,)
        ).fetchall()

    def remove_sample(self, sequence: int) -> None:
        """Forget one sample."""
        self._db.execute("DELETE FROM sample WHERE sequence = ?", (sequence,))

    # The queue of transaction messages.

    def enqueue(self, transaction_key: int | None, action: str, payload: bytes) -> int:
        """Put a message at the end; returns its sequence number."""
        cursor = self._db.execute(
            "INSERT INTO queue (transaction_key, action, payload) VALUES (?, ?, ?)", (transaction_key, action, payload)
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def queue_head(self) -> QueuedMessage | None:
        """The oldest message that is not parked."""
        rows = self._queue(QUEUE_HEAD)
        return rows[0] if rows else None

    def queue(self) -> list[QueuedMessage]:
        """All messages in order, parked ones included."""
        return self._queue(WHOLE_QUEUE)

    def _queue(self, query: str) -> list[QueuedMessage]:
        return [QueuedMessage(*row) for row in self._db.execute(query)]

    def queue_length(self) -> int:
        """How many messages wait (parked ones do not wait)."""
        return int(self._db.execute("SELECT count(*) FROM queue WHERE parked_because IS NULL").fetchone()[0])

    def count_attempt(self, sequence: int, attempts: int) -> None:
        """Keep how often a message was refused."""
        self._db.execute("UPDATE queue SET attempts = ? WHERE sequence = ?", (attempts, sequence))

    def park(self, sequence: int, reason: str) -> None:
        """Set a message aside for good; it stays readable in `queue`."""
        self._db.execute("UPDATE queue SET parked_because = ? WHERE sequence = ?", (reason, sequence))

    def dequeue(self, sequence: int) -> None:
        """Forget a message that was answered."""
        self._db.execute("DELETE FROM queue WHERE sequence = ?", (sequence,))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
