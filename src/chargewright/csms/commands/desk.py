"""What the API may do with commands, in one place."""

from collections.abc import Sequence
from typing import Any, Final

from chargewright.csms.commands.bulk import BulkCommands, BulkProgress, Selection
from chargewright.csms.commands.commander import Commander
from chargewright.csms.commands.kept import KeptCommands
from chargewright.csms.commands.validation import COMMANDS, check, warnings_of
from chargewright.csms.errors import NotFound
from chargewright.csms.outcomes import Outcome
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import Record, StationRow
from chargewright.csms.storage.rows.commands import BulkCommandRow, CommandRow
from chargewright.protocol.v16.base import Message

__all__ = ["CommandDesk"]

# A bulk command tells the first so many warnings, of the first so many stations: each may have to be read about.
BULK_WARNINGS: Final = 20
BULK_STATIONS_LOOKED_AT: Final = 1_000


class CommandDesk:
    """Commands for routes: `check` and `warnings` first, then one of `send`, `keep` and `bulk`."""

    actions: Sequence[str] = tuple(COMMANDS)

    def __init__(self, services: Services, commander: Commander, kept: KeptCommands, bulk: BulkCommands) -> None:
        self._services = services
        self._commander = commander
        self._kept = kept
        self._bulk = bulk

    def check(self, action: str, payload: Any) -> Message:
        """The request that a JSON object (its text as `bytes`, or decoded) means. Raises `UnknownCommand` (a
        `NotFound`) and `InvalidCommand` (an `InvalidValue`: `field`, `value`, `expected`)."""
        return check(action, payload)

    async def warnings(self, station: StationRow, request: Message) -> list[str]:
        """What is odd about the command for this station beyond its schema; an operator's `force` sends it all the
        same."""
        return await warnings_of(request, station, self._services)

    async def send(self, station: StationRow, request: Message, *, timeout_seconds: float | None = None) -> Outcome:
        """Send it now and wait for its end, at most `timeout_seconds` (None: the server's setting). Raises
        `QueueFull`."""
        return await self._commander.send(station.id, request, timeout_seconds=timeout_seconds)

    async def keep(
        self,
        station: StationRow,
        request: Message,
        *,
        keep_until: int,
        timeout_seconds: float | None = None,
        alongside: Sequence[Record] = (),
    ) -> CommandRow:
        """Write it down, to be sent as soon as the station is there, until the instant `keep_until` (µs), a reservation
        no later than its expiryDate; and in the same unit what else belongs to it. Returns at once, when it is durable.
        Raises `QueueFull`, `InvalidCommand` for a command with a password,
        `StorageUnavailable`, `StorageError`."""
        return await self._kept.keep(
            station, request, keep_until=keep_until, timeout_seconds=timeout_seconds, alongside=alongside
        )

    async def get(self, command_id: str) -> CommandRow:
        """A kept command, or one station's part of a bulk command. Raises `NotFound`."""
        row = await self._kept.get(command_id)
        if row is None:
            raise NotFound("command", command_id)
        return row

    async def cancel(self, command_id: str) -> CommandRow:
        """Take it back. Raises `NotFound`, `TooLate` (a `Conflict`) when it has left or ended."""
        row = await self._kept.cancel(command_id)
        if row is None:
            raise NotFound("command", command_id)
        return row

    async def select(self, selection: Selection) -> list[StationRow]:
        """The stations of a selection; see `BulkCommands.select`."""
        return await self._bulk.select(selection, self._services.groups)

    async def bulk_warnings(self, stations: Sequence[StationRow], request: Message) -> list[str]:
        """`warnings` of the stations, each after the identity; the first few, of the first thousand stations."""
        found: list[str] = []
        for station in stations[:BULK_STATIONS_LOOKED_AT]:
            found += [f"{station.identity}: {text}" for text in await self.warnings(station, request)]
            if len(found) >= BULK_WARNINGS:
                break
        return found[:BULK_WARNINGS]

    async def bulk(
        self,
        stations: Sequence[StationRow],
        selection: Selection,
        request: Message,
        *,
        keep_until: int | None = None,
        timeout_seconds: float | None = None,
    ) -> BulkCommandRow:
        """Send it to all of them; see `BulkCommands.send`. Returns when all of it is durable."""
        return await self._bulk.send(
            stations, selection, request, keep_until=keep_until, timeout_seconds=timeout_seconds
        )

    async def bulk_progress(self, bulk_id: str) -> BulkProgress:
        """How far a bulk command is; its parts are the rows of `CommandRow` with that `bulk_id`. Raises `NotFound`."""
        return await self._bulk.progress(bulk_id)

    async def cancel_bulk(self, bulk_id: str) -> int:
        """Take back what has not left; how many that were. Raises `NotFound`."""
        return await self._bulk.cancel(bulk_id)
