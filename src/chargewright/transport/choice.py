"""Which WebSocket library carries the bytes.

picows is the default: two to three times the calls per second, and a fraction of the memory per connection. The
`websockets` adapter behaves the same (one conformance test holds both to it) and is pure Python: for platforms where
picows cannot be built, and to tell whose bug it is.
"""

import ssl
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from chargewright.errors import ConfigurationError
from chargewright.transport.connection import Admit, CloseInfo, Connection, Keepalive, Limits, Listener
from chargewright.transport.tls_server import HandshakeFailed, ServerContext

__all__ = ["Connect", "Implementation", "ImplementationName", "Listen", "implementation"]

ImplementationName = Literal["picows", "websockets"]


class Listen(Protocol):
    """How to serve; see `picows_server.listen`."""

    async def __call__(
        self,
        admit: Admit,
        host: str,
        port: int,
        *,
        limits: Limits = ...,
        ssl_context: ServerContext | None = ...,
        on_handshake_failed: HandshakeFailed | None = ...,
    ) -> Listener:
        """Accept WebSockets at `host` and `port` as `admit` decides."""


class Connect(Protocol):
    """How to connect; see `picows_client.connect`."""

    async def __call__(
        self,
        url: str,
        *,
        identity: str | None,
        subprotocols: Sequence[str] = ...,
        password: bytes | None = ...,
        on_message: Callable[[bytes], None],
        on_close: Callable[[CloseInfo], None],
        limits: Limits = ...,
        keepalive: Keepalive = ...,
        ssl_context: ssl.SSLContext | None = ...,
        open_timeout_seconds: float = ...,
        extensions: str | None = ...,
    ) -> Connection:
        """Open a WebSocket to the CSMS at endpoint `url`, as the station `identity`."""


class Implementation(NamedTuple):
    """One way to serve and to connect."""

    listen: Listen
    connect: Connect


def implementation(name: str = "picows") -> Implementation:
    """The functions of `picows` or `websockets`; the other library is not even imported.

    Raises ConfigurationError for any other name.
    """
    if name == "picows":
        from chargewright.transport import picows_client, picows_server

        return Implementation(picows_server.listen, picows_client.connect)
    if name == "websockets":
        from chargewright.transport import websockets_adapter

        return Implementation(websockets_adapter.listen, websockets_adapter.connect)
    raise ConfigurationError("transport", "implementation", name, "picows or websockets")
