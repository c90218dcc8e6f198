"""Sends commands to stations: one at a time for each, in the order of asking, each with exactly one outcome.

A queue belongs to a station, not to a connection; each command goes over the station's newest connection when its turn
comes. The end of a command is noted by a task of its own, so that the next command of the station does not wait for
that, and what notes it may send commands itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

import structlog

from chargewright.clock import Clock
from chargewright.csms.commands.redaction import event_payload, outcome_body
from chargewright.csms.commands.states import CUE_OF_OUTCOME, INITIAL, CommandState, Cue, advance
from chargewright.csms.commands.station_doubts import learn_size
from chargewright.csms.commands.table import NOTES, PREPARATIONS
from chargewright.csms.directory import Directory
from chargewright.csms.outcomes import NotSent, Outcome, QueueFull
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.core import RemoteStartTransactionRequest, RemoteStopTransactionRequest

__all__ = ["Command", "Commander", "StationLink"]

# §4.2: not to be used while the station's registration is Pending.
NOT_WHILE_PENDING: Final = (RemoteStartTransactionRequest, RemoteStopTransactionRequest)

_log = structlog.get_logger(__name__)


class StationLink(Protocol):
    """The newest connection of a station, claimed."""

    epoch: int

    def call(self, request: Message, timeout_seconds: float, on_end: Callable[[Outcome], None]) -> None:
        """Send a CALL; `on_end` is called once."""


class Command:
    """One command on its way. `before_sending` is awaited with the connection that it will go over, and may raise a
    `ChargewrightError` so that it does not go; `after` is awaited with its outcome, instead of telling events. For one
    that `is_kept` it is no end that it was not sent: who keeps it has the end noted."""

    __slots__ = (
        "after",
        "before_sending",
        "deadline",
        "ended",
        "is_kept",
        "outcome",
        "request",
        "state",
        "station",
        "timer",
    )

    def __init__(
        self,
        station: StationRow,
        request: Message,
        deadline: float,
        before_sending: Callable[[StationLink], Awaitable[None]] | None = None,
        after: Callable[[Outcome], Awaitable[None]] | None = None,
        *,
        is_kept: bool = False,
    ) -> None:
        self.station = station
        self.request = request
        self.deadline = deadline  # monotonic
        self.before_sending = before_sending
        self.after = after
        self.is_kept = is_kept
        self.state: CommandState = INITIAL
        self.outcome: Outcome | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    @property
    def action(self) -> str:
        """Its name on the wire."""
        return ACTION_OF_REQUEST[type(self.request)].name


class _Queue:
    """The commands of one station: the one that is out, and those that wait."""

    __slots__ = ("current", "waiting")

    def __init__(self) -> None:
        self.current: Command | None = None
        self.waiting: deque[Command] = deque()

    def __len__(self) -> int:
        return len(self.waiting) + (self.current is not None)


class Commander:
    """The `CommandSender`. `link_of` finds the newest connection of a station here; `tell` writes an event about a
    station without waiting for it; `timeout_seconds` is the time limit of commands that name none; `per_station` is
    how many may wait for one station. `services` must be set before the first command."""

    services: Services

    def __init__(
        self,
        directory: Directory,
        clock: Clock,
        link_of: Callable[[int], StationLink | None],
        tell: Callable[[int, str, Mapping[str, Any]], None],
        *,
        timeout_seconds: float,
        per_station: int,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._link_of = link_of
        self._tell = tell
        self._timeout_seconds = timeout_seconds
        self._per_station = per_station
        self._queues: dict[int, _Queue] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self.counts: dict[CommandState, int] = dict.fromkeys(CommandState, 0)

    # What others ask.

    def is_connected(self, station_id: int) -> bool:
        """Whether the station has a connection here, and may be sent commands: its boot was accepted, or is pending."""
        return not isinstance(self._link(station_id, None), NotSent)

    def epoch(self, station_id: int) -> int | None:
        """The epoch of the station's connection here; None without one."""
        link = self._link_of(station_id)
        return None if link is None else link.epoch

    def queued(self, station_id: int) -> int:
        """How many commands the station has, the one that is out included."""
        queue = self._queues.get(station_id)
        return 0 if queue is None else len(queue)

    async def send(self, station_id: int, request: Message, *, timeout_seconds: float | None = None) -> Outcome:
        """Send one command and wait for its end; see `ports.CommandSender`. Where the waiting caller is cancelled, a
        command that has not left is taken back, and one that has is seen to its end."""
        return await self.carry(station_id, request, timeout_seconds=timeout_seconds)

    async def carry(
        self,
        station_id: int,
        request: Message,
        *,
        timeout_seconds: float | None = None,
        before_sending: Callable[[StationLink], Awaitable[None]] | None = None,
        after: Callable[[Outcome], Awaitable[None]] | None = None,
        is_kept: bool = False,
    ) -> Outcome:
        """`send` for those who write the command down themselves; see `Command`."""
        station = self._directory.station_by_id(station_id)
        if station is None or self._is_closed:
            return NotSent(reason="the server is stopping" if self._is_closed else "the station is not known")
        seconds = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        link = self._link(station_id, request)
        command = Command(station, request, self._clock.monotonic() + seconds, before_sending, after, is_kept=is_kept)
        if isinstance(link, NotSent):
            # Told at once: whoever wants to wait for the station says so with `keep_until`.
            self._conclude(command, link)
        else:
            queue = self._queues.setdefault(station_id, _Queue())
            if len(queue) >= self._per_station:
                raise QueueFull(f"{len(queue)} commands wait for {station.identity}: no more than that are allowed")
            queue.waiting.append(command)
            loop = asyncio.get_running_loop()
            command.timer = loop.call_later(seconds, self._out_of_time, queue, command)
            self._go_on(station_id, queue)
        try:
            return await asyncio.shield(command.ended)
        except asyncio.CancelledError:
            self._take_back(station_id, command)
            raise

    def stop_sending(self) -> None:
        """Send nothing more: what waits ends as not sent, what is out may still be answered. Idempotent."""
        self._is_closed = True
        for queue in list(self._queues.values()):
            for command in list(queue.waiting):
                self._end_waiting(queue, command, NotSent(reason="the server is stopping"))

    async def close(self, grace_seconds: float) -> None:
        """`stop_sending`, for when all connections are gone; what cannot be noted in `grace_seconds`, because the
        database is away, is not."""
        self.stop_sending()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # Turns.

    def _link(self, station_id: int, request: Message | None) -> StationLink | NotSent:
        station = self._directory.station_by_id(station_id)
        link = self._link_of(station_id)
        if station is None or link is None:
            return NotSent(reason="the station is not connected")
        if station.registration == "Pending":
            if isinstance(request, NOT_WHILE_PENDING):
                action = ACTION_OF_REQUEST[type(request)].name
                return NotSent(reason=f"registration of the station is Pending: {action} may not be sent (§4.2)")
        elif not self._directory.is_served(station):
            if station.registration == "Accepted":
                return NotSent(reason="the station was not accepted yet")
            return NotSent(reason=f"registration of the station is {station.registration}")
        return link

    def _go_on(self, station_id: int, queue: _Queue) -> None:
        """Let the next command of a station begin, if none is out."""
        if queue.current is not None:
            return
        if not queue.waiting:
            self._queues.pop(station_id, None)
            return
        command = queue.current = queue.waiting.popleft()
        if command.timer is not None:
            command.timer.cancel()
        self._begin(self._take_turn(station_id, queue, command), f"command {command.action}")

    async def _take_turn(self, station_id: int, queue: _Queue, command: Command) -> None:
        try:
            outcome = await self._exchange(station_id, command)
        except ChargewrightError as error:
            outcome = NotSent(reason=str(error))
        except Exception as bug:
            _log.exception("a command failed", station=command.station.identity, action=command.action)
            outcome = NotSent(reason=f"the server could not send it: {type(bug).__name__}")
        finally:
            queue.current = None
            self._go_on(station_id, queue)
        self._conclude(command, outcome)

    async def _exchange(self, station_id: int, command: Command) -> Outcome:
        for prepare in PREPARATIONS.get(type(command.request), ()):
            await prepare(command.request, command.station, self.services)
        link = self._link(station_id, command.request)
        if isinstance(link, NotSent):
            return link
        if command.before_sending is not None:
            await command.before_sending(link)
            if self._link_of(station_id) is not link:
                return NotSent(reason="the connection was lost before its turn")
        remaining = command.deadline - self._clock.monotonic()
        if remaining <= 0:
            return NotSent(reason="its turn did not come before the time limit")
        if command.state is CommandState.CANCELLED:
            return NotSent(reason="taken back")
        command.state = advance(command.state, Cue.SENDING)
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def on_end(outcome: Outcome) -> None:
            if not answered.done():
                answered.set_result(outcome)

        link.call(command.request, remaining, on_end)
        if command.after is None and not answered.done():
            self._tell(station_id, "command.sent", {"action": command.action, **event_payload(command.request)})
        return await answered

    def _out_of_time(self, queue: _Queue, command: Command) -> None:
        self._end_waiting(queue, command, NotSent(reason="its turn did not come before the time limit"))

    def _take_back(self, station_id: int, command: Command) -> None:
        queue = self._queues.get(station_id)
        if command.state is CommandState.WAITING and queue is not None:
            command.state = advance(command.state, Cue.CANCEL)
            self._end_waiting(queue, command, NotSent(reason="taken back"))

    def _end_waiting(self, queue: _Queue, command: Command, outcome: Outcome) -> None:
        if command in queue.waiting:
            queue.waiting.remove(command)
            if command.timer is not None:
                command.timer.cancel()
            self._conclude(command, outcome)

    # Ends.

    def _conclude(self, command: Command, outcome: Outcome) -> None:
        if command.state is not CommandState.CANCELLED:
            command.state = advance(command.state, CUE_OF_OUTCOME[type(outcome)])
        self.counts[command.state] += 1
        self._begin(self._note(command, outcome), f"end of command {command.action}")

    async def note(self, station: StationRow, request: Message, outcome: Outcome) -> None:
        """The bookkeeping after the end of a command; what fails is logged."""
        for note in (learn_size, *NOTES.get(type(request), ())):
            try:
                await note(request, outcome, station, self.services)
            except Exception:
                action = ACTION_OF_REQUEST[type(request)].name
                _log.exception("the end of a command was not noted", station=station.identity, action=action)

    async def _note(self, command: Command, outcome: Outcome) -> None:
        station = command.station
        try:
            if not (command.is_kept and isinstance(outcome, NotSent)):
                await self.note(station, command.request, outcome)
            if command.after is not None:
                await command.after(outcome)
            else:
                self._tell(station.id, "command.finished", outcome_body(command.request, outcome))
        except Exception:
            _log.exception("the end of a command was not noted", station=station.identity, action=command.action)
        finally:
            if not command.ended.done():
                command.ended.set_result(outcome)

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
