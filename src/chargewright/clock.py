"""Time, as an argument.

Nothing else in the package asks the operating system for the time. Wall-clock time (`now`) is for what is told to
peers and people; durations and deadlines use `monotonic`, which never jumps.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

__all__ = ["Clock", "LoopClock", "ManualClock", "SystemClock"]


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Clock(Protocol):
    """Where a component gets its time from."""

    def now(self) -> datetime:
        """Wall-clock time, aware, in UTC."""

    def now_microseconds(self) -> int:
        """Wall-clock time as microseconds since 1970-01-01 UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Wall-clock time of the machine, in UTC."""
        return datetime.now(UTC)

    def now_microseconds(self) -> int:
        """The same as µs since 1970, without a `datetime` on the way."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """`time.monotonic()`, in seconds."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to; for tests without an event loop."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        """The wall-clock time last set or advanced to."""
        return self._now

    def now_microseconds(self) -> int:
        """The same as µs since 1970."""
        return (self._now - _EPOCH) // _MICROSECOND

    def monotonic(self) -> float:
        """Seconds advanced since construction."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let `seconds` (≥ 0) pass on both clocks."""
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} s: monotonic time never goes back")
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set_wall_clock(self, now: datetime) -> None:
        """Jump the wall clock, as an operator or a time server would; monotonic time stays."""
        self._now = now.astimezone(UTC)


class LoopClock:
    """Wall-clock time derived from an event loop's own time: a fixed start plus what the loop says has passed.

    With a simulated loop (`chargewright.simulation`) this makes the whole process live in virtual time.
    """

    def __init__(self, start: datetime, loop_time: Callable[[], float]) -> None:
        self._start = start.astimezone(UTC)
        self._loop_time = loop_time
        self._offset = loop_time()

    def now(self) -> datetime:
        """The start plus the loop time passed since construction."""
        return self._start + timedelta(seconds=self._loop_time() - self._offset)

    def now_microseconds(self) -> int:
        """The same as µs since 1970."""
        return (self.now() - _EPOCH) // _MICROSECOND

    def monotonic(self) -> float:
        """The loop's time, in seconds."""
        return self._loop_time()
