"""Tasks of the CSMS, ended with it. Its loops are begun again when a bug ends them: one bad row must not end all
reviews."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import structlog

from chargewright.clock import Clock

__all__ = ["Supervisor"]

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
# After so long without a failure, the next pause is the first one again.
HEALTHY_SECONDS: Final = 120.0

_log = structlog.get_logger(__name__)


class Supervisor:
    """Keeps tasks. `failures` counts by name how often each loop was begun again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: set[asyncio.Task[Any]] = set()
        self.failures: Counter[str] = Counter()

    def begin(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run something once; its failure is logged."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def begin_loop(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run something for good."""
        self.begin(self.run(name, loop), name)

    async def end(self) -> None:
        """Cancel everything, and wait for it."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a task failed", task=task.get_name(), exc_info=task.exception())

    async def run(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run the loop until it ends by itself; after an exception begin it again, after a pause that grows."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = self._clock.monotonic()
            try:
                return await loop()
            except Exception:
                self.failures[name] += 1
                if self._clock.monotonic() - began >= HEALTHY_SECONDS:
                    pause = FIRST_PAUSE_SECONDS
                _log.exception("a loop failed and is begun again", loop=name, pause_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
