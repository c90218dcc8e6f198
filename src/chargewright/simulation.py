"""A world in virtual time: an event loop whose clock jumps to the next timer.

CSMS, stations and a faulty network run as coroutines of one thread; a day of charging passes in milliseconds, and the
same seed gives the same bytes. Nothing may wait outside the loop, because the loop would not know how long it took: no
sockets, no threads. `run_in_executor` therefore raises instead of quietly spoiling the clock.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, TypeVar, TypeVarTuple, Unpack

from chargewright.clock import LoopClock
from chargewright.errors import ChargewrightError

__all__ = ["EPOCH", "SimulationLoop", "SimulationStalled", "simulate"]

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

# Where virtual wall-clock time starts unless the caller says otherwise.
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


class SimulationStalled(ChargewrightError):
    """Every coroutine waits, and no timer is left that could wake one."""


class _JumpingSelector(selectors.BaseSelector):
    """Reports no I/O ever; instead of waiting it lets the time that would have been waited pass."""

    def __init__(self) -> None:
        self.time = 0.0
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = selectors.SelectorKey(fileobj, descriptor, events, data)
        self._keys[descriptor] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        return self._keys.pop(descriptor)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise SimulationStalled("every coroutine waits and no timer is left that could wake one")
        self.time += max(timeout, 0.0)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def close(self) -> None:
        self._keys.clear()


class SimulationLoop(asyncio.SelectorEventLoop):
    """A `SelectorEventLoop` in virtual time, starting at 0 s."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.time

    # Its type is narrower than the loop's, because it never returns.
    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> NoReturn:  # type: ignore[override]  # it refuses
        """Refused: the loop would jump ahead while the thread works."""
        raise SimulationStalled(f"{func!r} wants a thread; virtual time cannot wait for one")

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Arguments]], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        """Plain `call_soon`: there is only one thread, and its wake-up socket is not watched."""
        return self.call_soon(callback, *args, context=context)


def simulate(main: Callable[[LoopClock], Coroutine[Any, Any, Result]], *, start: datetime = EPOCH) -> Result:
    """Run `main(clock)` in virtual time to its end and return its result; tasks that are left are cancelled.

    Raises `SimulationStalled` when everything waits for something that cannot come.
    """
    loop = SimulationLoop()
    try:
        task = loop.create_task(main(LoopClock(start, loop.time)))
        try:
            return loop.run_until_complete(task)
        finally:
            _cancel_rest(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def _cancel_rest(loop: asyncio.AbstractEventLoop) -> None:
    # Sorted by name, because a set of tasks has no order that two runs share.
    rest = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
