"""Brings two things that happen at the same time into the order that a test is about."""

import asyncio
from typing import Any

__all__ = ["Gate"]


class Gate:
    """Stands for a coroutine function: does what it does, and returns only when the gate is open."""

    def __init__(self, act: Any) -> None:
        self._act = act
        self.is_reached = asyncio.Event()
        self.is_open = asyncio.Event()

    async def __call__(self, *arguments: Any, **options: Any) -> Any:
        found = await self._act(*arguments, **options)
        self.is_reached.set()
        await self.is_open.wait()
        return found
