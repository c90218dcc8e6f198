"""The station's end of the line: CALLs one at a time, answers to those who wait, CALLs of the CSMS to the commands."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeVar

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.errors import ConnectionLost, LocalProtocolError
from chargewright.protocol.v16.actions import ACTION_OF_REQUEST, Action
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.error_codes import ErrorCode
from chargewright.rpc.connection import RpcConnection
from chargewright.rpc.errors import InternalFault, RpcError
from chargewright.rpc.events import (
    AnswerMalformed,
    CallLost,
    CallReceived,
    CallRefused,
    CallTimedOut,
    ErrorReceived,
    Event,
    IgnoredReason,
    MessageIgnored,
    ResultReceived,
)
from chargewright.station.context import Answer, CallFailed, CallFailure
from chargewright.station.dialect import Translator
from chargewright.station.hardware.interface import Timer
from chargewright.station.tally import Tally
from chargewright.transport.connection import Connection

__all__ = ["Command", "Link", "Traffic"]

ResponseType = TypeVar("ResponseType", bound=Message)
# Serves one CALL of the CSMS; None: no answer may be given (§4.2, while Rejected). Raises RpcError to refuse.
Command = Callable[[Message], Answer | None]
# Status reports and the like wait here while one CALL is under way; far more than a station can have.
WAITING_BOUND: Final = 1000
# With so many CALLs of the CSMS waiting for their slow answers, no more are read (OCPP-J 4.1.1 wants one at a time).
DELAYED_BOUND: Final = 8
# What a slow or broken line does to good messages.
HARMLESS: Final = frozenset({IgnoredReason.LATE_ANSWER, IgnoredReason.UNKNOWN_ID, IgnoredReason.CONNECTION_LOST})


class Traffic(msgspec.Struct):
    """Messages counted since the station was made, answers included."""

    sent: int = 0
    received: int = 0


class _Waiting(msgspec.Struct):
    request: Message
    timeout_seconds: float
    future: asyncio.Future[Message]


class Link:
    """Speaks over one connection after another; every connection gets a fresh `RpcConnection` from `make_rpc`.

    `translator` writes messages as other stations do. `when_durable(callback)` calls when everything that was changed
    so far is on disk: nothing leaves before. `received_nonsense` hears of what is no message of OCPP. `answer_seconds`
    says how long the next CALL has to wait before it is served (None: not at all); they stay in their order.
    """

    def __init__(
        self,
        clock: Clock,
        make_rpc: Callable[[], RpcConnection],
        call_later: Callable[[float, Callable[[], None]], Timer],
        commands: Mapping[str, Command],
        when_durable: Callable[[Callable[[], None]], None],
        translator: Translator,
        log: structlog.typing.FilteringBoundLogger,
        tally: Tally | None = None,
        received_nonsense: Callable[[str], None] = lambda what: None,
        answer_seconds: Callable[[], float] | None = None,
    ) -> None:
        self._received_nonsense = received_nonsense
        self._answer_seconds = answer_seconds
        self._served_until = 0.0
        self._delayed: list[CallReceived] = []
        self.traffic = Traffic()
        self._tally = Tally() if tally is None else tally
        self.last_sent = clock.monotonic()
        self._clock = clock
        self._make_rpc = make_rpc
        self._call_later = call_later
        self._commands = commands
        self._when_durable = when_durable
        self._translator = translator
        self._log = log
        self._connection: Connection | None = None
        self._rpc: RpcConnection | None = None
        # Lists: both are short, and an empty deque takes 600 bytes.
        self._inbox: list[bytes] = []
        self._is_receiving = False
        self._next_turn: asyncio.Handle | None = None
        self._waiting: list[_Waiting] = []
        self._under_way: tuple[str, _Waiting] | None = None
        self._timer: Timer | None = None

    @property
    def is_connected(self) -> bool:
        """Whether something can be sent now."""
        return self._connection is not None and self._connection.is_open

    def attach(self, connection: Connection) -> None:
        """Use a new connection."""
        self._connection = connection
        self._rpc = self._make_rpc()
        self._delayed = []

    def receive(self, message: bytes) -> None:
        """A message came in on the present connection.

        One message at a time: whoever waited for an answer acts on it before the next message is looked at, so that a
        command which follows on the heels of `Accepted` meets an accepted station.
        """
        if self._rpc is None:
            return
        self.traffic.received += 1
        self._tally.received += 1
        self._inbox.append(message)
        if not self._is_receiving:
            self._is_receiving = True
            self._receive_next()

    def _receive_next(self) -> None:
        self._next_turn = None
        if self._rpc is None or not self._inbox:
            self._is_receiving = False
            return
        try:
            self._rpc.receive_message(self._translator.incoming(self._inbox.pop(0)), self._clock.monotonic())
            self._work()
        finally:
            # Whatever went wrong with this one. A connection that was lost meanwhile has nothing more to say.
            if self._is_receiving:
                # Behind the wake-ups of those who waited, which are in the loop's line already.
                self._next_turn = asyncio.get_running_loop().call_soon(self._receive_next)

    def detach(self) -> None:
        """The connection is gone: whoever waits learns it. Idempotent."""
        rpc, self._rpc, self._connection = self._rpc, None, None
        self._inbox.clear()
        self._is_receiving = False
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if rpc is not None:
            rpc.connection_lost()
            self._handle_all(rpc)
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            self._fail(item, CallFailure.LOST)

    async def call(self, request: Message, response: type[ResponseType], timeout_seconds: float) -> ResponseType:
        """Send `request` when its turn comes; the time-out counts from sending.

        Raises `CallFailed`, and `LocalProtocolError` for a request that cannot be put on the wire.
        """
        action = ACTION_OF_REQUEST[type(request)]
        if not self.is_connected or len(self._waiting) >= WAITING_BOUND:
            raise CallFailed(action.name, CallFailure.OFFLINE)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(request, timeout_seconds, future))
        self._work()
        answer = await future
        if not isinstance(answer, response):
            raise TypeError(f"{action.name} was asked to bring {response.__name__}, not {type(answer).__name__}")
        return answer

    def _work(self) -> None:
        """Handle what happened, send what is due, and set the timer for the next deadline."""
        self._drain()
        while self._rpc is not None and self._under_way is None and self._waiting:
            item = self._waiting.pop(0)
            if item.future.done():
                continue
            try:
                call_id = self._rpc.call(item.request, self._clock.monotonic(), item.timeout_seconds)
            except LocalProtocolError as error:
                item.future.set_exception(error)
            else:
                self._under_way = (call_id, item)
        self._flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._rpc is not None and (deadline := self._rpc.next_deadline) is not None:
            self._timer = self._call_later(max(0.0, deadline - self._clock.monotonic()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._rpc is not None:
            self._rpc.tick(self._clock.monotonic())
            self._work()

    def _drain(self) -> None:
        if self._rpc is not None:
            self._handle_all(self._rpc)

    def _handle_all(self, rpc: RpcConnection) -> None:
        for event in rpc.events():
            try:
                self._handle(event)
            except Exception:  # whoever is told must not keep others from being told
                self._log.exception("a message could not be acted upon", message=type(event).__name__)

    def _flush(self) -> None:
        self._when_durable(self._send_out)

    def _send_out(self) -> None:
        if self._rpc is None or self._connection is None:
            return
        try:
            for message in self._rpc.messages_to_send():
                self._connection.send(self._translator.outgoing(message))
                self.traffic.sent += 1
                self._tally.sent += 1
                self.last_sent = self._clock.monotonic()
        except ConnectionLost as error:
            # The transport tells so as well, by its close callback, where the waiting CALLs are failed.
            self._log.info("connection lost while sending", reason=str(error))

    def _handle(self, event: Event) -> None:
        match event:
            case CallReceived():
                self._serve_in_time(event)
            case ResultReceived():
                self._tally.answer_times.add(event.elapsed_seconds)
                if event.deviations:
                    self._log.info(
                        "the CSMS deviates",
                        action=event.action.name,
                        deviations=[str(item) for item in event.deviations],
                    )
                self._finish(event.call_id, event.response)
            case ErrorReceived():
                self._finish(event.call_id, CallFailed(event.action.name, CallFailure.REFUSED, str(event.error)))
            case AnswerMalformed():
                self._finish(event.call_id, CallFailed(event.action.name, CallFailure.MALFORMED, event.reason))
                self._received_nonsense(f"answer to {event.action.name}: {event.reason}")
            case CallTimedOut():
                self._finish(event.call_id, CallFailed(event.action.name, CallFailure.TIMED_OUT))
            case CallLost():
                self._finish(event.call_id, CallFailed(event.action.name, CallFailure.LOST))
            case CallRefused():
                self._log.warning("refused a call", action=event.action_name, code=event.code.value)
                if event.code not in (ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED):
                    self._received_nonsense(f"{event.action_name}: {event.code.value}")
            case MessageIgnored():
                self._log.warning("ignored a message", reason=event.reason.value, detail=event.detail)
                if event.reason not in HARMLESS:
                    self._received_nonsense(event.reason.value)

    def _finish(self, call_id: str, outcome: Message | CallFailed) -> None:
        if self._under_way is None or self._under_way[0] != call_id:
            return
        item = self._under_way[1]
        self._under_way = None
        if item.future.done():
            return
        if isinstance(outcome, CallFailed):
            item.future.set_exception(outcome)
        else:
            item.future.set_result(outcome)

    def _fail(self, item: _Waiting, failure: CallFailure) -> None:
        if not item.future.done():
            action: Action = ACTION_OF_REQUEST[type(item.request)]
            item.future.set_exception(CallFailed(action.name, failure))

    def _serve_in_time(self, event: CallReceived) -> None:
        rpc = self._rpc
        if self._answer_seconds is None:
            self._serve(event)
            return

        def serve() -> None:
            # The answer belongs to the connection on which it was asked for.
            if self._rpc is rpc:
                # In the order of the CALLs: timers for one moment may fire a rounding error apart.
                due = self._delayed.pop(0)
                if len(self._delayed) == DELAYED_BOUND - 1 and self._connection is not None:
                    self._connection.resume()
                self._serve(due)

        self._delayed.append(event)
        if len(self._delayed) == DELAYED_BOUND and self._connection is not None:
            # Whoever asks faster than a slow station answers has to wait: nothing piles up here.
            self._connection.pause()
        now = self._clock.monotonic()
        self._served_until = max(self._served_until, now + self._answer_seconds())
        self._call_later(self._served_until - now, serve)

    def _serve(self, event: CallReceived) -> None:
        rpc = self._rpc
        if rpc is None:
            return
        then: Callable[[], None] | None = None
        try:
            answer = self._commands[event.action.name](event.request)
            if answer is None:
                return
            rpc.answer(event.call_id, answer.response)
            then = answer.then
        except RpcError as error:
            rpc.refuse(event.call_id, error)
        except Exception:  # a bug in one command must not take the station down; it is told to both sides
            self._log.exception("a command failed", action=event.action.name)
            rpc.refuse(event.call_id, InternalFault(f"{event.action.name} could not be processed"))
        self._flush()
        if then is not None:
            self._when_durable(partial(self._follow, event.action, then))

    def _follow(self, action: Action, then: Callable[[], None]) -> None:
        try:
            then()
        except Exception:  # as with the command itself, but the answer has been given
            self._log.exception("what follows a command failed", action=action.name)
