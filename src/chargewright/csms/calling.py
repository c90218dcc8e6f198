"""Our CALLs on one connection: one at a time (OCPP-J 4.1.1), each with a deadline and exactly one outcome."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from chargewright.clock import Clock
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.base import Message
from chargewright.rpc.connection import RpcConnection
from chargewright.rpc.events import AnswerMalformed, CallLost, CallTimedOut, ErrorReceived, Event, ResultReceived

__all__ = ["OnEnd", "OutgoingCalls"]

OnEnd = Callable[[Outcome], None]

# A timer of the loop may come a hair early by the clock that the deadline is on; it must not spin until then.
_SHORTEST_TIMER_SECONDS: Final = 0.001

_log = structlog.get_logger(__name__)


class OutgoingCalls:
    """The CALL that is out on one connection, if any. `flush` sends what the connection has queued; `take` is given
    what happened there."""

    __slots__ = ("_clock", "_flush", "_on_end", "_rpc", "_take", "_timeout_seconds", "_timer")

    def __init__(
        self, rpc: RpcConnection, clock: Clock, flush: Callable[[], None], take: Callable[[Event], None]
    ) -> None:
        self._rpc = rpc
        self._clock = clock
        self._flush = flush
        self._take = take
        self._on_end: OnEnd | None = None
        self._timeout_seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def call(self, request: Message, timeout_seconds: float, on_end: OnEnd) -> None:
        """Send a CALL; `on_end` is called once, on the loop's thread, perhaps before this returns (where it cannot be
        sent)."""
        try:
            self._rpc.call(request, self._clock.monotonic(), timeout_seconds)
        except LocalProtocolError as error:
            on_end(NotSent(reason=str(error)))
            return
        self._on_end = on_end
        self._timeout_seconds = timeout_seconds
        self._set_timer()
        self._flush()

    def ended_by(self, event: Event) -> bool:
        """Whether this is the end of our CALL; its caller is told."""
        if type(event) is ResultReceived:
            outcome: Outcome = Answered(response=event.response, elapsed_seconds=event.elapsed_seconds)
        elif type(event) is ErrorReceived:
            error = event.error
            outcome = Refused(code=error.raw_code, description=error.description, details=error.details)
        elif type(event) is AnswerMalformed:
            outcome = Malformed(reason=event.reason)
        elif type(event) is CallTimedOut:
            outcome = Unanswered(reason=f"no answer in {self._timeout_seconds:g} s")
        elif type(event) is CallLost:
            outcome = Unanswered(reason="the connection was lost before an answer came", is_lost=True)
        else:
            return False
        self._end(outcome)
        return True

    def give_up(self, reason: str, close_code: int | None = None) -> None:
        """The connection is over for us: whether our CALL was carried out will not be known."""
        self._end(Unanswered(reason=reason, is_lost=True, close_code=close_code))

    def let_go(self) -> None:
        """The connection is gone: break the circle with the session, so that both are freed now and not by the garbage
        collector, which may come only after thousands of reconnects."""
        self._flush = _nothing_to_flush
        self._take = _nothing_to_take

    def tick(self) -> None:
        """Time out the CALL if it is time for that; called by a timer of the loop."""
        self._rpc.tick(self._clock.monotonic())
        for event in self._rpc.events():
            self._take(event)
        if self._on_end is not None:
            self._set_timer()

    def _set_timer(self) -> None:
        deadline = self._rpc.next_deadline
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            remaining = max(_SHORTEST_TIMER_SECONDS, deadline - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(remaining, self.tick)

    def _end(self, outcome: Outcome) -> None:
        on_end, self._on_end = self._on_end, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if on_end is not None:
            try:
                on_end(outcome)
            except Exception:
                _log.exception("the end of a command could not be noted")


def _nothing_to_flush() -> None:
    """The connection is gone."""


def _nothing_to_take(event: Event) -> None:
    """The connection is gone."""
