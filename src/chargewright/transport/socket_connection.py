"""What every connection over a real socket does alike: deliver, pause, close, bound what it writes, keep alive.

The implementations (picows, websockets) add how bytes become frames. Here is no I/O: they hand in what arrived and
carry out `_write_text`, `_write_close`, `_drop` and the like. No task and no timer belongs to a connection; deadlines
are looked after by the loop's `DeadlineWheel`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from chargewright.errors import ConnectionLost
from chargewright.transport.connection import (
    ABNORMAL_CLOSURE,
    INTERNAL_ERROR,
    NO_STATUS,
    NORMAL_CLOSURE,
    CloseInfo,
    Keepalive,
    Limits,
    Peer,
)
from chargewright.transport.deadline_wheel import wheel_of
from chargewright.transport.errors import FrameRefused
from chargewright.transport.messages import MessageAssembler

__all__ = ["HARD_WRITE_BOUND_FACTOR", "SLOTS", "SocketConnection"]

# Behind this many write buffers no further message is queued, however recently the peer took a byte.
HARD_WRITE_BOUND_FACTOR: Final = 4
# How often a connection without any deadline is looked at: a library may have begun to close it unasked.
_UNHURRIED_SECONDS: Final = 30.0
# RFC 6455 §5.5: a control frame carries at most 125 bytes, two of them the close code.
_REASON_BYTES: Final = 123

_log = logging.getLogger(__name__)


def _ignore(_: object) -> None:
    """Takes the place of the owner's callbacks before they are set and after the last of them was called."""


# The attributes, for the `__slots__` of the implementations: this class may not have any, because the layout of an
# extension type (picows) and slots of a second base do not go together.
SLOTS: Final = (
    "_assembler",
    "_close_deadline",
    "_close_info",
    "_has_heard",
    "_held",
    "_is_lost",
    "_is_paused",
    "_is_write_blocked",
    "_keepalive",
    "_limits",
    "_loop",
    "_ping_due",
    "_progress_at",
    "_unheard_since",
    "_unsent_bytes",
    "check_tick",
    "is_open",
    "on_close",
    "on_message",
    "peer",
)


class SocketConnection:
    """Base of the implementations; see `Connection` for what its public methods promise."""

    if not TYPE_CHECKING:  # mypy would miss the slots that only the implementations have
        __slots__ = ()

    peer: Peer
    on_message: Callable[[bytes], None]
    on_close: Callable[[CloseInfo], None]
    is_open: bool
    check_tick: int
    _loop: asyncio.AbstractEventLoop
    _limits: Limits
    _keepalive: Keepalive
    _assembler: MessageAssembler | None
    # Messages and the peer's close frame, read but not delivered; None unless paused.
    _held: deque[bytes | CloseInfo] | None
    _close_info: CloseInfo | None
    _close_deadline: float
    _is_lost: bool
    _is_paused: bool
    _has_heard: bool
    _ping_due: float
    _unheard_since: float | None
    _is_write_blocked: bool
    _unsent_bytes: int
    _progress_at: float

    def _begin(self, limits: Limits, keepalive: Keepalive) -> None:
        """Set every attribute; before anything arrives."""
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._keepalive = keepalive
        self.on_message = _ignore
        self.on_close = _ignore
        self.is_open = True
        self.check_tick = 0
        self._assembler = None
        self._held = None
        self._close_info = None
        self._close_deadline = 0.0
        self._is_lost = False
        self._is_paused = False
        self._has_heard = False
        self._ping_due = 0.0
        self._unheard_since = None
        self._is_write_blocked = False
        self._unsent_bytes = 0
        self._progress_at = 0.0

    def _watch(self) -> None:
        """Begin with pings and deadlines; once the WebSocket is open."""
        now = self._loop.time()
        interval = self._keepalive.interval_seconds
        if interval > 0:
            self._ping_due = now + interval
        wheel_of(self._loop).check_at(now + (interval if interval > 0 else _UNHURRIED_SECONDS), self)

    # What an implementation does with its socket.

    def _write_text(self, message: bytes) -> None:
        raise NotImplementedError

    def _write_ping(self) -> None:
        raise NotImplementedError

    def _write_close(self, code: int, reason: str) -> None:
        raise NotImplementedError

    def _unsent(self) -> int:
        """Bytes that were written and that the kernel has not taken yet."""
        raise NotImplementedError

    def _finish(self) -> None:
        """Close the socket once everything is sent."""
        raise NotImplementedError

    def _drop(self) -> None:
        """Close the socket now; `_lost` follows."""
        raise NotImplementedError

    def _stop_reading(self) -> None:
        raise NotImplementedError

    def _start_reading(self) -> None:
        raise NotImplementedError

    def _is_failing(self) -> bool:
        """Whether the library beneath has begun to close the connection without being asked."""
        raise NotImplementedError

    # The owner's side.

    def send(self, message: bytes) -> None:
        """Queue one text message; see `Connection.send`."""
        if not self.is_open:
            raise ConnectionLost(f"the connection with {self.peer.address} is closed")
        if self._is_write_blocked:
            unsent = self._unsent()
            bound = HARD_WRITE_BOUND_FACTOR * self._limits.write_buffer_bytes
            if unsent >= bound:
                self._give_up(f"{unsent} bytes were not taken, the bound is {bound}")
                raise ConnectionLost(f"{self.peer.address} does not take what it is sent")
            # What is added now must not look like a lack of progress at the next check.
            self._unsent_bytes += len(message)
        self._write_text(message)

    def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Begin the closing handshake; see `Connection.close`."""
        if not self.is_open:
            return
        self.is_open = False
        self._close_info = CloseInfo(code, reason, by_peer=False)
        self._begin_closing(code, reason)
        if self._held is not None:
            has_peer_closed = bool(self._held) and isinstance(self._held[-1], CloseInfo)
            self._held = None
            if has_peer_closed:
                self._finish()
            else:
                # The peer's answer can only be seen by reading.
                self._start_reading()

    def abort(self) -> None:
        """Drop the socket at once; see `Connection.abort`."""
        self._give_up("aborted")

    def pause(self) -> None:
        """Stop delivering and reading; see `Connection.pause`."""
        if self.is_open and not self._is_paused:
            self._is_paused = True
            if self._held is None:
                self._held = deque()
                self._stop_reading()

    def resume(self) -> None:
        """Deliver again, from the next turn of the loop on; see `Connection.resume`."""
        if self._is_paused:
            self._is_paused = False
            self._loop.call_soon(self._deliver_held)

    # The socket's side.

    def _deliver(self, message: bytes) -> None:
        """One whole, checked message has arrived."""
        if self._held is not None:
            self._held.append(message)
        elif self.is_open:
            self._hand_over(message)

    def _receive_data_frame(self, opcode: int, payload: bytes, *, is_final: bool, has_reserved_bits: bool) -> None:
        """One data frame has arrived that is not simply a whole message."""
        if not self.is_open:
            return
        if self._assembler is None:
            self._assembler = MessageAssembler(self._limits.message_bytes, self._limits.fragments_per_message)
        try:
            message = self._assembler.receive_frame(
                opcode, payload, is_final=is_final, has_reserved_bits=has_reserved_bits
            )
        except FrameRefused as error:
            self._refuse(error)
            return
        if self._assembler.is_idle:
            self._assembler = None
        if message is not None:
            self._deliver(message)

    def _deliver_held(self) -> None:
        while self._held and not self._is_paused:
            item = self._held.popleft()
            if isinstance(item, CloseInfo):
                self._held = None
                self._peer_closes(item.code, item.reason)
                return
            self._hand_over(item)
        if self._held is not None and not self._is_paused:
            self._held = None
            self._start_reading()

    def _hand_over(self, message: bytes) -> None:
        try:
            self.on_message(message)
        except Exception:
            _log.exception("the receiver of a message from %s failed", self.peer.address)
            self.close(INTERNAL_ERROR)

    def _refuse(self, error: FrameRefused) -> None:
        _log.warning("%s sent what it may not: %s", self.peer.address, error)
        self._assembler = None
        self.close(error.code, error.reason)

    def _peer_closes(self, code: int, reason: str) -> None:
        """A close frame has arrived."""
        if self._held is not None:
            self._held.append(CloseInfo(code, reason))
            return
        if self._close_info is None:
            self.is_open = False
            self._close_info = CloseInfo(code, reason)
            # An empty close frame has no code to echo; 1005 must not be sent (RFC 6455 §7.4.1).
            self._begin_closing(NORMAL_CLOSURE if code == NO_STATUS else code, "")
        self._finish()

    def _begin_closing(self, code: int, reason: str) -> None:
        self._close_deadline = self._loop.time() + self._limits.close_seconds
        wheel_of(self._loop).check_at(self._close_deadline, self)
        text = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        self._write_close(code, text)

    def _give_up(self, reason: str) -> None:
        """Drop the socket for a reason of ours; what is read from now on is ignored."""
        if self._is_lost:
            return
        self.is_open = False
        if self._close_info is None:
            self._close_info = CloseInfo(ABNORMAL_CLOSURE, reason, by_peer=False)
        self._drop()

    def _block_writing(self) -> None:
        """More than `Limits.write_buffer_bytes` are waiting."""
        if not self._is_write_blocked:
            self._is_write_blocked = True
            self._unsent_bytes = self._unsent()
            self._progress_at = self._loop.time()
            wheel_of(self._loop).check_at(self._progress_at + self._limits.write_stalled_seconds / 4, self)

    def _unblock_writing(self) -> None:
        self._is_write_blocked = False

    def _lost(self) -> None:
        """The socket is gone."""
        if self._is_lost:
            return
        self._is_lost = True
        self.is_open = False
        wheel_of(self._loop).forget(self)
        info = self._close_info
        if info is None and self._held and isinstance(self._held[-1], CloseInfo):
            info = self._held[-1]
        on_close = self.on_close
        # The owner usually holds us, and we hold its methods: let neither wait for the garbage collector.
        self.on_message = self.on_close = _ignore
        self._held = None
        self._assembler = None
        try:
            on_close(info or CloseInfo(ABNORMAL_CLOSURE))
        except Exception:
            _log.exception("the receiver of the close of %s failed", self.peer.address)

    # Deadlines.

    def check(self, now: float) -> float | None:
        """Abort what is overdue, ping what is quiet; for the `DeadlineWheel`."""
        if self._is_lost:
            return None
        if not self.is_open or self._is_failing():
            if not self._close_deadline:
                self._close_deadline = now + self._limits.close_seconds
            if now < self._close_deadline:
                return self._close_deadline
            self._drop()
            return None
        next_check = now + _UNHURRIED_SECONDS
        if self._is_write_blocked:
            unsent = self._unsent()
            if unsent < self._unsent_bytes:
                self._progress_at = now
            self._unsent_bytes = unsent
            stalled_seconds = self._limits.write_stalled_seconds
            if now - self._progress_at >= stalled_seconds:
                self._give_up(f"{unsent} bytes waited {stalled_seconds} s without one being taken")
                return None
            next_check = min(next_check, now + stalled_seconds / 4, self._progress_at + stalled_seconds)
        if self._keepalive.interval_seconds > 0:
            next_check = min(next_check, self._check_keepalive(now))
        return next_check if self.is_open else None

    def _check_keepalive(self, now: float) -> float:
        if self._held is not None:
            # While we do not read, silence says nothing about the peer.
            self._unheard_since = None
        elif self._unheard_since is not None:
            if self._has_heard:
                self._unheard_since = None
            elif now - self._unheard_since >= self._keepalive.timeout_seconds:
                self._give_up(f"nothing was heard for {self._keepalive.timeout_seconds} s after a ping")
                return now
        if now >= self._ping_due:
            self._ping_due = now + self._keepalive.interval_seconds
            if not self._is_write_blocked:
                self._write_ping()
            if self._unheard_since is None and self._held is None:
                self._unheard_since = now
                self._has_heard = False
        if self._unheard_since is None:
            return self._ping_due
        return min(self._ping_due, self._unheard_since + self._keepalive.timeout_seconds)
