"""Stations that nobody registered, where the operator lets them in: each gets a row of its own, and there is an end.

The upgrade is decided before the row can be there, so the connection is admitted, not read, and handed on when the row
is committed. The row may turn out to be there already, made at another node: then it decides, not this room.
"""

import asyncio
from collections.abc import Callable

import structlog

from chargewright.csms.directory import Directory
from chargewright.csms.storage.base import StationRow, Storage, StorageError
from chargewright.transport.connection import POLICY_VIOLATION, TRY_AGAIN_LATER, CloseInfo, Connection

__all__ = ["Adoption"]

_log = structlog.get_logger(__name__)


class Adoption:
    """Takes on at most `limit` stations; `welcome` gets each connection with its row, once that is committed."""

    def __init__(
        self,
        storage: Storage,
        directory: Directory,
        limit: int,
        welcome: Callable[[StationRow, Connection], None],
    ) -> None:
        self._storage = storage
        self._directory = directory
        self._limit = limit
        self._welcome = welcome
        self._waiting: dict[str, Connection] = {}  # by identity: the newest connection
        self._tasks: set[asyncio.Task[None]] = set()
        self.adopted = 0  # rows made for such stations since the start

    def has_room(self, identity: str) -> bool:
        """Whether one more may be taken on; those whose row is being written count."""
        return identity in self._waiting or self.adopted + len(self._waiting) < self._limit

    def adopt(self, identity: str, connection: Connection) -> None:
        """Give the station its row; its connection is not read meanwhile."""
        connection.pause()
        connection.on_message = _unread
        connection.on_close = _ignore_close
        older = self._waiting.get(identity)
        self._waiting[identity] = connection
        if older is not None:
            _dismiss(older, POLICY_VIOLATION, "another connection of this station is newer")
            return
        task = asyncio.get_running_loop().create_task(self._register(identity), name=f"register {identity}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def abort(self) -> None:
        """Drop the connections that wait for their rows: nothing was promised to them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in self._waiting.values():
            connection.abort()
        self._waiting.clear()

    async def _register(self, identity: str) -> None:
        try:
            row = await self._storage.add_station(StationRow(id=0, identity=identity, security_profile=0))
        except StorageError as error:
            _log.error("an unknown station could not be registered", station=identity, error=str(error))
            _dismiss(self._waiting.pop(identity), TRY_AGAIN_LATER, "the database is away")
            return
        except Exception:
            self._waiting.pop(identity).abort()
            raise
        connection = self._waiting.pop(identity)
        if row.security_profile != 0 or row.credential_hash is not None:
            # Registered at another node. This connection has shown no credentials: the next attempt is asked for them.
            self._directory.put_station(row)
            _log.warning("a station unknown to this node is registered, with credentials", station=identity)
            _dismiss(connection, POLICY_VIOLATION, "this station is registered: come again with its credentials")
            return
        if row.epoch == 0 and self._directory.station(identity) is None:
            self.adopted += 1
            _log.info("an unknown station was registered", station=identity)
        station = self._directory.put_uninvited(row)
        if connection.is_open:
            self._welcome(station, connection)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a task failed", task=task.get_name(), exc_info=task.exception())


def _dismiss(connection: Connection, code: int, reason: str) -> None:
    connection.close(code, reason)
    # A paused connection would not see the peer's part of the closing handshake.
    connection.resume()


def _unread(message: bytes) -> None:
    """A paused connection delivers nothing."""
    raise AssertionError("a message was delivered although the connection is paused")


def _ignore_close(info: CloseInfo) -> None:
    """The station went away before its row was there: nothing was promised to it."""
