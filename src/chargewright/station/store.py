"""What one station remembers over power cuts.

Every change is durable when the method returns, or with the next commit of a file that is shared (`database`).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final, Self

import msgspec

from chargewright.station.database import StationDatabase, StationStoreError

__all__ = ["Availability", "QueuedMessage", "Records", "StationStore", "StationStoreError", "StoredTransaction"]

_TRANSACTION: Final = (
    "SELECT key, connector_id, id_tag, parent_id_tag, state, transaction_id, started_at, meter_start_wh,"
    " last_reading_at FROM charging_transaction"
)
ALL_TRANSACTIONS: Final = f"{_TRANSACTION} WHERE station = ? ORDER BY key"
TRANSACTION_BY_KEY: Final = f"{_TRANSACTION} WHERE key = ?"
_QUEUE: Final = (
    "SELECT sequence, transaction_key, action, payload, attempts, parked_because FROM queue WHERE station = ?"
)
WHOLE_QUEUE: Final = f"{_QUEUE} ORDER BY sequence"
_HEAD: Final = "AND parked_because IS NULL ORDER BY sequence LIMIT 1"
# Security events are no transaction messages, and may not hold them up.
QUEUE_HEAD: Final = f"{_QUEUE} AND action != 'SecurityEventNotification' {_HEAD}"
SECURITY_EVENT_HEAD: Final = f"{_QUEUE} AND action = 'SecurityEventNotification' {_HEAD}"


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
    last_reading_at: datetime | None = None


class Records:
    """Named values of one kind, for blocks that remember something of their own; sorted by name."""

    def __init__(self, database: StationDatabase, station: int, kind: str) -> None:
        self._db = database
        self._station = station
        self._kind = kind

    def get(self, name: str) -> bytes | None:
        """One value."""
        rows = self._db.read(
            "SELECT value FROM record WHERE station = ? AND kind = ? AND name = ?", (self._station, self._kind, name)
        )
        return rows[0][0] if rows else None

    def put(self, name: str, value: bytes) -> None:
        """Keep a value, in place of one with the same name."""
        self._db.write("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)", (self._station, self._kind, name, value))

    def put_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Keep many, all or none."""
        self._db.write_many(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)",
            ((self._station, self._kind, name, value) for name, value in items),
        )

    def remove(self, name: str) -> None:
        """Forget one; nothing happens when it is not there."""
        self._db.write(
            "DELETE FROM record WHERE station = ? AND kind = ? AND name = ?", (self._station, self._kind, name)
        )

    def clear(self) -> None:
        """Forget all."""
        self._db.write("DELETE FROM record WHERE station = ? AND kind = ?", (self._station, self._kind))

    def items(self) -> Iterator[tuple[str, bytes]]:
        """All names and values."""
        yield from self._db.read(
            "SELECT name, value FROM record WHERE station = ? AND kind = ? ORDER BY name", (self._station, self._kind)
        )

    def count(self) -> int:
        """How many there are."""
        rows = self._db.read("SELECT count(*) FROM record WHERE station = ? AND kind = ?", (self._station, self._kind))
        return int(rows[0][0])


class StationStore:
    """The memory of one station: a file of its own, or its part of a shared one.

    `random` gives a new memory its instance name, which keeps message ids unique when a file is thrown away.
    """

    def __init__(self, place: Path | str | StationDatabase, random: Random, identity: str = "") -> None:
        self._owns = not isinstance(place, StationDatabase)
        self._db = place if isinstance(place, StationDatabase) else StationDatabase(place)
        with self.atomically():
            rows = self._db.read("SELECT key FROM station WHERE identity = ?", (identity,))
            self._station = (
                int(rows[0][0]) if rows else self._db.write("INSERT INTO station (identity) VALUES (?)", (identity,))
            )
            if not self.meta("instance", ""):
                self.set_meta("instance", f"{random.getrandbits(40):010x}")

    @property
    def path(self) -> str:
        """The file."""
        return self._db.path

    @property
    def database(self) -> StationDatabase:
        """The file, open."""
        return self._db

    def records(self, kind: str) -> Records:
        """Named values of that kind."""
        return Records(self._db, self._station, kind)

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
        """Release the file, unless it is shared. Idempotent."""
        if self._owns:
            self._db.close()

    def atomically(self) -> AbstractContextManager[None]:
        """Put all changes made inside into one commit; nests. Nothing is kept when the body raises."""
        return self._db.atomically()

    def if_taken_back(self, undo: Callable[[], None]) -> None:
        """Call it if the changes of the `atomically` that is open now do not come about: memory follows the disk."""
        self._db.if_taken_back(undo)

    # Names and counters.

    def meta(self, name: str, default: str) -> str:
        """A single remembered value."""
        rows = self._db.read("SELECT value FROM meta WHERE station = ? AND name = ?", (self._station, name))
        return str(rows[0][0]) if rows else default

    def set_meta(self, name: str, value: str) -> None:
        """Remember a single value."""
        self._db.write("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", (self._station, name, value))

    def next_boot(self) -> int:
        """Count this start of the station; the first is 1."""
        with self.atomically():
            boot = int(self.meta("boot_count", "0")) + 1
            self.set_meta("boot_count", str(boot))
        return boot

    # Configuration keys that were changed.

    def configuration(self) -> dict[str, str]:
        """Changed keys and their values."""
        return dict(self._db.read("SELECT name, value FROM configuration WHERE station = ?", (self._station,)))

    def set_configuration(self, name: str, value: str) -> None:
        """Keep a changed key."""
        self._db.write("INSERT OR REPLACE INTO configuration VALUES (?, ?, ?)", (self._station, name, value))

    # Availability and meters.

    def availability(self, connector_id: int) -> Availability:
        """What was last kept for a connector (0 = the station)."""
        rows = self._db.read(
            "SELECT is_operative, scheduled FROM availability WHERE station = ? AND connector_id = ?",
            (self._station, connector_id),
        )
        if not rows:
            return Availability()
        is_operative, scheduled = rows[0]
        return Availability(bool(is_operative), None if scheduled is None else bool(scheduled))

    def set_availability(self, connector_id: int, availability: Availability) -> None:
        """Keep what ChangeAvailability asked for."""
        self._db.write(
            "INSERT OR REPLACE INTO availability VALUES (?, ?, ?, ?)",
            (self._station, connector_id, availability.is_operative, availability.scheduled),
        )

    def register(self, connector_id: int) -> tuple[float, datetime | None]:
        """Where the meter stood when it was last kept, in Wh, and when that was."""
        rows = self._db.read(
            "SELECT register_wh, kept_at FROM register WHERE station = ? AND connector_id = ?",
            (self._station, connector_id),
        )
        return (float(rows[0][0]), _moment(rows[0][1])) if rows else (0.0, None)

    def set_register(self, connector_id: int, register_wh: float, kept_at: datetime) -> None:
        """Keep a meter's register."""
        self._db.write(
            "INSERT OR REPLACE INTO register VALUES (?, ?, ?, ?)",
            (self._station, connector_id, register_wh, _text(kept_at)),
        )

    # Transactions.

    def add_transaction(
        self, connector_id: int, id_tag: str, parent_id_tag: str | None, state: str, started_at: datetime, meter_wh: int
    ) -> StoredTransaction:
        """Open a transaction; its key is ours alone and never on the wire."""
        key = self._db.write(
            "INSERT INTO charging_transaction"
            " (station, connector_id, id_tag, parent_id_tag, state, started_at, meter_start_wh)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._station, connector_id, id_tag, parent_id_tag, state, _text(started_at), meter_wh),
        )
        return self.transaction(key)

    def transaction(self, key: int) -> StoredTransaction:
        """One transaction; raises `StationStoreError` when it is not there."""
        rows = self._transactions(TRANSACTION_BY_KEY, (key,))
        if not rows:
            raise StationStoreError(self.path, f"no transaction with key {key}")
        return rows[0]

    def transactions(self) -> list[StoredTransaction]:
        """All that are not wholly reported, oldest first."""
        return self._transactions(ALL_TRANSACTIONS, (self._station,))

    def _transactions(self, query: str, parameters: tuple[object, ...]) -> list[StoredTransaction]:
        return [
            StoredTransaction(
                key, connector_id, id_tag, parent, state, number, _moment(begun), meter_wh, _moment_or_none(read)
            )
            for key, connector_id, id_tag, parent, state, number, begun, meter_wh, read in self._db.read(
                query, parameters
            )
        ]

    def note_reading(self, key: int, read_at: datetime) -> None:
        """A meter value of the transaction was told: it ran at that moment."""
        self._db.write("UPDATE charging_transaction SET last_reading_at = ? WHERE key = ?", (_text(read_at), key))

    def update_transaction(self, key: int, *, state: str, transaction_id: int | None) -> None:
        """Move a transaction to another state, with the id known by now."""
        self._db.write(
            "UPDATE charging_transaction SET state = ?, transaction_id = ? WHERE key = ?", (state, transaction_id, key)
        )

    def remove_transaction(self, key: int) -> None:
        """Forget a transaction that is wholly reported, with its samples."""
        with self.atomically():
            self._db.write("DELETE FROM sample WHERE transaction_key = ?", (key,))
            self._db.write("DELETE FROM charging_transaction WHERE key = ?", (key,))

    def add_sample(self, transaction_key: int, meter_value: bytes) -> None:
        """Keep one MeterValue (JSON) for `StopTransaction.transactionData`."""
        self._db.write(
            "INSERT INTO sample (transaction_key, meter_value) VALUES (?, ?)", (transaction_key, meter_value)
        )

    def samples(self, transaction_key: int) -> list[tuple[int, bytes]]:
        """Sequence number and JSON of the kept samples, oldest first."""
        return self._db.read(
            "SELECT sequence, meter_value FROM sample WHERE transaction_key = ? ORDER BY sequence", (transaction_key,)
        )

    def remove_sample(self, sequence: int) -> None:
        """Forget one sample."""
        self._db.write("DELETE FROM sample WHERE sequence = ?", (sequence,))

    # The queue of transaction messages, and that of security events, in one table.

    def enqueue(self, transaction_key: int | None, action: str, payload: bytes) -> int:
        """Put a message at the end; returns its sequence number."""
        return self._db.write(
            "INSERT INTO queue (station, transaction_key, action, payload) VALUES (?, ?, ?, ?)",
            (self._station, transaction_key, action, payload),
        )

    def queue_head(self) -> QueuedMessage | None:
        """The oldest transaction message that is not parked."""
        rows = self._queue(QUEUE_HEAD)
        return rows[0] if rows else None

    def security_event_head(self) -> QueuedMessage | None:
        """The oldest SecurityEventNotification that is not parked."""
        rows = self._queue(SECURITY_EVENT_HEAD)
        return rows[0] if rows else None

    def queue(self) -> list[QueuedMessage]:
        """All messages of both in order, parked ones included."""
        return self._queue(WHOLE_QUEUE)

    def _queue(self, query: str) -> list[QueuedMessage]:
        return [QueuedMessage(*row) for row in self._db.read(query, (self._station,))]

    def queue_length(self) -> int:
        """How many transaction messages wait (parked ones do not wait)."""
        rows = self._db.read(
            "SELECT count(*) FROM queue WHERE station = ? AND parked_because IS NULL"
            " AND action != 'SecurityEventNotification'",
            (self._station,),
        )
        return int(rows[0][0])

    def count_attempt(self, sequence: int, attempts: int) -> None:
        """Keep how often a message was refused."""
        self._db.write("UPDATE queue SET attempts = ? WHERE sequence = ?", (attempts, sequence))

    def park(self, sequence: int, reason: str) -> None:
        """Set a message aside for good; it stays readable in `queue`."""
        self._db.write("UPDATE queue SET parked_because = ? WHERE sequence = ?", (reason, sequence))

    def dequeue(self, sequence: int) -> None:
        """Forget a message that was answered."""
        self._db.write("DELETE FROM queue WHERE sequence = ?", (sequence,))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment_or_none(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)
