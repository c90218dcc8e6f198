"""Accepting with TLS: a context for each handshake, and what is told of those that fail."""

import asyncio
import contextlib
import resource
import ssl
from pathlib import Path
from typing import Any

import pytest
from tests.transport.authority import Authority

from chargewright.transport.connection import Limits
from chargewright.transport.tls_server import (
    TOO_MANY,
    HandshakeBounds,
    TlsServer,
    _host,
    default_bounds,
    handshake_failure,
)


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class Failures(asyncio.Queue[tuple[str, str]]):
    """What a server told."""

    def tell(self, address: str, reason: str) -> None:
        self.put_nowait((address, reason))


async def echoed(address: tuple[str, int], context: ssl.SSLContext, **more: Any) -> bytes:
    reader, writer = await asyncio.open_connection(*address, ssl=context, server_hostname="localhost", **more)
    writer.write(b"hello")
    answer = await reader.read(100)
    writer.close()
    return answer


async def test_each_handshake_asks_for_its_context(tmp_path: Path) -> None:
    first, second = (Authority(_folder(tmp_path, name)) for name in ("first", "second"))
    context = first.server_context()
    failures = Failures()
    server = TlsServer(Echo, lambda: context, Limits(), failures.tell)
    await server.listen("127.0.0.1", 0)
    address = server.sockets[0].getsockname()[:2]
    reader, writer = await asyncio.open_connection(
        *address, ssl=first.client_context(None), server_hostname="localhost"
    )
    context = second.server_context()
    assert await echoed(address, second.client_context(None)) == b"hello"
    with pytest.raises(ssl.SSLCertVerificationError):
        await echoed(address, first.client_context(None))
    writer.write(b"still here")
    assert await reader.read(100) == b"still here"
    server.close()
    server.close()
    with pytest.raises(OSError):
        await asyncio.open_connection(*address)
    writer.write(b"and here")
    assert await reader.read(100) == b"and here"
    writer.close()


async def test_failures_are_told_with_address_and_reason(tmp_path: Path) -> None:
    failures = Failures()
    server = TlsServer(Echo, Authority(tmp_path).server_context(), Limits(handshake_seconds=0.2), failures.tell)
    await server.listen("127.0.0.1", 0)
    address = server.sockets[0].getsockname()[:2]
    for sent, reason in ((b"GET / HTTP/1.1\r\n\r\n", "HTTP_REQUEST"), (b"", "handshake is taking longer than 0.2")):
        _, writer = await asyncio.open_connection(*address)
        host, port = writer.get_extra_info("sockname")[:2]
        writer.write(sent)
        told = await asyncio.wait_for(failures.get(), 10)
        assert told[0] == f"{host}:{port}"
        assert reason in told[1]
        writer.close()
    server.close()


async def test_handshakes_are_bounded_and_others_have_their_turn(tmp_path: Path) -> None:
    authority, failures = Authority(tmp_path), Failures()
    bounds = HandshakeBounds(under_way=4, under_way_per_host=2, waiting=5, waiting_per_host=2)
    server = TlsServer(Echo, authority.server_context(), Limits(), failures.tell, bounds)
    await server.listen("127.0.0.1", 0)
    address = server.sockets[0].getsockname()[:2]
    silent = [await asyncio.open_connection(*address) for _ in range(5)]
    # The fifth of this host is too much: two shake hands, two wait.
    assert await asyncio.wait_for(silent[4][0].read(), 10) == b""
    assert await failures.get() == (_name(silent[4][1]), TOO_MANY)
    assert len(server._handshakes) == 2
    # Another host does not mind.
    other = {"local_addr": ("127.0.0.2", 0)}
    assert await asyncio.wait_for(echoed(address, authority.client_context(None), **other), 10) == b"hello"
    assert len(server._handshakes) == 2
    # Who waits has its turn when another has gone.
    for _, writer in silent[:2]:
        writer.close()
    for _ in range(2):
        _, reason = await asyncio.wait_for(failures.get(), 10)
        assert reason != TOO_MANY
    late = silent[2][1]
    late.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await asyncio.wait_for(failures.get(), 10) == (_name(late), "HTTP_REQUEST")
    server.close()
    for reader, writer in silent[2:]:
        await asyncio.wait_for(_until_closed(reader), 10)
        writer.close()


async def test_the_bound_in_all_holds_for_many_hosts(tmp_path: Path) -> None:
    authority, failures = Authority(tmp_path), Failures()
    bounds = HandshakeBounds(under_way=3, under_way_per_host=2, waiting=3, waiting_per_host=2)
    server = TlsServer(Echo, authority.server_context(), Limits(), failures.tell, bounds)
    await server.listen("127.0.0.1", 0)
    address = server.sockets[0].getsockname()[:2]
    silent = [
        await asyncio.open_connection(*address, local_addr=(f"127.0.0.{host}", 0)) for host in (3, 4, 5, 6, 7, 8, 9)
    ]
    assert await asyncio.wait_for(failures.get(), 10) == (_name(silent[-1][1]), TOO_MANY)
    assert (len(server._handshakes), server._waiting_count) == (3, 3)
    server.close()
    assert server._waiting_count == 0
    for reader, writer in silent:
        await asyncio.wait_for(_until_closed(reader), 10)
        writer.close()
    assert not server._handshakes


@pytest.mark.parametrize(
    ("files", "bounds"),
    [
        (1024, HandshakeBounds(256, 128, 256, 128)),
        (20_000, HandshakeBounds(1024, 256, 4096, 2048)),
        (4, HandshakeBounds(2, 1, 2, 1)),
        (resource.RLIM_INFINITY, HandshakeBounds()),
    ],
)
def test_strangers_never_take_all_files(files: int, bounds: HandshakeBounds) -> None:
    assert default_bounds(files) == bounds


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_what_one_peer_has_for_itself(one: str, other: str, same: bool) -> None:
    assert (_host(one) == _host(other)) is same


async def test_an_address_that_is_taken_leaves_nothing_open(tmp_path: Path) -> None:
    context = Authority(tmp_path).server_context()
    first, second = (TlsServer(Echo, context, Limits(), Failures().tell) for _ in range(2))
    await first.listen("127.0.0.1", 0)
    with pytest.raises(OSError):
        await second.listen("127.0.0.1", first.sockets[0].getsockname()[1])
    first.close()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionResetError(), "the peer went away in the middle of the TLS handshake"),
        (ConnectionAbortedError("too slow"), "too slow"),
        (OSError(), "OSError"),
    ],
)
def test_reasons(error: OSError, reason: str) -> None:
    assert handshake_failure(error) == reason


def _name(writer: asyncio.StreamWriter) -> str:
    host, port = writer.get_extra_info("sockname")[:2]
    return f"{host}:{port}"


async def _until_closed(reader: asyncio.StreamReader) -> None:
    """Whatever may come before."""
    with contextlib.suppress(ConnectionError):
        await reader.read()


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
