"""Local lists in stations, kept in step with the wanted ones (§3.5.2, §5.10, §5.15).

The CSMS chooses Full or Differential and the version. It sends only as a chore of `automation`, or when the operator
asks. What a station has is known by the version of the wanted list that it was given, and by the `listVersion` that it
accepted; the two are different numbers, since one list may take several messages.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.csms.automation import Automation, Unfinished
from chargewright.csms.directory import Directory
from chargewright.csms.errors import Conflict
from chargewright.csms.outcomes import Answered, NotSent, Outcome, Refused
from chargewright.csms.ports import CommandSender, Ledger
from chargewright.csms.services.abilities import AbilitiesService
from chargewright.csms.services.events import make_event
from chargewright.csms.services.groups import GroupsService
from chargewright.csms.services.local_list_sending import SEND_LENGTH, Sending, Stopped, Unsupported, length_of
from chargewright.csms.services.local_list_states import LocalListCue, LocalListState, advance
from chargewright.csms.services.service import Service
from chargewright.csms.services.wanted_lists import WantedLists
from chargewright.csms.storage.base import Record, StationRow, Storage, StorageError
from chargewright.csms.storage.rows.charging import LocalListRow, LocalListStateRow
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.core import GetConfigurationResponse
from chargewright.protocol.v16.local_auth_list_management import (
    SendLocalListRequest,
    SendLocalListResponse,
    UpdateStatus,
)

__all__ = ["CHORE", "LocalListsService"]

CHORE: Final = "local list"
# After so many failures in a row a station that does not take its list is left alone until something changes: the list,
# the station's boot, or the operator's mind.
TRIES: Final = 8
# How many id tags are looked at together after they changed.
FOLLOWED: Final = 500
# Until the database is asked again that was away: nobody tells when it is back.
STORAGE_PAUSE_SECONDS: Final = 5.0
_PAGE: Final = 1_000

_log = structlog.get_logger(__name__)


class LocalListsService(Service):
    """Which list each station should have, has, and is being sent. `wanted` are the lists themselves."""

    def __init__(
        self,
        storage: Storage,
        ledger: Ledger,
        clock: Clock,
        directory: Directory,
        groups: GroupsService,
        abilities: AbilitiesService,
        wanted: WantedLists,
        sender: CommandSender,
        automation: Automation,
    ) -> None:
        self._storage = storage
        self._ledger = ledger
        self._clock = clock
        self._directory = directory
        self._groups = groups
        self._abilities = abilities
        self._sender = sender
        self._automation = automation
        self._states: dict[int, LocalListStateRow] = {}
        self._tries: dict[int, int] = {}
        self._sendings: dict[int, Sending] = {}
        self._booted: set[int] = set()  # stations whose configuration may be another one since
        self._changed_tags: dict[str, None] = {}
        self._tags_changed = asyncio.Event()
        self.wanted = wanted
        wanted.on_change = self._list_changed
        wanted.lowest_known = self._lowest_known
        groups.watch(self._station_changed)
        directory.on_id_tag.append(self._tag_changed)
        automation.register(CHORE, self._chore)

    async def load(self) -> None:
        """Read lists and states; whoever is not in step will be brought there."""
        await self.wanted.load()
        after: tuple[int, int] | None = None
        while rows := await self._storage.page(LocalListStateRow, after=after, limit=_PAGE):
            for row in rows:
                lost = advance(LocalListState(row.state), LocalListCue.LOST)
                self._states[row.station_id] = msgspec.structs.replace(row, state=lost.value)
            after = (rows[-1].id, rows[-1].id)
        for station in self._directory.stations():
            self._wake_if_behind(station.id)

    def work(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Entries follow the id tags that they took their data from."""
        return {"local lists follow id tags": self._follow}

    # What others ask.

    def list_of(self, station_id: int) -> LocalListRow | None:
        """The list that is wanted of a station: its own, or that of the first of its groups that has one."""
        for scope in self._groups.scopes(station_id):
            wanted = self.wanted.of(scope)
            if wanted is not None:
                return wanted
        return None

    def state_of(self, station_id: int) -> LocalListStateRow:
        """What is known of the list in the station, as of now."""
        row = self._states.get(station_id) or _nothing_known(station_id)
        if station_id not in self._sendings and row.state == LocalListState.SENDING:
            # It was interrupted, and the database was away when that was to be noted.
            lost = advance(LocalListState.SENDING, LocalListCue.LOST)
            row = msgspec.structs.replace(row, state=lost.value)
        wanted = self.list_of(station_id)
        if wanted is not None and (row.scope, row.list_version) != (wanted.scope, wanted.version):
            state = LocalListState(row.state)
            if state is LocalListState.IN_STEP:
                return msgspec.structs.replace(row, state=advance(state, LocalListCue.CHANGED).value)
        return row

    def longest_message(self, station_id: int) -> int | None:
        """How many entries the station says that it takes in one message; None where it said nothing."""
        return length_of(self._abilities.of(station_id, Sending.ABILITY), SEND_LENGTH)

    def progress(self, station_id: int) -> tuple[int, int] | None:
        """How many entries the station accepted of how many that it is being sent; (0, 0) while it is asked what it
        has, or is about to be. None: nothing is under way."""
        sending = self._sendings.get(station_id)
        if sending is not None:
            return sending.accepted, sending.total
        return (0, 0) if self._automation.is_asked(station_id, CHORE) else None

    async def sync(self, station: StationRow) -> None:
        """Begin to bring the station in step, because the operator asks, whatever `automatic` says; returns before
        anything is sent, see `progress`. How it ended is in `state_of`. Raises `Conflict` where no list is wanted of
        it, or it is not connected."""
        if self.list_of(station.id) is None:
            raise Conflict(
                f"No local list is wanted of {station.identity}, nor of a group that it is in: put one first."
            )
        if not self._sender.is_connected(station.id):
            raise Conflict(f"{station.identity} is not connected; it will be brought in step when it is.")
        self._tries.pop(station.id, None)
        row = self.state_of(station.id)
        asked = advance(LocalListState(row.state), LocalListCue.ASKED)
        if asked.value != row.state:
            await self.note(row, state=asked.value, problem=None)
        self._automation.ask(station.id, CHORE)

    # What became of commands, whoever sent them.

    async def sent(self, station: StationRow, request: SendLocalListRequest, outcome: Outcome) -> None:
        """A list that was sent by hand may be what the station has now, so nothing of ours is known to be there."""
        sending = self._sendings.get(station.id)
        if isinstance(outcome, NotSent | Refused) or (sending is not None and sending.request is request):
            return
        answer = outcome.response if isinstance(outcome, Answered) else None
        if isinstance(answer, SendLocalListResponse) and answer.status is not UpdateStatus.ACCEPTED:
            return
        if sending is not None:
            sending.is_disturbed = True
        row = self.state_of(station.id)
        await self.note(
            row,
            state=advance(LocalListState(row.state), LocalListCue.OTHER).value,
            list_version=0,
            version=0,
            sent_version=max(row.sent_version, request.list_version),
            problem="a list was sent by hand",
        )

    async def configured(self, station: StationRow, outcome: Outcome) -> None:
        """Remember what an answer to GetConfiguration says of local lists."""
        if not isinstance(outcome, Answered) or not isinstance(outcome.response, GetConfigurationResponse):
            return
        reported = outcome.response.configuration_key
        learned = dict(self._abilities.of(station.id, Sending.ABILITY) or {})
        for one in () if isinstance(reported, UnsetType) else reported:
            if one.key.casefold() in Sending.KEYS and not isinstance(one.value, UnsetType):
                learned[one.key.casefold()] = one.value
        if learned:
            await self._abilities.learn(station.id, Sending.ABILITY, learned)

    def booted(self, station: StationRow) -> None:
        """The station's boot is accepted: it may be another device, or have lost its list; its version will be asked
        for."""
        row = self._states.get(station.id)
        if self.list_of(station.id) is not None and (row is None or row.state != LocalListState.UNSUPPORTED):
            self._tries.pop(station.id, None)
            self._booted.add(station.id)
            self._automation.wake(station.id, CHORE)

    async def recall(self, station_id: int) -> None:
        """Read again what is known of the station, which may have been at another node. Raises `StorageError`."""
        before = self._states.get(station_id)
        rows = await self._storage.page(LocalListStateRow, {"station_id": station_id}, limit=1)
        if rows and self._states.get(station_id) is before and station_id not in self._sendings:
            self._states[station_id] = rows[0]

    async def note(self, row: LocalListStateRow, **changes: object) -> LocalListStateRow:
        """Write what is known of a station; told as an event where the state is another one."""
        changed = msgspec.structs.replace(row, **changes, changed_at=self._clock.now_microseconds())
        records: list[Record] = [changed]
        if changed.state != row.state and changed.state in _TOLD:
            body: dict[str, Any] = {"version": changed.version, "entries": changed.entries, "partial": changed.partial}
            if changed.problem is not None:
                body["problem"] = changed.problem
            records.append(make_event(_TOLD[changed.state], body))
        await self._ledger.write(row.station_id, *records)
        self._states[row.station_id] = changed
        return changed

    # Sending.

    async def _chore(self, station: StationRow, sender: CommandSender) -> None:
        wanted = self.list_of(station.id)
        if wanted is None or not wanted.complete:
            return
        if self.state_of(station.id).state == LocalListState.UNSUPPORTED:
            return
        await self.recall(station.id)
        tries = self._tries.get(station.id, 0)
        sending = Sending(self, station, wanted, sender, self._abilities, self._storage, tries)
        self._sendings[station.id] = sending
        try:
            await sending.run(reads_keys=station.id in self._booted)
            self._booted.discard(station.id)
        except Unsupported as error:
            await self._end(station.id, LocalListCue.NOT_SUPPORTED, str(error))
        except Stopped as error:
            # Messages that the station took before it was lost were not too long for it.
            counts = error.counts and (error.was_refused or not sending.accepted)
            tries = self._tries[station.id] = tries + counts
            cue = LocalListCue.FAILED if error.was_refused else LocalListCue.LOST
            await self._end(station.id, cue, str(error))
            if not error.was_refused or tries < TRIES:
                raise Unfinished(str(error)) from error
        else:
            self._tries.pop(station.id, None)
            self._wake_if_behind(station.id)  # the list may have changed meanwhile
        finally:
            del self._sendings[station.id]

    async def _end(self, station_id: int, cue: LocalListCue, problem: str) -> None:
        row = self._states.get(station_id) or _nothing_known(station_id)
        await self.note(row, state=advance(LocalListState(row.state), cue).value, problem=problem)

    # What changes.

    def _list_changed(self, scope: str) -> None:
        for station_id in self._groups.stations_of(scope):
            self._station_changed(station_id)

    def _station_changed(self, station_id: int) -> None:
        self._tries.pop(station_id, None)
        self._wake_if_behind(station_id)

    def _wake_if_behind(self, station_id: int) -> None:
        wanted = self.list_of(station_id)
        row = self._states.get(station_id)
        if wanted is None or not wanted.complete or (row is not None and row.state == LocalListState.UNSUPPORTED):
            return
        known = None if row is None else (row.state, row.scope, row.list_version)
        if known != (LocalListState.IN_STEP, wanted.scope, wanted.version):
            self._automation.wake(station_id, CHORE)

    def _lowest_known(self, scope: str) -> int | None:
        versions = (row.list_version for row in self._states.values() if row.scope == scope and row.list_version)
        return min(versions, default=None)

    def _tag_changed(self, id_tag: str) -> None:
        self._changed_tags[id_tag.casefold()] = None
        self._tags_changed.set()

    async def _follow(self) -> None:
        is_first = True
        while True:
            try:
                if is_first:
                    await self.wanted.follow_all()
                    is_first = False
                while self._changed_tags:
                    keys = list(self._changed_tags)[:FOLLOWED]
                    # Before following: a tag that changes meanwhile is to be followed again.
                    for key in keys:
                        del self._changed_tags[key]
                    try:
                        await self.wanted.follow(keys)
                    except BaseException:
                        self._changed_tags.update(dict.fromkeys(keys))
                        raise
            except StorageError as error:
                _log.warning("local lists do not follow their id tags yet; again soon", error=str(error))
                await asyncio.sleep(STORAGE_PAUSE_SECONDS)
                continue
            self._tags_changed.clear()
            if not self._changed_tags:
                await self._tags_changed.wait()


_TOLD: Final = {
    LocalListState.IN_STEP.value: "local_list.in_step",
    LocalListState.FAILED.value: "local_list.failed",
    LocalListState.UNSUPPORTED.value: "local_list.unsupported",
}


def _nothing_known(station_id: int) -> LocalListStateRow:
    return LocalListStateRow(
        station_id=station_id,
        state=LocalListState.UNKNOWN.value,
        list_version=0,
        version=0,
        sent_version=0,
        partial=False,
        entries=0,
        changed_at=0,
    )
