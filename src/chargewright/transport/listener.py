"""What every listener does alike: ask `admit`, count connections, stop."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, Protocol

from chargewright.transport.connection import (
    INTERNAL_ERROR,
    Admission,
    Admit,
    Connection,
    Limits,
    Refusal,
    UpgradeRequest,
)
from chargewright.transport.tls_server import BACKLOG, HandshakeFailed, ServerContext, TlsServer, handshake_failure

__all__ = ["FAILED", "NOT_A_WEBSOCKET", "AdmittingListener"]

_SHUTTING_DOWN: Final = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The server is shutting down.")
FAILED: Final = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error.")
"""The whole of what a peer learns about a fault of ours."""
NOT_A_WEBSOCKET: Final = Refusal(
    HTTPStatus.UPGRADE_REQUIRED, "Only WebSocket connections are served here.", {"Upgrade": "websocket"}
)

_log = logging.getLogger(__name__)


class _Server(Protocol):
    """What listens: an asyncio server, or a `TlsServer`."""

    def close(self) -> None:
        """Stop accepting."""


class AdmittingListener:
    """See `Listener`. `on_handshake_failed` is told of TLS that came to nothing."""

    def __init__(self, admit: Admit, limits: Limits, on_handshake_failed: HandshakeFailed | None = None) -> None:
        self.limits = limits
        self._on_handshake_failed = on_handshake_failed
        self.addresses: list[tuple[str, int]] = []
        self._admit = admit
        self._server: _Server | None = None
        self._is_closing = False
        self._connections = 0
        self._nobody_left = asyncio.Event()
        self._nobody_left.set()

    async def listen(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, ssl_context: ServerContext | None
    ) -> None:
        """Accept sockets, with TLS where there is a context; `factory` makes the protocol of each. Raises OSError."""
        if ssl_context is None:
            server = await asyncio.get_running_loop().create_server(factory, host, port, backlog=BACKLOG)
            self.serve(server, server.sockets)
        else:
            tls_server = TlsServer(factory, ssl_context, self.limits, self.handshake_failed)
            await tls_server.listen(host, port)
            self.serve(tls_server, tls_server.sockets)

    def serve(self, server: _Server, sockets: Sequence[Any]) -> None:
        """Take over the listening sockets."""
        self._server = server
        self.addresses = [socket.getsockname()[:2] for socket in sockets]

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

    def decide(self, request: UpgradeRequest) -> Admission | Refusal:
        """What `admit` says; 503 once closed, and 500 for an exception, which is logged here and goes no further."""
        if self._is_closing:
            return _SHUTTING_DOWN
        try:
            return self._admit(request)
        except Exception:
            _log.exception("deciding on the upgrade of %s failed", request.path)
            return FAILED

    def handshake_failed(self, address: str, reason: str) -> None:
        """Pass it on; TLS itself has told the peer."""
        _log.info("the TLS handshake with %s failed: %s", address, reason)
        if self._on_handshake_failed is not None and not self._is_closing:
            self._on_handshake_failed(address, reason)

    def never_opened(self, address: str, error: Exception | None) -> None:
        """A socket was lost before its WebSocket opened. Under TLS 1.3 the handshake has ended for us when the peer
        finds fault with our certificate: its alert arrives here."""
        if isinstance(error, ssl.SSLError):
            self.handshake_failed(address, handshake_failure(error))

    def connection_opened(self, connection: Connection, admission: Admission) -> None:
        """Count one more and hand it to its owner."""
        self._connections += 1
        self._nobody_left.clear()
        try:
            admission.on_connected(connection)
        except Exception:
            _log.exception("taking over the connection with %s failed", connection.peer.address)
            connection.close(INTERNAL_ERROR)

    def connection_lost(self) -> None:
        """Count one less."""
        self._connections -= 1
        if self._connections == 0:
            self._nobody_left.set()
