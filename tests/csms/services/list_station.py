"""A station's local list by the rules of §3.5.2 and §5.15, and a `CommandSender` that reaches it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chargewright.clock import SystemClock
from chargewright.csms.automation import Automation
from chargewright.csms.directory import Directory
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.outcomes import Answered, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.services.abilities import AbilitiesService
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.authorization import AuthorizationService
from chargewright.csms.services.groups import GroupsService
from chargewright.csms.services.local_lists import LocalListsService
from chargewright.csms.services.wanted_lists import WantedEntry, WantedLists
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.database import Database
from chargewright.csms.storage.sqlite import open_sqlite
from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.base import UNSET, Message, UnsetType
from chargewright.protocol.v16.core import GetConfigurationRequest, GetConfigurationResponse
from chargewright.protocol.v16.datatypes import KeyValue
from chargewright.protocol.v16.local_auth_list_management import (
    GetLocalListVersionRequest,
    GetLocalListVersionResponse,
    SendLocalListRequest,
    SendLocalListResponse,
    UpdateStatus,
    UpdateType,
)

__all__ = ["ListStation", "Office", "StationsAtHand", "chunked"]

STATION = "A1"


def chunked(entries: list[WantedEntry], size: int = 3) -> Any:
    """What `WantedLists.put` takes."""

    async def chunks() -> Any:
        for first in range(0, len(entries), size):
            yield entries[first : first + size]

    return chunks


class ListStation:
    """The list of one station. `moods` are what becomes of the next SendLocalLists: `failed`, `mismatch`, `error`,
    `lost` (never arrived), `deaf` (carried out, but the answer is lost), `offline`."""

    def __init__(self, *, most: int | None = None, most_per_message: int = 3) -> None:
        self.most = most
        self.most_per_message = most_per_message
        self.has_lists = True
        self.entries: dict[str, tuple[str, str, str | None]] = {}
        self.version = 0
        self.moods: deque[str] = deque()
        self.requests: list[SendLocalListRequest] = []
        self.asked: list[Message] = []

    def forget(self) -> None:
        """Another device, or an empty memory."""
        self.entries, self.version = {}, 0

    def configuration(self, request: GetConfigurationRequest) -> GetConfigurationResponse:
        """The keys of local lists."""
        keys = {"LocalAuthListEnabled": "true", "SendLocalListMaxLength": str(self.most_per_message)}
        if self.most is not None:
            keys["LocalAuthListMaxLength"] = str(self.most)
        asked = [] if isinstance(request.key, UnsetType) else request.key
        listed = [KeyValue(key=key, readonly=True, value=keys[key]) for key in asked if key in keys]
        return GetConfigurationResponse(configuration_key=listed, unknown_key=[key for key in asked if key not in keys])

    def send(self, request: SendLocalListRequest) -> UpdateStatus:
        """All or nothing, as the rules say."""
        self.requests.append(request)
        if not self.has_lists:
            return UpdateStatus.NOT_SUPPORTED
        entries = request.local_authorization_list
        entries = [] if isinstance(entries, UnsetType) else entries
        keys = [entry.id_tag.casefold() for entry in entries]
        is_full = request.update_type is UpdateType.FULL
        if request.list_version in (0, -1) or len(set(keys)) < len(keys) or len(entries) > self.most_per_message:
            return UpdateStatus.FAILED
        if is_full and any(entry.id_tag_info is UNSET for entry in entries):
            return UpdateStatus.FAILED
        if not is_full and request.list_version <= self.version:
            return UpdateStatus.VERSION_MISMATCH
        after = {} if is_full else dict(self.entries)
        for key, entry in zip(keys, entries, strict=True):
            information = entry.id_tag_info
            if isinstance(information, UnsetType):
                after.pop(key, None)
            else:
                parent = information.parent_id_tag
                after[key] = (entry.id_tag, information.status.value, None if parent is UNSET else str(parent))
        if self.most is not None and len(after) > self.most:
            return UpdateStatus.FAILED
        self.entries, self.version = after, request.list_version
        return UpdateStatus.ACCEPTED


class StationsAtHand:
    """A `CommandSender` without sockets, which has outcomes noted as the real one does."""

    def __init__(self) -> None:
        self.stations: dict[int, ListStation] = {}
        self.highest = 0
        self.note: Callable[[int, Message, Outcome], Any] = lambda station_id, request, outcome: None

    def is_connected(self, station_id: int) -> bool:
        return station_id in self.stations

    async def carry(
        self,
        station_id: int,
        request: Message,
        *,
        timeout_seconds: float | None = None,
        before_sending: Callable[[Any], Awaitable[None]] | None = None,
    ) -> Outcome:
        if before_sending is not None:
            try:
                await before_sending(self)
            except ChargewrightError as error:
                return NotSent(reason=str(error))
        return await self.send(station_id, request, timeout_seconds=timeout_seconds)

    async def send(self, station_id: int, request: Message, *, timeout_seconds: float | None = None) -> Outcome:
        outcome = self._outcome(self.stations[station_id], request)
        noted = self.note(station_id, request, outcome)
        if noted is not None:
            await noted
        return outcome

    def _outcome(self, station: ListStation, request: Message) -> Outcome:
        station.asked.append(request)
        response: Message
        if isinstance(request, GetConfigurationRequest):
            response = station.configuration(request)
        elif isinstance(request, GetLocalListVersionRequest):
            version = station.version if station.entries else 0
            response = GetLocalListVersionResponse(list_version=version if station.has_lists else -1)
        else:
            assert isinstance(request, SendLocalListRequest)
            mood = station.moods.popleft() if station.moods else ""
            if mood == "offline":
                return NotSent(reason="the station is not connected")
            assert request.list_version > self.highest, "versions rise"
            self.highest = request.list_version
            if mood == "lost":
                return Unanswered(reason="the connection was lost")
            if mood == "error":
                return Refused(code="InternalError")
            if mood in ("failed", "mismatch"):
                status = UpdateStatus.FAILED if mood == "failed" else UpdateStatus.VERSION_MISMATCH
            else:
                status = station.send(request)
            if mood == "deaf":
                return Unanswered(reason="no answer")
            response = SendLocalListResponse(status=status)
        return Answered(response=response, elapsed_seconds=0.0)


class _Settled:
    """Every station is settled."""

    def __init__(self) -> None:
        self.on_settled: list[Callable[[int], None]] = []

    def is_settled(self, station_id: int) -> bool:
        return True

    def arrival(self, station_id: int) -> object:
        return self


class Office:
    """The services that lists need, on a database; `reopen` is a restart."""

    def __init__(self, storage: Database) -> None:
        self.storage = storage
        self.directory = Directory()
        self.sender = StationsAtHand()

    @classmethod
    async def open(cls, path: Path | str = ":memory:", stations: tuple[str, ...] = (STATION,)) -> "Office":
        """On SQLite, with these stations, each with a list of its own."""
        return await cls.on(await open_sqlite(path, SystemClock()), stations)

    @classmethod
    async def on(cls, storage: Database, stations: tuple[str, ...] = (STATION,)) -> "Office":
        """On an opened database."""
        office = cls(storage)
        storage.journal.begin()
        for identity in stations:
            row = await storage.add_station(StationRow(id=0, identity=identity))
            row.booted = True
            office.directory.put_station(row)
            office.sender.stations[row.id] = ListStation()
        await office.reopen()
        return office

    async def reopen(self) -> None:
        """New services, which know what the database knows."""
        self.directory.on_id_tag.clear()
        clock = SystemClock()
        ledger = JournalLedger(self.storage.journal, clock)
        self.automation = Automation(self.directory, _Settled(), self.sender, first_rest_seconds=3600.0)  # type: ignore[arg-type]
        active = ActiveTransactionsService(self.directory, self.storage, clock, default_limit=0)
        authorization = AuthorizationService(self.directory, active, accepts_unknown=True)
        self.groups = GroupsService(self.storage, ledger)
        self.abilities = AbilitiesService(self.storage, ledger, clock)
        self.wanted = WantedLists(self.storage, ledger, authorization, clock)
        self.lists = LocalListsService(
            self.storage,
            ledger,
            clock,
            self.directory,
            self.groups,
            self.abilities,
            self.wanted,
            self.sender,
            self.automation,
        )
        self.sender.note = self._note
        await self.groups.load()
        await self.abilities.load()
        await self.lists.load()

    async def _note(self, station_id: int, request: Message, outcome: Outcome) -> None:
        station = self.directory.station_by_id(station_id)
        assert station is not None
        if isinstance(request, SendLocalListRequest):
            await self.lists.sent(station, request, outcome)
        elif isinstance(request, GetConfigurationRequest):
            await self.lists.configured(station, outcome)

    async def idle(self) -> None:
        """Wait until no chore runs."""
        while tasks := list(self.automation._running.values()):
            await asyncio.gather(*tasks)

    async def put(self, scope: str, *entries: WantedEntry | str, selection: str = "first") -> None:
        """Want a list; a text is an entry that follows its tag."""
        made = [WantedEntry(id_tag=entry) if isinstance(entry, str) else entry for entry in entries]
        await self.wanted.put(scope, selection, chunked(made))

    async def close(self) -> None:
        """The end."""
        await self.automation.close()
        await self.storage.close()
