"""What an operator does with stations: register, change, take out of service, look at them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

import msgspec

from chargewright.clock import Clock
from chargewright.csms.directory import Directory
from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.ports import Ledger
from chargewright.csms.services.clock_offsets import ClockOffsets
from chargewright.csms.services.credential_changes import CredentialChangesService
from chargewright.csms.services.events import make_event
from chargewright.csms.services.groups import GroupsService
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import Record, StationRow, Storage
from chargewright.csms.storage.rows.base import In, Range
from chargewright.csms.storage.rows.core import StationChange, StationDetailRow

__all__ = ["KIND", "StationAdminService", "StationConnection", "StationConnections", "StationFilter"]

KIND: Final = "station"
# A path of the API; a station of this name could not be asked for.
RESERVED_IDENTITIES: Final = frozenset({"attempts"})
# AuthorizationKey: 16 to 20 bytes (A00.FR.205).
PASSWORD_BYTES: Final = 20
# RFC 6455 7.4.1.
POLICY_VIOLATION: Final = 1008
_CHUNK: Final = 500
# Columns that an operator decides, as `StationRow` has them in memory.
_COLUMNS: Final = (
    "security_profile",
    "credential_hash",
    "registration",
    "automatic",
    "tolerance",
    "time_zone",
    "ping_interval_seconds",
    "maximum_power_w",
)
_NAMES: Final[Mapping[str, str]] = {
    "security_profile": "securityProfile",
    "credential_hash": "password",
    "registration": "registration",
    "automatic": "automatic",
    "tolerance": "tolerance",
    "time_zone": "timeZone",
    "ping_interval_seconds": "pingIntervalSeconds",
    "maximum_power_w": "maximumPowerW",
}


class StationConnection(Protocol):
    """A connection of a station to this process."""

    @property
    def station(self) -> StationRow:
        """Whose it is."""

    @property
    def last_received_at(self) -> int:
        """When it was last heard, in µs; 0: not yet."""

    def close(self, code: int, reason: str) -> None:
        """Begin to close it."""


class StationConnections(Protocol):
    """Who is connected to this process."""

    def of_station(self, station_id: int) -> StationConnection | None:
        """The newest connection of a station."""

    def __iter__(self) -> Iterator[StationConnection]:
        """Every one."""


class StationFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which stations are looked for; None: any. `group` is the row id of a group."""

    connected: bool | None = None
    registration: str | None = None
    group: int | None = None
    vendor: str | None = None
    model: str | None = None


class StationAdminService(Service):
    """One station is written by one request at a time. `hash_password(password, known)` gives what is stored of a
    password; `refusal(row)` says why a station may not be let in as its row has it, None when it may."""

    def __init__(
        self,
        directory: Directory,
        storage: Storage,
        ledger: Ledger,
        clock: Clock,
        groups: GroupsService,
        offsets: ClockOffsets,
        connections: StationConnections,
        credential_changes: CredentialChangesService,
        *,
        hash_password: Callable[[bytes, str | None], str],
        refusal: Callable[[StationRow], str | None],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._directory = directory
        self._storage = storage
        self._ledger = ledger
        self._clock = clock
        self._groups = groups
        self._offsets = offsets
        self._connections = connections
        self._credential_changes = credential_changes
        self._hash_password = hash_password
        self._refusal = refusal
        self._entropy = entropy
        self._busy: set[str] = set()
        self._recalling: set[str] = set()  # identities whose rows are being read again, and not written meanwhile
        self._removed: dict[int, str] = {}  # identities of those out of service, by row id
        self.on_registered: list[Callable[[StationRow], None]] = []
        self.on_changed: list[Callable[[StationRow], None]] = []

    async def load(self) -> None:
        """Read what is kept in memory; called once, before anything listens."""
        after: tuple[int, int] | None = None
        while rows := await self._storage.page(
            StationDetailRow, {"removed_at": Range(low=0)}, after=after, limit=_CHUNK
        ):
            self._removed |= {row.id: row.identity for row in rows}
            after = (rows[-1].id, rows[-1].id)

    # Look.

    def identity(self, station_id: int) -> str:
        """The identity of a station by row id, also of one out of service; raises `NotFound`."""
        row = self._directory.station_by_id(station_id)
        if row is not None:
            return row.identity
        if station_id not in self._removed:
            raise NotFound(KIND, str(station_id))
        return self._removed[station_id]

    def known(self, identity: str) -> StationRow:
        """The station in service with that identity; raises `NotFound`."""
        row = self._directory.station(identity)
        if row is None:
            raise NotFound(KIND, identity)
        return row

    async def detail(self, identity: str) -> StationDetailRow:
        """All that is stored of a station in service; raises `NotFound`."""
        station = self.known(identity)
        rows = await self._storage.page(StationDetailRow, {"id": station.id}, limit=1)
        if not rows:
            raise NotFound(KIND, identity)
        return rows[0]

    async def page(self, wanted: StationFilter, after: tuple[Any, int] | None, limit: int) -> list[StationDetailRow]:
        """Stations in service in the order in which they became known, as `Storage.page` gives rows."""
        where: dict[str, Any] = {"removed_at": None}
        if wanted.vendor is not None:
            where["vendor"] = wanted.vendor
        if wanted.model is not None:
            where["model"] = wanted.model
        if wanted.connected is None and wanted.registration is None and wanted.group is None:
            return await self._storage.page(StationDetailRow, where, after=after, limit=limit)
        first = 0 if after is None else after[1]
        ids = sorted(row.id for row in self._directory.stations() if row.id > first and self._is_wanted(row, wanted))
        found: list[StationDetailRow] = []
        for start in range(0, len(ids), _CHUNK):
            chunk = In(tuple(ids[start : start + _CHUNK]))
            found += await self._storage.page(StationDetailRow, where | {"id": chunk}, limit=limit - len(found))
            if len(found) >= limit:
                break
        return found

    def connection(self, station_id: int) -> StationConnection | None:
        """Its connection to this process."""
        return self._connections.of_station(station_id)

    def clock_offset_seconds(self, station_id: int) -> float | None:
        """How far its clock is off, by what it said on this connection; above 0 it is fast."""
        connection = self._connections.of_station(station_id)
        return None if connection is None else self._offsets.seconds(station_id)

    def _is_wanted(self, row: StationRow, wanted: StationFilter) -> bool:
        return (
            (wanted.connected is None or wanted.connected == (self.connection(row.id) is not None))
            and (wanted.registration is None or wanted.registration == row.registration)
            and (wanted.group is None or row.id in self._groups.members(wanted.group))
        )

    # Change.

    def make_password(self) -> str:
        """A fresh AuthorizationKey, in hexadecimal digits."""
        return self._entropy(PASSWORD_BYTES).hex()

    async def register(self, row: StationRow, password: str | None) -> StationDetailRow:
        """Take a station into service, or again. `password` is an AuthorizationKey in hexadecimal digits, None where
        the security profile has none. Raises `Conflict`, `InvalidValue`."""
        if row.identity in RESERVED_IDENTITIES:
            raise InvalidValue("identity", row.identity, "another name: this one is a path of the API")
        with self._writing(row.identity):
            known = self._directory.station(row.identity)
            if known is not None and not self._directory.is_uninvited(known):
                raise Conflict(f"The station {row.identity!r} is registered already: change that one instead.")
            wanted = msgspec.structs.replace(row, credential_hash=self._hashed(password, None))
            self._check(wanted)
            stored = await self._storage.add_station(wanted)
            await self._write(stored.id, wanted, "station.registered", {"securityProfile": wanted.security_profile})
            if known is None:
                known = self._directory.put_station(msgspec.structs.replace(stored))
            self._removed.pop(known.id, None)
            self._take_over(known, wanted)
            self._directory.invite(known)
        for act in self.on_registered:
            act(known)
        return await self.detail(row.identity)

    async def change(self, identity: str, changes: Mapping[str, Any], password: str | None) -> StationDetailRow:
        """Change some of the operator's columns, and the password where one is given. Raises `NotFound`, `Conflict`,
        `InvalidValue`."""
        with self._writing(identity):
            known = self.known(identity)
            # Neither this nor the end of a password's change on its way to the station undoes the other.
            async with self._credential_changes.writing(known.id):
                await self._change(known, changes, password)
            self._directory.invite(known)
        for act in self.on_changed:
            act(known)
        return await self.detail(identity)

    async def _change(self, known: StationRow, changes: Mapping[str, Any], password: str | None) -> None:
        wanted = msgspec.structs.replace(known, **changes)
        if password is not None:
            wanted.credential_hash = self._hashed(password, known.credential_hash)
        if wanted.security_profile == 0:
            if password is not None:
                raise InvalidValue("securityProfile", 0, "1 or 2, because a password is given")
            if "security_profile" in changes:  # else it may have taken one, before a profile with password (A05.FR.02)
                wanted.credential_hash = None
        self._check(wanted)
        names = [_NAMES[column] for column in _COLUMNS if getattr(known, column) != getattr(wanted, column)]
        is_password = password is not None or wanted.credential_hash != known.credential_hash
        ends, settle = self._credential_changes.without(
            known.id, passwords=is_password, profile="security_profile" in changes
        )
        if names or ends:
            await self._write(known.id, wanted, "station.changed", {"changed": names}, *ends)
            settle()
            self._take_over(known, wanted)

    async def remove(self, identity: str) -> None:
        """Take a station out of service: its connection is closed and its identity is unknown from now on; its history
        stays. Raises `NotFound`, `Conflict`."""
        with self._writing(identity):
            known = self.known(identity)
            async with self._credential_changes.writing(known.id):
                ends, settle = self._credential_changes.without(known.id, passwords=True, profile=True)
                now = self._clock.now_microseconds()
                await self._write(known.id, known, "station.removed", {}, *ends, removed_at=now)
                settle()
            self._forget(known)

    def _forget(self, known: StationRow) -> None:
        self._directory.remove_station(known)
        self._removed[known.id] = known.identity
        self._offsets.forget(known.id)
        for connection in self._connections:
            if connection.station.id == known.id:
                connection.close(POLICY_VIOLATION, "the station was taken out of service")

    async def recall(self, identity: str) -> None:
        """Read the station again, which another node may have written, and what is on its way to it. Raises
        `StorageError`, and `Conflict` while it is being written here."""
        rows = await self._storage.page(StationDetailRow, {"identity": identity}, limit=1)
        if not rows:
            return
        self._recalling.add(identity)
        async with self._credential_changes.writing(rows[0].id):
            (row,) = await self._storage.page(StationDetailRow, {"id": rows[0].id}, limit=1)
            await self._credential_changes.recall(row.id)
            # Not by `_writing`: an operator's request must not be refused because of this.
            if identity in self._busy or identity not in self._recalling:
                raise Conflict(f"The station {identity!r} is being written.")
            self._recalling.discard(identity)
            known = self._directory.station(identity)
            if row.removed_at is not None:
                if known is not None:
                    self._forget(known)
                return
            is_new = known is None
            if known is None:
                stored = {name: getattr(row, name) for name in StationRow.__struct_fields__}
                known = self._directory.put_stored(StationRow(**stored))
                self._removed.pop(known.id, None)
            is_changed = any(getattr(known, column) != getattr(row, column) for column in _COLUMNS)
            for column in _COLUMNS:
                setattr(known, column, getattr(row, column))
            if row.booted:
                known.booted = True
                self._directory.accepted(known)
            elif known.security_profile != 0:
                self._directory.invite(known)
        if is_new or is_changed:
            for act in self.on_changed:
                act(known)

    def _hashed(self, password: str | None, known: str | None) -> str | None:
        return None if password is None else self._hash_password(bytes.fromhex(password), known)

    def _check(self, row: StationRow) -> None:
        if row.security_profile != 0 and row.credential_hash is None:
            raise InvalidValue("securityProfile", row.security_profile, "0, or a password beside it")
        refusal = self._refusal(row)
        if refusal is not None:
            raise InvalidValue("securityProfile", row.security_profile, refusal)

    async def _write(
        self,
        station_id: int,
        row: StationRow,
        kind: str,
        body: Mapping[str, Any],
        *others: Record,
        removed_at: int | None = None,
    ) -> None:
        change = StationChange(
            id=station_id, removed_at=removed_at, **{column: getattr(row, column) for column in _COLUMNS}
        )
        await self._ledger.write(station_id, change, *others, make_event(kind, body))

    def _take_over(self, known: StationRow, wanted: StationRow) -> None:
        # Column by column: what the station told meanwhile is not the operator's to set back.
        for column in _COLUMNS:
            setattr(known, column, getattr(wanted, column))

    @contextmanager
    def _writing(self, identity: str) -> Iterator[None]:
        if identity in self._busy:
            raise Conflict(f"The station {identity!r} is being written by another request: look, then try again.")
        self._busy.add(identity)
        self._recalling.discard(identity)
        try:
            yield
        finally:
            self._busy.discard(identity)
