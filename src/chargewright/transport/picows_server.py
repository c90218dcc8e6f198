"""The WebSocket server on picows: fast, and small per connection.

picows asks a synchronous factory about each upgrade; it parses HTTP, bounds it (16 KiB, 128 headers), and closes what
takes too long. permessage-deflate (OCPP-J 1.6 §5.1) is declined by not answering the offer.
"""

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from picows import WSTransport, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server

from chargewright.transport.connection import (
    DEFAULT_LIMITS,
    INTERNAL_ERROR,
    Admission,
    Admit,
    Limits,
    Refusal,
    UpgradeRequest,
)
from chargewright.transport.picows_connection import LOG, PicowsConnection

__all__ = ["PicowsListener", "PicowsServerConnection", "listen"]

_SHUTTING_DOWN: Final = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The server is shutting down.")
_FAILED: Final = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error.")
_NOT_A_WEBSOCKET: Final = Refusal(
    HTTPStatus.UPGRADE_REQUIRED, "Only WebSocket connections are served here.", {"Upgrade": "websocket"}
)


class PicowsServerConnection(PicowsConnection):
    """A connection that this server accepted."""

    __slots__ = ("_admission", "_listener")

    def __init__(self, listener: "PicowsListener", admission: Admission) -> None:
        self._begin(listener.limits, admission.keepalive)
        self._listener = listener
        self._admission: Admission | None = admission

    def on_ws_connected(self, transport: WSTransport) -> None:
        admission = self._admission
        assert admission is not None
        # It holds callbacks of the owner, and is of no use any more.
        self._admission = None
        self._open(transport, admission.subprotocol)
        self._listener.connection_opened()
        try:
            admission.on_connected(self)
        except Exception:
            LOG.exception("taking over the connection with %s failed", self.peer.address)
            self.close(INTERNAL_ERROR)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        super().on_ws_disconnected(transport)
        self._listener.connection_lost()


class PicowsListener:
    """See `Listener`; made by `listen`."""

    def __init__(self, admit: Admit, limits: Limits) -> None:
        self.limits = limits
        self.addresses: list[tuple[str, int]] = []
        self._admit = admit
        self._server: asyncio.Server | None = None
        self._is_closing = False
        self._connections = 0
        self._nobody_left = asyncio.Event()
        self._nobody_left.set()

    def serve(self, server: asyncio.Server) -> None:
        """Take over the listening sockets."""
        self._server = server
        self.addresses = [socket.getsockname()[:2] for socket in server.sockets]

    def close(self) -> None:
        """Stop accepting; see `Listener.close`."""
        self._is_closing = True
        if self._server is not None:
            self._server.close()
            self._server = None

    async def wait_closed(self) -> None:
        """Wait for the last connection to go; see `Listener.wait_closed`."""
        # Not the server's own wait_closed: what it waits for differs between loops and Python versions.
        await self._nobody_left.wait()

    def connection_opened(self) -> None:
        """Count one more."""
        self._connections += 1
        self._nobody_left.clear()

    def connection_lost(self) -> None:
        """Count one less."""
        self._connections -= 1
        if self._connections == 0:
            self._nobody_left.set()

    def upgrade(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        """Decide one upgrade; the factory that picows calls. Nothing raised in here reaches the peer."""
        try:
            decision = self._decide(request)
            if isinstance(decision, Admission):
                return self._acceptance(decision)
            return _answer(decision)
        except Exception:
            LOG.exception("deciding on an upgrade failed")
            return _answer(_FAILED)

    def _decide(self, request: WSUpgradeRequest) -> Admission | Refusal:
        if self._is_closing:
            return _SHUTTING_DOWN
        headers = _plain_headers(request)
        if headers.get("upgrade", "").lower() != "websocket":
            return _NOT_A_WEBSOCKET
        # picows wants this header to be `upgrade` alone, but it is a list of tokens (RFC 9110 §7.6.1), and proxies
        # write `keep-alive, Upgrade`.
        if "upgrade" in {token.strip().lower() for token in headers.get("connection", "").split(",")}:
            request.headers["Connection"] = "upgrade"
        return self._admit(UpgradeRequest(request.path.decode("latin-1"), headers))

    def _acceptance(self, admission: Admission) -> WSUpgradeResponseWithListener:
        headers = {"Sec-WebSocket-Protocol": admission.subprotocol} if admission.subprotocol is not None else None
        response = WSUpgradeResponse.create_101_response(headers)
        return WSUpgradeResponseWithListener(response, PicowsServerConnection(self, admission))


def _plain_headers(request: WSUpgradeRequest) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for name, text in request.headers.items():
        # picows keeps bytes beyond ASCII as surrogates.
        value = text.encode("ascii", "surrogateescape").decode("latin-1")
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _answer(refusal: Refusal) -> WSUpgradeResponseWithListener:
    headers = {"Content-Type": "text/plain; charset=utf-8", **refusal.headers}
    response = WSUpgradeResponse.create_error_response(refusal.status, refusal.text.encode(), headers)
    return WSUpgradeResponseWithListener(response, None)


async def listen(
    admit: Admit, host: str, port: int, *, limits: Limits = DEFAULT_LIMITS, ssl_context: ssl.SSLContext | None = None
) -> PicowsListener:
    """Accept WebSockets at `host` and `port` (0: any free port), as `admit` decides; TLS with `ssl_context`.

    Raises OSError where the address cannot be had.
    """
    listener = PicowsListener(admit, limits)
    tls: dict[str, Any] = {}
    if ssl_context is not None:
        tls = {
            "ssl": ssl_context,
            "ssl_handshake_timeout": limits.handshake_seconds,
            "ssl_shutdown_timeout": limits.close_seconds,
        }
    server = await ws_create_server(
        listener.upgrade,
        host,
        port,
        websocket_handshake_timeout=limits.handshake_seconds,
        logger_name=LOG,
        # We answer pings ourselves, within the bounds on writing, and send our own from one shared timer.
        enable_auto_pong=False,
        enable_auto_ping=False,
        max_frame_size=min(limits.frame_bytes, limits.message_bytes),
        read_buffer_init_size=limits.read_buffer_bytes,
        **tls,
    )
    listener.serve(server)
    return listener
