"""One command for many stations: a row for each, so that every station has its own state and result."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from chargewright.clock import Clock
from chargewright.csms.commands.commander import Commander
from chargewright.csms.commands.kept import KeptCommands
from chargewright.csms.commands.redaction import event_payload, outcome_body, shown, shown_outcome
from chargewright.csms.commands.states import CommandState, Cue, advance
from chargewright.csms.directory import Directory
from chargewright.csms.errors import InvalidValue, NotFound
from chargewright.csms.outcomes import NotSent
from chargewright.csms.ports import Ledger
from chargewright.csms.services.events import make_event
from chargewright.csms.services.groups import GroupsService
from chargewright.csms.storage.base import NO_STATION, EventRecord, Record, StationRow, Storage, StorageError
from chargewright.csms.storage.rows.commands import BulkCommandRow, CommandRow
from chargewright.csms.storage.rows.core import StationDetailRow
from chargewright.protocol.v16.base import Message

__all__ = ["BulkCommands", "BulkProgress", "Selection"]

STATIONS_LIMIT: Final = 20_000
# What one bulk command may take in the database, and one unit of it in the journal, in bytes of payload.
BULK_BYTES: Final = 512 * 2**20
UNIT_BYTES: Final = 2 * 2**20
_PAGE: Final = 500


class Selection(msgspec.Struct, kw_only=True, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Which stations: those named, those of the groups named, or `all`; of these, the ones with that vendor, model and
    firmware version, as they were said in the last BootNotification."""

    identities: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    all: bool = False
    vendor: str | None = None
    model: str | None = None
    firmware_version: str | None = None


class BulkProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk command and how far it is: `states` counts its stations by the state of their command, `unfinished` those
    where something may still happen."""

    row: BulkCommandRow
    states: Mapping[str, int]
    unfinished: int


class BulkCommands:
    """Writes bulk commands down and hands them to `kept` to be sent."""

    def __init__(
        self,
        kept: KeptCommands,
        commander: Commander,
        directory: Directory,
        storage: Storage,
        ledger: Ledger,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._kept = kept
        self._commander = commander
        self._directory = directory
        self._storage = storage
        self._ledger = ledger
        self._clock = clock
        self._new_id = new_id

    async def select(self, selection: Selection, groups: GroupsService) -> list[StationRow]:
        """The stations, in the order of their registration. Raises `NotFound` for an identity or group that there is
        not, `InvalidValue` where nothing or too much is selected."""
        filters = {
            name: value
            for name, value in (
                ("vendor", selection.vendor),
                ("model", selection.model),
                ("firmware_version", selection.firmware_version),
            )
            if value is not None
        }
        chosen: set[int] = set()
        for identity in selection.identities:
            station = self._directory.station(identity)
            if station is None:
                raise NotFound("station", identity)
            chosen.add(station.id)
        for name in selection.groups:
            chosen |= groups.members(groups.named(name).id)
        if selection.all or (filters and not selection.identities and not selection.groups):
            chosen = {station.id for station in self._directory.stations()}
        if filters:
            chosen &= await self._with(filters)
        found = [station for station in self._directory.stations() if station.id in chosen]
        if not found:
            nothing = not (filters or selection.all or selection.identities or selection.groups)
            expected = (
                "identities, groups, all or a filter" if nothing else "what one station at least meets; none does"
            )
            raise InvalidValue("selection", None, expected)
        if len(found) > STATIONS_LIMIT:
            raise InvalidValue("selection", len(found), f"at most {STATIONS_LIMIT} stations in one bulk command")
        return found

    async def send(
        self,
        stations: Sequence[StationRow],
        selection: Selection,
        request: Message,
        *,
        keep_until: int | None = None,
        timeout_seconds: float | None = None,
    ) -> BulkCommandRow:
        """Send a command to each of the stations; returns when all of it is written down. Without `keep_until` those
        that are not connected now are not sent it.

        It is written a part at a time, the database waited for, so that nothing else has to wait for a large one.
        Raises `InvalidCommand`, `InvalidValue` where it is too large for so many stations; `StorageUnavailable` and
        `StorageError`, which tell how far it came: the stations up to there are sent it.
        """
        bulk_id = self._new_id()
        # One for all: a long payload must not be there once for each station.
        first = self._kept.row(
            stations[0], request, keep_until=keep_until, timeout_seconds=timeout_seconds, bulk_id=bulk_id
        )
        size = len(first.payload)
        if size * len(stations) > BULK_BYTES:
            expected = f"at most {BULK_BYTES // size} stations for a command of {size} characters"
            raise InvalidValue("selection", len(stations), expected)
        bulk = BulkCommandRow(
            bulk_id=bulk_id,
            action=first.action,
            payload=msgspec.json.encode(shown(request)).decode(),
            selection=msgspec.json.encode(selection).decode(),
            stations=len(stations),
            created_at=first.created_at,
        )
        body = {
            "bulkId": bulk_id,
            "action": bulk.action,
            "stations": len(stations),
            "keepUntil": keep_until,
            **event_payload(request),
        }
        records: list[Record] = [bulk, make_event("bulk.created", body)]
        step = max(1, min(_PAGE, UNIT_BYTES // size))
        for begin in range(0, len(stations), step):
            rows: list[CommandRow] = []
            part = stations[begin : begin + step]
            # Rows are written in the order of their keys: sorted ones keep the stations in their order.
            for station, command_id in zip(part, sorted(self._new_id() for _ in part), strict=True):
                row = msgspec.structs.replace(first, command_id=command_id, station_id=station.id)
                reason = self._why_not(station, keep_until)
                records += (row,) if reason is None else self._ended(row, bulk, request, reason)
                if reason is None:
                    rows.append(row)
            try:
                await self._ledger.write(NO_STATION, *records)
            except StorageError as error:
                if not begin:
                    raise
                told = f"bulk command {bulk_id} was written for {begin} of {len(stations)} stations: {error}"
                raise type(error)(told) from error
            self._kept.taken_on(rows)
            records = []
        return bulk

    async def progress(self, bulk_id: str) -> BulkProgress:
        """How far it is. Raises `NotFound`."""
        row = await self.get(bulk_id)
        states = await self._storage.count(CommandRow, {"bulk_id": bulk_id}, by="state")
        unfinished = await self._storage.count(CommandRow, {"bulk_id": bulk_id, "finished_at": None})
        return BulkProgress(row=row, states={str(name): n for name, n in states.items()}, unfinished=unfinished[None])

    async def get(self, bulk_id: str) -> BulkCommandRow:
        """What was asked for. Raises `NotFound`."""
        rows = await self._storage.page(BulkCommandRow, {"bulk_id": bulk_id}, limit=1)
        if not rows:
            raise NotFound("bulk command", bulk_id)
        return rows[0]

    async def cancel(self, bulk_id: str) -> int:
        """Take back what has not left; how many that were. Raises `NotFound`."""
        await self.get(bulk_id)
        after: tuple[Any, int] | None = None
        cancelled = 0
        where = {"bulk_id": bulk_id, "finished_at": None}
        while rows := await self._storage.page(CommandRow, where, after=after, limit=_PAGE):
            cancelled += await self._kept.cancel_all(rows)
            after = (rows[-1].id, rows[-1].id)
        return cancelled

    async def _with(self, filters: Mapping[str, str]) -> set[int]:
        found: set[int] = set()
        after: tuple[Any, int] | None = None
        while rows := await self._storage.page(StationDetailRow, filters, after=after, limit=_PAGE):
            found.update(row.id for row in rows)
            after = (rows[-1].id, rows[-1].id)
        return found

    def _why_not(self, station: StationRow, keep_until: int | None) -> str | None:
        if not self._kept.has_room(station.id):
            return "too many commands are kept for the station already"
        if keep_until is None and not self._commander.is_connected(station.id):
            return "the station is not connected"
        return None

    def _ended(
        self, row: CommandRow, bulk: BulkCommandRow, request: Message, reason: str
    ) -> tuple[CommandRow, EventRecord]:
        outcome = NotSent(reason=reason)
        row.state = advance(CommandState(row.state), Cue.NOT_SENDABLE).value
        row.finished_at = row.created_at
        row.payload = bulk.payload  # it is not to be sent: its secrets are not kept
        row.outcome = msgspec.json.encode(shown_outcome(outcome)).decode()
        body = {
            **outcome_body(request, outcome),
            "commandId": row.command_id,
            "bulkId": row.bulk_id,
            "state": row.state,
        }
        return row, make_event("command.finished", body)
