"""What every listener does alike: ask `admit`, count connections, stop."""

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from chargewright.transport.connection import (
    INTERNAL_ERROR,
    Admission,
    Admit,
    Connection,
    Limits,
    Refusal,
    UpgradeRequest,
)

__all__ = ["FAILED", "NOT_A_WEBSOCKET", "AdmittingListener"]

_SHUTTING_DOWN: Final = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The server is shutting down.")
FAILED: Final = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error.")
"""The whole of what a peer learns about a fault of ours."""
NOT_A_WEBSOCKET: Final = Refusal(
    HTTPStatus.UPGRADE_REQUIRED, "Only WebSocket connections are served here.", {"Upgrade": "websocket"}
)

_log = logging.getLogger(__name__)


class AdmittingListener:
    """See `Listener`."""

    def __init__(self, admit: Admit, limits: Limits) -> None:
        self.limits = limits
        self.addresses: list[tuple[str, int]] = []
        self._admit = admit
        self._server: asyncio.AbstractServer | None = None
        self._is_closing = False
        self._connections = 0
        self._nobody_left = asyncio.Event()
        self._nobody_left.set()

    def serve(self, server: asyncio.AbstractServer, sockets: Sequence[Any]) -> None:
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
