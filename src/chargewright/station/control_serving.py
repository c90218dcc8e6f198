"""HTTP for the control API: the server in our own event loop, who may come in, and the one shape of errors."""

import asyncio
import hmac
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
import uvicorn
from starlette.exceptions import HTTPException
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from chargewright.file_transfer.http_serving import EmbeddedServer

__all__ = ["BODY_BYTES", "PROBLEM", "ControlServer", "Doorkeeper", "Problem", "problem", "read_address"]

PROBLEM: Final = "application/problem+json"
# No deed needs more than a few hundred bytes.
BODY_BYTES: Final = 16 * 1024
# How long requests may take to end when the server stops, in seconds.
GRACE_SECONDS: Final = 2.0
# How long somebody may take to ask, and how many connections there may be: far more than readers of events.
HEAD_SECONDS: Final = 10.0
MOST_CONNECTIONS: Final = 128
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="chargewright station"'}

_log = structlog.get_logger("chargewright.station")

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class Problem(Exception):
    """Ends a request with that status; `detail` is a sentence for whoever sent it, `members` go beside it."""

    def __init__(self, status: int, detail: str, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.members = members or {}


def problem(
    status: int, detail: str, members: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for an error, as RFC 9457 has it."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body["detail"] = detail.encode("utf-8", "replace").decode()
    body.update(members or {})
    content = msgspec.json.encode(body)
    return Response(content, status, None if headers is None else dict(headers), media_type=PROBLEM)


class Doorkeeper:
    """ASGI middleware: without the bearer token 401, before any of the body is read; with a body of more than
    `BODY_BYTES` 413, at once where its length is told, else when it is passed."""

    def __init__(self, app: Application, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        # The comparison takes the same time for every key.
        if scheme.lower() != b"bearer" or not hmac.compare_digest(key.strip(), self._token):
            detail = "Send the header `Authorization: Bearer <token>`; the token is in the file that the run names."
            await problem(HTTPStatus.UNAUTHORIZED, detail, headers=_CHALLENGE)(scope, receive, send)
            return
        told = headers.get(b"content-length", b"0")
        too_large = f"A request may have {BODY_BYTES} bytes at most."
        if not told.isdigit() or int(told) > BODY_BYTES:
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_BYTES:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
            return message

        await self._app(scope, receive_some, send)


class _Log(logging.Handler):
    """Takes what uvicorn says into our log; what strangers send only where somebody asked for that much."""

    def emit(self, record: logging.LogRecord) -> None:
        """One entry."""
        tell = _log.error if record.levelno >= logging.ERROR else _log.debug
        tell("control API", said=record.getMessage().strip(), exc_info=record.exc_info)


_logger: Final = logging.getLogger("chargewright.station.control_serving")
_logger.setLevel(logging.WARNING)
_logger.propagate = False
_logger.addHandler(_Log())


class _Http(H11Protocol):
    """HTTP for few who know each other: whoever does not ask in time is sent away, and the oldest of those who have
    asked nothing where others come."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = _logger
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: Any) -> None:
        """Somebody came."""
        super().connection_made(transport)
        self.came_at = self.loop.time()
        self._wait()
        if len(self.connections) > MOST_CONNECTIONS:
            idle = [each for each in self.connections if isinstance(each, _Http) and each.is_idle]
            min(idle, key=lambda each: each.came_at).transport.abort()

    def data_received(self, data: bytes) -> None:
        """Part of a request, of several, or of none."""
        super().data_received(data)
        if not self.is_idle:
            self._wait_no_more()
        elif self._deadline is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Somebody left."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.is_idle:
            self.transport.abort()


class ControlServer:
    """Serves one ASGI application on one address; `url` is where, once it has started."""

    def __init__(self, application: Any) -> None:
        self._server = EmbeddedServer(
            uvicorn.Config(
                application,
                http=_Http,
                lifespan="off",
                log_config=None,
                access_log=False,
                ws="none",
                server_header=False,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self.url = ""

    async def start(self, host: str, port: int) -> None:
        """Listen and serve; raises OSError where the address cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{listening.getsockname()[1]}"
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._server.serve(sockets=[listening]), name="control server")
        started = loop.create_task(self._server.is_listening.wait(), name="control server starts")
        await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            started.cancel()
            await self._task
            raise OSError(f"the control API did not start on {host}:{port}")

    async def stop(self) -> None:
        """Stop accepting, let requests end for a moment. Idempotent."""
        self._server.config.timeout_graceful_shutdown = GRACE_SECONDS  # type: ignore[assignment]  # only waited for
        self._server.should_exit = True
        if self._task is not None:
            await self._task
            self._task = None


def read_address(text: str) -> tuple[str, int] | None:
    """Host and port of `127.0.0.1:0`, `[::1]:8090` or a port alone (loopback then); None where it is none of these."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not (port.isascii() and port.isdigit() and int(port) <= 65535) or text.startswith(":"):
        return None
    return host, int(port)
