"""What every protocol is given, and what it must do.

A transfer is a number of *attempts* (`chargewright.file_transfer.transfers`); each one goes on where the last one
broke off. Files pass in chunks of at most `CHUNK_BYTES`, so memory does not grow with them.
"""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from chargewright.file_transfer.errors import TooLarge
from chargewright.file_transfer.locations import Location

__all__ = [
    "CHUNK_BYTES",
    "Attempt",
    "Progress",
    "ProgressListener",
    "Received",
    "Sent",
    "Sink",
    "Source",
    "TimeLimits",
    "Transfer",
]

CHUNK_BYTES: Final = 64 * 1024
"""The most that is held of a file at a time."""


class Progress(msgspec.Struct, frozen=True):
    """How far a transfer is; `bytes_total` is None where the server does not say. `attempt` counts from 1."""

    bytes_done: int
    bytes_total: int | None
    attempt: int


ProgressListener = Callable[[Progress], None]


class TimeLimits(msgspec.Struct, frozen=True):
    """Seconds until a connection must stand, and for which nothing may come or go before the attempt is given up."""

    connect_seconds: float = 30.0
    stalled_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.connect_seconds <= 0 or self.stalled_seconds <= 0:
            raise ValueError(f"time limits are above 0 s: {self}")


class Received(msgspec.Struct, frozen=True):
    """A download that is whole. `sha256` in lower-case hex; `seconds` with all attempts and the waits between them."""

    size: int
    sha256: str
    attempts: int
    seconds: float


class Sent(msgspec.Struct, frozen=True):
    """An upload that the server took; `url` is the file's own, as it may be shown."""

    url: str
    size: int
    sha256: str
    attempts: int
    seconds: float


class Sink(Protocol):
    """Where a download goes. What came is kept until it is whole, so that a broken transfer can go on."""

    @property
    def kept(self) -> int:
        """Bytes that are there."""

    @property
    def validator(self) -> str | None:
        """Which version of the file they belong to, in the server's words; None: unknown, so they are of no use."""

    async def open(self, origin: str, *, resume: bool) -> None:
        """Be ready. What is there of an earlier transfer from `origin` is kept if `resume`. Raises OSError."""

    async def begin(self, validator: str | None) -> None:
        """Forget what is there; what comes now belongs to `validator`. Raises OSError."""

    async def write(self, chunk: bytes) -> None:
        """Append; raises OSError."""

    async def finish(self) -> str:
        """It is whole: put it in its place, all at once. Returns its SHA-256 in hex. Raises OSError."""

    async def close(self) -> None:
        """Leave what is there for the next time."""

    async def discard(self) -> None:
        """Remove what is there."""


class Source(Protocol):
    """What an upload is read from."""

    @property
    def size(self) -> int:
        """Bytes in all."""

    async def read(self, offset: int, bound: int) -> bytes:
        """At most `bound` bytes from `offset` on; empty only at the end. Raises OSError."""

    async def close(self) -> None:
        """Nothing is read any more."""


class Attempt:
    """One go of a transfer: its bounds, and whom to tell how far it is.

    `offered` are the bytes of an upload's source that attempts before this one have read: a server that has more of the
    file has it from somebody else.
    """

    def __init__(
        self, number: int, limits: TimeLimits, size_bound: int, progress: ProgressListener | None, offered: int = 0
    ) -> None:
        self.number = number
        self.offered = offered
        self.limits = limits
        self.size_bound = size_bound
        self._progress = progress

    def report(self, bytes_done: int, bytes_total: int | None) -> None:
        """Tell the listener, if there is one."""
        if self._progress is not None:
            self._progress(Progress(bytes_done, bytes_total, self.number))

    def check_size(self, location: Location, size: int) -> None:
        """Raises `TooLarge` if a file has, or is growing to, more than the bound."""
        if size > self.size_bound:
            raise TooLarge(location.shown, f"the file has {size} bytes or more, and {self.size_bound} are allowed")

    async def receive(self, location: Location, sink: Sink, chunk: bytes, total: int | None) -> None:
        """Put a chunk of a download into the sink, within the bound."""
        self.check_size(location, sink.kept + len(chunk))
        await sink.write(chunk)
        self.report(sink.kept, total)


class Transfer(Protocol):
    """One protocol: a single attempt, either way."""

    async def download(self, location: Location, sink: Sink, attempt: Attempt) -> None:
        """Fetch the rest of the file into the open `sink`; returns when it is whole.

        Raises `FileTransferError`, and OSError of the sink.
        """

    async def upload(self, directory: Location, file_name: str, source: Source, attempt: Attempt) -> Location:
        """Put the file into `directory` and return where it is; a second attempt may go on after the first.

        Raises `FileTransferError`, and OSError of the source.
        """
