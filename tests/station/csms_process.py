"""A central system of the `ocpp` library on a free port, for stations that run as processes."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol


class Counterpart(ChargePoint):  # type: ignore[misc]  # the library has no types
    """Answers well and keeps what it saw."""

    def __init__(self, identity: str, connection: ServerConnection, seen: asyncio.Queue[tuple[str, Any]]) -> None:
        super().__init__(identity, connection)
        self.seen = seen

    @on("BootNotification")
    def on_boot(self, **payload: Any) -> Any:
        self.seen.put_nowait(("BootNotification", payload))
        return call_result.BootNotification(datetime.now(UTC).isoformat(), 300, "Accepted")

    @on("StatusNotification")
    def on_status(self, **payload: Any) -> Any:
        self.seen.put_nowait(("StatusNotification", payload))
        return call_result.StatusNotification()

    @on("Authorize")
    def on_authorize(self, **payload: Any) -> Any:
        return call_result.Authorize({"status": "Accepted"})

    @on("StartTransaction")
    def on_start(self, **payload: Any) -> Any:
        self.seen.put_nowait(("StartTransaction", payload))
        return call_result.StartTransaction(1, {"status": "Accepted"})

    @on("MeterValues")
    def on_meter_values(self, **payload: Any) -> Any:
        return call_result.MeterValues()

    @on("StopTransaction")
    def on_stop(self, **payload: Any) -> Any:
        self.seen.put_nowait(("StopTransaction", payload))
        return call_result.StopTransaction()


class Watched:
    """What stations said, and how they were let in."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.authorizations: list[str | None] = []
        self.close_codes: list[int | None] = []

    async def expect(self, action: str) -> Any:
        async with asyncio.timeout(60):
            while True:
                name, payload = await self.seen.get()
                if name == action:
                    return payload


@asynccontextmanager
async def central_system(tls: ssl.SSLContext | None = None) -> AsyncIterator[Watched]:
    watched = Watched()

    async def accept(connection: ServerConnection) -> None:
        assert connection.request is not None
        watched.authorizations.append(connection.request.headers.get("Authorization"))
        try:
            await Counterpart("station", connection, watched.seen).start()
        except ConnectionClosed as closed:
            watched.close_codes.append(None if closed.rcvd is None else closed.rcvd.code)

    async with serve(accept, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")], ssl=tls) as server:
        watched.url = f"{'ws' if tls is None else 'wss'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocpp"
        yield watched
