"""A station that was given the wrong port is told the right one."""

import asyncio
import contextlib
import logging

import httpx
import pytest
from structlog.testing import capture_logs
from tests.csms.api.test_server import hello

from chargewright.csms.api.server import HttpServer
from chargewright.csms.api.upgrades import StationsElsewhere

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "ocpp1.6",
}


async def test_a_station_at_the_wrong_port_is_told_the_right_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server = HttpServer(StationsElsewhere(hello, {"ws": "192.0.2.1:9000", "wss": "192.0.2.1:9443"}))
    await server.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.addresses[0])
    try:
        lines = ["GET /DEPOT-01 HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in UPGRADE.items())]
        with capture_logs() as logs:
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            answer = (await asyncio.wait_for(reader.readuntil(b"}"), 10)).decode()
        assert answer.startswith("HTTP/1.1 421 ")
        assert "ws://192.0.2.1:9000 or wss://192.0.2.1:9443" in answer
        (told,) = logs
        assert (told["event"], told["path"]) == ("a station came to the HTTP port", "/DEPOT-01")
        assert "uvicorn[standard]" not in caplog.text
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        await server.stop()


async def test_the_api_has_it(client: httpx.AsyncClient) -> None:
    refused = await client.get("/DEPOT-01", headers=UPGRADE)
    assert refused.status_code == 421
    assert "another server" in refused.json()["detail"], "this one listens nowhere"
    assert (await client.get("/healthz")).status_code == 200
