"""The seam between everything that speaks OCPP-J and everything that moves bytes.

A `Connection` is one open WebSocket that has already been upgraded and admitted. Servers and clients in this room
make them; sessions and stations use them; `loopback.py` offers a pair without any socket.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

__all__ = [
    "ABNORMAL_CLOSURE",
    "DEFAULT_LIMITS",
    "GOING_AWAY",
    "INTERNAL_ERROR",
    "INVALID_TEXT",
    "MESSAGE_TOO_BIG",
    "NORMAL_CLOSURE",
    "NO_KEEPALIVE",
    "NO_STATUS",
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
    "Listener",
    "Peer",
    "Refusal",
    "UpgradeRequest",
]

# RFC 6455 §7.4.1 and the IANA registry of close codes.
NORMAL_CLOSURE: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
NO_STATUS: Final = 1005
ABNORMAL_CLOSURE: Final = 1006
INVALID_TEXT: Final = 1007
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013


class CloseInfo(msgspec.Struct, frozen=True):
    """Why a connection ended.

    `code` is the close code of the side that began the closing handshake, whether or not the other side answered it;
    1006 when the socket went without one, 1005 when the peer's close frame carried none. `reason` is its text (ours to
    say where we aborted), `by_peer` tells which side began.
    """

    code: int
    reason: str = ""
    by_peer: bool = True


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end, as far as the transport knows.

    `address` is `host:port` (or a label for `loopback`), `subprotocol` what was agreed on (None where the other side
    named none), `certificate_subject` the subject of the peer's certificate as RFC 4514 writes it, in the certificate's
    order (`O=Operator,CN=SN-4711`), None where the peer showed no certificate. `is_encrypted`: TLS is spoken.
    """

    address: str
    subprotocol: str | None
    certificate_subject: str | None = None
    is_encrypted: bool = False


class Connection(Protocol):
    """One open WebSocket. All methods are called on the event loop's thread and none of them blocks.

    `on_message` is called with each whole text message (UTF-8, already checked), one `bytes` object that the receiver
    may keep; `on_close` exactly once, after which nothing else is called. Both are set by the owner before it returns
    from the callback that handed it the connection. An exception out of a callback is logged and closes the connection
    with 1011.
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
        """Begin the closing handshake; a peer that does not answer in `Limits.close_seconds` is aborted. Idempotent.

        Messages that arrive after this call are not delivered. `on_close` follows when the socket is gone.
        """

    def abort(self) -> None:
        """Drop the socket at once; `on_close` follows, with 1006 unless a close frame went before. Idempotent."""

    def pause(self) -> None:
        """Stop delivering messages (and reading). What had been read already is kept and delivered after `resume`.

        A close frame that was read meanwhile waits its turn too. A lost socket is reported as soon as it is noticed,
        which may be only after `resume`, and takes the undelivered messages with it.
        """

    def resume(self) -> None:
        """Deliver messages again. Idempotent."""


class Listener(Protocol):
    """A server that accepts connections until it is closed."""

    addresses: list[tuple[str, int]]
    """Where it listens: host and port, port 0 resolved."""

    def close(self) -> None:
        """Stop accepting; upgrades under way are answered 503, open connections stay open. Idempotent."""

    async def wait_closed(self) -> None:
        """Wait until the listener is closed and the last connection that it accepted is gone."""


class Limits(msgspec.Struct, frozen=True):
    """Bounds that keep one peer from hurting others. Sizes in bytes, times in seconds.

    More than `write_buffer_bytes` waiting, and no byte of it taken for `write_stalled_seconds`: the peer is aborted. So
    it is at once when a message is to be queued behind four times `write_buffer_bytes`.
    """

    handshake_seconds: float = 10.0
    frame_bytes: int = 16 * 1024 * 1024
    message_bytes: int = 16 * 1024 * 1024
    fragments_per_message: int = 4096
    write_buffer_bytes: int = 256 * 1024
    write_stalled_seconds: float = 30.0
    close_seconds: float = 5.0
    read_buffer_bytes: int = 2048


DEFAULT_LIMITS: Final = Limits()


class Keepalive(msgspec.Struct, frozen=True):
    """WebSocket pings that we send (OCPP-J 5.3): every `interval_seconds` (0 = none), the connection being aborted when
    nothing at all arrives within `timeout_seconds` after a ping."""

    interval_seconds: float = 0.0
    timeout_seconds: float = 20.0


NO_KEEPALIVE: Final = Keepalive()


class UpgradeRequest(msgspec.Struct, frozen=True):
    """The HTTP request that asks for a WebSocket.

    `path` is the raw target as received (still percent-encoded, with query). Header names are lower case; values are
    text decoded as latin-1, one string per name, repeated headers joined by `, `. `address` is the peer's `host:port`,
    None where the transport does not tell it.
    """

    path: str
    headers: Mapping[str, str]
    address: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Answer the upgrade with an HTTP error instead. `headers` are extra response headers (`WWW-Authenticate` …)."""

    status: int
    text: str
    headers: Mapping[str, str] = {}


class Admission(msgspec.Struct, frozen=True):
    """Accept the upgrade.

    `subprotocol` is put into the response, or left out when None. `on_connected` receives the connection once it is
    open and must set its two callbacks before it returns. An admission may come to nothing: the request can still prove
    malformed, or the peer go away, and then `on_connected` is not called.
    """

    subprotocol: str | None
    on_connected: Callable[[Connection], None]
    keepalive: Keepalive = NO_KEEPALIVE


# Decides synchronously, from memory: it runs inside the handshake.
Admit = Callable[[UpgradeRequest], Admission | Refusal]
