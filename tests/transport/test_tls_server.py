"""Accepting with TLS: a context for each handshake, and what is told of those that fail."""

import asyncio
import ssl
from pathlib import Path

import pytest
from tests.transport.authority import Authority

from chargewright.transport.connection import Limits
from chargewright.transport.tls_server import TlsServer, handshake_failure


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


async def echoed(address: tuple[str, int], context: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection(*address, ssl=context, server_hostname="localhost")
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


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
