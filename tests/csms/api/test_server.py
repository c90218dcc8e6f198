"""The HTTP server inside our own loop."""

import asyncio
import signal
from typing import Any

import httpx
import pytest

from chargewright.csms.api.server import HttpServer


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """The smallest application."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


async def test_it_serves_when_started_and_is_gone_when_stopped() -> None:
    server = HttpServer(hello)
    await server.start("127.0.0.1", 0)
    (host, port), *_ = server.addresses
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://{host}:{port}/")).text == "hi"
        await server.stop()
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://{host}:{port}/")
    await server.stop()


async def test_signals_stay_with_the_application() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    server = HttpServer(hello)
    await server.start("127.0.0.1", 0)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    await server.stop()


async def test_a_busy_port_is_an_error_at_once() -> None:
    first, second = HttpServer(hello), HttpServer(hello)
    await first.start("127.0.0.1", 0)
    try:
        with pytest.raises(OSError, match="in use"):
            await asyncio.wait_for(second.start(*first.addresses[0]), 5)
    finally:
        await first.stop()
