"""The seam between everything that speaks OCPP-J and everything that moves bytes.

A `Connection` is one open WebSocket that has already been upgraded and admitted. Servers and clients in this room
make them; sessions and stations use them; `loopback.py` offers a pair without any socket.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

__all__ = [
    "ABNORMAL_CLOSURE",
    "GOING_AWAY",
    "INVALID_TEXT",
    "MESSAGE_TOO_BIG",
    "NORMAL_CLOSURE",
    "POLICY_VIOLATION",
    "PROTOCOL_ERROR",
    "TRY_AGAIN_LATER",
    "UNSUPPORTED_DATA",
    "Admission",
    "Admit",
    "CloseInfo",
    "Connection",
    "Keepalive",
    "Limits",
    "Peer",
    "Refusal",
    "UpgradeRequest",
]

# RFC 6455 §7.4.1 and the IANA registry of close codes.
NORMAL_CLOSURE: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
ABNORMAL_CLOSURE: Final = 1006
INVALID_TEXT: Final = 1007
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
TRY_AGAIN_LATER: Final = 1013


class CloseInfo(msgspec.Struct, frozen=True):
    """Why a connection ended.

    `code` is the WebSocket close code seen (1006 when the socket went without one), `reason` its text, `by_peer` tells
    which side began.
    """

    code: int
    reason: str = ""
    by_peer: bool = True


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end, as far as the transport knows.

    `address` is `host:port` (or a label for `loopback`), `subprotocol` what was agreed on (None where the other side named
    none), `certificate_subject` the subject of a client certificate as OpenSSL reports it, None without TLS.
    """

    address: str
    subprotocol: str | None
    certificate_subject: str | None = None


class Connection(Protocol):
    """One open WebSocket. All methods are called on the event loop's thread and none of them blocks.

    `on_message` is called with each whole text message (UTF-8, already checked), one `bytes` object that the receiver may
    keep; `on_close` exactly once, after which nothing else is called. Both are set by the owner before it returns from
    the callback that handed it the connection.
    """

    peer: Peer
    on_message: Callable[[bytes], None]
    on_close: Callable[[CloseInfo], None]

    @property
    def is_open(self) -> bool:
        """False from the moment `close` or `abort` is called or the peer is gone."""

    def send(self, message: bytes) -> None:
        """Queue one text message; raises `ConnectionLost` when the connection is closed.

        A peer that does not take what was written, beyond the bounds of `Limits`, is aborted.
        """

    def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Begin the closing handshake; a peer that does not answer in `Limits.close_seconds` is aborted. Idempotent."""

    def abort(self) -> None:
        """Drop the socket at once; `on_close` reports 1006. Idempotent."""

    def pause(self) -> None:
        """Stop delivering messages (and reading). What had been read already is kept and delivered after `resume`."""

    def resume(self) -> None:
        """Deliver messages again. Idempotent."""


class Limits(msgspec.Struct, frozen=True):
    """Bounds that keep one peer from hurting others. Sizes in bytes, times in seconds."""

    handshake_seconds: float = 10.0
    frame_bytes: int = 16 * 1024 * 1024
    message_bytes: int = 16 * 1024 * 1024
    fragments_per_message: int = 4096
    write_buffer_bytes: int = 256 * 1024
    write_stalled_seconds: float = 30.0
    close_seconds: float = 5.0
    read_buffer_bytes: int = 2048


class Keepalive(msgspec.Struct, frozen=True):
    """WebSocket pings that we send (OCPP-J 5.3): every `interval_seconds` (0 = none), the connection being aborted when
    nothing at all arrives within `timeout_seconds` after a ping."""

    interval_seconds: float = 0.0
    timeout_seconds: float = 20.0


class UpgradeRequest(msgspec.Struct, frozen=True):
    """The HTTP request that asks for a WebSocket.

    `path` is the raw target as received (still percent-encoded, with query). Header names are lower case; values are
    text decoded as latin-1, one string per name, repeated headers joined by `, `.
    """

    path: str
    headers: Mapping[str, str]


class Refusal(msgspec.Struct, frozen=True):
    """Answer the upgrade with an HTTP error instead. `headers` are extra response headers (`WWW-Authenticate` …)."""

    status: int
    text: str
    headers: Mapping[str, str] = {}


class Admission(msgspec.Struct, frozen=True):
    """Accept the upgrade.

    `subprotocol` is put into the response, or left out when None. `on_connected` receives the connection once it is open and
    must set its two callbacks before it returns.
    """

    subprotocol: str | None
    on_connected: Callable[[Connection], None]
    keepalive: Keepalive = Keepalive()


# Decides synchronously, from memory: it runs inside the handshake.
Admit = Callable[[UpgradeRequest], Admission | Refusal]
