"""Security events on their way: durable, in order, one at a time, until the CSMS has heard them (A04).

They have a way of their own, for they may not hold up a bill: a CSMS that never answers one is asked ever more seldom,
and transaction messages pass by meanwhile.
"""

from typing import Final

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.coding import DECODE_FAILURES, decode, encode
from chargewright.protocol.v16.security import SecurityEventNotificationRequest, SecurityEventNotificationResponse
from chargewright.station.context import CallFailed, CallFailure, Context
from chargewright.station.hardware.interface import Timer
from chargewright.station.store import QueuedMessage

__all__ = ["SecurityOutbox"]

ACTION: Final = "SecurityEventNotification"
# After a missing answer, and after what should not happen; doubled each time.
LEAST_WAIT_SECONDS: Final = 60.0
MOST_WAIT_SECONDS: Final = 3600.0


class SecurityOutbox:
    """Sends what `put` made durable. Made on the event loop's thread, inside the running loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self._is_running = False
        self._wait_seconds = LEAST_WAIT_SECONDS
        self._timer: Timer | None = None

    def put(self, request: SecurityEventNotificationRequest) -> None:
        """Keep an event until it is told (inside the caller's commit, if it has one open)."""
        self._store.enqueue(None, ACTION, encode(request))
        self._store.database.when_kept(lambda: self._context.tally.message_queued(ACTION))
        self._context.call_later(0.0, self._wake)

    def online(self) -> None:
        """The CSMS takes messages from now on: whatever it did before, it is asked at once."""
        self.stop()
        self._wait_seconds = LEAST_WAIT_SECONDS
        self._wake()

    def stop(self) -> None:
        """Forget the timer of another try; what is kept stays kept."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        if self._timer is None and not self._is_running and self._context.is_online():
            self._is_running = True
            self._context.spawn(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._context.is_online() and (head := self._store.security_event_head()) is not None:
                if not await self._send(head):
                    return
        except Exception:
            # The memory did not answer, or worse: told to the log by whoever runs this, and tried again.
            self._wait()
            raise
        finally:
            self._is_running = False

    async def _send(self, head: QueuedMessage) -> bool:
        """Try one event; returns whether to go on with the next at once."""
        try:
            request = decode(SecurityEventNotificationRequest, head.payload)
            await self._context.call(request, SecurityEventNotificationResponse)
        except CallFailed as failure:
            if failure.failure in (CallFailure.OFFLINE, CallFailure.LOST, CallFailure.TIMED_OUT):
                if self._context.is_online():
                    self._wait()
                return False
            # It is in the security log; a CSMS that refuses one has heard it.
            self._context.log.warning("a security event was refused", reason=str(failure))
            self._store.dequeue(head.sequence)
            self._store.database.when_kept(lambda: self._context.tally.message_answered(ACTION))
        except (LocalProtocolError, *DECODE_FAILURES) as error:
            self._context.log.error("a security event cannot be sent", reason=str(error))
            self._store.park(head.sequence, str(error))
            self._store.database.when_kept(self._context.tally.message_parked)
        else:
            self._store.dequeue(head.sequence)
            self._store.database.when_kept(lambda: self._context.tally.message_answered(ACTION))
        self._wait_seconds = LEAST_WAIT_SECONDS
        return True

    def _wait(self) -> None:
        self.stop()
        self._timer = self._context.call_later(self._wait_seconds, self._try_again)
        self._wait_seconds = min(2 * self._wait_seconds, MOST_WAIT_SECONDS)

    def _try_again(self) -> None:
        self._timer = None
        self._wake()
