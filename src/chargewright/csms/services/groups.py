"""Groups of stations, and which of them a station takes its wanted state from.

Anything that is wanted (a local list, a configuration) is wanted of a *scope*: `station:<row id>` or
`group:<row id>`. The nearest scope wins: a station's own before those of its groups; of its groups, the first by name.
Everything is in memory, and changed there only after it was committed.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.ports import Ledger
from chargewright.csms.services.events import make_event
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import NO_STATION, Record, Storage
from chargewright.csms.storage.rows.base import Removal
from chargewright.csms.storage.rows.charging import LocalListRow
from chargewright.csms.storage.rows.core import StationGroupMemberRow, StationGroupRow
from chargewright.csms.storage.rows.upkeep import ConfigurationWantedRow

__all__ = ["KIND", "GroupsService", "group_scope", "scope_of"]

KIND: Final = "group"
NAME_LENGTH: Final = 100
# Beyond this many a list of groups is no longer something that a person looks at.
GROUPS_LIMIT: Final = 10_000
_PAGE: Final = 1_000


def scope_of(station_id: int) -> str:
    """The scope of what is wanted of one station."""
    return f"station:{station_id}"


def group_scope(group_id: int) -> str:
    """The scope of what is wanted of every station of a group."""
    return f"group:{group_id}"


class GroupsService(Service):
    """Which stations are in which group. One station may be in several."""

    def __init__(self, storage: Storage, ledger: Ledger) -> None:
        self._storage = storage
        self._ledger = ledger
        self._by_name: dict[str, StationGroupRow] = {}
        self._by_id: dict[int, StationGroupRow] = {}
        self._members: dict[int, set[int]] = {}
        self._groups: dict[int, set[int]] = {}  # by station
        self._watchers: list[Callable[[int], None]] = []
        self._lock = asyncio.Lock()

    async def load(self) -> None:
        """Read every group and its members."""
        after: tuple[int, int] | None = None
        while rows := await self._storage.page(StationGroupRow, after=after, limit=_PAGE):
            for row in rows:
                self._enter(row)
            after = (rows[-1].id, rows[-1].id)
        after = None
        while members := await self._storage.page(StationGroupMemberRow, after=after, limit=_PAGE):
            for member in members:
                self._join(member.station_id, member.station_group_id)
            after = (members[-1].id, members[-1].id)

    def watch(self, changed: Callable[[int], None]) -> None:
        """Call `changed` with the row id of each station whose groups change, once that is committed."""
        self._watchers.append(changed)

    # What others ask.

    def all(self) -> list[StationGroupRow]:
        """Every group, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def named(self, name: str) -> StationGroupRow:
        """The group of that name, letter by letter; raises `NotFound`."""
        row = self._by_name.get(name)
        if row is None:
            raise NotFound(KIND, name)
        return row

    def of(self, station_id: int) -> list[tuple[int, str]]:
        """Row id and name of the groups of a station, by name."""
        rows = (self._by_id[group_id] for group_id in self._groups.get(station_id, ()))
        return sorted(((row.id, row.name) for row in rows), key=lambda pair: pair[1])

    def members(self, group_id: int) -> frozenset[int]:
        """Row ids of the stations in the group; empty for a group that does not exist."""
        return frozenset(self._members.get(group_id, ()))

    def scopes(self, station_id: int) -> list[str]:
        """Where what is wanted of the station may come from, the one that wins first."""
        return [scope_of(station_id), *(group_scope(group_id) for group_id, _ in self.of(station_id))]

    def stations_of(self, scope: str) -> frozenset[int]:
        """Row ids of the stations that a scope speaks of; raises `ValueError` for what is no scope."""
        kind, _, number = scope.partition(":")
        if kind == "group":
            return self.members(int(number))
        if kind != "station":
            raise ValueError(f"{scope!r} is no scope")
        return frozenset((int(number),))

    # What the operator does.

    async def create(self, name: str) -> StationGroupRow:
        """Make a group. Raises `InvalidValue` for a name that cannot be, `Conflict` where it exists already."""
        _check(name)
        async with self._lock:
            if name in self._by_name:
                raise Conflict(f"There is a group {name!r} already.")
            if len(self._by_name) >= GROUPS_LIMIT:
                raise Conflict(f"There are {GROUPS_LIMIT} groups, and no more are allowed: remove one first.")
            await self._ledger.write(NO_STATION, StationGroupRow(name=name, time_zone="UTC"), _event(name))
            (row,) = await self._storage.page(StationGroupRow, {"name": name}, limit=1)
            self._enter(row)
            return row

    async def remove(self, name: str) -> None:
        """Remove a group and the membership of its stations. Raises `NotFound`; `Conflict` while a local list or
        a configuration is wanted of it, since its stations would silently fall to another one."""
        async with self._lock:
            row = self.named(name)
            scope = group_scope(row.id)
            for kind, what in ((LocalListRow, "A local list"), (ConfigurationWantedRow, "A configuration")):
                if await self._storage.page(kind, {"scope": scope}, limit=1):
                    raise Conflict(f"{what} is wanted of the group {name!r}: remove that first.")
            stations = sorted(self.members(row.id))
            for first in range(0, len(stations), _PAGE):
                chunk = stations[first : first + _PAGE]
                keys = [{"station_id": station_id, "station_group_id": row.id} for station_id in chunk]
                await self._ledger.write(NO_STATION, *(Removal(StationGroupMemberRow, key) for key in keys))
                for station_id in chunk:
                    self._leave(station_id, row.id)
            await self._ledger.write(NO_STATION, Removal(StationGroupRow, {"name": name}), _event(name))
            del self._by_name[name], self._by_id[row.id], self._members[row.id]
        self._tell(*stations)

    async def add(self, name: str, station_id: int) -> None:
        """Put a station into a group; it may be there already. Raises `NotFound`."""
        async with self._lock:
            row = self.named(name)
            if station_id in self._members[row.id]:
                return
            member = StationGroupMemberRow(station_id=station_id, station_group_id=row.id)
            await self._ledger.write(station_id, member, _event(name))
            self._join(station_id, row.id)
        self._tell(station_id)

    async def discard(self, name: str, station_id: int) -> None:
        """Take a station out of a group; it may have left already. Raises `NotFound`."""
        async with self._lock:
            row = self.named(name)
            if station_id not in self._members[row.id]:
                return
            key = {"station_id": station_id, "station_group_id": row.id}
            await self._ledger.write(station_id, Removal(StationGroupMemberRow, key), _event(name))
            self._leave(station_id, row.id)
        self._tell(station_id)

    # What other nodes did.

    async def recall(self, name: str) -> None:
        """Read the group of that name again: it may be new, or gone. Raises `StorageError`."""
        async with self._lock:
            rows = await self._storage.page(StationGroupRow, {"name": name}, limit=1)
            known = self._by_name.get(name)
            left: list[int] = []
            if known is not None and (not rows or rows[0].id != known.id):
                left = sorted(self.members(known.id))
                for station_id in left:
                    self._leave(station_id, known.id)
                del self._by_name[name], self._by_id[known.id], self._members[known.id]
            if rows and name not in self._by_name:
                self._enter(rows[0])
        self._tell(*left)

    async def recall_membership(self, station_id: int) -> None:
        """Read again which groups the station is in. Raises `StorageError`."""
        async with self._lock:
            stored: set[int] = set()
            after: tuple[int, int] | None = None
            while rows := await self._storage.page(
                StationGroupMemberRow, {"station_id": station_id}, after=after, limit=_PAGE
            ):
                stored |= {row.station_group_id for row in rows}
                after = (rows[-1].id, rows[-1].id)
            known = set(self._groups.get(station_id, ()))
            # A group that was made meanwhile is read with the event that tells of it, which comes before.
            stored &= self._by_id.keys()
            for group_id in known - stored:
                self._leave(station_id, group_id)
            for group_id in stored - known:
                self._join(station_id, group_id)
        if stored != known:
            self._tell(station_id)

    # In memory.

    def _enter(self, row: StationGroupRow) -> None:
        self._by_name[row.name] = self._by_id[row.id] = row
        self._members[row.id] = set()

    def _join(self, station_id: int, group_id: int) -> None:
        self._members[group_id].add(station_id)
        self._groups.setdefault(station_id, set()).add(group_id)

    def _leave(self, station_id: int, group_id: int) -> None:
        self._members[group_id].discard(station_id)
        self._groups[station_id].discard(group_id)
        if not self._groups[station_id]:
            del self._groups[station_id]

    def _tell(self, *station_ids: int) -> None:
        for station_id in station_ids:
            for changed in self._watchers:
                changed(station_id)


def _event(name: str) -> Record:
    return make_event("group.changed", {"group": name})


def _check(name: str) -> None:
    # A slash would end the name's part of a path; blanks at its ends cannot be seen.
    if not 0 < len(name) <= NAME_LENGTH or name != name.strip() or "/" in name or not name.isprintable():
        expected = f"1 to {NAME_LENGTH} printable characters, no slash, no blank at either end"
        raise InvalidValue("name", name[:NAME_LENGTH], expected)
