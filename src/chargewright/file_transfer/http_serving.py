"""An HTTP or HTTPS server for a store: uvicorn inside the caller's event loop, under the caller's signals."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn

__all__ = ["EmbeddedServer", "HttpFileServer"]

_GRACE_SECONDS: Final = 5
_CONNECTIONS: Final = 512


class EmbeddedServer(uvicorn.Server):
    """Leaves SIGTERM and SIGINT to the application, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_listening.set()


class HttpFileServer:
    """Serves an ASGI application, such as `FileApplication`, on one address; with TLS where there is a context."""

    def __init__(self, application: Any, context: Callable[[], ssl.SSLContext] | None = None) -> None:
        self._server = EmbeddedServer(
            uvicorn.Config(
                application,
                lifespan="off",
                log_config=None,
                access_log=False,
                ws="none",
                server_header=False,
                limit_concurrency=_CONNECTIONS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                ssl_context_factory=None if context is None else lambda _config, _default: context(),
            )
        )
        self._task: asyncio.Task[None] | None = None
        self.address: tuple[str, int] = ("", 0)

    async def start(self, host: str, port: int) -> None:
        """Listen (port 0: any) and serve; `address` then tells where. Raises OSError where it cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        self.address = listening.getsockname()[:2]
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._server.serve(sockets=[listening]), name="http file server")
        started = loop.create_task(self._server.is_listening.wait(), name="http file server starts")
        await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            started.cancel()
            await self._task
            raise OSError(f"the file server did not start on {host}:{port}")

    async def stop(self) -> None:
        """Stop accepting; transfers that do not end within seconds are cut, and may be resumed later."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
            self._task = None
