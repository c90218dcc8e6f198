"""What one run of the CSMS has to itself: its data directory, locked, and its database, opened and closed in time."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from chargewright.clock import Clock
from chargewright.csms.storage.base import Storage, StorageError
from chargewright.csms.storage.opening import open_storage
from chargewright.csms.storage.sqlite import DirectoryLock
from chargewright.csms.storage.url import shown_url

__all__ = ["close_database", "lock_directory", "open_database"]

LOCK_FILE: Final = "serve.lock"
# For closing the connections, when the journal is closed; and for a database that is being left to notice it.
CLOSE_SECONDS: Final = 0.5
CANCEL_SECONDS: Final = 0.3

_log = structlog.get_logger(__name__)


def lock_directory(directory: Path) -> DirectoryLock:
    """Keep a second server out of the data directory, whatever its database; SQLite locks the directory of its file
    besides.

    Raises `StorageError` that names the directory and the process that has it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return DirectoryLock(directory, LOCK_FILE)
    except OSError as error:
        raise StorageError(f"cannot use the data directory {directory}: {error}") from error


async def open_database(url: str, clock: Clock) -> Storage:
    """`open_storage`, with the database's name in errors, but not its password."""
    try:
        return await open_storage(url, clock)
    except StorageError as error:
        raise StorageError(f"{shown_url(url)}: {error}") from error


async def close_database(storage: Storage, seconds: float) -> None:
    """Close the storage; what it has not taken in `seconds` is given up, and the storage left as it is."""
    closing = asyncio.get_running_loop().create_task(storage.close(seconds), name="close storage")
    done, _ = await asyncio.wait({closing}, timeout=seconds + CLOSE_SECONDS)
    given_up = storage.journal.statistics()["given_up"]
    if given_up or not done:
        _log.error("the database is away: it is left without what waits for it", units=given_up)
    if done:
        await closing
        return
    closing.cancel()
    await asyncio.wait({closing}, timeout=CANCEL_SECONDS)
