"""The WebSocket client on picows: how a station reaches its CSMS."""

import asyncio
import ssl
from collections.abc import Callable, Sequence

from picows import WSHandshakeError, WSTransport, WSUpgradeRequest, WSUpgradeResponse, ws_connect

from chargewright.errors import ConnectionLost
from chargewright.transport.client_request import (
    ClientRequest,
    check_answered_subprotocol,
    client_request,
    extension_taken_up,
)
from chargewright.transport.connection import DEFAULT_LIMITS, NO_KEEPALIVE, CloseInfo, Connection, Keepalive, Limits
from chargewright.transport.errors import UpgradeRefused
from chargewright.transport.picows_connection import LOG, USE_AIOFASTNET, PicowsConnection

__all__ = ["PicowsClientConnection", "connect"]


class PicowsClientConnection(PicowsConnection):
    """A connection that this client opened."""

    __slots__ = ("_subprotocol",)

    def __init__(self, limits: Limits, keepalive: Keepalive, subprotocol: str | None) -> None:
        self._begin(limits, keepalive)
        self._subprotocol = subprotocol

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._open(transport, self._subprotocol)


class _Opening:
    """Makes the connection once the server has answered; the factory that picows calls."""

    def __init__(
        self,
        request: ClientRequest,
        limits: Limits,
        keepalive: Keepalive,
        on_message: Callable[[bytes], None],
        on_close: Callable[[CloseInfo], None],
    ) -> None:
        self._request = request
        self._limits = limits
        self._keepalive = keepalive
        self._on_message = on_message
        self._on_close = on_close
        self.is_abandoned = False

    def __call__(self, request: WSUpgradeRequest, response: WSUpgradeResponse) -> PicowsClientConnection:
        if self.is_abandoned:
            raise ConnectionLost(f"{self._request.url}: the answer came after nobody waited for it any more")
        answered = response.headers.get("Sec-WebSocket-Protocol")
        check_answered_subprotocol(self._request, answered)
        if taken_up := response.headers.get("Sec-WebSocket-Extensions"):
            raise extension_taken_up(self._request, taken_up)
        connection = PicowsClientConnection(self._limits, self._keepalive, answered)
        # Before anything can arrive: the first message may come in one packet with the answer.
        connection.on_message = self._on_message
        connection.on_close = self._on_close
        return connection


async def connect(
    url: str,
    *,
    identity: str | None,
    subprotocols: Sequence[str] = ("ocpp1.6",),
    password: bytes | None = None,
    on_message: Callable[[bytes], None],
    on_close: Callable[[CloseInfo], None],
    limits: Limits = DEFAULT_LIMITS,
    keepalive: Keepalive = NO_KEEPALIVE,
    ssl_context: ssl.SSLContext | None = None,
    open_timeout_seconds: float = 30.0,
    extensions: str | None = None,
) -> Connection:
    """Open a WebSocket to the CSMS at endpoint `url`, as the station `identity`.

    The identity goes percent-encoded behind the URL's path (None: the URL is complete), `password` by HTTP Basic.
    `extensions` are offered as they stand, to be declined: none can be spoken. Messages may be delivered before this
    returns, and the connection may even be closed again by then.

    Raises `UpgradeRefused` (HTTP error), `SubprotocolNotAgreed` (both mean the same to a station: OCPP-J 1.6 §3.2),
    `ConnectionLost` where no answer came in time or at all (its `__cause__` is the OSError or ssl.SSLError, if any), or
    ConfigurationError where the URL cannot be used.
    """
    request = client_request(url, identity, subprotocols, password, extensions)
    headers = {}
    if request.subprotocols:
        headers["Sec-WebSocket-Protocol"] = ", ".join(request.subprotocols)
    if request.extensions is not None:
        headers["Sec-WebSocket-Extensions"] = request.extensions
    if request.authorization is not None:
        headers["Authorization"] = request.authorization
    opening = _Opening(request, limits, keepalive, on_message, on_close)
    try:
        async with asyncio.timeout(open_timeout_seconds):
            _, connection = await ws_connect(
                opening,
                request.url,
                ssl_context=ssl_context,
                # picows closes what is still unanswered then; the time-out around it would leave the socket open.
                websocket_handshake_timeout=open_timeout_seconds,
                logger_name=LOG,
                enable_auto_pong=False,
                enable_auto_ping=False,
                max_frame_size=min(limits.frame_bytes, limits.message_bytes),
                max_redirects=0,
                extra_headers=headers,
                read_buffer_init_size=limits.read_buffer_bytes,
                use_aiofastnet=USE_AIOFASTNET,
            )
    except WSHandshakeError as error:
        raise _refusal(request.url, error) from error
    except TimeoutError as error:
        raise ConnectionLost(f"{request.url}: no answer in {open_timeout_seconds} s") from error
    except OSError as error:
        raise ConnectionLost(f"{request.url}: {error}") from error
    finally:
        opening.is_abandoned = True
    if not isinstance(connection, PicowsClientConnection):
        raise ConnectionLost(f"{request.url}: the server closed the connection without an answer")
    return connection


def _refusal(url: str, error: WSHandshakeError) -> UpgradeRefused | ConnectionLost:
    response = error.response
    if response is None or response.status == 101:
        return ConnectionLost(f"{url}: the answer to the upgrade is malformed: {error}")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return UpgradeRefused(int(response.status), (error.raw_body or b"").decode(errors="replace"), headers)
