"""One thread beside the event loop, for work of one station that would keep the loop from all the others."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from chargewright.simulation import SimulationStalled

__all__ = ["SideThread"]

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class SideThread:
    """Runs plain functions, one after the other; the thread begins with the first of them."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """What `function` returns or raises; in virtual time, which can wait for no thread, it is called at once."""
        try:
            result = asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        except SimulationStalled:
            return function(*arguments)
        return await result

    def close(self) -> None:
        """Cancel what has not begun; what has, goes on to its end, and is not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)
