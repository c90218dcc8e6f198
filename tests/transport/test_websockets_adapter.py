"""What only the websockets adapter can get wrong; the rest is in test_conformance.py."""

import logging

import pytest
from tests.transport.raw_websocket import PING, PONG, TEXT, raw_client
from tests.transport.recording import Recorder, RecordingServer, serving

from chargewright.transport.websockets_adapter import WebsocketsConnection, connect, listen


async def test_handshakes_and_frames_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    server = RecordingServer()
    station = Recorder()
    with caplog.at_level(logging.DEBUG):
        async with serving(listen, server) as address:
            url = f"ws://{address[0]}:{address[1]}"
            connection = await connect(
                url, identity="A", password=b"geheim", on_message=station.on_message, on_close=station.on_close
            )
            connection.send(b"a private message")
            assert await (await server.accepted.get()).messages.get() == b"a private message"
            connection.close()
            await station.closed
    assert "connection open" in caplog.text
    assert server.requests[0].headers["authorization"].removeprefix("Basic ") not in caplog.text
    assert "a private message" not in caplog.text


async def test_pings_of_a_peer_that_does_not_read_are_not_answered_without_bound() -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await server.accepted.get()
        connection = recorder.connection
        assert isinstance(connection, WebsocketsConnection)
        assert not hasattr(connection, "__dict__")
        connection.pause_writing()
        client.send(PING, b"1")
        client.send(TEXT, b"x")
        await recorder.messages.get()
        connection.resume_writing()
        client.send(PING, b"2")
        pong = await client.receive()
        assert (pong.opcode, pong.payload) == (PONG, b"2")
