"""The configuration of stations (§5.3, §5.8): what they reported, what is wanted of them, and how far the two agree.

What is wanted belongs to a scope, a station or a group, key by key; the nearest scope that names a key wins. It is
kept in memory. What was reported is in the database; in memory are only the names.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from chargewright.clock import Clock
from chargewright.csms.directory import Directory
from chargewright.csms.errors import InvalidValue
from chargewright.csms.outcomes import Answered, Outcome, Refused
from chargewright.csms.ports import Ledger
from chargewright.csms.services.configuration_values import (
    SECRET_KEYS,
    is_same_value,
    standard_name,
    value_problem,
)
from chargewright.csms.services.events import make_event
from chargewright.csms.services.groups import GroupsService
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import NO_STATION, Record, StationRow, Storage
from chargewright.csms.storage.rows.base import Removal
from chargewright.csms.storage.rows.upkeep import (
    ConfigurationReportedRow,
    ConfigurationStateRow,
    ConfigurationWantedRow,
)
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.core import (
    ChangeConfigurationRequest,
    ChangeConfigurationResponse,
    ConfigurationStatus,
    GetConfigurationRequest,
    GetConfigurationResponse,
)
from chargewright.protocol.v16.datatypes import KeyValue

__all__ = ["ConfigurationService", "Entry", "InStep"]

KEY_LENGTH: Final = 50
VALUE_LENGTH: Final = 500
# Wanted keys of one scope.
KEYS_LIMIT: Final = 2000
_PAGE: Final = 1000


class InStep:
    """The words of `ConfigurationStateRow.state`."""

    UNKNOWN: Final = "unknown"  # the station was never asked
    AS_WANTED: Final = "as-wanted"  # nothing is wanted, or it has all of it
    DRIFTED: Final = "drifted"  # it has something else than is wanted
    REFUSED: Final = "refused"  # it refuses a wanted value; somebody has to look
    REBOOT_REQUIRED: Final = "reboot-required"  # it has all of it, and uses some only after a reboot
    UNREADABLE: Final = "unreadable"  # it answered no GetConfiguration, however it was asked


class Entry(msgspec.Struct, kw_only=True):
    """One key of a station: what it reported, and what is wanted. `refused` is what it answered to the wanted value."""

    key: str
    reported: str | None = None
    readonly: bool | None = None
    received_at: int | None = None
    wanted: str | None = None
    scope: str | None = None  # whose wish it is
    refused: str | None = None

    @property
    def is_drift(self) -> bool:
        """Whether the station has something else than is wanted."""
        return self.wanted is not None and not is_same_value(self.key, self.wanted, self.reported)


class ConfigurationService(Service):
    """Keeps what is reported and wanted. Sending is done by `configuration_sync.py`."""

    def __init__(
        self, storage: Storage, ledger: Ledger, clock: Clock, directory: Directory, groups: GroupsService
    ) -> None:
        self._storage = storage
        self._ledger = ledger
        self._clock = clock
        self._directory = directory
        self._groups = groups
        self._wanted: dict[str, dict[str, str]] = {}  # by scope
        self._states: dict[int, ConfigurationStateRow] = {}
        self._names: dict[int, frozenset[str]] = {}  # casefolded, by station
        self._same_names: dict[frozenset[str], frozenset[str]] = {}  # stations of one model share theirs

    async def load(self) -> None:
        """Read what is wanted, and what is known of each station."""
        after: tuple[int, int] | None = None
        while wanted := await self._storage.page(ConfigurationWantedRow, after=after, limit=_PAGE):
            for row in wanted:
                self._wanted.setdefault(row.scope, {})[row.key] = row.value
            after = (wanted[-1].id, wanted[-1].id)
        after = None
        while states := await self._storage.page(ConfigurationStateRow, after=after, limit=_PAGE):
            for state in states:
                self._states[state.station_id] = state
            after = (states[-1].id, states[-1].id)
        names: dict[int, set[str]] = {}
        after = None
        while reported := await self._storage.page(ConfigurationReportedRow, after=after, limit=_PAGE):
            for each in reported:
                names.setdefault(each.station_id, set()).add(each.key.casefold())
            after = (reported[-1].id, reported[-1].id)
        for station_id, found in names.items():
            self._know_names(station_id, frozenset(found))

    # What others ask.

    def wanted_of(self, scope: str) -> Mapping[str, str]:
        """What is wanted of the scope itself, by key."""
        return dict(self._wanted.get(scope, {}))

    def wanted(self, station_id: int) -> dict[str, tuple[str, str]]:
        """What is wanted of a station: key → value and the scope that wants it."""
        found: dict[str, tuple[str, str]] = {}
        for scope in self._groups.scopes(station_id):
            for key, value in self._wanted.get(scope, {}).items():
                found.setdefault(key, (value, scope))
        return found

    def state(self, station_id: int) -> ConfigurationStateRow:
        """What is known of the station as a whole."""
        known = self._states.get(station_id)
        if known is not None:
            return known
        return ConfigurationStateRow(
            station_id=station_id, state=InStep.UNKNOWN, unknown_keys="[]", refused="{}", changed_at=0
        )

    def has_key(self, station_id: int, name: str) -> bool | None:
        """Whether the station listed the key when it was asked for all of them; None where it never was."""
        names = self._names.get(station_id)
        return None if names is None or self.state(station_id).read_at is None else name.casefold() in names

    async def entries(self, station_id: int) -> list[Entry]:
        """Every key that the station reported or that is wanted of it, by name. Raises `StorageError`."""
        found: dict[str, Entry] = {}
        for row in await self._reported(station_id):
            found[row.key.casefold()] = Entry(
                key=row.key, reported=row.value, readonly=row.readonly, received_at=row.received_at
            )
        refused = self._refused(station_id)
        for key, (value, scope) in self.wanted(station_id).items():
            entry = found.setdefault(key.casefold(), Entry(key=key))
            refused_value, answer = refused.get(key, (None, None))
            entry.wanted, entry.scope, entry.refused = value, scope, answer if refused_value == value else None
        return [found[name] for name in sorted(found)]

    # What is wanted.

    async def want(self, scope: str, values: Mapping[str, str], *, force: bool = False) -> frozenset[int]:
        """Put these values in the place of all that was wanted of the scope; returns the stations concerned.

        Raises `InvalidValue` for a key or value that cannot be, or, without `force`, that the specification speaks
        against; a key twice (in another case) is refused too.
        """
        wanted = self._checked(values, force)
        before = self._wanted.get(scope, {})
        now = self._clock.now_microseconds()
        records: list[Record] = [
            ConfigurationWantedRow(scope=scope, key=key, value=value, changed_at=now)
            for key, value in wanted.items()
            if before.get(key) != value
        ]
        records += [Removal(ConfigurationWantedRow, {"scope": scope, "key": key}) for key in before.keys() - wanted]
        if records:
            changed = sorted(
                {key for key in before.keys() ^ wanted} | {k for k in wanted if before.get(k) != wanted[k]}
            )
            body = {"scope": scope, "keys": changed}
            await self._ledger.write(NO_STATION, *records, make_event("configuration.wanted", body))
            self._wanted[scope] = dict(wanted)
            if not wanted:
                del self._wanted[scope]
        stations = frozenset(
            station_id
            for station_id in self._groups.stations_of(scope)
            if self._directory.station_by_id(station_id) is not None
        )
        for station_id in stations:
            if station_id in self._states:
                await self.judge(station_id)
        return stations

    async def recall_wanted(self, scope: str) -> None:
        """Read again what is wanted of the scope, which another node may have written. Raises `StorageError`."""
        before = self._wanted.get(scope)
        wanted: dict[str, str] = {}
        after: tuple[int, int] | None = None
        while rows := await self._storage.page(ConfigurationWantedRow, {"scope": scope}, after=after, limit=_PAGE):
            wanted |= {row.key: row.value for row in rows}
            after = (rows[-1].id, rows[-1].id)
        if self._wanted.get(scope) is not before:
            return  # this node wrote it meanwhile; of that another event tells
        if wanted:
            self._wanted[scope] = wanted
        else:
            self._wanted.pop(scope, None)

    async def recall_state(self, station_id: int) -> None:
        """Read again what is known of the station, which may have been at another node. Raises `StorageError`."""
        before = self._states.get(station_id)
        rows = await self._storage.page(ConfigurationStateRow, {"station_id": station_id}, limit=1)
        if rows and self._states.get(station_id) is before:
            self._states[station_id] = rows[0]

    def _checked(self, values: Mapping[str, str], force: bool) -> dict[str, str]:
        if len(values) > KEYS_LIMIT:
            raise InvalidValue("wanted", len(values), f"at most {KEYS_LIMIT} keys")
        wanted: dict[str, str] = {}
        seen: set[str] = set()
        for name, value in values.items():
            field = f"wanted.{name[:KEY_LENGTH]}"
            if not 0 < len(name) <= KEY_LENGTH or not name.isascii() or not name.isprintable():
                raise InvalidValue(field, name[:KEY_LENGTH], f"a name of 1 to {KEY_LENGTH} printable ASCII characters")
            if len(value) > VALUE_LENGTH:
                raise InvalidValue(field, f"{len(value)} characters", f"at most {VALUE_LENGTH} characters (§5.3)")
            if name.casefold() in SECRET_KEYS:
                raise InvalidValue(field, "(hidden)", "the password of the station to be changed instead")
            if name.casefold() in seen:
                raise InvalidValue(field, name, "each key once, in whatever case (§5.3)")
            seen.add(name.casefold())
            problem = value_problem(name, value)
            if problem is not None and not force:
                raise InvalidValue(field, value, f"something else, or `force`: {problem}")
            wanted[standard_name(name)] = value
        return wanted

    # What stations say.

    async def noted_read(self, station: StationRow, request: GetConfigurationRequest, outcome: Outcome) -> None:
        """Keep what a GetConfiguration brought, whoever sent it; where all keys were asked for, what is missing in
        the answer is gone from the station."""
        if not isinstance(outcome, Answered) or not isinstance(outcome.response, GetConfigurationResponse):
            return
        listed = outcome.response.configuration_key
        unknown = outcome.response.unknown_key
        items = [] if isinstance(listed, UnsetType) else list(listed)
        asked = [] if isinstance(request.key, UnsetType) else list(request.key)
        gone = [] if isinstance(unknown, UnsetType) else [str(name) for name in unknown]
        if not asked:
            reported = {item.key.casefold() for item in items}
            gone += [row.key for row in await self._reported(station.id) if row.key.casefold() not in reported]
        await self._keep(station.id, items, gone, is_whole=not asked)
        await self.judge(station.id)

    async def _keep(self, station_id: int, items: Sequence[KeyValue], gone: Sequence[str], *, is_whole: bool) -> None:
        """Keep reported keys, drop those `gone`; `is_whole`: there are no others."""
        now = self._clock.now_microseconds()
        known = {row.key.casefold(): row for row in await self._reported(station_id)}
        records: list[Record] = []
        for item in items:
            row = self._row(station_id, item, now)
            before = known.get(row.key.casefold())
            if before is not None and before.key != row.key:
                records.append(Removal(ConfigurationReportedRow, {"station_id": station_id, "key": before.key}))
            records.append(row)
            known[row.key.casefold()] = row
        for name in gone:
            dropped = known.pop(name.casefold(), None)
            if dropped is not None:
                records.append(Removal(ConfigurationReportedRow, {"station_id": station_id, "key": dropped.key}))
        if is_whole:
            state = msgspec.structs.replace(self.state(station_id), read_at=now)
            records.append(state)
            await self._ledger.write(station_id, *records)
            self._states[station_id] = state
        elif records:
            await self._ledger.write(station_id, *records)
        self._know_names(station_id, frozenset(known))

    async def noted_change(self, station: StationRow, request: ChangeConfigurationRequest, outcome: Outcome) -> None:
        """Keep what a ChangeConfiguration did, whoever sent it."""
        name, value = standard_name(request.key), request.value
        if name.casefold() in SECRET_KEYS:
            return
        if isinstance(outcome, Answered) and isinstance(outcome.response, ChangeConfigurationResponse):
            answer = outcome.response.status.value
        elif isinstance(outcome, Refused):
            answer = f"CALLERROR {outcome.code}"
        else:
            return
        if answer in (ConfigurationStatus.ACCEPTED.value, ConfigurationStatus.REBOOT_REQUIRED.value):
            await self._keep(station.id, [KeyValue(key=name, readonly=False, value=value)], (), is_whole=False)
        wish = self.wanted(station.id).get(name)
        refused = self._refused(station.id)
        before = dict(refused)
        refused.pop(name, None)
        if wish is not None and wish[0] == value and answer != ConfigurationStatus.ACCEPTED.value:
            refused[name] = (value, answer)
        if refused != before:
            await self._put_state(station.id, refused=msgspec.json.encode(refused).decode())
        await self.judge(station.id)

    async def noted_all_asked(self, station_id: int) -> None:
        """The station was asked for every known key, name by name."""
        await self._put_state(station_id, read_at=self._clock.now_microseconds())
        await self.judge(station_id)

    async def noted_unreadable(self, station_id: int) -> None:
        """The station answered no GetConfiguration, however it was asked."""
        await self._put_state(station_id, state=InStep.UNREADABLE)

    async def rebooted(self, station_id: int) -> None:
        """The station booted: what waited for that is in use now."""
        refused = self._refused(station_id)
        left = {key: pair for key, pair in refused.items() if pair[1] != ConfigurationStatus.REBOOT_REQUIRED.value}
        if left != refused:
            await self._put_state(station_id, refused=msgspec.json.encode(left).decode())
            await self.judge(station_id)

    # Judging.

    async def judge(self, station_id: int) -> str:
        """Compare, and keep the state; returns it."""
        entries = [entry for entry in await self.entries(station_id) if entry.wanted is not None]
        known = self.state(station_id)
        refused = {
            entry.key: (entry.wanted, entry.refused)
            for entry in entries
            if entry.wanted is not None and entry.refused is not None
        }
        reboot = ConfigurationStatus.REBOOT_REQUIRED.value
        drifted = [entry for entry in entries if entry.is_drift]
        if known.read_at is None and not entries:
            state = InStep.UNKNOWN
        elif any(entry.refused in (None, reboot) for entry in drifted):
            state = InStep.DRIFTED
        elif drifted:
            state = InStep.REFUSED
        elif any(answer == reboot for _, answer in refused.values()):
            state = InStep.REBOOT_REQUIRED
        else:
            state = InStep.AS_WANTED
        if state != known.state or self._refused(station_id) != refused:
            await self._put_state(station_id, state=state, refused=msgspec.json.encode(refused).decode())
        return state

    async def _put_state(self, station_id: int, **changes: Any) -> None:
        before = self.state(station_id)
        row = msgspec.structs.replace(before, **changes, changed_at=self._clock.now_microseconds())
        records: list[Record] = [row]
        if row.state != before.state:
            records.append(make_event("configuration.state", {"state": row.state, "previously": before.state}))
        await self._ledger.write(station_id, *records)
        self._states[station_id] = row

    def _refused(self, station_id: int) -> dict[str, tuple[str, str]]:
        """Key → the value that was not simply accepted, and the answer."""
        return msgspec.json.decode(self.state(station_id).refused, type=dict[str, tuple[str, str]])

    def _know_names(self, station_id: int, names: frozenset[str]) -> None:
        self._names[station_id] = self._same_names.setdefault(names, names)

    async def _reported(self, station_id: int) -> list[ConfigurationReportedRow]:
        rows: list[ConfigurationReportedRow] = []
        while True:
            after = (rows[-1].key, rows[-1].id) if rows else None
            page = await self._storage.page(
                ConfigurationReportedRow, {"station_id": station_id}, order="key", after=after, limit=_PAGE
            )
            rows += page
            if len(page) < _PAGE:
                return rows

    @staticmethod
    def _row(station_id: int, item: KeyValue, now: int) -> ConfigurationReportedRow:
        value = None if isinstance(item.value, UnsetType) else item.value
        if item.key.casefold() in SECRET_KEYS:
            value = None
        return ConfigurationReportedRow(
            station_id=station_id, key=standard_name(item.key), value=value, readonly=item.readonly, received_at=now
        )
