"""The skin over picows: no secrets in its log, no memory of its buffers."""

import logging

import pytest
from tests.transport.raw_websocket import PING, PONG, TEXT, raw_client
from tests.transport.recording import RecordingServer, serving

from chargewright.transport.picows_connection import LOG
from chargewright.transport.picows_server import listen


async def test_handshakes_are_not_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    server = RecordingServer()
    with caplog.at_level(1):
        async with serving(listen, server) as address, raw_client(address) as client:
            await client.upgrade(headers={"Authorization": "Basic QUwxMDAwOnNlY3JldA=="})
            recorder = await server.accepted.get()
            client.send(TEXT, b"a private message")
            await recorder.messages.get()
    assert "accepted" in caplog.text
    assert "QUwxMDAwOnNlY3JldA" not in caplog.text
    assert "a private message" not in caplog.text


def test_the_log_follows_its_logger_from_debug_up() -> None:
    logger = logging.getLogger("chargewright.transport.picows")
    before = logger.level
    try:
        logger.setLevel(1)
        assert LOG.isEnabledFor(logging.DEBUG)
        assert not LOG.isEnabledFor(logging.DEBUG - 1)
        logger.setLevel(logging.ERROR)
        assert not LOG.isEnabledFor(logging.INFO)
    finally:
        logger.setLevel(before)


async def test_pings_of_a_peer_that_does_not_read_are_not_answered_without_bound() -> None:
    server = RecordingServer()
    async with serving(listen, server) as address, raw_client(address) as client:
        await client.upgrade()
        recorder = await server.accepted.get()
        connection = recorder.connection
        assert connection is not None
        connection.pause_writing()  # type: ignore[attr-defined]  # as picows does above the high-water mark
        client.send(PING, b"1")
        client.send(TEXT, b"x")
        await recorder.messages.get()
        connection.resume_writing()  # type: ignore[attr-defined]
        client.send(PING, b"2")
        pong = await client.receive()
        assert (pong.opcode, pong.payload) == (PONG, b"2")
