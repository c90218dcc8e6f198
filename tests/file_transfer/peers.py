"""Servers on loopback, ours and others', and a line that breaks when it is told to."""

import asyncio
import contextlib
import functools
import ssl
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from tests.tls.certificates import issue, new_key

from chargewright.clock import SystemClock
from chargewright.file_transfer.base import TimeLimits
from chargewright.file_transfer.choice import TransferTools
from chargewright.file_transfer.ftp_server import FtpFileServer
from chargewright.file_transfer.http_server import FileApplication
from chargewright.file_transfer.http_serving import HttpFileServer
from chargewright.file_transfer.store import Admission, FileStore
from chargewright.file_transfer.transfers import FileTransfers, Retries
from chargewright.tls.client import client_context
from chargewright.tls.server import CertificateFiles, server_context

with warnings.catch_warnings():
    # asyncore, on Python 3.11
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

__all__ = [
    "AT_ONCE",
    "ONCE",
    "Certified",
    "CountingSink",
    "Gate",
    "SparseSource",
    "certified",
    "content_of",
    "cutting_line",
    "foreign_ftp_server",
    "ftp_server",
    "http_server",
    "silent_server",
    "transfers",
]

ONCE = Retries(0, 0)
AT_ONCE = Retries(20, 0)


def content_of(size: int) -> bytes:
    """Bytes in which no piece equals another one, so that a part in the wrong place shows."""
    return _words(max(1, -(-size // 2**21)) * 2**19)[:size]


@functools.cache
def _words(count: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in range(count))


def transfers(authorities: Path | None = None, *, stalled_seconds: float = 5.0) -> FileTransfers:
    """What a station would use, with bounds that a test can wait for."""
    tools = TransferTools(trust=lambda: client_context(authorities))
    return FileTransfers(SystemClock(), tools, limits=TimeLimits(5.0, stalled_seconds))


class CountingSink:
    """Keeps nothing but the size of the largest chunk, and of all of them."""

    def __init__(self) -> None:
        self.largest = self.kept = 0
        self.validator: str | None = None

    async def open(self, origin: str, *, resume: bool) -> None:
        """See `Sink`."""

    async def begin(self, validator: str | None) -> None:
        """See `Sink`."""
        self.kept = 0

    async def write(self, chunk: bytes) -> None:
        """See `Sink`."""
        self.largest = max(self.largest, len(chunk))
        self.kept += len(chunk)

    async def finish(self) -> str:
        """See `Sink`."""
        return ""

    async def close(self) -> None:
        """See `Sink`."""

    async def discard(self) -> None:
        """See `Sink`."""


class SparseSource:
    """As many zeros as wanted, and the most that was asked for at a time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.largest = 0

    async def read(self, offset: int, bound: int) -> bytes:
        """See `Source`."""
        self.largest = max(self.largest, bound)
        return bytes(min(bound, self.size - offset))

    async def close(self) -> None:
        """See `Source`."""


class Gate:
    """Lets in whom it knows: user → (password, what they may do)."""

    def __init__(self, **known: tuple[str, Admission]) -> None:
        self._known = known

    def admit(self, user: str, password: str) -> Admission | None:
        """See `Gatekeeper.admit`."""
        expected = self._known.get(user or "nobody")
        return expected[1] if expected is not None and expected[0] == password else None


_key = functools.cache(new_key)


class Certified:
    """Certificates of both key types for loopback, and a file with both to trust."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.files: tuple[CertificateFiles, ...] = (
            issue(folder, _key("EC"), "ec"),
            issue(folder, _key("RSA"), "rsa", serial=2),
        )
        self.authorities = folder / "roots.pem"
        self.authorities.write_bytes(b"".join(files.certificate.read_bytes() for files in self.files))

    def context(self) -> ssl.SSLContext:
        """For an HTTP server."""
        return server_context(self.files, SystemClock().now())[0]


def certified(folder: Path) -> Certified:
    """The certificates in `folder`."""
    return Certified(folder / "certificates")


@contextlib.asynccontextmanager
async def http_server(
    application: FileStore | Any, gate: Gate | None = None, context: Callable[[], ssl.SSLContext] | None = None
) -> AsyncIterator[str]:
    """Our HTTP server over a store, or any ASGI application; yields `host:port`."""
    if isinstance(application, FileStore):
        application = FileApplication(application, gate, stalled_seconds=5)
    server = HttpFileServer(application, context)
    await server.start("127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.address[1]}"
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def ftp_server(store: FileStore, gate: Gate, **options: Any) -> AsyncIterator[FtpFileServer]:
    """Our FTP server over a store."""
    server = FtpFileServer(store, gate, login_penalty_seconds=0, **options)
    await server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.stop()


@contextlib.contextmanager
def foreign_ftp_server(
    root: Path, *, certificate: CertificateFiles | None = None, cuts: tuple[int, ...] = (), implicit: bool = False
) -> Iterator[int]:
    """pyftpdlib as it comes, for user `in` with password `p@ss/w:rd`; the nth data connection breaks after `cuts[n]`
    bytes. Yields the port."""
    left = list(cuts)

    class Cutting:
        """Counts what passes and hangs up on the control connection too."""

        bound: int | None = None

        def _account(self: Any) -> None:
            if self.bound is None:
                self.bound = left.pop(0) if left else 1 << 62
            if self.get_transmitted_bytes() >= self.bound:
                self.cmd_channel.close()

        def send(self: Any, data: bytes) -> int:
            if self.bound is None:
                self.bound = left.pop(0) if left else 1 << 62
            sent = super().send(data[: max(1, self.bound - self.tot_bytes_sent)])  # type: ignore[misc]
            self._account()
            return int(sent)

        def handle_read(self: Any) -> None:
            super().handle_read()  # type: ignore[misc]
            if not self._closed:
                self._account()

        handle_read_event = handle_read

    class Implicit:
        def handle(self: Any) -> None:
            if implicit:
                self.secure_connection(self.ssl_context)
            else:
                super().handle()  # type: ignore[misc]

        def handle_ssl_established(self: Any) -> None:
            if implicit:
                super().handle()  # type: ignore[misc]

    authorizer = DummyAuthorizer()
    authorizer.add_user("in", "p@ss/w:rd", str(root), perm="elradfmwMT")
    attributes = {"authorizer": authorizer, "use_sendfile": False, "auth_failed_timeout": 0, "banner": "hello"}
    if certificate is None:
        data = type("CuttingData", (Cutting, DTPHandler), {})
        handler = type("Handler", (FTPHandler,), attributes | {"dtp_handler": data})
    else:
        data = type("CuttingTlsData", (Cutting, TLS_DTPHandler), {})
        attributes |= {
            "dtp_handler": data,
            "certfile": str(certificate.certificate),
            "keyfile": str(certificate.key),
            "tls_control_required": True,
            "tls_data_required": True,
        }
        handler = type("TlsHandler", (Implicit, TLS_FTPHandler), attributes)
    loop = IOLoop()
    server = FTPServer(("127.0.0.1", 0), handler, ioloop=loop)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            loop.loop(timeout=0.02, blocking=False)
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.address[1]
    finally:
        ended.set()
        thread.join()


@contextlib.asynccontextmanager
async def cutting_line(target: str, cuts: list[int], *, upwards: bool = False) -> AsyncIterator[str]:
    """A TCP line to `host:port`; its nth connection breaks after `cuts[n]` bytes from the server (`upwards`: to it)."""
    host, port = target.split(":")
    left = list(cuts)
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bound: int | None) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65536 if bound is None else min(65536, bound)):
                writer.write(chunk)
                await writer.drain()
                if bound is not None:
                    bound -= len(chunk)
                    if bound <= 0:
                        return
            if writer.can_write_eof() and bound is None:
                writer.write_eof()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        bound = left.pop(0) if left else None
        upstream, onwards = await asyncio.open_connection(host, int(port))
        ways = [
            asyncio.ensure_future(carry(upstream, writer, None if upwards else bound)),
            asyncio.ensure_future(carry(reader, onwards, bound if upwards else None)),
        ]
        try:
            # The way with a bound breaks both; without one, the server's end of the line is the end.
            watched = ways[1] if upwards and bound is not None else ways[0]
            await asyncio.wait({watched})
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for each in (writer, onwards):
                each.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@contextlib.asynccontextmanager
async def silent_server(greeting: bytes = b"") -> AsyncIterator[str]:
    """Accepts, says `greeting`, and then nothing any more."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(greeting)
        await reader.read(-1)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()
