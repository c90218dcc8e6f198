"""Commands that are written down: kept until their station is there, or sent to many stations at once.

They survive reconnects and restarts. A command is written as sent before it is sent, under the epoch of the connection
that it goes over, so that two nodes cannot both send it. If the connection or the server ends before the answer came,
it is *unknown*, and only an action that may be repeated is sent again; who has a newer connection judges that, or
anybody when nobody can be waiting for the answer any more. An answer that comes while the database is away waits for
it. They go oldest first, one at a time for each station, when the station has settled, and one that could not be sent
holds up those behind it; those without `keep_until` go at once or not at all.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any, Final

import structlog

from chargewright.clock import Clock
from chargewright.csms.commands.commander import Commander
from chargewright.csms.commands.flights import Flight
from chargewright.csms.commands.moves import CommandMoves, read_request
from chargewright.csms.commands.redaction import event_payload, holds_secret
from chargewright.csms.commands.states import CommandState, Cue
from chargewright.csms.commands.validation import COMMANDS, InvalidCommand
from chargewright.csms.directory import Directory
from chargewright.csms.errors import Conflict
from chargewright.csms.instants import microseconds
from chargewright.csms.outcomes import NotSent, Outcome, QueueFull, Unanswered
from chargewright.csms.ports import Ledger
from chargewright.csms.services.events import make_event
from chargewright.csms.storage.base import ANY_EPOCH, NO_STATION, Record, StationRow, Storage, StorageError
from chargewright.csms.storage.rows.base import Range
from chargewright.csms.storage.rows.commands import CommandRow
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import encode
from chargewright.protocol.v16.reservation import ReserveNowRequest

__all__ = ["KeptCommands", "TooLate"]

# How many rows are read at a time.
_PAGE: Final = 200
# How often it is looked for commands that expired or that another node took on, in seconds.
LOOK_SECONDS: Final = 5.0
# How long commands for many stations, which a restart interrupted, wait for their stations, in seconds.
RESTART_SECONDS: Final = 300.0

# After its time limit and this many seconds nobody waits for the answer to a command: clocks of nodes differ.
GRACE_SECONDS: Final = 60.0
# A station that has not answered for so many seconds does not count among those that are served at the same time.
PATIENCE_SECONDS: Final = 5.0

_INTERRUPTED: Final = Unanswered(reason="the connection or the server ended before an answer came", is_lost=True)

_log = structlog.get_logger(__name__)


class TooLate(Conflict):
    """The command has left or has ended: it cannot be cancelled any more."""


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
        self._moves = CommandMoves(commander, directory, ledger, clock)
        self._unfinished: dict[int, int] = {}  # by station, how many; those of other nodes as of the last look
        self._counted: set[int] = set()  # stations whose number changed while the last look was under way
        self._arriving: dict[int, int] = {}  # by station, how many are being written
        self._under_way: dict[str, Flight] = {}
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
        waiting = self._waiting(station.id)
        if waiting >= self._per_station:
            raise QueueFull(f"{waiting} commands are kept for {station.identity}: no more than that are allowed")
        row = self.row(station, request, keep_until=keep_until, timeout_seconds=timeout_seconds)
        body = {
            "commandId": row.command_id,
            "action": row.action,
            "keepUntil": row.keep_until,
            **event_payload(request),
        }
        self._arriving[station.id] = self._arriving.get(station.id, 0) + 1
        try:
            await self._ledger.write(station.id, row, make_event("command.kept", body), *alongside)
        finally:
            self._arriving[station.id] -= 1
            if not self._arriving[station.id]:
                del self._arriving[station.id]
        self.taken_on([row])
        return row

    def has_room(self, station_id: int) -> bool:
        """Whether one more command may be kept for the station."""
        return self._waiting(station_id) < self._per_station

    def taken_on(self, rows: list[CommandRow]) -> None:
        """Commands were written by somebody else: send them."""
        for row in rows:
            self._count(row.station_id, 1)
        for station_id in {row.station_id for row in rows}:
            self.go(station_id)

    async def get(self, command_id: str) -> CommandRow | None:
        """The command as it stands in the database."""
        rows = await self._storage.page(CommandRow, {"command_id": command_id}, limit=1)
        return rows[0] if rows else None

    async def cancel(self, command_id: str) -> CommandRow | None:
        """Take a command back; None where there is none. Raises `TooLate` when it has left or has ended,
        `StorageUnavailable` where the database does not confirm it (it may be cancelled yet), `StorageError`."""
        while row := await self.get(command_id):
            if row.finished_at is not None or row.state == CommandState.SENT.value:
                raise TooLate(f"the command is {row.state}: it cannot be cancelled any more")
            if ended := await self._moves.end(row, Cue.CANCEL):
                self._count(row.station_id, -1)
                return ended
        return None

    async def cancel_all(self, rows: Sequence[CommandRow]) -> int:
        """Take back those that have not left and not ended, in one unit; how many that were. Raises `StorageError`."""
        waiting = [row for row in rows if row.finished_at is None and row.state != CommandState.SENT.value]
        cancelled = await self._moves.cancel(NO_STATION, waiting) if waiting else []
        for row in cancelled:
            self._count(row.station_id, -1)
        return len(cancelled)

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
        self._counted.clear()
        found = await self._storage.count(CommandRow, {"finished_at": None}, by="station_id")
        # Where something began or ended meanwhile, what is known here is newer than what was read.
        known = {each: self._unfinished[each] for each in self._counted if each in self._unfinished}
        read = {int(each): number for each, number in found.items() if each not in self._counted}
        self._unfinished = read | known
        for station_id in list(self._unfinished):
            self.go(station_id)

    async def _work(self, station_id: int) -> None:
        try:
            while True:
                self._again.discard(station_id)
                await self._send_waiting(station_id)
                if station_id not in self._again:
                    return
        except StorageError as error:
            _log.warning("kept commands wait for the database", station_id=station_id, error=str(error))
        except Exception:
            _log.exception("kept commands of a station could not be sent", station_id=station_id)
        finally:
            del self._workers[station_id]

    async def _send_waiting(self, station_id: int) -> None:
        """Send what waits, oldest first, while the station is there and nothing has to go on waiting."""
        after: tuple[Any, int] | None = None
        where = {"station_id": station_id, "finished_at": None}
        while True:
            async with self._place():
                rows = await self._storage.page(CommandRow, where, after=after, limit=_PAGE)
            if not rows:
                return
            for row in rows:
                if self._is_closed or not self._commander.is_connected(station_id):
                    return
                if row.keep_until is not None and not self._is_settled(station_id):
                    continue
                async with self._place():
                    if not await self._send(row):
                        return
            after = (rows[-1].id, rows[-1].id)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of the places of stations that are served at the same time, until the end or for a while: a station that
        does not answer loses it."""
        await self._slots.acquire()
        is_held = True

        def give_back() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self._slots.release()

        timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, give_back)
        try:
            yield
        finally:
            timer.cancel()
            give_back()

    async def _send(self, row: CommandRow) -> bool:
        """Send a command if that may be; False where it, and with it what is behind it, goes on waiting."""
        fresh = await self.get(row.command_id)  # it may have been cancelled meanwhile, by another node too
        if fresh is None or fresh.finished_at is not None:
            return True
        row = fresh
        if row.state == CommandState.SENT.value:
            epoch = self._commander.epoch(row.station_id)
            if row.command_id in self._under_way or epoch is None:
                return False
            if row.sent_epoch >= epoch and not self._is_overdue(row):
                return False  # whoever has that connection waits for the answer
            if not COMMANDS[row.action].is_repeatable:
                return await self._end(row, Cue.INTERRUPTED, _INTERRUPTED, epoch=epoch)
            interrupted = await self._moves.go_on(row, Cue.INTERRUPTED, epoch=epoch)
            if interrupted is None:
                return False
            row = interrupted
        if self._has_expired(row):
            return await self._end(row, Cue.KEPT_TOO_LONG)
        request = read_request(row)
        if request is None:
            return await self._end(row, Cue.NOT_SENDABLE)
        flight = self._under_way[row.command_id] = Flight(row, request, self._moves)
        try:
            await self._commander.carry(
                row.station_id,
                request,
                timeout_seconds=row.timeout_seconds,
                before_sending=flight.leave,
                after=flight.land,
                is_kept=row.keep_until is not None,
            )
        except QueueFull as error:
            _log.warning("a kept command waits for room in the queue", error=str(error))
        finally:
            self._under_way.pop(row.command_id, None)
        if flight.row.finished_at is None:
            return flight.is_taken
        self._count(row.station_id, -1)
        return True

    # Ends.

    async def _end(self, row: CommandRow, cue: Cue, outcome: Outcome | None = None, *, epoch: int = ANY_EPOCH) -> bool:
        """End it where it is as it was seen; whether it was."""
        if await self._moves.end(row, cue, outcome, epoch=epoch) is None:
            return False
        self._count(row.station_id, -1)
        return True

    def _has_expired(self, row: CommandRow) -> bool:
        now = self._clock.now_microseconds()
        if row.keep_until is not None:
            return row.keep_until <= now
        return row.created_at < self._restart_until - int(RESTART_SECONDS * 1e6) and self._restart_until <= now

    def _is_overdue(self, row: CommandRow) -> bool:
        """Nobody waits for its answer any more, wherever it was sent."""
        waited = self._clock.now_microseconds() - (row.sent_at or row.created_at)
        return row.command_id not in self._under_way and waited > (row.timeout_seconds + GRACE_SECONDS) * 1e6

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
        if row.state == CommandState.SENT.value:
            if self._is_overdue(row):
                await self._end(row, Cue.INTERRUPTED, _INTERRUPTED)
        elif row.keep_until is None:
            await self._end(row, Cue.NOT_SENDABLE, NotSent(reason="the station did not come back"))
        else:
            await self._end(row, Cue.KEPT_TOO_LONG)

    def _waiting(self, station_id: int) -> int:
        return self._unfinished.get(station_id, 0) + self._arriving.get(station_id, 0)

    def _count(self, station_id: int, change: int) -> None:
        self._counted.add(station_id)
        number = self._unfinished.get(station_id, 0) + change
        if number > 0:
            self._unfinished[station_id] = number
        else:
            self._unfinished.pop(station_id, None)
