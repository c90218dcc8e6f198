"""The event log as endless streams, for people and programs that follow it.

Every reader reads from the database, a bounded page at a time, and waits for what comes next: none has a queue that
could grow, and one that does not take its page is not read for. A reader that was away goes on where it stopped.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import structlog

from chargewright.csms.storage.base import EventRow, Storage, StorageError
from chargewright.errors import ChargewrightError

__all__ = ["EventFeed", "TooManyReaders"]

_log = structlog.get_logger(__name__)


class TooManyReaders(ChargewrightError):
    """As many readers as allowed follow the log already."""

    def __init__(self, readers: int) -> None:
        super().__init__(readers)
        self.readers = readers

    def __str__(self) -> str:
        return f"{self.readers} readers follow the event log already"


class EventFeed:
    """`page` events are read at once, at most; `poll_seconds` is the longest wait before the log is read unasked."""

    def __init__(self, storage: Storage, *, page: int, readers: int, poll_seconds: float) -> None:
        self._storage = storage
        self._page = page
        self._bound = readers
        self._poll_seconds = poll_seconds
        self._version = 0
        self._is_failing = False
        self._waiting: set[asyncio.Future[None]] = set()
        self._unsubscribe: Callable[[], None] | None = None
        self.readers = 0
        self.has_ended = False

    def begin(self) -> None:
        """Listen for new events."""
        self._unsubscribe = self._storage.subscribe_events(self._wake)

    def end(self) -> None:
        """Let every stream end after what it has."""
        self.has_ended = True
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._wake()

    def enter(self) -> None:
        """Count one more reader; raises `TooManyReaders`. The caller pairs it with `leave`."""
        if self.readers >= self._bound:
            raise TooManyReaders(self.readers)
        self.readers += 1

    def leave(self) -> None:
        """Count one less."""
        self.readers -= 1

    async def position(self) -> int:
        """The sequence after which everything is still to come; raises `StorageError`."""
        return await self._storage.last_event_sequence()

    async def pages(self, after: int) -> AsyncIterator[list[EventRow]]:
        """Events after sequence `after`, in order, in pages that are never longer than allowed; an empty one when
        nothing came for a while, or the log could not be read. Ends with `end`.
        """
        position = after
        while not self.has_ended:
            version = self._version
            rows = await self._read(position)
            if rows:
                position = rows[-1].sequence
            elif version == self._version and not self.has_ended:
                await self._wait()
                if version != self._version:
                    continue
            yield rows

    async def _read(self, position: int) -> list[EventRow]:
        try:
            rows = await self._storage.events_after(position, self._page)
        except StorageError as error:
            if not self._is_failing:
                self._is_failing = True
                _log.warning("the event log cannot be read; its readers wait", error=str(error))
            return []
        self._is_failing = False
        return rows

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.add(future)
        timer = loop.call_later(self._poll_seconds, _resolve, future)
        try:
            await future
        finally:
            timer.cancel()
            self._waiting.discard(future)

    def _wake(self) -> None:
        self._version += 1
        for future in self._waiting:
            _resolve(future)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
