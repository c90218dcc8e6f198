"""The HTTP server: uvicorn inside our own event loop, under our own signals."""

import asyncio
import socket
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chargewright.file_transfer.http_serving import EmbeddedServer

__all__ = ["HttpServer"]

GRACE_SECONDS: Final = 5.0
# How long a peer may leave what was sent to it untaken, where the system can watch that.
STALLED_SECONDS: Final = 30
# How much of a head (request line and header fields, or fields after a body) may wait for its end.
HEAD_BYTES: Final = 64 * 1024


class _Protocol(HttpToolsProtocol):
    """HTTP/1.1 by the parser in C, which takes a fifth of the CPU of the one in Python; but it gathers the head of a
    request without any bound, so here what has come since the last whole piece is counted."""

    _unfinished_bytes = 0

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: the application answers these, and knows better what to say than which library to install."""

    def data_received(self, data: bytes) -> None:
        self._unfinished_bytes += len(data)
        super().data_received(data)
        if self._unfinished_bytes > HEAD_BYTES:
            self.send_400_response(f"The head of a request may have {HEAD_BYTES} bytes at most.")

    def on_headers_complete(self) -> None:
        self._unfinished_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unfinished_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unfinished_bytes = 0
        super().on_message_complete()


class HttpServer:
    """Serves one ASGI application on one address."""

    def __init__(self, application: Any) -> None:
        config = uvicorn.Config(
            application,
            http=_Protocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
        )
        self._server = EmbeddedServer(config)
        self._task: asyncio.Task[None] | None = None
        self.addresses: list[tuple[str, int]] = []

    async def start(self, host: str, port: int) -> None:
        """Listen and serve; raises OSError where the address cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                # Inherited by every connection: one whose peer takes nothing could else never be flushed and closed.
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)
            listening.bind((host, port))
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        self.addresses = [listening.getsockname()[:2]]
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._server.serve(sockets=[listening]), name="http server")
        started = loop.create_task(self._server.is_listening.wait(), name="http server starts")
        await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            started.cancel()
            await self._task
            raise OSError(f"the HTTP server did not start on {host}:{port}")

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Stop accepting, let requests end, for at most `grace_seconds`."""
        self._server.config.timeout_graceful_shutdown = grace_seconds  # type: ignore[assignment]  # only waited for
        self._server.should_exit = True
        if self._task is not None:
            await self._task
            self._task = None
