"""Who comes in, and how much may be sent, over real sockets."""

import asyncio
import socket
from contextlib import suppress

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chargewright.station import control_serving
from chargewright.station.control_serving import BODY_BYTES, ControlServer, Doorkeeper, read_address

TOKEN = "a-token-of-some-length"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("8090", ("127.0.0.1", 8090)),
        ("[::1]:8090", ("::1", 8090)),
        ("localhost:1", ("localhost", 1)),
        (":80", None),
        ("127.0.0.1", None),
        ("127.0.0.1:", None),
        ("127.0.0.1:65536", None),
        ("", None),
    ],
)
def test_addresses(text: str, address: tuple[str, int] | None) -> None:
    assert read_address(text) == address


async def say(url: str, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


def head(*fields: str, token: str = TOKEN) -> bytes:
    lines = ("POST / HTTP/1.1", "Host: x", "Connection: close", f"Authorization: Bearer {token}", *fields)
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def test_the_door_is_kept_before_a_body_is_read() -> None:
    read: list[int] = []

    async def take(request: Request) -> Response:
        read.append(len(await request.body()))
        return PlainTextResponse("taken")

    app = Starlette(routes=[Route("/", take, methods=["POST"])])
    app.add_middleware(Doorkeeper, token=TOKEN)
    server = ControlServer(app)
    await server.start("127.0.0.1", 0)
    try:
        # A body is announced and never sent: the answer comes all the same.
        refused = await say(server.url, head("Content-Length: 100", token="wrong"))
        assert refused.startswith(b"HTTP/1.1 401") and b"www-authenticate" in refused.lower()
        assert b"application/problem+json" in refused
        for scheme in (b"Basic", b"bearers", b""):
            other = head("Content-Length: 3").replace(b"Bearer", scheme) + b"abc"
            assert (await say(server.url, other)).startswith(b"HTTP/1.1 401"), scheme
        assert (await say(server.url, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 401"
        )
        too_large = await say(server.url, head(f"Content-Length: {BODY_BYTES + 1}"))
        assert too_large.startswith(b"HTTP/1.1 413")
        size = BODY_BYTES + 1
        chunked = head("Transfer-Encoding: chunked") + b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"
        assert (await say(server.url, chunked)).startswith(b"HTTP/1.1 413")
        assert read == []
        assert (await say(server.url, head("Content-Length: 3") + b"abc")).startswith(b"HTTP/1.1 200")
        assert read == [3]
    finally:
        await server.stop()
        await server.stop()


async def serve_nothing() -> ControlServer:
    server = ControlServer(Starlette())
    await server.start("127.0.0.1", 0)
    return server


@pytest.mark.parametrize("has_asked", [False, True])
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost:"])
async def test_who_does_not_ask_in_time_is_sent_away(
    has_asked: bool, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_serving, "HEAD_SECONDS", 0.1)
    server = await serve_nothing()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        if has_asked:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"Not Found")
        writer.write(said)
        with suppress(ConnectionResetError):
            async with asyncio.timeout(10):
                await reader.read()
        writer.close()
    finally:
        await server.stop()


async def test_those_who_ask_nothing_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_serving, "MOST_CONNECTIONS", 3)
    server = await serve_nothing()
    try:
        port = int(server.url.rpartition(":")[2])
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        answer = await say(server.url, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 404")
        async with asyncio.timeout(5):
            for reader, _ in silent[:3]:
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
        for _, writer in silent:
            writer.close()
    finally:
        await server.stop()


async def test_nonsense_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    server = await serve_nothing()
    try:
        with structlog.testing.capture_logs() as entries:
            assert (await say(server.url, b"\0\0\r\n\r\n")).startswith(b"HTTP/1.1 400")
        assert [entry["log_level"] for entry in entries] == ["debug"]
        assert capsys.readouterr().err == ""
    finally:
        await server.stop()


async def test_an_address_in_use_is_an_error() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError):
            await ControlServer(Starlette()).start("127.0.0.1", other.getsockname()[1])
