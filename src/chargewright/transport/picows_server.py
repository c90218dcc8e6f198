"""The WebSocket server on picows: fast, and small per connection.

picows asks a synchronous factory about each upgrade; it parses HTTP, bounds it (16 KiB, 128 headers), and closes what
takes too long. permessage-deflate (OCPP-J 1.6 §5.1) is declined by not answering the offer.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from picows import WSTransport, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server

from chargewright.transport.connection import DEFAULT_LIMITS, Admission, Admit, Limits, Refusal, UpgradeRequest
from chargewright.transport.listener import FAILED, NOT_A_WEBSOCKET, AdmittingListener
from chargewright.transport.picows_connection import LOG, USE_AIOFASTNET, PicowsConnection

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

    def upgrade(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        """Decide one upgrade; the factory that picows calls. Nothing raised in here reaches the peer."""
        try:
            decision = self._decision(request)
            if isinstance(decision, Admission):
                return self._acceptance(decision)
            return _answer(decision)
        except Exception:
            # picows would put the exception's text into its answer.
            LOG.exception("answering an upgrade failed")
            return _answer(FAILED)

    def _decision(self, request: WSUpgradeRequest) -> Admission | Refusal:
        headers = _plain_headers(request)
        if headers.get("upgrade", "").lower() != "websocket":
            return NOT_A_WEBSOCKET
        # picows wants this header to be `upgrade` alone, but it is a list of tokens (RFC 9110 §7.6.1), and proxies
        # write `keep-alive, Upgrade`.
        if "upgrade" in {token.strip().lower() for token in headers.get("connection", "").split(",")}:
            request.headers["Connection"] = "upgrade"
        return self.decide(UpgradeRequest(request.path.decode("latin-1"), headers))

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
        use_aiofastnet=USE_AIOFASTNET,
        **tls,
    )
    listener.serve(server, server.sockets)
    return listener
