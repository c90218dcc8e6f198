"""Wanted local lists: what an operator wants stations, or groups of them, to have (§3.5.2).

A list has a version that rises with every change, taken from one series for all lists, so that no version ever means
two contents. Entries carry the version in which they changed last, and removed ones stay as gravestones: what changed
since a version is one range of an index. Entries are written a thousand at a time; a list of which that was
interrupted is not `complete`, and nothing is sent of it until it is put again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

import msgspec

from chargewright.clock import Clock
from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.instants import microseconds
from chargewright.csms.ports import Ledger
from chargewright.csms.services.authorization import AuthorizationService
from chargewright.csms.services.events import make_event
from chargewright.csms.storage.base import NO_STATION, Record, Storage
from chargewright.csms.storage.rows.base import In, Range, Removal
from chargewright.csms.storage.rows.charging import LocalListEntryRow, LocalListRow
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.datatypes import AuthorizationStatus

__all__ = ["ENTRIES_LIMIT", "KIND", "SELECTIONS", "WantedEntry", "WantedLists"]

KIND: Final = "wanted local list"
ENTRIES_LIMIT: Final = 500_000
ID_TAG_CHARACTERS: Final = 20
# Which entries go first where a station cannot hold all of them.
SELECTIONS: Final = ("first", "recently-used")
CHUNK: Final = 1_000
SERIES: Final = "local-list"
# A list may be sent with these; ConcurrentTx is no property of a tag (§7.2).
STATUSES: Final = tuple(
    status.value for status in AuthorizationStatus if status is not AuthorizationStatus.CONCURRENT_TX
)


class WantedEntry(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """One entry as the operator names it. One that says nothing but its tag has everything from the registered id
    tag, and follows its changes; one that says anything says all of it, with `status` Accepted unless it names one.
    `expires_at` is in µs.
    """

    id_tag: str
    status: str | None = None
    expires_at: int | None = None
    parent_id_tag: str | None = None

    @property
    def follows(self) -> bool:
        """Whether it takes what it says from the registered id tag."""
        return self.status is None and self.expires_at is None and self.parent_id_tag is None


class WantedLists:
    """Writes and reads wanted lists; in memory are the lists themselves, not their entries."""

    def __init__(self, storage: Storage, ledger: Ledger, authorization: AuthorizationService, clock: Clock) -> None:
        self._storage = storage
        self._ledger = ledger
        self._authorization = authorization
        self._clock = clock
        self._lists: dict[str, LocalListRow] = {}
        self._lock = asyncio.Lock()
        self.on_change: Callable[[str], None] = lambda scope: None
        # The lowest version of the list of a scope that any station has; None: no station has any.
        self.lowest_known: Callable[[str], int | None] = lambda scope: None

    async def load(self) -> None:
        """Read which lists there are."""
        after: tuple[int, int] | None = None
        while rows := await self._storage.page(LocalListRow, after=after, limit=CHUNK):
            self._lists |= {row.scope: row for row in rows}
            after = (rows[-1].id, rows[-1].id)

    def of(self, scope: str) -> LocalListRow | None:
        """The list that is wanted of a scope; None where none is."""
        return self._lists.get(scope)

    def scopes(self) -> list[str]:
        """Everything that a list is wanted of."""
        return list(self._lists)

    # What the operator does.

    async def put(
        self, scope: str, selection: str, chunks: Callable[[], AsyncIterator[Sequence[WantedEntry]]]
    ) -> LocalListRow:
        """Want these entries, in this order, and no others; `chunks` makes the same sequence each time it is called.

        Everything is checked before anything is written. Raises `InvalidValue` naming the entry, `Conflict` while
        another request writes a list. The version rises only where something changed.
        """
        if selection not in SELECTIONS:
            raise InvalidValue("selection", selection, f"one of {', '.join(SELECTIONS)}")
        if self._lock.locked():
            raise Conflict("Another wanted list is being written: try again when that is done.")
        async with self._lock:
            keys = await _checked(chunks())
            row = await self._begin(scope, selection, len(keys))
            await self._write_all(row, chunks(), keys)
            return await self._finish(row)

    async def remove(self, scope: str) -> None:
        """Want nothing of the scope any more: its stations keep what they have. Raises `NotFound`."""
        async with self._lock:
            if scope not in self._lists:
                raise NotFound(KIND, scope)
            event = make_event("local_list.wanted", {"scope": scope, "version": None, "entries": None})
            await self._ledger.write(NO_STATION, Removal(LocalListRow, {"scope": scope}), event)
            del self._lists[scope]
            self.on_change(scope)
            await self._purge(scope)

    async def recall(self, scope: str) -> None:
        """Read again which list is wanted of the scope, which another node may have written. Raises `StorageError`,
        and `Conflict` while a list is being written here."""
        known = self._lists.get(scope)
        rows = await self._storage.page(LocalListRow, {"scope": scope}, limit=1)
        # Without the lock: an operator's request must not be refused because of this.
        if self._lock.locked() or self._lists.get(scope) is not known:
            raise Conflict("A wanted list is being written.")
        if not rows:
            self._lists.pop(scope, None)
        elif known is None or known.version <= rows[0].version:
            self._lists[scope] = rows[0]
        if self._lists.get(scope) != known:
            self.on_change(scope)

    async def follow(self, keys: Iterable[str]) -> None:
        """Registered id tags changed, given by casefolded text: so do the entries that follow them."""
        async with self._lock:
            changed: dict[str, list[LocalListEntryRow]] = {}
            where = {"id_tag_key": In(tuple(keys)), "removed": False, "follows": True}
            after: tuple[int, int] | None = None
            while rows := await self._storage.page(LocalListEntryRow, where, after=after, limit=CHUNK):
                for row in rows:
                    if row.scope in self._lists and self._lists[row.scope].complete:
                        told = self._filled(row)
                        if told != row:
                            changed.setdefault(row.scope, []).append(told)
                after = (rows[-1].id, rows[-1].id)
            for scope, entries in changed.items():
                await self._change(scope, entries)

    async def follow_all(self) -> None:
        """Compare every entry that follows with its tag: what changed while the CSMS could not note it."""
        after: tuple[int, int] | None = None
        while rows := await self._storage.page(LocalListEntryRow, after=after, limit=CHUNK):
            stale = [row.id_tag_key for row in rows if row.follows and not row.removed and self._filled(row) != row]
            if stale:
                await self.follow(stale)
            after = (rows[-1].id, rows[-1].id)
            await asyncio.sleep(0)  # between pages of a long list, stations have their turn

    # What senders read.

    async def changed_since(self, scope: str, version: int) -> int:
        """How many entries changed after that version."""
        where = {"scope": scope, "version": Range(low=version + 1)}
        return (await self._storage.count(LocalListEntryRow, where)).get(None, 0)

    async def difference(self, scope: str, version: int, limit: int) -> AsyncIterator[list[LocalListEntryRow]]:
        """Entries that changed after that version, gravestones included, at most `limit` at a time."""
        after: tuple[int, int] | None = None
        where = {"scope": scope, "version": Range(low=version + 1)}
        while rows := await self._storage.page(LocalListEntryRow, where, order="version", after=after, limit=limit):
            yield rows
            after = (rows[-1].version, rows[-1].id)

    async def everything(
        self, scope: str, limit: int, *, order: str = "id", most: int | None = None
    ) -> AsyncIterator[list[LocalListEntryRow]]:
        """Entries without gravestones, at most `limit` at a time, at most `most` in all."""
        after: tuple[int, int] | None = None
        left = ENTRIES_LIMIT if most is None else most
        where = {"scope": scope, "removed": False}
        while left > 0:
            rows = await self._storage.page(LocalListEntryRow, where, order=order, after=after, limit=min(limit, left))
            if not rows:
                return
            yield rows
            left -= len(rows)
            after = (getattr(rows[-1], order), rows[-1].id)

    # Inside.

    async def _begin(self, scope: str, selection: str, entries: int) -> LocalListRow:
        version = await self._storage.reserve_numbers(SERIES)
        known = self._lists.get(scope)
        if known is None:
            await self._purge(scope)  # of a list whose removal was interrupted
        row = LocalListRow(
            scope=scope,
            version=version,
            selection=selection,
            entries=entries,
            base_version=version if known is None else known.base_version,
            complete=False,
            changed_at=self._clock.now_microseconds(),
        )
        await self._ledger.write(NO_STATION, row)
        self._lists[scope] = row
        return row

    async def _write_all(
        self, row: LocalListRow, chunks: AsyncIterator[Sequence[WantedEntry]], keys: frozenset[str]
    ) -> None:
        scope, position, met = row.scope, 0, 0
        is_new = row.base_version == row.version
        async for chunk in chunks:
            wanted = {}
            for entry in chunk:
                wanted[entry.id_tag.casefold()] = self._row(row, entry, position)
                position += 1
            known: dict[str, LocalListEntryRow] = {}
            if not is_new:
                where = {"scope": scope, "id_tag_key": In(tuple(wanted))}
                # By key, so that the index of the keys is read, and not all entries in the order of their ids.
                rows = await self._storage.page(LocalListEntryRow, where, order="id_tag_key", limit=len(wanted))
                known = {one.id_tag_key: one for one in rows}
                met += sum(not one.removed for one in rows)
            written = [fresh for key, fresh in wanted.items() if _is_news(fresh, known.get(key))]
            if written:
                await self._ledger.write(NO_STATION, *written)
        if not is_new:
            await self._bury(row, keys, met)

    async def _bury(self, row: LocalListRow, keys: frozenset[str], met: int) -> None:
        """Mark the entries that are no longer wanted, unless counting says that there are none."""
        where = {"scope": row.scope, "removed": False}
        alive = (await self._storage.count(LocalListEntryRow, where)).get(None, 0)
        if alive == len(keys):
            return
        async for rows in self.everything(row.scope, CHUNK):
            dead = [
                msgspec.structs.replace(one, removed=True, version=row.version)
                for one in rows
                if one.id_tag_key not in keys
            ]
            if dead:
                await self._ledger.write(NO_STATION, *dead)
            await asyncio.sleep(0)  # between pages of a long list, stations have their turn

    async def _finish(self, row: LocalListRow) -> LocalListRow:
        base = await self._forget_graves(row)
        done = msgspec.structs.replace(row, complete=True, base_version=base)
        await self._ledger.write(NO_STATION, done, _event(done))
        self._lists[row.scope] = done
        self.on_change(row.scope)
        return done

    async def _forget_graves(self, row: LocalListRow) -> int:
        """Remove the gravestones that no station needs any more; the version below which nothing is known now."""
        lowest = self.lowest_known(row.scope)
        base = row.version if lowest is None else min(lowest, row.version)
        if base <= row.base_version:
            return row.base_version
        where = {"scope": row.scope, "removed": True, "version": Range(high=base + 1)}
        while rows := await self._storage.page(LocalListEntryRow, where, limit=CHUNK):
            await self._ledger.write(NO_STATION, *(_removal(one) for one in rows))
        return base

    async def _change(self, scope: str, entries: Sequence[LocalListEntryRow]) -> None:
        version = await self._storage.reserve_numbers(SERIES)
        row = msgspec.structs.replace(self._lists[scope], version=version, changed_at=self._clock.now_microseconds())
        records: list[Record] = [msgspec.structs.replace(entry, version=version) for entry in entries]
        await self._ledger.write(NO_STATION, *records, row, _event(row))
        self._lists[scope] = row
        self.on_change(scope)

    async def _purge(self, scope: str) -> None:
        while rows := await self._storage.page(LocalListEntryRow, {"scope": scope}, limit=CHUNK):
            await self._ledger.write(NO_STATION, *(_removal(one) for one in rows))

    def _row(self, row: LocalListRow, entry: WantedEntry, position: int) -> LocalListEntryRow:
        made = LocalListEntryRow(
            scope=row.scope,
            id_tag_key=entry.id_tag.casefold(),
            id_tag=entry.id_tag,
            status=entry.status or AuthorizationStatus.ACCEPTED.value,
            expires_at=entry.expires_at,
            parent_id_tag=entry.parent_id_tag,
            position=position,
            version=row.version,
            removed=False,
            follows=entry.follows,
        )
        return self._filled(made) if entry.follows else made

    def _filled(self, row: LocalListEntryRow) -> LocalListEntryRow:
        """The entry with what its registered tag says now: what Authorize would be answered."""
        told = self._authorization.check(row.id_tag, self._clock.now_microseconds())
        return msgspec.structs.replace(
            row,
            status=told.status.value,
            expires_at=None if isinstance(told.expiry_date, UnsetType) else microseconds(told.expiry_date),
            parent_id_tag=None if isinstance(told.parent_id_tag, UnsetType) else told.parent_id_tag,
        )


async def _checked(chunks: AsyncIterator[Sequence[WantedEntry]]) -> frozenset[str]:
    """The casefolded tags of all entries; raises `InvalidValue` for the first that cannot be."""
    keys: set[str] = set()
    number = 0
    async for chunk in chunks:
        for entry in chunk:
            _check(entry, number)
            key = entry.id_tag.casefold()
            if key in keys:
                expected = "every id tag once: this one stands in the list already, in whatever case"
                raise InvalidValue(f"entries.{number}.idTag", entry.id_tag, expected)
            keys.add(key)
            number += 1
            if number > ENTRIES_LIMIT:
                raise InvalidValue("entries", f"more than {ENTRIES_LIMIT}", f"at most {ENTRIES_LIMIT} entries")
        await asyncio.sleep(0)  # between pages of a long list, stations have their turn
    return frozenset(keys)


def _check(entry: WantedEntry, number: int) -> None:
    for field, tag in (("idTag", entry.id_tag), ("parentIdTag", entry.parent_id_tag)):
        if tag is not None and not (0 < len(tag) <= ID_TAG_CHARACTERS and tag.isascii() and tag.isprintable()):
            raise InvalidValue(f"entries.{number}.{field}", tag[:40], "1 to 20 printable ASCII characters (§7.28)")
    if entry.status is not None and entry.status not in STATUSES:
        raise InvalidValue(f"entries.{number}.status", entry.status[:40], f"one of {', '.join(STATUSES)}")


def _is_news(fresh: LocalListEntryRow, known: LocalListEntryRow | None) -> bool:
    """Whether it must be written. An entry that only moved keeps its version: no station needs to hear of it."""
    if known is None:
        return True
    same = msgspec.structs.replace(known, id=fresh.id, version=fresh.version, position=fresh.position)
    if same != fresh:
        return True
    if known.position == fresh.position:
        return False
    fresh.version = known.version
    return True


def _removal(row: LocalListEntryRow) -> Removal:
    return Removal(LocalListEntryRow, {"scope": row.scope, "id_tag_key": row.id_tag_key})


def _event(row: LocalListRow) -> Record:
    return make_event("local_list.wanted", {"scope": row.scope, "version": row.version, "entries": row.entries})
