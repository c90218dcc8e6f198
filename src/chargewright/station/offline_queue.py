"""Transaction messages on their way: durable, in order, one at a time, until they are answered (§3.7, §3.7.1).

A lost connection or a missing answer costs a message nothing: it waits. Only CALLERRORs count against it, and after the
last attempt it is parked, not thrown away: it is somebody's bill.
"""

from collections.abc import Callable
from typing import Final

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.actions import ACTIONS
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import DECODE_FAILURES, encode
from chargewright.station.context import CallFailed, CallFailure, Context, TransactionMessages
from chargewright.station.flag import Flag
from chargewright.station.hardware.interface import Timer
from chargewright.station.store import QueuedMessage

__all__ = ["OfflineQueue"]

# After so many missing answers in a row the connection is given up: the peer, or the line, is half dead.
TIME_OUTS_BEFORE_RECONNECT: Final = 3
# A timer may fire a rounding error early; what is left of the wait must not make it turn on the spot.
SHORTEST_WAIT_SECONDS: Final = 0.001
# After what should not happen: a memory that takes nothing.
RETRY_SECONDS: Final = 5.0


class OfflineQueue:
    """Sends what `put` made durable. `messages` knows its content; `reconnect` drops a connection that does not answer.

    Made on the event loop's thread, inside the running loop.
    """

    def __init__(self, context: Context, messages: TransactionMessages, reconnect: Callable[[], None]) -> None:
        self._context = context
        self._store = context.store
        self._messages = messages
        self._reconnect = reconnect
        self._is_running = False
        self._not_before = 0.0
        self._timer: Timer | None = None
        self._time_outs = 0
        # The answer to the message of that number, until it is on disk: what was answered is not sent again.
        self._answer: tuple[int, Message] | None = None
        self._empty = Flag()

    def put(self, action: str, request: Message, transaction_key: int | None) -> None:
        """Append a message to the durable queue (inside the caller's commit, if it has one open)."""
        self._store.enqueue(transaction_key, action, encode(request))
        self._store.database.when_kept(lambda: self._context.tally.message_queued(action))
        self._empty.clear()
        self._context.call_later(0.0, self.wake)

    def wake(self) -> None:
        """Send what waits, if the CSMS would take it now. Idempotent."""
        if not self._is_running and self._context.is_online():
            self._is_running = True
            self._context.spawn(self._send_all())

    def stop(self) -> None:
        """Forget the timer of a retry; what is queued stays queued."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def wait_until_empty(self) -> None:
        """Return when every message is answered or parked."""
        if self._store.queue_head() is not None:
            await self._empty.wait()

    async def _send_all(self) -> None:
        try:
            while self._context.is_online() and (head := self._store.queue_head()) is not None:
                wait_seconds = self._not_before - self._context.clock.monotonic()
                if wait_seconds > 0:
                    self._wake_in(wait_seconds)
                    return
                if not await self._send(head):
                    return
            if self._store.queue_head() is None:
                self._empty.set()
        except Exception:
            # Told to the log by whoever runs this; the queue goes on.
            self._wake_in(RETRY_SECONDS)
            raise
        finally:
            self._is_running = False

    async def _send(self, head: QueuedMessage) -> bool:
        """Try one message; returns whether to go on with the queue at once."""
        if self._answer is not None and self._answer[0] == head.sequence:
            self._settle(head, self._answer[1])
            return True
        try:
            request = self._messages.request(head)
        except DECODE_FAILURES as error:
            # It would stop every bill behind it, each time anew.
            self._context.log.error("a transaction message cannot be read", action=head.action, reason=str(error))
            self._give_up(head, str(error))
            return True
        try:
            response = await self._context.call(request, ACTIONS[head.action].response)
        except CallFailed as failure:
            return self._failed(head, failure)
        except LocalProtocolError as error:
            self._context.log.error("a transaction message cannot be sent", action=head.action, reason=str(error))
            self._give_up(head, str(error))
            return True
        self._time_outs = 0
        self._answer = (head.sequence, response)
        self._settle(head, response)
        return True

    def _settle(self, head: QueuedMessage, response: Message) -> None:
        with self._store.atomically():
            then = self._messages.settle(head, response)
            self._store.dequeue(head.sequence)
            self._store.database.when_kept(lambda: self._context.tally.message_answered(head.action))
        self._answer = None
        if then is not None:
            then()

    def _failed(self, head: QueuedMessage, failure: CallFailed) -> bool:
        if failure.failure is CallFailure.TIMED_OUT:
            self._time_outs += 1
            if self._time_outs >= TIME_OUTS_BEFORE_RECONNECT:
                self._time_outs = 0
                self._context.log.warning("the CSMS does not answer; reconnecting", action=head.action)
                self._reconnect()
                return False
            return True
        if failure.failure in (CallFailure.OFFLINE, CallFailure.LOST):
            if self._context.is_online():
                # Too much else waits for the line.
                self._wake_in(RETRY_SECONDS)
            return False
        self._time_outs = 0
        attempts = head.attempts + 1
        if attempts >= self._context.configuration.integer("TransactionMessageAttempts"):
            self._give_up(head, str(failure))
            return True
        self._store.count_attempt(head.sequence, attempts)
        # §3.7.1: the wait grows with the number of attempts made.
        wait_seconds = self._context.configuration.integer("TransactionMessageRetryInterval") * attempts
        self._context.log.warning(
            "a transaction message was refused", action=head.action, attempts=attempts, retry_in=wait_seconds
        )
        self._not_before = self._context.clock.monotonic() + wait_seconds
        return True

    def _give_up(self, head: QueuedMessage, reason: str) -> None:
        self._context.log.error("a transaction message is parked", action=head.action, reason=reason)
        with self._store.atomically():
            self._store.park(head.sequence, reason)
            then = self._messages.settle(head, None)
            self._store.database.when_kept(self._context.tally.message_parked)
        if then is not None:
            then()

    def _wake_in(self, seconds: float) -> None:
        self.stop()
        self._timer = self._context.call_later(max(seconds, SHORTEST_WAIT_SECONDS), self.wake)
