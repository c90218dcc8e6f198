"""How a batch writes starts and stops of transactions.

Written as generators, like the whole batch: they yield a statement with its rows and are sent what the database
answers. No I/O here, so one text serves a blocking driver and an asynchronous one.

Starts and stops of one station keep their order: they are applied in *waves*. A wave holds starts of a station and at
most one stop, which comes after them; the same start twice in a wave is a repeat like any other. Waves are few, because
two nodes that insert the same keys in different waves could deadlock (and would then try again).

**An orphan stop finds its start** when a start arrives later and all of this holds: the orphan is the only one that
fits; its transactionId is not one that we gave to anybody (stations send -1, errata v4.0 §3.18, or a number of their
own); its tag is the start's or absent; its instant and meter are not before the start's; and no other transaction of
that station was open at its instant or began between start and stop. Both clocks must be believable, too: each message
reached us at most seven days after the instant that it names (and a clock is at most five minutes ahead of ours), and
the transaction was no longer than seven days. Else the stop of a transaction begun at another CSMS would end the first
one that begins here with a clock at 1970. Whatever is less clear stays an orphan for a person to decide: a stop on the
wrong transaction is a wrong bill.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final

from chargewright.csms.storage.base import (
    TIME_UNREADABLE,
    UNKNOWN_CONNECTOR,
    Record,
    StartRecord,
    StopRecord,
    StorageError,
    StorageUnavailable,
    Unit,
)
from chargewright.csms.storage.statements import (
    FIND_ORPHAN_STOPS,
    FIND_SAME_STARTS,
    FIND_STOPPED,
    FIND_UNREADABLE_STARTS,
    INSERT_STARTS,
    INSERT_STOPS,
    LINK_STOPS,
    RESERVE_TRANSACTION_IDS,
    STOP_TRANSACTIONS,
    Statement,
)
from chargewright.csms.storage.tables import TRANSACTION_ID_MAXIMUM

__all__ = ["Rows", "Started", "Steps", "Stopped", "TransactionIds", "TransactionIdsExhausted", "waves"]

Rows = Sequence[Sequence[Any]]
# What the database is asked, and what it answers.
Steps = Generator[tuple[Statement, Rows], Rows, Any]

SAME_CONTENT_AFTER_STOP: Final = "same-content-after-stop"
STOP_ARRIVED_FIRST: Final = "stop-arrived-first"
BLOCK_SIZE: Final = 1000
ATTEMPTS: Final = 3


class TransactionIdsExhausted(StorageError):
    """Every transactionId up to 2,147,483,647 has been given out."""


class TransactionIds:
    """The transactionIds that this process may give out: blocks reserved in `id_block`.

    A block is reserved inside the batch's own transaction; when that is rolled back, `restore` forgets it.
    """

    def __init__(self, block_size: int = BLOCK_SIZE) -> None:
        self._block_size = block_size
        self._free: list[range] = []

    def snapshot(self) -> list[range]:
        """The state to `restore` should the batch fail."""
        return list(self._free)

    def restore(self, state: list[range]) -> None:
        """Forget what was taken and reserved since the snapshot."""
        self._free = list(state)

    def take(self, count: int) -> Generator[tuple[Statement, Rows], Rows, list[int]]:
        """`count` ids never given out before; raises `TransactionIdsExhausted`."""
        missing = count - sum(map(len, self._free))
        if missing > 0:
            size = max(missing, self._block_size)
            answer = yield RESERVE_TRANSACTION_IDS, [(size,)]
            if not answer:
                raise StorageError("id_block has no row named 'transaction'")
            first = answer[0][0] - size
            end = min(first + size, TRANSACTION_ID_MAXIMUM + 1)
            if end - first < missing:
                raise TransactionIdsExhausted(
                    f"{count} transactionIds are wanted, the next is {first}, the last {TRANSACTION_ID_MAXIMUM}"
                )
            self._free.append(range(first, end))
        ids: list[int] = []
        while len(ids) < count:
            block = self._free[0]
            wanted = count - len(ids)
            ids.extend(block[:wanted])
            if wanted >= len(block):
                del self._free[0]
            else:
                self._free[0] = block[wanted:]
        return ids


class Started:
    """One StartTransaction on its way; `RESULTS` names what is found out."""

    RESULTS: Final = ("transaction_id", "repeated", "flags", "id_tag_status", "stop_instant")

    __slots__ = (
        "flags",
        "id_tag_status",
        "key",
        "key_without_instant",
        "record",
        "repeated",
        "row_id",
        "stop_instant",
        "transaction_id",
        "unit",
    )

    def __init__(self, unit: Unit, record: StartRecord) -> None:
        self.unit = unit
        self.record = record
        self.key = (
            unit.station_id,
            record.connector_id,
            record.id_tag.casefold(),
            record.instant,
            record.meter_start,
        )
        self.key_without_instant = (*self.key[:3], record.meter_start, record.station_time)
        self.transaction_id = 0
        self.row_id = 0
        self.repeated = False
        self.flags = record.flags
        self.id_tag_status = record.id_tag_status
        self.stop_instant: int | None = None


class Stopped:
    """One StopTransaction on its way; `matched` and `repeated` are its result, `connector_id` and `stop_id` are for its
    data.
    """

    __slots__ = ("connector_id", "matched", "record", "repeated", "stop_id", "unit")

    def __init__(self, unit: Unit, record: StopRecord) -> None:
        self.unit = unit
        self.record = record
        self.matched = False
        self.repeated = False
        self.connector_id = UNKNOWN_CONNECTOR
        self.stop_id: int | None = None


class Wave:
    """Of each station: starts, and then at most one stop."""

    __slots__ = ("starts", "stops")

    def __init__(self) -> None:
        self.starts: list[Started] = []
        self.stops: list[Stopped] = []

    def apply(self, ids: TransactionIds) -> Steps:
        """Write the starts, then the stops."""
        if self.starts:
            yield from _apply_starts(self.starts, ids)
        if self.stops:
            yield from _apply_stops(self.stops)


def waves(records: Iterable[tuple[Unit, Record]]) -> list[Wave]:
    """Sort starts and stops, given in the order of submission, into waves that keep each station's order."""
    result: list[Wave] = []
    # Per station: the wave of its latest record, and whether that one was a stop.
    latest: dict[int, tuple[int, bool]] = {}
    for unit, record in records:
        wave, was_stop = latest.get(unit.station_id, (-1, True))
        is_stop = isinstance(record, StopRecord)
        if was_stop:
            wave += 1
        if wave == len(result):
            result.append(Wave())
        latest[unit.station_id] = (wave, is_stop)
        if isinstance(record, StopRecord):
            result[wave].stops.append(Stopped(unit, record))
        elif isinstance(record, StartRecord):
            result[wave].starts.append(Started(unit, record))
    return result


def _apply_starts(starts: list[Started], ids: TransactionIds) -> Steps:
    """§4.8: the same start among transactions not yet stopped gets their id; every other one a new id and a row."""
    waiting = starts
    for _ in range(ATTEMPTS):
        waiting = yield from _recognise(waiting)
        if not waiting:
            return
        for start, transaction_id in zip(waiting, (yield from ids.take(len(waiting))), strict=True):
            start.transaction_id = transaction_id
        # Sorted by the unique key, so that two nodes that insert the same keys wait for each other in one order.
        ordered = sorted(waiting, key=lambda start: start.key)
        inserted = {row[0]: row[1] for row in (yield INSERT_STARTS, [_start_row(start) for start in ordered])}
        new = [start for start in waiting if start.transaction_id in inserted]
        for start in new:
            start.row_id = inserted[start.transaction_id]
        if new:
            yield from _adopt_orphans(new)
        # Another node was faster with the rest: read what it wrote.
        waiting = [start for start in waiting if start.transaction_id not in inserted]
        if not waiting:
            return
    stations = sorted({start.key[0] for start in waiting})
    raise StorageUnavailable(f"starts of the stations {stations} were neither written nor found, {ATTEMPTS} times")


def _recognise(starts: list[Started]) -> Generator[tuple[Statement, Rows], Rows, list[Started]]:
    """Settle the starts that are there already; return the new ones, flagged where a stopped one has the same
    content.
    """
    unreadable: dict[tuple[Any, ...], tuple[int, str, int | None]] = {}
    keys = [(*start.key_without_instant, TIME_UNREADABLE) for start in starts if TIME_UNREADABLE in start.record.flags]
    if keys:
        for *key, transaction_id, status, stopped_at in (yield FIND_UNREADABLE_STARTS, keys):
            unreadable[tuple(key)] = (transaction_id, status, stopped_at)
    same: dict[tuple[Any, ...], tuple[int, str, int | None]] = {}
    stopped: set[tuple[Any, ...]] = set()
    found = yield FIND_SAME_STARTS, [start.key for start in starts]
    for *key, transaction_id, status, stopped_at, is_repeatable in found:
        if is_repeatable:
            same[tuple(key)] = (transaction_id, status, stopped_at)
        else:
            stopped.add(tuple(key))
    new = []
    for start in starts:
        known = same.get(start.key)
        if known is None and TIME_UNREADABLE in start.record.flags:
            known = unreadable.get(start.key_without_instant)
        if known is not None:
            start.transaction_id, start.id_tag_status, start.stop_instant = known
            start.repeated = True
            start.flags = start.record.flags
            continue
        if start.key in stopped and SAME_CONTENT_AFTER_STOP not in start.flags:
            start.flags = (*start.flags, SAME_CONTENT_AFTER_STOP)
        new.append(start)
    return new


def _start_row(start: Started) -> tuple[Any, ...]:
    record = start.record
    return (
        *start.key,
        start.transaction_id,
        record.id_tag,
        record.id_tag_status,
        record.reservation_id,
        record.station_time,
        start.unit.received_at,
        " ".join(start.flags),
        False,
    )


def _adopt_orphans(starts: list[Started]) -> Steps:
    by_row = {start.row_id: start for start in starts}
    candidates: dict[int, list[Sequence[Any]]] = {}
    keys = []
    for start in starts:
        station_id, _, id_tag_key, instant, meter_start = start.key
        keys.append((start.row_id, station_id, id_tag_key, instant, meter_start, start.unit.received_at))
    for row in (yield FIND_ORPHAN_STOPS, keys):
        candidates.setdefault(row[0], []).append(row)
    links, stops = [], []
    for row_id, fitting in sorted(candidates.items()):
        if len(fitting) != 1:
            continue
        _, stop_id, instant, station_time, received_at, meter_stop, id_tag, reason, stop_flags = fitting[0]
        start = by_row[row_id]
        start.flags = (*start.flags, *stop_flags.split(), STOP_ARRIVED_FIRST)
        start.stop_instant = instant
        links.append((stop_id, row_id))
        flags = " ".join(start.flags)
        stops.append((row_id, instant, station_time, received_at, meter_stop, id_tag, reason, True, flags))
    if links:
        yield LINK_STOPS, links
        yield STOP_TRANSACTIONS, stops


def _apply_stops(stops: list[Stopped]) -> Steps:
    """§4.10: every stop is kept; the first one of a transaction stops it, a later one is a correction."""
    stops = sorted(stops, key=lambda stop: (stop.unit.station_id, stop.record.transaction_id))
    # A wave holds one stop of a station, so the station's id names the stop.
    found = {row[0]: row for row in (yield FIND_STOPPED, [(s.unit.station_id, s.record.transaction_id) for s in stops])}
    rows = []
    for stop in stops:
        row = found.get(stop.unit.station_id)
        if row is None:
            rows.append(_stop_row(stop, None, "orphan"))
            continue
        _, _, transaction, stop.connector_id, is_open, _ = row
        rows.append(_stop_row(stop, transaction, "stop" if is_open else "correction"))
    inserted = {row[0]: row[1] for row in (yield INSERT_STOPS, rows)}
    ending = []
    for stop in stops:
        station_id, record = stop.unit.station_id, stop.record
        stop.stop_id = inserted.get(station_id)
        stop.repeated = stop.stop_id is None
        row = found.get(station_id)
        if stop.repeated or row is None or not row[4]:
            continue
        stop.matched = True
        received_at = stop.unit.received_at
        what = (record.station_time, received_at, record.meter_stop, record.id_tag, record.reason)
        ending.append((row[2], record.instant, *what, False, " ".join((*row[5].split(), *record.flags))))
    if ending:
        yield STOP_TRANSACTIONS, ending


def _stop_row(stop: Stopped, transaction: int | None, relation: str) -> tuple[Any, ...]:
    record = stop.record
    return (
        stop.unit.station_id,
        record.transaction_id,
        record.instant,
        record.meter_stop,
        record.content_hash,
        transaction,
        relation,
        record.station_time,
        stop.unit.received_at,
        record.id_tag,
        None if record.id_tag is None else record.id_tag.casefold(),
        record.reason,
        " ".join(record.flags),
    )
