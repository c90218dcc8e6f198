"""Work that takes its time and can be called off: at most one at a time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

__all__ = ["Errand", "Work"]

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Errand:
    """Runs one coroutine at a time; `spawn` is that of the context. Made and used on the event loop's thread."""

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._spawn = spawn
        self._number = 0
        self._task: asyncio.Task[Any] | None = None

    def begin(self, work: Work) -> None:
        """Run `work()`, in place of what runs now."""
        self.stop()
        self._spawn(self._run(self._number, work))

    def stop(self) -> None:
        """Call off what runs, or was to run. Idempotent."""
        self._number += 1
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _run(self, number: int, work: Work) -> None:
        if number != self._number:
            return  # Called off before its first step.
        self._task = task = asyncio.current_task()
        try:
            await work()
        finally:
            if self._task is task:
                self._task = None
