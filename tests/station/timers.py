"""Timers on a manual clock, for tests without an event loop."""

from collections.abc import Callable
from datetime import UTC, datetime

from chargewright.clock import ManualClock

START = datetime(2026, 1, 1, tzinfo=UTC)


class Handle:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Timers:
    """`call_later` on a manual clock; `pass_time` lets both go on together."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.due: list[tuple[float, Handle]] = []

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Handle:
        handle = Handle(callback)
        self.due.append((self.clock.monotonic() + seconds, handle))
        return handle

    def pass_time(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        while upcoming := [item for item in self.due if item[0] <= end and not item[1].is_cancelled]:
            item = min(upcoming, key=lambda item: item[0])
            self.due.remove(item)
            self.clock.advance(max(0.0, item[0] - self.clock.monotonic()))
            item[1].callback()
        self.clock.advance(max(0.0, end - self.clock.monotonic()))
