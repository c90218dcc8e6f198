"""One attempt to bring the local list of a station in step: what it has is asked, what it lacks is sent."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol

from chargewright.csms.instants import moment
from chargewright.csms.outcomes import Answered, NotSent, Outcome, Refused
from chargewright.csms.ports import CommandSender
from chargewright.csms.services.abilities import LARGEST_FRAME, AbilitiesService
from chargewright.csms.services.local_list_states import LocalListCue, LocalListState, advance
from chargewright.csms.services.wanted_lists import WantedLists
from chargewright.csms.storage.base import StationRow, Storage
from chargewright.csms.storage.rows.base import In
from chargewright.csms.storage.rows.charging import LocalListEntryRow, LocalListRow, LocalListStateRow
from chargewright.csms.storage.rows.core import TransactionRow
from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.base import UNSET, Message, Timestamp
from chargewright.protocol.v16.core import GetConfigurationRequest
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.protocol.v16.local_auth_list_management import (
    AuthorizationData,
    GetLocalListVersionRequest,
    GetLocalListVersionResponse,
    SendLocalListRequest,
    SendLocalListResponse,
    UpdateStatus,
    UpdateType,
)

__all__ = ["SEND_LENGTH", "Keeper", "Sending", "Stopped", "Unsupported", "length_of"]

ENABLED: Final = "LocalAuthListEnabled"
LIST_LENGTH: Final = "LocalAuthListMaxLength"
SEND_LENGTH: Final = "SendLocalListMaxLength"
# Entries in a message to a station that does not say how many it takes, and at most.
USUAL_ENTRIES: Final = 50
MOST_ENTRIES: Final = 500
# The longest entry in JSON, and what a message has besides its entries, in bytes.
ENTRY_BYTES: Final = 160
FRAME_BYTES: Final = 160
# How many versions are set aside at once where a list grows while it is sent.
MORE_VERSIONS: Final = 100
LARGEST_VERSION: Final = 2**31 - 1
# How many transactions are looked through for the tags used last.
RECENT_TRANSACTIONS: Final = 50_000
_PAGE: Final = 1_000
# CALLERRORs that say that there are no local lists (OCPP-J 4.2.3).
_NOT_THERE: Final = ("NotSupported", "NotImplemented")


class Keeper(Protocol):
    """Who keeps the states: `LocalListsService`."""

    wanted: WantedLists

    def state_of(self, station_id: int) -> LocalListStateRow: ...

    async def note(self, row: LocalListStateRow, **changes: object) -> LocalListStateRow: ...


class Unsupported(ChargewrightError):
    """The station has no local lists."""


class Stopped(ChargewrightError):
    """The attempt ended early. `was_refused`: the station answered and did not take it; `counts`: it was reached."""

    def __init__(self, message: str, *, was_refused: bool = False, counts: bool = True) -> None:
        super().__init__(message)
        self.was_refused = was_refused
        self.counts = counts


class _Declined(ChargewrightError):
    """The station answered Failed or VersionMismatch."""


class Sending:
    """One attempt. `tries` earlier ones failed: messages are halved with each, for stations that take less than they
    say, or say nothing."""

    ABILITY: ClassVar[str] = "local-list-keys"
    KEYS: ClassVar[tuple[str, ...]] = (ENABLED.casefold(), LIST_LENGTH.casefold(), SEND_LENGTH.casefold())

    def __init__(
        self,
        keeper: Keeper,
        station: StationRow,
        wanted: LocalListRow,
        sender: CommandSender,
        abilities: AbilitiesService,
        storage: Storage,
        tries: int,
    ) -> None:
        self._keeper = keeper
        self._station = station
        self._list = wanted
        self._sender = sender
        self._abilities = abilities
        self._storage = storage
        self._tries = tries
        self._row = keeper.state_of(station.id)
        self.request: Message | None = None  # the one that is out
        self.is_disturbed = False  # another list was sent meanwhile
        self.accepted = 0  # entries, of the `total` that are being sent
        self.total = 0

    async def run(self, *, reads_keys: bool) -> None:
        """Until the station is in step, its configuration read first where that is asked for.

        Raises `Unsupported`, `Stopped`, `QueueFull` and what the storage raises.
        """
        if reads_keys or self._abilities.of(self._station.id, self.ABILITY) is None:
            await self._read_keys()
        reported = await self._version()
        most = self._length(LIST_LENGTH)
        entries = self._list.entries if most is None else min(most, self._list.entries)
        is_partial = entries < self._list.entries
        row = self._row
        is_ours = row.scope == self._list.scope and row.list_version > 0 and not self._is_foreign(reported)
        has_all = is_ours and (row.list_version, row.partial, row.entries) == (self._list.version, is_partial, entries)
        if has_all and ((row.state != LocalListState.SENDING and row.version == reported) or entries == reported == 0):
            if row.state != LocalListState.IN_STEP:
                await self._note(LocalListCue.SAME, problem=None)
            return
        if row.list_version and not is_ours:
            await self._note(LocalListCue.OTHER, problem=f"it reports version {reported}, not {row.version}")
        floor = max(reported, row.version, row.sent_version, 0)
        since = row.list_version
        can_differ = is_ours and reported > 0 and not row.partial and not is_partial
        if can_differ and since >= self._list.base_version:
            changes = await self._keeper.wanted.changed_since(self._list.scope, since)
            if changes <= entries and floor + self._messages(changes) < LARGEST_VERSION:
                try:
                    await self._send(UpdateType.DIFFERENTIAL, floor, changes, entries, is_partial=False)
                    return
                except _Declined:
                    floor = max(floor, self._row.sent_version)
        try:
            if floor + self._messages(entries) >= LARGEST_VERSION:
                floor = 0  # a Full takes any version (§5.15), so the numbers begin anew
            await self._send(UpdateType.FULL, floor, entries, entries, is_partial=is_partial)
        except _Declined as error:
            raise Stopped(str(error), was_refused=True) from error

    # Asking.

    async def _read_keys(self) -> None:
        """Ask for what limits a list; all at once, or one by one where the station refuses that."""
        keys = [ENABLED, LIST_LENGTH, SEND_LENGTH]
        outcome = await self._ask(GetConfigurationRequest(key=keys))
        if isinstance(outcome, Refused):
            for key in keys:
                await self._ask(GetConfigurationRequest(key=[key]))

    async def _version(self) -> int:
        outcome = await self._ask(GetLocalListVersionRequest())
        if isinstance(outcome, Refused):
            if outcome.code in _NOT_THERE:
                raise Unsupported(f"GetLocalListVersion: the station answered CALLERROR {outcome.code}")
            raise Stopped(f"GetLocalListVersion: the station answered CALLERROR {outcome.code}", was_refused=True)
        assert isinstance(outcome, Answered)
        response = outcome.response
        if not isinstance(response, GetLocalListVersionResponse):
            raise Stopped("GetLocalListVersion: the answer is none", was_refused=True)
        if response.list_version < 0:
            keys = self._abilities.of(self._station.id, self.ABILITY) or {}
            is_off = keys.get(ENABLED.casefold(), "").casefold() == "false"
            because = f"; {ENABLED} is false" if is_off else ""
            raise Unsupported(f"GetLocalListVersion: the station answered {response.list_version}{because}")
        return response.list_version

    async def _ask(self, request: Message) -> Answered | Refused:
        self.request = request
        try:
            outcome: Outcome = await self._sender.send(self._station.id, request)
        finally:
            self.request = None
        if isinstance(outcome, Answered | Refused):
            return outcome
        raise Stopped(outcome.reason, counts=not isinstance(outcome, NotSent))

    def _is_foreign(self, reported: int) -> bool:
        """Whether the station reports what we never sent. An empty list is version 0 by rule (§5.10)."""
        if reported == 0:
            return self._row.entries > 0
        return not self._row.version <= reported <= self._row.sent_version

    # Sending.

    async def _send(self, kind: UpdateType, floor: int, number: int, entries: int, *, is_partial: bool) -> None:
        """Send `number` entries with rising versions above `floor`, and note that the station has `entries`."""
        self.accepted, self.total = 0, number
        is_full = kind is UpdateType.FULL
        most = None if not is_partial else entries
        # Written before the first message: whatever happens then, it is known what the station may have. Of a Full
        # that was interrupted nothing is known; a Differential may be repeated, since it says how entries end up.
        await self._note(
            LocalListCue.BEGUN,
            scope=self._list.scope,
            list_version=0 if is_full else self._row.list_version,
            sent_version=floor + self._messages(number) + 1,
            problem=None,
        )
        version = floor
        async for chunk in self._chunks(kind, most):
            version += 1
            if version > self._row.sent_version:  # the list grew meanwhile
                self._row = await self._keeper.note(self._row, sent_version=version + MORE_VERSIONS)
            await self._message(kind, version, chunk)
            self.accepted += len(chunk)
            kind = UpdateType.DIFFERENTIAL
        if version == floor:
            # Nothing to say is said too: a Full empties, a Differential takes over the version.
            version += 1
            await self._message(kind, version, ())
        if self.is_disturbed:
            raise Stopped("a list was sent by hand meanwhile")
        await self._note(
            LocalListCue.DONE,
            list_version=self._list.version,
            version=version,
            sent_version=version,
            partial=is_partial,
            entries=entries,
            problem=None,
        )

    async def _chunks(self, kind: UpdateType, most: int | None) -> AsyncIterator[Sequence[LocalListEntryRow]]:
        wanted, scope, size = self._keeper.wanted, self._list.scope, self._size()
        if kind is UpdateType.DIFFERENTIAL:
            async for rows in wanted.difference(scope, self._row.list_version, size):
                yield rows
        elif most is None:
            # In the order of row ids: nothing that moves meanwhile is left out.
            async for rows in wanted.everything(scope, size):
                yield rows
        elif self._list.selection == "first":
            async for rows in wanted.everything(scope, size, order="position", most=most):
                yield rows
        else:
            chosen = await self._recently_used(most)
            for first in range(0, len(chosen), size):
                yield chosen[first : first + size]

    async def _message(self, kind: UpdateType, version: int, rows: Sequence[LocalListEntryRow]) -> None:
        if self.is_disturbed:
            raise Stopped("a list was sent by hand meanwhile")
        entries = [_data(row) for row in rows]
        request = SendLocalListRequest(
            list_version=version, update_type=kind, local_authorization_list=entries or UNSET
        )
        outcome = await self._ask(request)
        if isinstance(outcome, Refused):
            if outcome.code in _NOT_THERE:
                raise Unsupported(f"SendLocalList: the station answered CALLERROR {outcome.code}")
            raise _Declined(f"{kind.value} {version}: the station answered CALLERROR {outcome.code}")
        if not isinstance(outcome.response, SendLocalListResponse):
            raise Stopped("SendLocalList: the answer is none", was_refused=True)
        status = outcome.response.status
        if status is UpdateStatus.NOT_SUPPORTED:
            raise Unsupported("SendLocalList: the station answered NotSupported")
        if status is not UpdateStatus.ACCEPTED:
            raise _Declined(f"{kind.value} {version}: the station answered {status.value}")

    async def _recently_used(self, most: int) -> list[LocalListEntryRow]:
        """The entries of the tags that were used last, on any station, then the first of the others."""
        chosen: dict[str, LocalListEntryRow] = {}
        after: tuple[int, int] | None = None
        seen: set[str] = set()
        for _ in range(RECENT_TRANSACTIONS // _PAGE):
            rows = await self._storage.page(TransactionRow, descending=True, after=after, limit=_PAGE)
            if not rows or len(chosen) >= most:
                break
            after = (rows[-1].id, rows[-1].id)
            keys = list(dict.fromkeys(row.id_tag_key for row in rows if row.id_tag_key not in seen))
            seen.update(keys)
            where = {"scope": self._list.scope, "id_tag_key": In(tuple(keys)), "removed": False}
            page = await self._storage.page(LocalListEntryRow, where, order="id_tag_key", limit=_PAGE)
            found = {row.id_tag_key: row for row in page}
            chosen |= {key: found[key] for key in keys if key in found}
        async for chunk in self._keeper.wanted.everything(self._list.scope, _PAGE, order="position"):
            if len(chosen) >= most:
                break
            for row in chunk:
                chosen.setdefault(row.id_tag_key, row)
        return list(chosen.values())[:most]

    def _messages(self, entries: int) -> int:
        return max(1, -(-entries // self._size()))

    def _size(self) -> int:
        size = min(self._length(SEND_LENGTH) or USUAL_ENTRIES, MOST_ENTRIES)
        frame: Any = self._abilities.of(self._station.id, LARGEST_FRAME)
        if isinstance(frame, int):
            size = min(size, (frame - FRAME_BYTES) // ENTRY_BYTES)
        return max(1, size >> self._tries)

    def _length(self, key: str) -> int | None:
        return length_of(self._abilities.of(self._station.id, self.ABILITY), key)

    async def _note(self, cue: LocalListCue, **changes: object) -> None:
        state = advance(LocalListState(self._row.state), cue)
        self._row = await self._keeper.note(self._row, state=state.value, **changes)


def _data(row: LocalListEntryRow) -> AuthorizationData:
    if row.removed:
        return AuthorizationData(id_tag=row.id_tag)
    return AuthorizationData(
        id_tag=row.id_tag,
        id_tag_info=IdTagInfo(
            status=AuthorizationStatus(row.status),
            expiry_date=UNSET if row.expires_at is None else Timestamp.of(moment(row.expires_at)),
            parent_id_tag=UNSET if row.parent_id_tag is None else row.parent_id_tag,
        ),
    )


def length_of(keys: Mapping[str, str] | None, name: str) -> int | None:
    """The positive number that a station gave a configuration key of its local list; None where it gave none."""
    text = (keys or {}).get(name.casefold(), "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0 else None
