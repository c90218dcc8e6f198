"""What can go wrong between two ends of a wire.

::

    ConnectionLost              the socket went away, or never came (`chargewright.errors`)
    RemoteProtocolError
    └── FrameRefused            a frame that RFC 6455 or our bounds forbid; carries the close code
    UpgradeRefused              the server answered the upgrade with an HTTP error
    SubprotocolNotAgreed        the server answered 101 but chose no subprotocol that was offered
"""

from collections.abc import Mapping, Sequence

from chargewright.errors import ChargewrightError, RemoteProtocolError

__all__ = ["FrameRefused", "SubprotocolNotAgreed", "UpgradeRefused"]


class FrameRefused(RemoteProtocolError):
    """A received frame ends the connection with close code `code` and text `reason`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason} (close code {self.code})"


class UpgradeRefused(ChargewrightError):
    """The server answered the upgrade with HTTP `status`, the body `text` and `headers` (names in lower case)."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text
        self.headers: Mapping[str, str] = headers or {}

    def __str__(self) -> str:
        return f"the upgrade was refused with HTTP {self.status}: {self.text or 'no text'}"


class SubprotocolNotAgreed(ChargewrightError):
    """The server agreed to a WebSocket but `answered` is none of the `offered` subprotocols (None: it named none).

    OCPP-J 1.6 §3.2: a station must not go on without an agreed subprotocol; it treats this as it treats a refusal.
    """

    def __init__(self, offered: Sequence[str], answered: str | None) -> None:
        super().__init__(offered, answered)
        self.offered = tuple(offered)
        self.answered = answered

    def __str__(self) -> str:
        return f"offered subprotocols {', '.join(self.offered)}; the server answered {self.answered or 'none'}"
