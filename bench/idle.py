"""What a connected station costs while it says nothing: resident memory of the server per connection."""

import asyncio
import gc

import picows

from bench.servers import chargewright_server
from bench.stations import BOOT, connect

STATUS = '[2,"{}","StatusNotification",{{"connectorId":{},"errorCode":"NoError","status":"Available"}}]'


class IdleStation(picows.WSListener):  # type: ignore[misc]  # picows is a compiled module
    """Boots, reports three connectors, and then only keeps its socket."""

    def __init__(self, done: asyncio.Semaphore) -> None:
        self.done = done
        self.pending = [BOOT, *(STATUS.format(connector, connector).encode() for connector in range(3))]

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport
        self.next(transport)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            self.next(transport)

    def next(self, transport: picows.WSTransport) -> None:
        """Send the next message, or report that all are answered."""
        if self.pending:
            transport.send(picows.WSMsgType.TEXT, self.pending.pop(0))
        else:
            self.done.release()


async def idle_bytes_per_connection(count: int) -> float:
    """Connect `count` stations, let each boot and report three statuses, and divide the growth of the server."""
    with chargewright_server(count) as server:
        # The first hundred pay for what is loaded and allocated once.
        await _connect(server.url, range(100))
        before = server.resident_bytes()
        await _connect(server.url, range(100, count))
        gc.collect()
        return (server.resident_bytes() - before) / (count - 100)


async def _connect(url: str, numbers: range) -> None:
    done = asyncio.Semaphore(0)
    for number in numbers:
        await connect(url, number, IdleStation(done))
    for _ in numbers:
        await asyncio.wait_for(done.acquire(), 120)
