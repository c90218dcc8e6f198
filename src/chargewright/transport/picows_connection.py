"""A connection whose bytes and frames picows handles; shared by its server and its client."""

import logging
from typing import Final

from multidict import CIMultiDict
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from chargewright.transport.connection import NO_STATUS, PROTOCOL_ERROR, CloseInfo
from chargewright.transport.errors import FrameRefused
from chargewright.transport.peer_certificate import peer_of
from chargewright.transport.socket_connection import SLOTS, SocketConnection

__all__ = ["LOG", "USE_AIOFASTNET", "PicowsConnection"]

# picows comes with a second set of transports. Measured, plain sockets: 12 KiB per idle connection with them and 7 KiB
# with the loop's own, at the same number of messages per second. Under TLS theirs can be made smaller (50 KiB against
# 300 KiB with their buffers set to 16 KiB), but a failed handshake then reaches the loop's exception handler as a class
# instead of an exception, and the client as an exception without a word: neither can be told apart or logged.
USE_AIOFASTNET: Final = False

_TEXT: Final = WSMsgType.TEXT
_PING: Final = WSMsgType.PING
_PONG: Final = WSMsgType.PONG
_CLOSE: Final = WSMsgType.CLOSE
_NO_HEADERS: Final[CIMultiDict[str]] = CIMultiDict()
# Codes that RFC 6455 §7.4.1 reserves for reports: they are never sent.
_UNSENDABLE: Final = frozenset({0, 1004, 1005, 1006, 1015})


class _SecretFreeLog(logging.LoggerAdapter[logging.Logger]):
    """Keeps picows from logging handshakes, which carry passwords, at its level below DEBUG.

    Being no `logging.Logger` it also keeps picows from making a child logger for each connection (about 1 KiB).
    """

    def isEnabledFor(self, level: int) -> bool:
        return level >= logging.DEBUG and super().isEnabledFor(level)


LOG: Final = _SecretFreeLog(logging.getLogger("chargewright.transport.picows"))


class PicowsConnection(SocketConnection, WSListener):
    """One open WebSocket on picows."""

    __slots__ = (*SLOTS, "_transport")

    _transport: WSTransport

    def _open(self, transport: WSTransport, subprotocol: str | None) -> None:
        self._transport = transport
        self.peer = peer_of(transport.underlying_transport.get_extra_info, subprotocol)
        high = self._limits.write_buffer_bytes
        transport.underlying_transport.set_write_buffer_limits(high=high, low=high // 4)
        # The handshake is over; its headers would stay for the life of the connection, a password among them.
        transport.request.headers = _NO_HEADERS
        if transport.response is not None:
            transport.response.headers = _NO_HEADERS
        self._watch()

    # What picows calls.

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._has_heard = True
        kind = frame.msg_type
        is_plain = not (frame.rsv1 or frame.rsv2 or frame.rsv3)
        if kind == _TEXT and is_plain and frame.fin and self._assembler is None:
            # The frame's memory is picows's read buffer: this is the only copy, and nothing else leaves.
            message = frame.get_payload_as_bytes()
            if not message.isascii() or len(message) > self._limits.message_bytes:
                self._receive_data_frame(kind.value, message, is_final=True, has_reserved_bits=False)
            else:
                self._deliver(message)
        elif kind == _PING and is_plain:
            self._answer_ping(frame.get_payload_as_bytes())
        elif kind == _CLOSE and is_plain:
            self._receive_close(frame)
        elif kind != _PONG or not is_plain:
            self._receive_data_frame(
                kind.value, frame.get_payload_as_bytes(), is_final=bool(frame.fin), has_reserved_bits=not is_plain
            )

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        handshake = transport.close_handshake
        if self._close_info is None and handshake is not None and handshake.sent is not None:
            # picows itself refused a frame (opcode, mask, length) and closed with this code.
            self._close_info = CloseInfo(handshake.sent.code.value, handshake.sent.reason or "", by_peer=False)
        self._lost()

    def pause_writing(self) -> None:
        self._block_writing()

    def resume_writing(self) -> None:
        self._unblock_writing()

    def _answer_ping(self, payload: bytes) -> None:
        # A peer that pings without reading must not fill our memory with pongs; and none may follow a close frame.
        if self.is_open and not self._is_write_blocked:
            self._transport.send_pong(payload)

    def _receive_close(self, frame: WSFrame) -> None:
        if frame.payload_size == 0:
            self._peer_closes(NO_STATUS, "")
            return
        code: int = frame.get_close_code().value
        if code in _UNSENDABLE or code >= 5000:
            self._refuse(FrameRefused(PROTOCOL_ERROR, f"close code {code} may not be sent"))
            self._finish()
        else:
            self._peer_closes(code, frame.get_close_reason() or "")

    # What `SocketConnection` asks for.

    def _write_text(self, message: bytes) -> None:
        self._transport.send(_TEXT, message)

    def _write_ping(self) -> None:
        self._transport.send_ping()

    def _write_close(self, code: int, reason: str) -> None:
        self._transport.send_close(WSCloseCode(code), reason)

    def _unsent(self) -> int:
        return self._transport.underlying_transport.get_write_buffer_size()

    def _finish(self) -> None:
        self._transport.disconnect(graceful=True)

    def _drop(self) -> None:
        self._transport.disconnect(graceful=False)

    def _stop_reading(self) -> None:
        self._transport.underlying_transport.pause_reading()

    def _start_reading(self) -> None:
        if not self._transport.underlying_transport.is_closing():
            self._transport.underlying_transport.resume_reading()

    def _is_failing(self) -> bool:
        return self._transport.is_close_frame_sent
