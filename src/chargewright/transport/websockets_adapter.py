"""The same server and client on the `websockets` library: its sans-I/O protocols under one asyncio protocol class.

Framing, handshake and closing are the library's; assembly, bounds, pausing and keepalive are ours, as with picows.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from websockets.client import ClientProtocol
from websockets.exceptions import NegotiationError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from chargewright.errors import ConnectionLost
from chargewright.transport.client_request import (
    ClientRequest,
    check_answered_subprotocol,
    client_request,
    extension_taken_up,
)
from chargewright.transport.connection import (
    DEFAULT_LIMITS,
    NO_KEEPALIVE,
    NO_STATUS,
    Admission,
    Admit,
    CloseInfo,
    Connection,
    Keepalive,
    Limits,
    Refusal,
    UpgradeRequest,
)
from chargewright.transport.errors import SubprotocolNotAgreed, UpgradeRefused
from chargewright.transport.listener import AdmittingListener
from chargewright.transport.peer_certificate import address_of, peer_of
from chargewright.transport.socket_connection import SLOTS, SocketConnection
from chargewright.transport.tls_server import HandshakeFailed, ServerContext

__all__ = ["WebsocketsConnection", "connect", "listen"]


class _SecretFreeLog(logging.LoggerAdapter[logging.Logger]):
    """At DEBUG the library logs handshakes and frames whole, passwords among them."""

    def isEnabledFor(self, level: int) -> bool:
        return level > logging.DEBUG and super().isEnabledFor(level)


_LOG: Final = _SecretFreeLog(logging.getLogger("chargewright.transport.websockets"))


class WebsocketsConnection(SocketConnection, asyncio.Protocol):
    """One socket: first a handshake, then an open WebSocket."""

    __slots__ = (*SLOTS, "_framing", "_has_opened", "_transport")

    _transport: asyncio.Transport

    def __init__(self, framing: ClientProtocol | ServerProtocol, limits: Limits) -> None:
        self._begin(limits, NO_KEEPALIVE)
        self._framing = framing
        self._has_opened = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        high = self._limits.write_buffer_bytes
        self._transport.set_write_buffer_limits(high=high, low=high // 4)

    def data_received(self, data: bytes) -> None:
        self._has_heard = True
        self._framing.receive_data(data)
        self._process()

    def eof_received(self) -> None:
        self._framing.receive_eof()
        self._process()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._has_opened:
            self._lost()

    def pause_writing(self) -> None:
        self._block_writing()

    def resume_writing(self) -> None:
        self._unblock_writing()

    def _process(self) -> None:
        if self._is_write_blocked and self._framing.state is State.OPEN:
            # Only pongs can be here: a peer that pings without reading must not fill our memory.
            self._framing.data_to_send()
        self._flush()
        for event in self._framing.events_received():
            if isinstance(event, Frame):
                self._receive_frame(event)
            else:
                self._receive_handshake(event)
        failure = self._framing.close_sent
        if self._framing.parser_exc is not None and self.is_open and failure is not None:
            # The library refused a frame (opcode, mask, length) and closed with this code.
            self.is_open = False
            self._close_info = CloseInfo(failure.code, failure.reason, by_peer=False)
            self._begin_closing(failure.code, failure.reason)

    def _receive_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            received = self._framing.close_rcvd
            self._peer_closes(received.code if received else NO_STATUS, received.reason if received else "")
        elif frame.opcode not in (Opcode.PING, Opcode.PONG):
            reserved = frame.rsv1 or frame.rsv2 or frame.rsv3
            self._receive_data_frame(frame.opcode, bytes(frame.data), is_final=frame.fin, has_reserved_bits=reserved)

    def _receive_handshake(self, event: Request | Response) -> None:
        raise NotImplementedError

    def _opened(self, keepalive: Keepalive, subprotocol: str | None) -> None:
        self._has_opened = True
        self._keepalive = keepalive
        self.peer = peer_of(self._transport.get_extra_info, subprotocol)
        self._watch()

    def _flush(self) -> None:
        for data in self._framing.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof() and not self._transport.is_closing():
                self._transport.write_eof()

    # What `SocketConnection` asks for.

    def _write_text(self, message: bytes) -> None:
        if self._framing.state is State.OPEN:
            self._framing.send_text(message)
            self._flush()

    def _write_ping(self) -> None:
        if self._framing.state is State.OPEN:
            self._framing.send_ping(b"")
            self._flush()

    def _write_close(self, code: int, reason: str) -> None:
        if self._framing.state is State.OPEN:
            self._framing.send_close(code, reason)
            self._flush()

    def _unsent(self) -> int:
        return self._transport.get_write_buffer_size()

    def _finish(self) -> None:
        self._transport.close()

    def _drop(self) -> None:
        self._transport.abort()

    def _stop_reading(self) -> None:
        self._transport.pause_reading()

    def _start_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _is_failing(self) -> bool:
        return self._framing.state is not State.OPEN


class _ServerConnection(WebsocketsConnection):
    __slots__ = ("_handshake_timer", "_listener")

    def __init__(self, listener: AdmittingListener) -> None:
        limits = listener.limits
        super().__init__(ServerProtocol(max_size=(limits.message_bytes, limits.frame_bytes), logger=_LOG), limits)
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._handshake_timer = self._loop.call_later(self._limits.handshake_seconds, self._drop)

    def connection_lost(self, exc: Exception | None) -> None:
        self._handshake_timer.cancel()
        super().connection_lost(exc)
        if self._has_opened:
            self._listener.connection_lost()
        else:
            self._listener.never_opened(address_of(self._transport.get_extra_info), exc)

    def _receive_handshake(self, event: Request | Response) -> None:
        framing = self._framing
        assert isinstance(event, Request) and isinstance(framing, ServerProtocol)
        # No subprotocols and no extensions are given to the library: it declines them all, and `admit` chooses.
        response = framing.accept(event)
        if response.status_code != 101:
            self._refuse_upgrade(response)
            return
        address = address_of(self._transport.get_extra_info)
        decision = self._listener.decide(UpgradeRequest(event.path, _plain_headers(event.headers), address))
        if isinstance(decision, Refusal):
            response = framing.reject(decision.status, decision.text)
            for name, value in decision.headers.items():
                response.headers[name] = value
            self._refuse_upgrade(response)
            return
        if decision.subprotocol is not None:
            response.headers["Sec-WebSocket-Protocol"] = decision.subprotocol
        framing.send_response(response)
        self._flush()
        self._handshake_timer.cancel()
        self._accept(decision)

    def _refuse_upgrade(self, response: Response) -> None:
        assert isinstance(self._framing, ServerProtocol)
        self._framing.send_response(response)
        self._flush()
        self._transport.close()

    def _accept(self, admission: Admission) -> None:
        self._opened(admission.keepalive, admission.subprotocol)
        self._listener.connection_opened(self, admission)


class _ClientConnection(WebsocketsConnection):
    __slots__ = ("_client_keepalive", "_request", "opened")

    def __init__(self, request: ClientRequest, limits: Limits, keepalive: Keepalive) -> None:
        framing = ClientProtocol(
            parse_uri(request.url),
            subprotocols=cast("Any", request.subprotocols) or None,
            max_size=(limits.message_bytes, limits.frame_bytes),
            logger=_LOG,
        )
        super().__init__(framing, limits)
        self._request = request
        self._client_keepalive = keepalive
        self.opened: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(self._framing, ClientProtocol)
        handshake = self._framing.connect()
        if self._request.extensions is not None:
            handshake.headers["Sec-WebSocket-Extensions"] = self._request.extensions
        if self._request.authorization is not None:
            handshake.headers["Authorization"] = self._request.authorization
        self._framing.send_request(handshake)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._fail(ConnectionLost(f"{self._request.url}: the server closed the connection without an answer"))

    def _fail(self, error: Exception) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)

    def _receive_handshake(self, event: Request | Response) -> None:
        assert isinstance(event, Response)
        failure = self._framing.handshake_exc
        answered = event.headers.get("Sec-WebSocket-Protocol")
        if event.status_code != 101:
            body = bytes(event.body).decode(errors="replace")
            self._fail(UpgradeRefused(event.status_code, body, _plain_headers(event.headers)))
        elif event.headers.get("Sec-WebSocket-Extensions"):
            # The library calls it a failed negotiation as well, for it was not told of the offer.
            self._fail(extension_taken_up(self._request, event.headers["Sec-WebSocket-Extensions"]))
        elif isinstance(failure, NegotiationError):
            self._fail(SubprotocolNotAgreed(self._request.subprotocols, answered))
        elif failure is not None:
            self._fail(ConnectionLost(f"{self._request.url}: the answer to the upgrade is malformed: {failure}"))
        else:
            try:
                check_answered_subprotocol(self._request, answered)
            except SubprotocolNotAgreed as error:
                self._fail(error)
                self._transport.abort()
                return
            self._opened(self._client_keepalive, answered)
            if not self.opened.done():
                self.opened.set_result(None)


def _plain_headers(headers: Any) -> Mapping[str, str]:
    plain: dict[str, str] = {}
    for name, text in headers.raw_items():
        key = name.lower()
        plain[key] = f"{plain[key]}, {text}" if key in plain else text
    return plain


async def listen(
    admit: Admit,
    host: str,
    port: int,
    *,
    limits: Limits = DEFAULT_LIMITS,
    ssl_context: ServerContext | None = None,
    on_handshake_failed: HandshakeFailed | None = None,
) -> AdmittingListener:
    """Accept WebSockets at `host` and `port`; see `picows_server.listen`."""
    listener = AdmittingListener(admit, limits, on_handshake_failed)
    await listener.listen(lambda: _ServerConnection(listener), host, port, ssl_context)
    return listener


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
    """Open a WebSocket to the CSMS at endpoint `url`, as the station `identity`; see `picows_client.connect`."""
    request = client_request(url, identity, subprotocols, password, extensions)
    connection = _ClientConnection(request, limits, keepalive)
    connection.on_message = on_message
    connection.on_close = on_close
    uri = parse_uri(request.url)
    loop = asyncio.get_running_loop()
    tls = (ssl_context or ssl.create_default_context()) if request.is_encrypted else None
    transport = None
    try:
        async with asyncio.timeout(open_timeout_seconds):
            transport, _ = await loop.create_connection(lambda: connection, uri.host, uri.port, ssl=tls)
            await connection.opened
    except TimeoutError as error:
        raise ConnectionLost(f"{request.url}: no answer in {open_timeout_seconds} s") from error
    except OSError as error:
        raise ConnectionLost(f"{request.url}: {error}") from error
    finally:
        if transport is not None and not connection._has_opened:
            transport.abort()
    return connection
