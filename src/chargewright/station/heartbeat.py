"""Heartbeat: a sign of life when nothing else was said for a while, and the time at least once a day (§4.6)."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from chargewright.protocol.v16.core import HeartbeatRequest, HeartbeatResponse
from chargewright.station.context import CallFailed, Context
from chargewright.station.hardware.interface import Timer

__all__ = ["Heartbeat"]

# OCPP-J 5.3: whatever else keeps the line alive, the time is asked for once in 24 hours.
LONGEST_SILENCE_SECONDS: Final = 24 * 3600.0


class Heartbeat:
    """`last_sent` tells when anything was last sent, in monotonic seconds; `told_time` gets the CSMS's time of day."""

    def __init__(self, context: Context, last_sent: Callable[[], float], told_time: Callable[[datetime], None]) -> None:
        self._context = context
        self._last_sent = last_sent
        self._told_time = told_time
        self._last_beat = context.clock.monotonic()
        self._timer: Timer | None = None

    def start(self) -> None:
        """Beat from now on, or with a new interval."""
        self.stop()
        self._schedule()

    def stop(self) -> None:
        """Beat no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def beat(self, *, is_triggered: bool = False) -> None:
        """Send a Heartbeat now."""
        self._last_beat = self._context.clock.monotonic()
        self._context.spawn(self._beat(is_triggered))

    def _schedule(self) -> None:
        now = self._context.clock.monotonic()
        interval = self._interval()
        silence_ends = self._last_sent() + interval
        day_ends = self._last_beat + self._day(interval)
        self._timer = self._context.call_later(max(0.001, min(silence_ends, day_ends) - now), self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._context.clock.monotonic()
        interval = self._interval()
        is_silent = now >= self._last_sent() + interval
        if is_silent or now >= self._last_beat + self._day(interval):
            self.beat()
            self._timer = self._context.call_later(min(interval, self._day(interval)), self._due)
        else:
            self._schedule()

    def _interval(self) -> float:
        """Seconds; infinite where HeartbeatInterval is 0, as some products let it be: no sign of life is wanted."""
        return self._context.configuration.integer("HeartbeatInterval") or math.inf

    @staticmethod
    def _day(interval: float) -> float:
        return LONGEST_SILENCE_SECONDS if math.isinf(interval) else max(interval, LONGEST_SILENCE_SECONDS)

    async def _beat(self, is_triggered: bool) -> None:
        try:
            response = await self._context.call(HeartbeatRequest(), HeartbeatResponse, is_triggered=is_triggered)
        except CallFailed as failure:
            self._context.log.info("heartbeat failed", reason=str(failure))
            return
        # Time stamps are UTC where they name no zone (§3.14 recommends UTC).
        self._told_time(response.current_time.in_zone(UTC))
