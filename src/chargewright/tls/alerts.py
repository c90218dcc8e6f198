"""Telling the peer why a handshake failed.

OpenSSL writes an alert (`protocol version`, `handshake failure` …), but asyncio and uvloop close the socket without
sending it, and the peer sees nothing but an end. A station would not know that its TLS version was the trouble
(A00.FR.313/314).
"""

import socket
import ssl
from contextlib import suppress
from contextvars import ContextVar
from typing import Final

__all__ = ["HANDSHAKE_SOCKET", "AlertingContext"]

HANDSHAKE_SOCKET: Final[ContextVar[socket.socket | None]] = ContextVar("HANDSHAKE_SOCKET", default=None)
"""The socket on which a handshake is about to begin; to be set by who accepts."""


class _AlertingObject(ssl.SSLObject):
    """Sends what is left when the handshake fails."""

    outgoing: ssl.MemoryBIO | None = None
    connection: socket.socket | None = None

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self.outgoing is not None and self.connection is not None:
                # A few bytes, into a buffer that is all but empty; where the peer is gone already, nobody misses them.
                with suppress(OSError):
                    self.connection.send(self.outgoing.read())
            self.outgoing = self.connection = None
            raise
        self.outgoing = self.connection = None


class AlertingContext(ssl.SSLContext):
    """A context whose failed handshakes send their alert, where `HANDSHAKE_SOCKET` was set."""

    sslobject_class = _AlertingObject

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """See `SSLContext.wrap_bio`."""
        wrapped = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        if isinstance(wrapped, _AlertingObject):
            wrapped.outgoing = outgoing
            wrapped.connection = HANDSHAKE_SOCKET.get()
        return wrapped
