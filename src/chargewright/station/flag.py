"""A flag to wait for: `asyncio.Event` without its 700 bytes, of which a station would have half a dozen."""

import asyncio

__all__ = ["Flag"]


class Flag:
    """Up or down. Whoever waits goes on when it is up, even if it is down again by then."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """Whether it is up."""
        return self._is_set

    def set(self) -> None:
        """Raise it. Idempotent."""
        self._is_set = True
        waiting, self._waiting = self._waiting, None
        for future in waiting or ():
            if not future.done():
                future.set_result(None)

    def clear(self) -> None:
        """Lower it. Idempotent."""
        self._is_set = False

    async def wait(self) -> None:
        """Return when it is up."""
        if self._is_set:
            return
        future = asyncio.get_running_loop().create_future()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(future)
        try:
            await future
        finally:
            if self._waiting is not None and future in self._waiting:
                self._waiting.remove(future)
