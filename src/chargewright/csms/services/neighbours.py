"""What other nodes on the same database changed: follows the event log, and has what is in memory read again.

Each node decides from memory who may connect and charge, and what is wanted of stations. A change is told by an event
in the same unit, so whoever reads the log hears of each; the row concerned is then read, whoever wrote it: what is
there is never older than what is in memory. Where one database has one node, as with SQLite, nothing is followed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
import structlog

from chargewright.csms.directory import Directory
from chargewright.csms.errors import Conflict
from chargewright.csms.services.configuration import ConfigurationService
from chargewright.csms.services.configuration_sync import ConfigurationSync
from chargewright.csms.services.credential_changes import (
    AUTHORIZATION_KEY,
    SECURITY_PROFILE,
    CredentialChangesService,
)
from chargewright.csms.services.groups import GroupsService
from chargewright.csms.services.id_tags import IdTagsService
from chargewright.csms.services.local_lists import LocalListsService
from chargewright.csms.services.service import Service
from chargewright.csms.services.station_admin import StationAdminService
from chargewright.csms.storage.base import EventRow, Storage, StorageError

__all__ = ["Matter", "NeighboursService", "Recall", "make_recalls", "matters_of"]

PAGE: Final = 500
# Events are gathered for so long before they are read, in seconds: many changes of one thing are then read once.
GATHER_SECONDS: Final = 0.1
# How often the log is read although nobody told of an event, and how long after a failure.
POLL_SECONDS: Final = 5.0
# What may wait to be read again: beyond that the log is not read on.
WAITING_LIMIT: Final = 10_000

# What is to be read again: a kind of thing, and which one.
Matter: TypeAlias = tuple[str, str]
# Reads it. Raises `Conflict` while this node writes it itself: then it is asked again.
Recall: TypeAlias = Callable[[str], Awaitable[None]]

_STATION: Final = "station"
# Kinds of events → the kind of thing, named by the event's station or by that member of its body.
_OF_STATION: Final[Mapping[str, str]] = {
    "configuration.state": "configuration state",
    "group.changed": "membership",
    "local_list.failed": "local list state",
    "local_list.in_step": "local list state",
    "local_list.unsupported": "local list state",
    "station.booted": "boot",
    "station.changed": _STATION,
    "station.password_changed": _STATION,
    "station.registered": _STATION,
    "station.removed": _STATION,
    "station.security_profile_changed": _STATION,
}
_OF_BODY: Final[Mapping[str, tuple[str, str]]] = {
    "configuration.wanted": ("wanted configuration", "scope"),
    "group.changed": ("group", "group"),
    "id_tag.changed": ("id tag", "id_tag"),
    "id_tag.removed": ("id tag", "id_tag"),
    "local_list.wanted": ("wanted local list", "scope"),
}
# A password or security profile on its way is written before the command that carries it, and again at its end, of
# which the event does not say which key it was.
_CREDENTIALS: Final = frozenset({AUTHORIZATION_KEY, SECURITY_PROFILE})

_log = structlog.get_logger(__name__)


class _Payload(msgspec.Struct, frozen=True):
    key: Any = None


class _Body(msgspec.Struct, rename="camel"):
    scope: str = ""
    group: str = ""
    id_tag: str = ""
    action: str = ""
    payload: _Payload = _Payload()


_body = msgspec.json.Decoder(_Body).decode


def matters_of(event: EventRow) -> list[Matter]:
    """What the event says is different now, groups before their members."""
    found: list[Matter] = []
    if event.kind in _OF_BODY:
        kind, member = _OF_BODY[event.kind]
        found.append((kind, getattr(_body(event.body), member)))
    if event.station is not None:
        if event.kind in _OF_STATION:
            found.append((_OF_STATION[event.kind], event.station))
        elif event.kind == "command.sent":
            if str(_body(event.body).payload.key).casefold() in _CREDENTIALS:
                found.append((_STATION, event.station))
        elif event.kind == "command.finished" and _body(event.body).action == "ChangeConfiguration":
            found.append(("credentials", event.station))
    return found


def make_recalls(
    directory: Directory,
    station_admin: StationAdminService,
    credential_changes: CredentialChangesService,
    id_tags: IdTagsService,
    groups: GroupsService,
    configuration: ConfigurationService,
    configuration_sync: ConfigurationSync,
    local_lists: LocalListsService,
) -> Mapping[str, Recall]:
    """Who reads what again."""

    def of_station(recall: Callable[[int], Awaitable[None]]) -> Recall:
        async def by_identity(identity: str) -> None:
            station = directory.station(identity)
            if station is not None:
                await recall(station.id)

        return by_identity

    async def boot(identity: str) -> None:
        # Every station boots now and then; only the first time says anything new.
        station = directory.station(identity)
        if station is None or not station.booted:
            await station_admin.recall(identity)

    async def credentials(identity: str) -> None:
        station = directory.station(identity)
        if station is not None and credential_changes.of(station.id) is not None:
            await station_admin.recall(identity)

    return {
        _STATION: station_admin.recall,
        "boot": boot,
        "configuration state": of_station(configuration.recall_state),
        "credentials": credentials,
        "group": groups.recall,
        "id tag": id_tags.recall,
        "local list state": of_station(local_lists.recall),
        "membership": of_station(groups.recall_membership),
        "wanted configuration": configuration_sync.recall_wanted,
        "wanted local list": local_lists.wanted.recall,
    }


class NeighboursService(Service):
    """`recalls` says for each kind of thing who reads it again. With `is_alone` nothing is followed."""

    def __init__(self, storage: Storage, recalls: Mapping[str, Recall], *, is_alone: bool) -> None:
        self._storage = storage
        self._recalls = recalls
        self._is_alone = is_alone
        self._position = 0
        self._waiting: dict[Matter, None] = {}
        self._news = asyncio.Event()
        self._is_failing = False

    async def load(self) -> None:
        """Begin a little before the end of the log: what was read at the start may be older than what is there now."""
        if not self._is_alone:
            self._position = max(0, await self._storage.last_event_sequence() - PAGE)

    def work(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """One loop that follows the log, where there may be neighbours."""
        return {} if self._is_alone else {"changes by other nodes": self._follow}

    async def _follow(self) -> None:
        unsubscribe = self._storage.subscribe_events(self._news.set)
        try:
            while True:
                self._news.clear()
                try:
                    await self.catch_up()
                    self._is_failing = False
                except StorageError as error:
                    if not self._is_failing:
                        self._is_failing = True
                        _log.warning("changes by other nodes are not seen while the database is away", error=str(error))
                try:
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._news.wait()
                        await asyncio.sleep(GATHER_SECONDS)
                except TimeoutError:
                    continue
        finally:
            unsubscribe()

    async def catch_up(self) -> None:
        """Read again whatever the log has so far; raises `StorageError`, and may then be called again."""
        is_behind = True
        while is_behind and len(self._waiting) < WAITING_LIMIT:
            events = await self._storage.events_after(self._position, PAGE)
            self._waiting |= dict.fromkeys(matter for event in events for matter in matters_of(event))
            if events:
                self._position = events[-1].sequence
            is_behind = len(events) == PAGE
        await self._recall(list(self._waiting))
        if is_behind or self._waiting:
            self._news.set()

    async def _recall(self, matters: Iterable[Matter]) -> None:
        for matter in matters:
            kind, name = matter
            try:
                await self._recalls[kind](name)
            except Conflict:
                continue  # written here just now: read again with the next events
            except StorageError:
                raise
            except Exception:
                # One that cannot be read must not keep the others waiting.
                _log.exception("what another node changed could not be read", kind=kind, name=name)
            del self._waiting[matter]
