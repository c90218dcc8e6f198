"""The station's own clock: it runs by itself, and is set by the CSMS (§4.2, §4.6) or by hand.

Only the time of day can be set. Durations go by monotonic time, which never jumps, so that timers need not be told;
whoever waits for a time of day is told through `on_change`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from chargewright.clock import Clock
from chargewright.errors import LocalProtocolError

__all__ = ["IGNORED_SECONDS", "LEAST", "MOST", "StationClock"]

# What the CSMS says was true when it answered: a slow line and whole seconds make that much of a difference.
IGNORED_SECONDS: Final = 2.0
# No station has seen another time, and near the end of the calendar nothing could be reckoned any more.
LEAST: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOST: Final = datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)

_EPOCH: Final = LEAST
_MICROSECOND: Final = timedelta(microseconds=1)


class StationClock:
    """A `Clock` over `base`, which is never touched. `on_change(seconds)` is called after each jump, with its length.

    What it was set to is forgotten with the object; BootNotification sets it anew.
    """

    def __init__(self, base: Clock) -> None:
        self.on_change: Callable[[float], None] = _nobody_waits
        self._base = base
        self._offset = timedelta()

    def now(self) -> datetime:
        """The time of day, as this clock has it, in UTC."""
        return self._base.now() + self._offset

    def now_microseconds(self) -> int:
        """The same as µs since 1970."""
        return (self.now() - _EPOCH) // _MICROSECOND

    def monotonic(self) -> float:
        """Seconds of the base; no setting changes them."""
        return self._base.monotonic()

    def set(self, now: datetime) -> None:
        """Put it right, or wrong: the hand of a technician. `now` is aware; raises `LocalProtocolError` for a year that
        no clock goes to.
        """
        if not _is_possible(now):
            raise LocalProtocolError(f"the clock goes from {LEAST:%Y} to {MOST:%Y}; it cannot be set to {now}")
        change = now.astimezone(UTC) - self.now()
        self._offset += change
        self.on_change(change.total_seconds())

    def synchronise(self, now: datetime) -> bool:
        """What the CSMS says: followed where it is more than `IGNORED_SECONDS` off.

        Returns False where that time cannot be; then nothing has changed.
        """
        if not _is_possible(now):
            return False
        if abs((now.astimezone(UTC) - self.now()).total_seconds()) > IGNORED_SECONDS:
            self.set(now)
        return True


def _is_possible(now: datetime) -> bool:
    # Compared as they are: in UTC one of them may have no date any more.
    return LEAST <= now <= MOST


def _nobody_waits(seconds: float) -> None:
    """Until somebody sets `on_change`."""
