"""How many transactions an id tag has at an instant, from memory: what ConcurrentTx (§7.2) is decided by.

Only the transactions of id tags with a limit are kept: those that are open, and those that were stopped in the last
days, because a station that was offline tells late when something began. They come from the database at the start (or
when a tag gets its limit), from each commit of this node, and from the event log for what other nodes commit.
"""

from collections.abc import Iterable
from functools import partial
from itertools import islice
from typing import Any, Final

from chargewright.clock import Clock
from chargewright.csms.directory import Directory
from chargewright.csms.ports import CallContext
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import StartRecord, StopRecord, Storage
from chargewright.csms.storage.rows.base import In, Range
from chargewright.csms.storage.rows.core import TransactionRow

__all__ = ["ActiveTransactionsService"]

SECOND: Final = 1_000_000
# How long a stopped transaction is kept: starts that are told later than that are judged by what is left.
WINDOW: Final = 7 * 24 * 3600 * SECOND
# How long a start counts that is not durable yet. What takes longer is sent again by its station.
UNSETTLED: Final = 60 * SECOND
TRANSACTIONS_PER_TAG: Final = 1000
TRANSACTIONS: Final = 200_000
_PAGE: Final = 1000
_TAGS_PER_PAGE: Final = 200

Key = tuple[int, int, str, int, int]


class _Active:
    """One transaction: from `start` until before `stop` (µs); `transaction_id` is 0 until its start is durable."""

    __slots__ = ("counts_until", "key", "start", "stop", "transaction_id")

    def __init__(self, key: Key, counts_until: int = 0, transaction_id: int = 0, stop: int | None = None) -> None:
        self.key = key
        self.start = key[3]
        self.stop = stop
        self.transaction_id = transaction_id
        self.counts_until = counts_until

    def contains(self, instant: int, now: int) -> bool:
        return (
            self.start <= instant
            and (self.stop is None or instant < self.stop)
            and (self.transaction_id != 0 or now < self.counts_until)
        )

    def is_over(self, now: int) -> bool:
        """Whether nothing that arrives from now on needs it."""
        if self.transaction_id == 0:
            return now >= self.counts_until
        return self.stop is not None and self.stop < now - WINDOW


class ActiveTransactionsService(Service):
    """The index. `default_limit` is for id tags without a limit of their own; 0: any number."""

    def __init__(self, directory: Directory, storage: Storage, clock: Clock, *, default_limit: int) -> None:
        self._directory = directory
        self._storage = storage
        self._clock = clock
        self._default_limit = default_limit
        self._by_tag: dict[str, list[_Active]] = {}
        self._by_id: dict[int, _Active] = {}

    def __len__(self) -> int:
        """How many durable transactions are in memory."""
        return len(self._by_id)

    def knows(self, transaction_id: int) -> bool:
        """Whether the transaction is in memory."""
        return transaction_id in self._by_id

    def limit(self, id_tag: str) -> int:
        """How many transactions the tag may have at once; 0: any number. An empty one is that of everybody whose tag
        could not be read, and has no limit."""
        row = self._directory.id_tag(id_tag)
        if row is None or row.max_active_transactions is None:
            return self._default_limit if id_tag else 0
        return row.max_active_transactions

    def is_reached(self, station_id: int, start: tuple[int, str, int, int], limit: int, now: int) -> bool:
        """Whether at the instant of the start (connector, id tag, instant, meterStart) as many others as allowed are
        active. A start that is sent again is no other one."""
        connector_id, id_tag, instant, meter_start = start
        id_tag_key = id_tag.casefold()
        key = (station_id, connector_id, id_tag_key, instant, meter_start)
        others = (one for one in self._by_tag.get(id_tag_key, ()) if one.key != key and one.contains(instant, now))
        return sum(1 for _ in islice(others, limit)) >= limit

    # What happens.

    def begins(self, call: CallContext, record: StartRecord) -> None:
        """A start is being stored: it counts from now on, so that another one that arrives before the commit sees
        it."""
        if not self.limit(record.id_tag):
            return
        key = (
            call.station.id,
            record.connector_id,
            record.id_tag.casefold(),
            record.instant,
            record.meter_start,
        )
        known = next((one for one in self._by_tag.get(key[2], ()) if one.key == key and one.stop is None), None)
        if known is None:
            known = _Active(key, counts_until=call.received_at + UNSETTLED)
            self._add(known, call.received_at)
        call.after_commit(partial(self._begun, known, record))

    def ends(self, call: CallContext, record: StopRecord) -> None:
        """A stop is being stored."""
        one = self._by_id.get(record.transaction_id)
        if one is not None and one.key[0] == call.station.id:
            call.after_commit(partial(self._ended, one, record))

    def closed(self, transaction_id: int) -> None:
        """An operator closed the transaction: nobody knows when it ended, so it counts for nobody any more."""
        one = self._by_id.pop(transaction_id, None)
        if one is not None:
            self._discard(one)

    def learn(self, rows: Iterable[TransactionRow]) -> None:
        """Take over what is in the database, whoever wrote it."""
        now = self._clock.now_microseconds()
        for row in rows:
            if row.transaction_id is None or not self.limit(row.id_tag):
                continue
            if row.closed_at is not None:
                self.closed(row.transaction_id)
                continue
            known = self._by_id.get(row.transaction_id)
            if known is not None:
                known.stop = row.stop_instant
                continue
            key = (row.station_id, row.connector_id, row.id_tag_key, row.start_instant, row.meter_start)
            made = _Active(key, transaction_id=row.transaction_id, stop=row.stop_instant)
            if made.is_over(now):
                continue
            # Ours may be on its way back from the database: it is the same one.
            for one in self._by_tag.get(row.id_tag_key, ()):
                if one.key == key and one.transaction_id == 0:
                    one.transaction_id, one.stop = row.transaction_id, row.stop_instant
                    self._by_id[row.transaction_id] = one
                    break
            else:
                self._add(made, now)

    # What is read.

    async def load(self) -> None:
        """Read the transactions of every id tag that has a limit."""
        if self._default_limit:
            await self._read_all()
            return
        keys = [row.id_tag.casefold() for row in self._directory.id_tags() if row.max_active_transactions]
        for first in range(0, len(keys), _TAGS_PER_PAGE):
            await self._read({"id_tag_key": In(tuple(keys[first : first + _TAGS_PER_PAGE]))})

    async def watch(self, id_tag: str) -> None:
        """An id tag of the directory was changed: where it has a limit now, read what it has running."""
        if self.limit(id_tag):
            await self._read({"id_tag_key": id_tag.casefold()})

    async def _read(self, tags: dict[str, Any]) -> None:
        since = self._clock.now_microseconds() - WINDOW
        for stopped in (None, Range(low=since)):
            after: tuple[Any, int] | None = None
            while True:
                rows = await self._storage.page(
                    TransactionRow,
                    {**tags, "stop_instant": stopped},
                    order="start_instant",
                    descending=True,
                    after=after,
                    limit=_PAGE,
                )
                self.learn(rows)
                if len(rows) < _PAGE or len(self) >= TRANSACTIONS:
                    break
                after = (rows[-1].start_instant, rows[-1].id)

    async def _read_all(self) -> None:
        """Every open one, and the newest until one was received before the window: id and receipt have one order."""
        since = self._clock.now_microseconds() - WINDOW
        for where in ({"stop_instant": None}, {}):
            after: tuple[Any, int] | None = None
            while True:
                rows = await self._storage.page(TransactionRow, where, descending=True, after=after, limit=_PAGE)
                self.learn(rows)
                if len(rows) < _PAGE or len(self) >= TRANSACTIONS or (not where and rows[-1].received_at < since):
                    break
                after = (rows[-1].id, rows[-1].id)

    # What is kept.

    def _begun(self, one: _Active, record: StartRecord) -> None:
        if record.transaction_id in self._by_id:
            if one.transaction_id == 0:
                self._discard(one)  # a repeat of one that is known by its id
            return
        if one.transaction_id != 0:
            # The known one was stopped meanwhile, so this one is new.
            one = _Active(one.key)
            self._add(one, self._clock.now_microseconds())
        one.transaction_id = record.transaction_id
        one.stop = record.stop_instant
        self._by_id[record.transaction_id] = one

    def _ended(self, one: _Active, record: StopRecord) -> None:
        if record.matched:
            one.stop = record.instant

    def _add(self, one: _Active, now: int) -> None:
        of_tag = self._by_tag.setdefault(one.key[2], [])
        of_tag.append(one)
        if one.transaction_id:
            self._by_id[one.transaction_id] = one
        if len(of_tag) > TRANSACTIONS_PER_TAG:
            self._clear(one.key[2], now)
        if len(self._by_id) > TRANSACTIONS:
            for id_tag_key in list(self._by_tag):
                self._clear(id_tag_key, now)
            while len(self._by_id) > TRANSACTIONS * 9 // 10:
                # Tags are in the order in which they were first seen.
                self._drop_tag(next(iter(self._by_tag)))

    def _clear(self, id_tag_key: str, now: int) -> None:
        """Forget what is over; of a tag that still has too many, those that began first."""
        of_tag = self._by_tag[id_tag_key]
        kept = sorted((one for one in of_tag if not one.is_over(now)), key=lambda one: one.start)
        kept = kept[-TRANSACTIONS_PER_TAG * 9 // 10 :]
        left = {id(one) for one in kept}
        for one in of_tag:
            if id(one) not in left:
                self._by_id.pop(one.transaction_id, None)
        of_tag[:] = kept
        if not kept:
            del self._by_tag[id_tag_key]

    def _drop_tag(self, id_tag_key: str) -> None:
        for one in self._by_tag.pop(id_tag_key):
            self._by_id.pop(one.transaction_id, None)

    def _discard(self, one: _Active) -> None:
        of_tag = self._by_tag.get(one.key[2])
        if of_tag is not None and one in of_tag:
            of_tag.remove(one)
            if not of_tag:
                del self._by_tag[one.key[2]]
