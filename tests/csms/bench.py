"""A CSMS in memory with hand-made connections: for tests that look at single messages, without sockets."""

import asyncio
import itertools
import json
from typing import Any

from chargewright.clock import ManualClock
from chargewright.csms.app import Csms
from chargewright.csms.storage.database import Database
from chargewright.errors import ConnectionLost
from chargewright.transport.connection import Admission, CloseInfo, Peer, UpgradeRequest

__all__ = ["FakeConnection", "Workbench"]


class FakeConnection:
    """Keeps what was sent and what was asked of it; delivers when told to."""

    def __init__(self, address: str = "192.0.2.1:50000") -> None:
        self.peer = Peer(address, "ocpp1.6")
        self.is_open = True
        self.is_paused = False
        self.sent: list[Any] = []
        self.closed_with: tuple[int, str] | None = None
        self.was_aborted = False
        self.is_deaf = False  # does not read; its buffers are full
        self.is_read = asyncio.Event()  # not paused
        self.has_spoken = asyncio.Event()
        self.on_message: Any = None
        self.on_close: Any = None
        self._ids = itertools.count(1)

    def send(self, message: bytes) -> None:
        assert self.is_open
        if self.is_deaf:
            self.abort()
            raise ConnectionLost("it does not take what it is sent")
        self.sent.append(json.loads(message))
        self.has_spoken.set()

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self.is_open:
            self.is_open = False
            self.closed_with = (code, reason)

    def abort(self) -> None:
        self.was_aborted = True
        self.vanish(1006)

    def pause(self) -> None:
        self.is_paused = True
        self.is_read.clear()

    def resume(self) -> None:
        self.is_paused = False
        self.is_read.set()

    def vanish(self, code: int = 1006, *, by_peer: bool = True) -> None:
        """The socket is gone."""
        self.is_open = False
        self.on_close(CloseInfo(code, "", by_peer))

    def deliver(self, message: Any) -> None:
        """One message from the station."""
        assert not self.is_paused, "a paused connection delivers nothing"
        text = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.on_message(text)

    def call(self, action: str, payload: Any) -> str:
        """A CALL from the station; its id."""
        call_id = f"c{next(self._ids)}"
        self.deliver([2, call_id, action, payload])
        return call_id

    def answer_to(self, call_id: str) -> Any:
        """The one answer with that id."""
        (answer,) = (message for message in self.sent if message[1] == call_id)
        return answer


class Workbench:
    """The CSMS with what tests want to see of it."""

    def __init__(self, csms: Csms, storage: Database, clock: ManualClock) -> None:
        self.csms = csms
        self.storage = storage
        self.clock = clock

    def open(self, identity: str = "A1", address: str = "192.0.2.1:50000") -> FakeConnection:
        """A connection that was just admitted; its claim is on its way."""
        admission = self.csms.admit(UpgradeRequest(f"/{identity}", {"sec-websocket-protocol": "ocpp1.6"}))
        assert isinstance(admission, Admission), admission
        connection = FakeConnection(address)
        admission.on_connected(connection)
        return connection

    async def settle(self) -> None:
        """Wait until everything that was submitted is settled."""
        await self.storage.journal.drain()

    async def connect(self, identity: str = "A1", address: str = "192.0.2.1:50000") -> FakeConnection:
        """A connection whose claim is durable."""
        connection = self.open(identity, address)
        await self.settle()
        return connection

    async def exchange(self, connection: FakeConnection, action: str, payload: Any) -> Any:
        """One CALL and its answer."""
        call_id = connection.call(action, payload)
        await self.settle()
        return connection.answer_to(call_id)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database has."""
        return [tuple(row) for row in await self.storage._fetch(sql, [])]

    async def event_kinds(self) -> list[str]:
        """The event log."""
        return [row.kind for row in await self.storage.events_after(0, 1000)]
