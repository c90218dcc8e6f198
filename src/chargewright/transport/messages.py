"""From WebSocket frames to whole text messages, without any I/O (RFC 6455 §5.4, §5.6, §8.1).

picows hands over frames as they come: unassembled, reserved bits and bad UTF-8 included. The rules that make messages
of them live here, once for every implementation that delivers frames.
"""

from typing import Final

from chargewright.transport.connection import INVALID_TEXT, MESSAGE_TOO_BIG, PROTOCOL_ERROR, UNSUPPORTED_DATA
from chargewright.transport.errors import FrameRefused

__all__ = ["BINARY", "CONTINUATION", "TEXT", "MessageAssembler", "checked_text"]

# RFC 6455 §5.2: the opcodes that carry data.
CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2


def checked_text(message: bytes) -> bytes:
    """The same object, known to be UTF-8; raises `FrameRefused` with 1007 otherwise."""
    # OCPP is nearly always plain ASCII, and `isascii` neither allocates nor decodes.
    if not message.isascii():
        try:
            message.decode()
        except UnicodeDecodeError as error:
            raise FrameRefused(INVALID_TEXT, f"byte {error.start} is not UTF-8: {error.reason}") from None
    return message


class MessageAssembler:
    """Collects the frames of one direction of one connection; made for the first fragment, reusable after the last.

    `message_bytes` bounds the whole message, `fragments` the number of frames it may come in: empty fragments cost
    memory without adding to the size.
    """

    __slots__ = ("_fragments", "_fragments_bound", "_message_bytes", "_size")

    def __init__(self, message_bytes: int, fragments: int) -> None:
        self._message_bytes = message_bytes
        self._fragments_bound = fragments
        self._fragments: list[bytes] = []
        self._size = 0

    @property
    def is_idle(self) -> bool:
        """True where no message has been begun."""
        return not self._fragments

    def receive_frame(self, opcode: int, payload: bytes, *, is_final: bool, has_reserved_bits: bool) -> bytes | None:
        """The message that this data frame completes, or None while more is to come.

        Raises `FrameRefused`: 1002 for reserved bits, a continuation of nothing, or a new message inside another; 1003
        for binary data (OCPP-J 1.6 §4.1.4 knows text only); 1007 for text that is not UTF-8; 1009 beyond a bound.
        """
        if has_reserved_bits:
            raise FrameRefused(PROTOCOL_ERROR, "reserved bits are set, but no extension was agreed on")
        if opcode == CONTINUATION:
            if not self._fragments:
                raise FrameRefused(PROTOCOL_ERROR, "a continuation frame continues nothing")
        elif self._fragments:
            raise FrameRefused(PROTOCOL_ERROR, "a new message begins inside a fragmented one")
        elif opcode == BINARY:
            raise FrameRefused(UNSUPPORTED_DATA, "binary messages are not understood, only text")
        elif opcode != TEXT:
            raise FrameRefused(PROTOCOL_ERROR, f"opcode {opcode} carries no data")
        self._size += len(payload)
        if self._size > self._message_bytes:
            raise FrameRefused(MESSAGE_TOO_BIG, f"the message is longer than {self._message_bytes} bytes")
        if is_final and not self._fragments:
            self._size = 0
            return checked_text(payload)
        self._fragments.append(payload)
        if len(self._fragments) > self._fragments_bound:
            raise FrameRefused(MESSAGE_TOO_BIG, f"the message comes in more than {self._fragments_bound} fragments")
        if not is_final:
            return None
        message = b"".join(self._fragments)
        self._fragments.clear()
        self._size = 0
        return checked_text(message)
