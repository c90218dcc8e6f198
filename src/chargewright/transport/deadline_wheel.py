"""One timer for the deadlines of thousands of connections.

A timer per connection costs memory and, rescheduled on each message, time. Here every connection names the next moment
it wants to be looked at, moments are rounded up to ticks, and the event loop knows only the earliest tick. Nothing
happens on the hot path: a connection that heard from its peer raises a flag, which its next check reads.
"""

import asyncio
import heapq
import logging
import math
import weakref
from typing import Final, Protocol

__all__ = ["TICK_SECONDS", "DeadlineWheel", "Watched", "wheel_of"]

TICK_SECONDS: Final = 1 / 16

_log = logging.getLogger(__name__)


class Watched(Protocol):
    """Something with deadlines. `check_tick` belongs to the wheel and begins as 0."""

    check_tick: int

    def check(self, now: float) -> float | None:
        """Act on what is due at loop time `now`; the loop time of the next check, or None for no more."""


class DeadlineWheel:
    """Calls `check` of each watched object at the time it asked for, up to one tick late, never early."""

    __slots__ = ("__weakref__", "_loop", "_slots", "_ticks", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Weak, because `wheel_of` keeps wheels by their loops.
        self._loop = weakref.ref(loop)
        self._slots: dict[int, set[Watched]] = {}
        self._ticks: list[int] = []
        self._timer: asyncio.TimerHandle | None = None

    def check_at(self, when: float, watched: Watched) -> None:
        """Have `watched` checked at loop time `when`, or earlier where it is already due earlier."""
        tick = max(1, math.ceil(when / TICK_SECONDS))
        if watched.check_tick:
            if watched.check_tick <= tick:
                return
            self.forget(watched)
        watched.check_tick = tick
        slot = self._slots.get(tick)
        if slot is not None:
            slot.add(watched)
            return
        self._slots[tick] = {watched}
        heapq.heappush(self._ticks, tick)
        if self._ticks[0] == tick:
            self._arm()

    def forget(self, watched: Watched) -> None:
        """No more checks for `watched`, and no reference to it."""
        slot = self._slots.get(watched.check_tick)
        if slot is not None:
            slot.discard(watched)
        watched.check_tick = 0

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # An empty slot has nobody to check: nothing to wake up for.
        while self._ticks and not self._slots[self._ticks[0]]:
            del self._slots[heapq.heappop(self._ticks)]
        loop = self._loop()
        if self._ticks and loop is not None:
            self._timer = loop.call_at(self._ticks[0] * TICK_SECONDS, self._turn)

    def _turn(self) -> None:
        self._timer = None
        loop = self._loop()
        if loop is None:
            return
        now = loop.time()
        due = math.floor(now / TICK_SECONDS)
        while self._ticks and self._ticks[0] <= due:
            for watched in self._slots.pop(heapq.heappop(self._ticks)):
                watched.check_tick = 0
                try:
                    when = watched.check(now)
                except Exception:
                    # One connection's fault must not stop the clock of the others.
                    _log.exception("the check of %r failed; it will not be checked again", watched)
                    continue
                if when is not None:
                    # Never into a tick that this turn still pops: a check must not starve the loop.
                    self.check_at(max(when, (due + 1) * TICK_SECONDS), watched)
        self._arm()


_wheels: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, DeadlineWheel]" = weakref.WeakKeyDictionary()


def wheel_of(loop: asyncio.AbstractEventLoop) -> DeadlineWheel:
    """The wheel that all connections of `loop` share."""
    wheel = _wheels.get(loop)
    if wheel is None:
        wheel = _wheels[loop] = DeadlineWheel(loop)
    return wheel
