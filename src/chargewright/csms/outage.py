"""What the CSMS does while its database is away.

For `grace_seconds` nothing: the journal tries again, answers wait, what needs no storage is answered. Then stations are
sent away (1013) and upgrades refused (503), until the journal commits again and a probe does too; after that they come
back on a ramp. A station that is offline loses nothing; one that is told a lie, or a CALLERROR too many, loses a bill
(§3.7.1).
"""

import asyncio
from collections.abc import Callable

import structlog

from chargewright.clock import Clock
from chargewright.csms.storage.base import Storage, StorageError

__all__ = ["OutageWatch"]

# How long after the database came back connections are admitted at a bounded rate.
RAMP_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class OutageWatch:
    """Watches the journal; `on_away` is called when the grace is over. Times in seconds."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        *,
        grace_seconds: float,
        probe_seconds: float,
        readmission_per_second: float,
        on_away: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._probe_seconds = probe_seconds
        self._rate = readmission_per_second
        self._on_away = on_away
        self._ramp_began: float | None = None
        self._readmitted = 0
        self.is_away = False
        self.outages = 0

    def may_enter(self) -> bool:
        """Whether one more connection may be admitted now; on the ramp each True uses up one place."""
        if self._ramp_began is None:
            return True
        passed = self._clock.monotonic() - self._ramp_began
        if passed >= RAMP_SECONDS:
            self._ramp_began = None
            return True
        if self._readmitted >= 1 + passed * self._rate:
            return False
        self._readmitted += 1
        return True

    def storage_unavailable(self) -> None:
        """The database is away: a unit was given up, or the grace is over."""
        if self.is_away:
            return
        self.is_away = True
        self.outages += 1
        cause = self._storage.journal.last_failure
        _log.error("the database is away: stations are sent away until it is back", cause=cause)
        self._on_away()

    async def watch(self) -> None:
        """Look after the journal until cancelled."""
        while True:
            await asyncio.sleep(self._probe_seconds)
            failing = self._storage.journal.statistics().get("failing_seconds", 0.0)
            if not self.is_away:
                if failing >= self._grace_seconds:
                    self.storage_unavailable()
            elif failing == 0.0 and await self._probe():
                self.is_away = False
                self._ramp_began = self._clock.monotonic()
                self._readmitted = 0
                _log.info("the database is back")

    async def _probe(self) -> bool:
        try:
            await self._storage.probe()
        except StorageError as error:
            _log.warning("the database is still away", error=str(error))
            return False
        return True
