"""The WebSocket server on picows: fast, and small per connection.

picows asks a synchronous factory about each upgrade; it parses HTTP, bounds it (16 KiB, 128 headers), and closes what
takes too long. permessage-deflate (OCPP-J 1.6 §5.1) is declined by not answering the offer.
"""

import asyncio
from collections.abc import Mapping

from picows import (
    WSAutoPingStrategy,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # compiled, and missing in its stubs

from chargewright.transport.connection import DEFAULT_LIMITS, Admission, Admit, Limits, Refusal, UpgradeRequest
from chargewright.transport.listener import FAILED, NOT_A_WEBSOCKET, AdmittingListener
from chargewright.transport.peer_certificate import address_of
from chargewright.transport.picows_connection import LOG, PicowsConnection
from chargewright.transport.tls_server import HandshakeFailed, ServerContext

__all__ = ["PicowsListener", "PicowsServerConnection", "listen"]


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
        self._listener.connection_opened(self, admission)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        super().on_ws_disconnected(transport)
        self._listener.connection_lost()


class PicowsListener(AdmittingListener):
    """A listener whose connections picows serves."""

    def upgrade(self, request: WSUpgradeRequest, address: str) -> WSUpgradeResponseWithListener:
        """Decide one upgrade. Nothing raised in here reaches the peer."""
        try:
            decision = self._decision(request, address)
            if isinstance(decision, Admission):
                return self._acceptance(decision)
            return _answer(decision)
        except Exception:
            # picows would put the exception's text into its answer.
            LOG.exception("answering an upgrade failed")
            return _answer(FAILED)

    def _decision(self, request: WSUpgradeRequest, address: str) -> Admission | Refusal:
        headers = _plain_headers(request)
        if headers.get("upgrade", "").lower() != "websocket":
            return NOT_A_WEBSOCKET
        # picows wants this header to be `upgrade` alone, but it is a list of tokens (RFC 9110 §7.6.1), and proxies
        # write `keep-alive, Upgrade`.
        if "upgrade" in {token.strip().lower() for token in headers.get("connection", "").split(",")}:
            request.headers["Connection"] = "upgrade"
        return self.decide(UpgradeRequest(request.path.decode("latin-1"), headers, address))

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


class _Upgrading:
    """The function that picows asks about an upgrade, of one socket: it is not told which."""

    __slots__ = ("_listener", "address")

    def __init__(self, listener: PicowsListener) -> None:
        self._listener = listener
        self.address = "unknown"

    def __call__(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        return self._listener.upgrade(request, self.address)


class _ServerProtocol(WSProtocol):  # type: ignore[misc]  # compiled without types
    """picows's own protocol, which also notes the address, and how a socket ended that never became a WebSocket.

    `ws_create_server` would make it without telling of either; what is passed here is what that passes.
    """

    __slots__ = ("_accepting_listener", "_upgrading")

    def __init__(self, listener: PicowsListener) -> None:
        limits = listener.limits
        self._accepting_listener: PicowsListener = listener
        self._upgrading: _Upgrading | None = _Upgrading(listener)
        super().__init__(
            None,
            None,
            False,
            self._upgrading,
            LOG,
            True,
            limits.handshake_seconds,
            # We answer pings ourselves, within the bounds on writing, and send our own from one shared timer.
            False,
            0.0,
            0.0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,
            min(limits.frame_bytes, limits.message_bytes),
            None,
            limits.read_buffer_bytes,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert self._upgrading is not None
        self._upgrading.address = address_of(transport.get_extra_info)
        # picows drops the function with the upgrade; so do we, and no address stays with an idle connection.
        self._upgrading = None
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.listener is None:
            self._accepting_listener.never_opened(address_of(self.transport.underlying_transport.get_extra_info), exc)
        super().connection_lost(exc)


async def listen(
    admit: Admit,
    host: str,
    port: int,
    *,
    limits: Limits = DEFAULT_LIMITS,
    ssl_context: ServerContext | None = None,
    on_handshake_failed: HandshakeFailed | None = None,
) -> PicowsListener:
    """Accept WebSockets at `host` and `port` (0: any free port), as `admit` decides; TLS with `ssl_context`.

    A function as `ssl_context` is asked for each handshake; `on_handshake_failed` is told the peer's address and the
    reason of those that fail. Raises OSError where the address cannot be had.
    """
    listener = PicowsListener(admit, limits, on_handshake_failed)
    await listener.listen(lambda: _ServerProtocol(listener), host, port, ssl_context)
    return listener
