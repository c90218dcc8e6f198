"""What only the picows client can get wrong; the rest is in test_conformance.py."""

import asyncio

import pytest
from tests.transport.recording import Recorder, RecordingServer, serving

from chargewright.errors import ConnectionLost
from chargewright.transport.connection import Admission
from chargewright.transport.errors import UpgradeRefused
from chargewright.transport.picows_client import PicowsClientConnection, connect
from chargewright.transport.picows_server import listen


async def test_a_message_in_one_packet_with_the_answer_is_not_missed() -> None:
    server = RecordingServer()
    station = Recorder()

    def greet(connection: object) -> None:
        server._connected(connection)  # type: ignore[arg-type]
        connection.send(b"welcome")  # type: ignore[attr-defined]

    async with serving(listen, server) as address:
        server.admission = Admission("ocpp1.6", greet)
        url = f"ws://{address[0]}:{address[1]}"
        connection = await connect(url, identity="A", on_message=station.on_message, on_close=station.on_close)
        assert isinstance(connection, PicowsClientConnection)
        assert await station.messages.get() == b"welcome"
        assert not connection._transport.request.headers
        connection.close()
        await station.closed


async def test_a_cancelled_connect_leaves_no_connection_behind() -> None:
    release = asyncio.Event()
    gone = asyncio.Event()
    asked = asyncio.Event()

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await release.wait()
        writer.write(b"HTTP/1.1 503 Later\r\n\r\n")
        await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(answer_late, "127.0.0.1", 0)
    url = "ws://{}:{}".format(*server.sockets[0].getsockname())
    station = Recorder()
    opening = asyncio.ensure_future(
        connect(url, identity="A", on_message=station.on_message, on_close=station.on_close)
    )
    await asked.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    release.set()
    await asyncio.wait_for(gone.wait(), 10)
    server.close()
    await server.wait_closed()
    assert not station.closed.done()


async def test_a_redirect_is_a_refusal() -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 301 Moved\r\nLocation: ws://elsewhere.example/\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(redirect, "127.0.0.1", 0)
    url = "ws://{}:{}".format(*server.sockets[0].getsockname())
    station = Recorder()
    with pytest.raises(UpgradeRefused) as caught:
        await connect(url, identity="A", on_message=station.on_message, on_close=station.on_close)
    assert (caught.value.status, caught.value.headers["location"]) == (301, "ws://elsewhere.example/")
    server.close()
    await server.wait_closed()


async def test_a_host_that_does_not_exist_is_a_lost_connection() -> None:
    station = Recorder()
    with pytest.raises(ConnectionLost, match="invalid"):
        await connect("ws://csms.invalid/", identity="A", on_message=station.on_message, on_close=station.on_close)
