"""What only the picows server can get wrong; the rest is in test_conformance.py."""

import asyncio
import gc

import psutil
import pytest
import uvloop
from tests.transport.raw_websocket import TEXT, raw_client
from tests.transport.recording import RecordingServer, serving

from chargewright.transport.connection import DEFAULT_LIMITS, Keepalive
from chargewright.transport.picows_server import PicowsServerConnection, listen

IDLE_BOUND_KIB = 15


async def test_the_request_of_an_open_connection_is_not_kept() -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade(headers={"Authorization": "Basic QUwxMDAwOnNlY3JldA=="})
        connection = (await server.accepted.get()).connection
        assert isinstance(connection, PicowsServerConnection)
        assert not connection._transport.request.headers
        assert not connection._transport.response.headers
        assert not hasattr(connection, "__dict__")


async def idle_connection_bytes(count: int) -> float:
    server = RecordingServer(keepalive=Keepalive(60, 20))
    process = psutil.Process()
    listener = await listen(server, "127.0.0.1", 0, limits=DEFAULT_LIMITS)
    clients: list[asyncio.Protocol] = []
    request = (
        b"GET /AL1000 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    transports = []

    async def open_connections(number: int) -> None:
        for _ in range(number):
            transport, client = await loop.create_connection(asyncio.Protocol, *listener.addresses[0])
            transport.write(request)
            transports.append(transport)
            clients.append(client)
            await server.accepted.get()

    await open_connections(50)
    gc.collect()
    before = process.memory_info().rss
    await open_connections(count)
    gc.collect()
    grown = process.memory_info().rss - before
    listener.close()
    for transport in transports:
        transport.abort()
    await listener.wait_closed()
    return grown / count


def test_an_idle_connection_is_small() -> None:
    # Both ends live in this process, and a recorder with its queue and future: more than the server's share.
    assert uvloop.run(idle_connection_bytes(400)) <= IDLE_BOUND_KIB * 1024


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_both_event_loops_serve(run: "type[object]") -> None:
    async def main() -> None:
        server = RecordingServer()
        async with serving(listen, server) as address, raw_client(address) as client:
            await client.upgrade()
            recorder = await server.accepted.get()
            client.send(TEXT, b"ping")
            assert await recorder.messages.get() == b"ping"
            assert recorder.connection is not None
            recorder.connection.pause()
            recorder.connection.resume()
            recorder.connection.send(b"pong")
            assert (await client.receive()).payload == b"pong"

    run(main())
