"""When a station that came may be spoken to unasked: it is served, and has been silent for a while.

After a connection begins, and after each BootNotification, stations tell their state and deliver what they kept; many
do not cope with commands meanwhile. A station that never falls silent (meter values every few seconds) counts as
settled after `PATIENCE` times the settle time.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from chargewright.clock import Clock
from chargewright.csms.directory import Directory
from chargewright.csms.storage.base import StationRow

__all__ = ["PATIENCE", "HeardSession", "Settling"]

PATIENCE: Final = 12
_SHORTEST_TIMER_SECONDS: Final = 0.001

_log = structlog.get_logger(__name__)


class HeardSession(Protocol):
    """What is seen of a session here."""

    station: StationRow
    last_heard: float  # monotonic


class _Arrival:
    """A session on its way to being settled, or there."""

    __slots__ = ("began", "is_settled", "session", "timer")

    def __init__(self, session: HeardSession, now: float) -> None:
        self.session = session
        self.began = now
        self.is_settled = False
        self.timer: asyncio.TimerHandle | None = None


class Settling:
    """Watches the sessions; calls each of `on_settled` with the row id of a station whenever it has settled, once for
    each connection and each boot."""

    def __init__(self, directory: Directory, clock: Clock, *, settle_seconds: float) -> None:
        self._directory = directory
        self._clock = clock
        self._settle_seconds = settle_seconds
        self._arrivals: dict[int, _Arrival] = {}
        self.on_settled: list[Callable[[int], None]] = []

    def is_settled(self, station_id: int) -> bool:
        """Whether the station is connected here, served, and settled."""
        arrival = self._arrivals.get(station_id)
        return arrival is not None and arrival.is_settled and self._directory.is_served(arrival.session.station)

    def arrival(self, station_id: int) -> object | None:
        """What stands for the station's connection and boot as of now: another object after each of either."""
        return self._arrivals.get(station_id)

    def came(self, session: HeardSession) -> None:
        """The session is the station's newest, or its boot was answered: the silence begins to count."""
        self.went(session.station.id)
        arrival = self._arrivals[session.station.id] = _Arrival(session, self._clock.monotonic())
        self._look_again(arrival, self._settle_seconds)

    def went(self, station_id: int) -> None:
        """The station has no session here any more."""
        arrival = self._arrivals.pop(station_id, None)
        if arrival is not None and arrival.timer is not None:
            arrival.timer.cancel()

    def served(self, station_id: int) -> None:
        """The operator accepted a station that may be connected."""
        arrival = self._arrivals.get(station_id)
        if arrival is not None and not arrival.is_settled and arrival.timer is None:
            self._look(arrival)

    def close(self) -> None:
        """Forget everybody."""
        for station_id in list(self._arrivals):
            self.went(station_id)

    def _look_again(self, arrival: _Arrival, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        arrival.timer = loop.call_later(max(_SHORTEST_TIMER_SECONDS, seconds), self._look, arrival)

    def _look(self, arrival: _Arrival) -> None:
        arrival.timer = None
        station = arrival.session.station
        if not self._directory.is_served(station):
            return  # until its boot is accepted, or `served`
        now = self._clock.monotonic()
        quiet_since = max(arrival.began, arrival.session.last_heard)
        silent_at = quiet_since + self._settle_seconds
        latest = arrival.began + PATIENCE * self._settle_seconds
        remaining = min(silent_at, latest) - now
        if remaining > 0:
            self._look_again(arrival, remaining)
            return
        arrival.is_settled = True
        for act in self.on_settled:
            try:
                act(station.id)
            except Exception:
                _log.exception("following up on a settled station failed", station=station.identity)
