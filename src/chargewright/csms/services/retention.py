"""How long each kind of data is kept; what is older is removed, slowly, while the CSMS runs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import Storage, StorageError

__all__ = ["Kept", "RetentionService"]

DAY_MICROSECONDS: Final = 24 * 3600 * 1_000_000
# Rows of one step, and the pause after it: removing must not be noticed by stations that are being answered.
STEP_ROWS: Final = 500
PAUSE_SECONDS: Final = 0.05

_log = structlog.get_logger(__name__)


class Kept(msgspec.Struct, kw_only=True):
    """One kind of data: for how many days it is kept (0: for ever), what was removed since the start, and when it was
    looked at last (µs)."""

    kind: str
    days: float
    removed: int = 0
    looked_at: int | None = None
    problem: str | None = None


class RetentionService(Service):
    """Removes what is too old: once soon after the start, then every `every_seconds`. `days` names every kind."""

    def __init__(self, storage: Storage, clock: Clock, days: Mapping[str, float], *, every_seconds: float) -> None:
        self._storage = storage
        self._clock = clock
        self._every_seconds = every_seconds
        self._kept = {kind: Kept(kind=kind, days=number) for kind, number in days.items()}
        self._turn = asyncio.Lock()

    def work(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The loop that removes."""
        return {"retention": self._remove_for_ever}

    def kept(self) -> list[Kept]:
        """Every kind, with what became of it."""
        return list(self._kept.values())

    async def run(self) -> list[Kept]:
        """Remove what is too old now; a kind that the database refuses is told in its `problem`, the others go on."""
        async with self._turn:
            for kept in self._kept.values():
                if kept.days > 0:
                    await self._remove(kept)
        return self.kept()

    async def _remove(self, kept: Kept) -> None:
        now = self._clock.now_microseconds()
        before = now - int(kept.days * DAY_MICROSECONDS)
        kept.looked_at = now
        kept.problem = None
        total = 0
        try:
            while removed := await self._storage.forget(kept.kind, before, STEP_ROWS):
                total += removed
                kept.removed += removed
                await asyncio.sleep(PAUSE_SECONDS)
        except StorageError as error:
            kept.problem = str(error).partition("\n")[0]
            _log.warning("old data was not removed", kind=kept.kind, error=kept.problem)
        if total:
            _log.info("old data was removed", kind=kept.kind, rows=total, days=kept.days)

    async def _remove_for_ever(self) -> None:
        while True:
            await self.run()
            await asyncio.sleep(self._every_seconds)
