"""The HTTP server inside our own loop."""

import asyncio
import contextlib
import signal
from typing import Any

import httpx
import pytest

from chargewright.csms.api.server import HEAD_BYTES, HttpServer


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """The smallest application: says hi when it has the whole request."""
    while (await receive()).get("more_body"):
        continue
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


async def asked(*pieces: bytes) -> bytes:
    """What a server answers to the pieces, until it closes the connection."""
    server = HttpServer(hello)
    await server.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.addresses[0])
    try:
        answer = b""
        with contextlib.suppress(ConnectionError):  # it may close before it has all
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            async with asyncio.timeout(10):
                while some := await reader.read(1000):
                    answer += some
        return answer
    finally:
        writer.close()
        await server.stop()


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: a\r\nName: ",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nName: ",
    ],
)
async def test_a_head_without_end_ends_the_connection(begin: bytes) -> None:
    # What comes in one piece with something whole is not counted: several.
    answer = await asked(begin, *([b"x" * HEAD_BYTES] * 8))
    # The answer is lost where the system tells of the close before it.
    assert not answer or (b" 400 " in answer and b"at most" in answer)


async def test_a_long_body_and_many_requests_are_no_long_head() -> None:
    length = 3 * HEAD_BYTES
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length + b"x" * length
    get = b"GET / HTTP/1.1\r\nHost: a\r\nName: " + b"x" * (HEAD_BYTES // 2) + b"\r\n"
    last = get + b"Connection: close\r\n\r\n"
    assert (await asked(post, *([get + b"\r\n"] * 4), last)).count(b" 200 ") == 6
