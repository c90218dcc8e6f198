"""Commands that are written down: kept until their station is there, or sent to many stations at once.

They survive reconnects and restarts. A command is written as sent before it is sent, under the epoch of the connection
that it goes over, so that two nodes cannot both send it. If the connection or the server ends before the answer came,
it is *unknown*, and only an action that may be repeated is sent again. They go oldest first, one at a time for each
station, when the station has settled; those without `keep_until` at once or not at all.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any, Final

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.csms.commands.commander import Commander, StationLink
from chargewright.csms.commands.redaction import event_payload, holds_secret, outcome_body, shown, shown_outcome
from chargewright.csms.commands.states import CUE_OF_OUTCOME, CommandState, Cue, advance
from chargewright.csms.commands.validation import COMMANDS, InvalidCommand
from chargewright.csms.directory import Directory
from chargewright.csms.errors import Conflict
from chargewright.csms.instants import microseconds
from chargewright.csms.outcomes import NotSent, Outcome, QueueFull, Unanswered
from chargewright.csms.ports import Ledger
from chargewright.csms.services.events import make_event
from chargewright.csms.storage.base import Record, StationRow, Storage, StorageError
from chargewright.csms.storage.rows.base import Range
from chargewright.csms.storage.rows.commands import CommandRow
from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import decode, encode
from chargewright.protocol.v16.reservation import ReserveNowRequest

__all__ = ["KeptCommands", "TooLate"]

# How many rows are read at a time.
_PAGE: Final = 200
# How often it is looked for commands that expired or that another node took on, in seconds.
LOOK_SECONDS: Final = 5.0
# How long commands for many stations, which a restart interrupted, wait for their stations, in seconds.
RESTART_SECONDS: Final = 300.0

# What services are told of a kept command that ended so.
_NEVER_SENT: Final[Mapping[CommandState, str]] = {
    CommandState.EXPIRED: "the station did not come while the command was kept",
    CommandState.CANCELLED: "it was taken back",
}

_log = structlog.get_logger(__name__)


class TooLate(Conflict):
    """The command has left or has ended: it cannot be cancelled any more."""


class _Cancelled(ChargewrightError):
    """Cancelled while it waited in the queue."""


class KeptCommands:
    """Writes commands down and sees to it that they are sent. `is_settled` says whether a station is connected here and
    may be sent what waits for it; `per_station` and `at_once` bound the commands that wait for one station, and the
    stations that are served at the same time."""

    def __init__(
        self,
        commander: Commander,
        directory: Directory,
        storage: Storage,
        ledger: Ledger,
        clock: Clock,
        *,
        is_settled: Callable[[int], bool],
        new_id: Callable[[], str],
        timeout_seconds: float,
        per_station: int,
        at_once: int,
    ) -> None:
        self._commander = commander
        self._directory = directory
        self._storage = storage
        self._ledger = ledger
        self._clock = clock
        self._is_settled = is_settled
        self._new_id = new_id
        self.timeout_seconds = timeout_seconds
        self._per_station = per_station
        self._slots = asyncio.Semaphore(at_once)
        self._unfinished: dict[int, int] = {}  # by station, how many; those of other nodes as of the last look
        self._under_way: dict[str, CommandRow] = {}
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self._restart_until = 0
        self._is_closed = False

    # What others ask.

    def row(
        self,
        station: StationRow,
        request: Message,
        *,
        keep_until: int | None,
        timeout_seconds: float | None = None,
        bulk_id: str | None = None,
    ) -> CommandRow:
        """A new command, not written yet. Raises `InvalidCommand` where it holds a password: that is not written."""
        action = ACTION_OF_REQUEST[type(request)]
        if keep_until is not None and isinstance(request, ReserveNowRequest):
            # No station should be told to reserve a connector until yesterday.
            keep_until = min(keep_until, microseconds(request.expiry_date.in_zone(UTC)))
        if holds_secret(request):
            expected = "a command without a password: it would be stored; send it while the station is connected"
            raise InvalidCommand(action.name, "value", None, expected)
        return CommandRow(
            command_id=self._new_id(),
            bulk_id=bulk_id,
            station_id=station.id,
            action=action.name,
            payload=encode(request).decode(),
            state=CommandState.WAITING.value,
            timeout_seconds=self.timeout_seconds if timeout_seconds is None else timeout_seconds,
            created_at=self._clock.now_microseconds(),
            keep_until=keep_until,
        )

    async def keep(
        self,
        station: StationRow,
        request: Message,
        *,
        keep_until: int,
        timeout_seconds: float | None = None,
        alongside: Sequence[Record] = (),
    ) -> CommandRow:
        """Write a command down, to be sent when the station is there, until `keep_until` (µs), a reservation no later
        than its expiryDate; and in the same unit what else belongs to it. Its time limit begins when it is its turn.
        Raises `QueueFull`, `InvalidCommand`, `StorageUnavailable`, `StorageError`."""
        waiting = self._unfinished.get(station.id, 0)
        if waiting >= self._per_station:
            raise QueueFull(f"{waiting} commands are kept for {station.identity}: no more than that are allowed")
        row = self.row(station, request, keep_until=keep_until, timeout_seconds=timeout_seconds)
        body = {
            "commandId": row.command_id,
            "action": row.action,
            "keepUntil": row.keep_until,
            **event_payload(request),
        }
        self._unfinished[station.id] = waiting + 1
        try:
            await self._ledger.write(station.id, row, make_event("command.kept", body), *alongside)
        except StorageError:
            self._count_down(station.id)
            raise
        self.go(station.id)
        return row

    def has_room(self, station_id: int) -> bool:
        """Whether one more command may be kept for the station."""
        return self._unfinished.get(station_id, 0) < self._per_station

    def taken_on(self, rows: list[CommandRow]) -> None:
        """Commands were written by somebody else: send them."""
        for row in rows:
            self._unfinished[row.station_id] = self._unfinished.get(row.station_id, 0) + 1
        for station_id in {row.station_id for row in rows}:
            self.go(station_id)

    async def get(self, command_id: str) -> CommandRow | None:
        """The command as it stands in the database."""
        rows = await self._storage.page(CommandRow, {"command_id": command_id}, limit=1)
        return rows[0] if rows else None

    async def cancel(self, command_id: str) -> CommandRow | None:
        """Take a command back; None where there is none. Raises `TooLate` when it has left or has ended."""
        row = self._under_way.get(command_id) or await self.get(command_id)
        if row is None:
            return None
        if row.finished_at is not None or row.state == CommandState.SENT.value:
            raise TooLate(f"the command is {row.state}: it cannot be cancelled any more")
        await self._finish(row, advance(CommandState(row.state), Cue.CANCEL), None)
        return row

    async def is_cancelled(self, command_id: str) -> bool:
        """Take a command back if that is still possible."""
        try:
            return await self.cancel(command_id) is not None
        except TooLate:
            return False

    # Life.

    async def begin(self) -> None:
        """Look what an earlier run left; before anything listens."""
        self._restart_until = self._clock.now_microseconds() + int(RESTART_SECONDS * 1e6)
        await self._look()

    async def watch(self) -> None:
        """End what has expired, and see what other nodes took on."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
                await self._expire()
            except StorageError as error:
                _log.warning("kept commands could not be looked for", error=str(error))

    async def close(self) -> None:
        """Begin nothing more. What is under way is seen to its end by the commander."""
        self._is_closed = True
        workers = list(self._workers.values())
        if workers:
            await asyncio.wait(workers, timeout=1.0)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    def go(self, station_id: int) -> None:
        """Send what waits for the station, as far as that may be."""
        if self._is_closed or not self._unfinished.get(station_id) or not self._commander.is_connected(station_id):
            return
        if station_id in self._workers:
            self._again.add(station_id)
            return
        work = asyncio.get_running_loop().create_task(self._work(station_id), name=f"kept commands of {station_id}")
        self._workers[station_id] = work

    # Sending.

    async def _look(self) -> None:
        found = await self._storage.count(CommandRow, {"finished_at": None}, by="station_id")
        self._unfinished = {int(station_id): number for station_id, number in found.items()}
        for station_id in list(self._unfinished):
            self.go(station_id)

    async def _work(self, station_id: int) -> None:
        try:
            async with self._slots:
                while True:
                    self._again.discard(station_id)
                    try:
                        await self._send_waiting(station_id)
                    except StorageError as error:
                        _log.warning("kept commands wait for the database", station_id=station_id, error=str(error))
                        return
                    if station_id not in self._again:
                        return
        finally:
            del self._workers[station_id]

    async def _send_waiting(self, station_id: int) -> None:
        """Send what waits, oldest first, while the station is there."""
        after: tuple[Any, int] | None = None
        where = {"station_id": station_id, "finished_at": None}
        while rows := await self._storage.page(CommandRow, where, after=after, limit=_PAGE):
            for row in rows:
                if self._is_closed or not self._commander.is_connected(station_id):
                    return
                if row.keep_until is None or self._is_settled(station_id):
                    await self._send(row)
            after = (rows[-1].id, rows[-1].id)

    async def _send(self, row: CommandRow) -> None:
        if row.command_id in self._under_way:
            return
        fresh = await self.get(row.command_id)  # it may have been cancelled meanwhile, by another node too
        if fresh is None or fresh.finished_at is not None:
            return
        row = fresh
        action = COMMANDS[row.action]
        if row.state == CommandState.SENT.value:
            # Nobody here waits for its answer: the connection that it went over is gone, or the server that sent it.
            row.state = advance(CommandState.SENT, Cue.INTERRUPTED).value
            reason = "the connection or the server ended before an answer came"
            if not action.is_repeatable:
                await self._finish(row, CommandState.UNKNOWN, Unanswered(reason=reason, is_lost=True))
                return
            await self._ledger.write(row.station_id, row)
        if self._has_expired(row):
            await self._finish(row, advance(CommandState(row.state), Cue.KEPT_TOO_LONG), None)
            return
        request = decode(action.request, row.payload.encode())
        self._under_way[row.command_id] = row
        try:
            await self._commander.carry(
                row.station_id,
                request,
                timeout_seconds=row.timeout_seconds,
                before_sending=lambda link: self._write_sent(row, request, link),
                after=lambda outcome: self._write_end(row, request, outcome),
                is_kept=row.keep_until is not None,
            )
        except QueueFull as error:
            _log.warning("a kept command waits for room in the queue", error=str(error))
        finally:
            self._under_way.pop(row.command_id, None)

    async def _write_sent(self, row: CommandRow, request: Message, link: StationLink) -> None:
        if row.finished_at is not None:
            raise _Cancelled("cancelled")
        row.state = advance(CommandState(row.state), Cue.SENDING).value
        row.sent_at = self._clock.now_microseconds()
        body = {"commandId": row.command_id, "action": row.action, **event_payload(request)}
        await self._ledger.write(row.station_id, row, make_event("command.sent", body), epoch=link.epoch)

    async def _write_end(self, row: CommandRow, request: Message, outcome: Outcome) -> None:
        if row.finished_at is not None:
            await self._note(row, request, outcome)  # cancelled, and prepared all the same
            return
        state = CommandState(row.state)
        is_kept = row.keep_until is not None
        if isinstance(outcome, NotSent):
            if not is_kept:
                await self._finish(row, advance(state, Cue.NOT_SENDABLE), outcome, is_noted=True)
            elif state is CommandState.SENT:
                row.state = advance(state, Cue.RETURNED).value
                await self._ledger.write(row.station_id, row)
            return
        if is_kept and isinstance(outcome, Unanswered) and outcome.is_lost:
            row.state = advance(state, Cue.INTERRUPTED).value
            if COMMANDS[row.action].is_repeatable:
                await self._ledger.write(row.station_id, row)
            else:
                await self._finish(row, CommandState.UNKNOWN, outcome, is_noted=True)
            return
        await self._finish(row, advance(state, CUE_OF_OUTCOME[type(outcome)]), outcome, is_noted=True)

    # Ends.

    async def _finish(
        self, row: CommandRow, state: CommandState, outcome: Outcome | None, *, is_noted: bool = False
    ) -> None:
        """Write the end of a command and its event in one unit; passwords in it are not kept any longer. `is_noted`:
        the services concerned know of it already."""
        request = decode(COMMANDS[row.action].request, row.payload.encode())
        ended = msgspec.structs.replace(
            row,
            state=state.value,
            finished_at=self._clock.now_microseconds(),
            payload=msgspec.json.encode(shown(request)).decode(),
            outcome=None if outcome is None else msgspec.json.encode(shown_outcome(outcome)).decode(),
        )
        body = {"action": row.action} if outcome is None else outcome_body(request, outcome)
        event: Record = make_event(
            "command.finished", {**body, "commandId": row.command_id, "bulkId": row.bulk_id, "state": state.value}
        )
        before = row.finished_at
        row.finished_at = ended.finished_at  # nobody may send it meanwhile
        try:
            await self._ledger.write(row.station_id, ended, event)
        except StorageError:
            row.finished_at = before
            raise
        row.state, row.payload, row.outcome = ended.state, ended.payload, ended.outcome
        self._count_down(row.station_id)
        reason = _NEVER_SENT.get(state)
        if outcome is None and reason is not None:
            outcome = NotSent(reason=reason)
        if outcome is not None and not is_noted:
            await self._note(row, request, outcome)

    async def _note(self, row: CommandRow, request: Message, outcome: Outcome) -> None:
        station = self._directory.station_by_id(row.station_id)
        if station is not None:
            await self._commander.note(station, request, outcome)

    def _has_expired(self, row: CommandRow) -> bool:
        now = self._clock.now_microseconds()
        if row.keep_until is not None:
            return row.keep_until <= now
        return row.created_at < self._restart_until - int(RESTART_SECONDS * 1e6) and self._restart_until <= now

    async def _expire(self) -> None:
        now = self._clock.now_microseconds()
        conditions: list[Mapping[str, Any]] = [{"finished_at": None, "keep_until": Range(None, now + 1)}]
        if self._restart_until <= now:
            conditions.append({"finished_at": None, "keep_until": None})
        for where in conditions:
            after: tuple[Any, int] | None = None
            while rows := await self._storage.page(CommandRow, where, after=after, limit=_PAGE):
                for row in rows:
                    if row.command_id not in self._under_way and self._has_expired(row):
                        await self._end_expired(row)
                after = (rows[-1].id, rows[-1].id)

    async def _end_expired(self, row: CommandRow) -> None:
        state = CommandState(row.state)
        if state is CommandState.SENT:
            if self._commander.is_connected(row.station_id):
                return  # its worker judges
            state = advance(state, Cue.INTERRUPTED)
        elif row.keep_until is None:
            await self._finish(row, advance(state, Cue.NOT_SENDABLE), NotSent(reason="the station did not come back"))
            return
        await self._finish(row, advance(state, Cue.KEPT_TOO_LONG), None)

    def _count_down(self, station_id: int) -> None:
        left = self._unfinished.get(station_id, 1) - 1
        if left > 0:
            self._unfinished[station_id] = left
        else:
            self._unfinished.pop(station_id, None)
