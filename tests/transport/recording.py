"""Owners of connections that remember what happened to them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from chargewright.transport.connection import (
    NO_KEEPALIVE,
    Admission,
    CloseInfo,
    Connection,
    Keepalive,
    Listener,
    Refusal,
    UpgradeRequest,
)
from chargewright.transport.subprotocol import choose_subprotocol

__all__ = ["Listen", "Recorder", "RecordingServer", "serving"]

Listen = Callable[..., Awaitable[Listener]]


class Recorder:
    """The owner of one connection."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed: asyncio.Future[CloseInfo] = asyncio.get_running_loop().create_future()
        self.connection: Connection | None = None

    def own(self, connection: Connection) -> None:
        self.connection = connection
        connection.on_message = self.on_message
        connection.on_close = self.on_close

    def on_message(self, message: bytes) -> None:
        assert type(message) is bytes
        assert not self.closed.done(), "a message after on_close"
        self.messages.put_nowait(message)

    def on_close(self, info: CloseInfo) -> None:
        self.closed.set_result(info)  # raises where it is called twice


class RecordingServer:
    """An `Admit` that accepts everyone, or answers `refusal` or `admission`; it makes a `Recorder` of each."""

    def __init__(self, *, refusal: Refusal | None = None, keepalive: Keepalive = NO_KEEPALIVE) -> None:
        self.refusal = refusal
        self.keepalive = keepalive
        self.admission: Admission | None = None
        self.requests: list[UpgradeRequest] = []
        self.recorders: list[Recorder] = []
        self.accepted: asyncio.Queue[Recorder] = asyncio.Queue()

    def __call__(self, request: UpgradeRequest) -> Admission | Refusal:
        self.requests.append(request)
        if self.refusal is not None:
            return self.refusal
        if self.admission is not None:
            return self.admission
        chosen = choose_subprotocol(request.headers.get("sec-websocket-protocol"), ("ocpp1.6",))
        return Admission(chosen, self._connected, self.keepalive)

    def _connected(self, connection: Connection) -> None:
        recorder = Recorder()
        recorder.own(connection)
        self.recorders.append(recorder)
        self.accepted.put_nowait(recorder)


@asynccontextmanager
async def serving(listen: Listen, server: RecordingServer, **settings: Any) -> AsyncIterator[tuple[str, int]]:
    """A listener on a free port of the loopback interface; its address. At the end everything is dropped."""
    listener = await listen(server, "127.0.0.1", 0, **settings)
    try:
        yield listener.addresses[0]
    finally:
        listener.close()
        for recorder in server.recorders:
            assert recorder.connection is not None
            recorder.connection.abort()
        await listener.wait_closed()
