"""What the CSMS sends on its own: chores of services, one at a time for each station, and only where that is welcome.

A chore runs when the station's boot was accepted at some time, its operator left `automatic` on, and it is connected
and settled (see `settling`). What a chore sends goes through the `CommandSender` like any other command.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from chargewright.csms.directory import Directory
from chargewright.csms.settling import Settling
from chargewright.csms.storage.base import StationRow
from chargewright.errors import LocalProtocolError

__all__ = ["Automation", "Chore"]

Chore = Callable[[StationRow], Awaitable[None]]

_log = structlog.get_logger(__name__)


class _Entered(msgspec.Struct, frozen=True):
    run: Chore
    is_before_boot: bool


class Automation:
    """Chores by name, and which of them each station waits for."""

    def __init__(self, directory: Directory, settling: Settling) -> None:
        self._directory = directory
        self._settling = settling
        self._chores: dict[str, _Entered] = {}
        self._wanted: dict[int, dict[str, None]] = {}  # by station, in the order of waking
        self._running: dict[int, asyncio.Task[None]] = {}
        self._is_closed = False
        settling.on_settled.append(self.reconsider)

    @property
    def names(self) -> tuple[str, ...]:
        """The chores there are."""
        return tuple(self._chores)

    def register(self, name: str, run: Chore, *, is_before_boot: bool = False) -> None:
        """Enter a chore. `is_before_boot`: it is for stations whose boot was never accepted, too. What it raises is
        logged; it is not repeated by itself. Raises `LocalProtocolError` for a name that is taken."""
        if name in self._chores:
            raise LocalProtocolError(f"there is a chore {name!r} already")
        self._chores[name] = _Entered(run, is_before_boot)

    def wake(self, station_id: int, name: str) -> None:
        """Run the chore for the station as soon as that is welcome: perhaps at once, perhaps in days. Waking it again
        before it has begun changes nothing; while it runs, it will run once more."""
        if name not in self._chores:
            raise LocalProtocolError(f"there is no chore {name!r}")
        self._wanted.setdefault(station_id, {})[name] = None
        self.reconsider(station_id)

    def reconsider(self, station_id: int) -> None:
        """The station has settled, or its operator changed something: go on with what waits."""
        if not self._is_closed and station_id not in self._running and self._next(station_id) is not None:
            task = asyncio.get_running_loop().create_task(self._work(station_id), name=f"chores of {station_id}")
            self._running[station_id] = task

    async def close(self) -> None:
        """Stop what runs, and begin nothing more."""
        self._is_closed = True
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _next(self, station_id: int) -> str | None:
        station = self._directory.station_by_id(station_id)
        if station is None or not station.automatic or not self._settling.is_settled(station_id):
            return None
        for name in self._wanted.get(station_id, ()):
            if station.booted or self._chores[name].is_before_boot:
                return name
        return None

    async def _work(self, station_id: int) -> None:
        try:
            while (name := self._next(station_id)) is not None:
                wanted = self._wanted[station_id]
                del wanted[name]
                if not wanted:
                    del self._wanted[station_id]
                station = self._directory.station_by_id(station_id)
                assert station is not None, "it was there a moment ago"
                try:
                    await self._chores[name].run(station)
                except Exception as error:
                    _log.warning("a chore failed", station=station.identity, chore=name, exc_info=error)
        finally:
            del self._running[station_id]
