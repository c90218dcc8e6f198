"""Download and upload as the rest of the house sees them: one call each, with retries that go on where it broke off.

`retries` and `retryInterval` of GetDiagnostics, UpdateFirmware and GetLog (§5.9, §5.19, N01) become `Retries`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from chargewright.clock import Clock
from chargewright.file_transfer.base import Attempt, ProgressListener, Received, Sent, Sink, Source, TimeLimits
from chargewright.file_transfer.choice import TransferTools, transfer_for
from chargewright.file_transfer.errors import (
    AccessDenied,
    BadCertificate,
    FileTransferError,
    LocalFileTrouble,
    MalformedUrl,
    NoSpace,
    NotFound,
    RefusedByServer,
    TooLarge,
    TransferBroken,
    UnsafeRedirect,
    UnsupportedScheme,
)
from chargewright.file_transfer.files import FileSink, FileSource, HashingSource
from chargewright.file_transfer.locations import Location, checked_file_name, parse_location

__all__ = ["IS_TRIED_AGAIN", "FileTransfers", "Retries"]

_SIMULTANEOUS: Final = 64
# Most that is tried whatever a message asks for: 1,000 retries would keep a station busy for days.
_RETRIES_BOUND: Final = 100

IS_TRIED_AGAIN: Final[Mapping[type[FileTransferError], bool]] = {
    TransferBroken: True,
    # A file that is about to be put there; a directory that is about to be made.
    NotFound: True,
    # Room may be made meanwhile, on both sides.
    NoSpace: True,
    # Wrong passwords sent again and again lock accounts.
    AccessDenied: False,
    MalformedUrl: False,
    UnsupportedScheme: False,
    TooLarge: False,
    BadCertificate: False,
    UnsafeRedirect: False,
    RefusedByServer: False,
    LocalFileTrouble: False,
}
"""Whether waiting can mend it; a class that is not named follows its parent."""


class Retries(msgspec.Struct, frozen=True):
    """How often a failed transfer is tried *again* (0: one attempt), and the seconds to wait before each of them."""

    retries: int = 3
    interval_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.interval_seconds < 0:
            raise ValueError(f"retries and their interval are not negative: {self}")

    @classmethod
    def asked_for(cls, retries: int | None, interval_seconds: float | None) -> "Retries":
        """As a message says; our own defaults where it says nothing, 0 for a negative number, 100 at most."""
        default = cls()
        return cls(
            default.retries if retries is None else min(max(retries, 0), _RETRIES_BOUND),
            default.interval_seconds if interval_seconds is None else max(interval_seconds, 0.0),
        )

    def goes_on(self, attempt: int, error: FileTransferError) -> bool:
        """Whether there is another attempt after `attempt` (from 1) ended with `error`."""
        kind = next(kind for kind in type(error).__mro__ if kind in IS_TRIED_AGAIN)
        return attempt <= self.retries and IS_TRIED_AGAIN[kind]


class FileTransfers:
    """Transfers files, at most `simultaneous` at a time; further ones wait their turn."""

    def __init__(
        self,
        clock: Clock,
        tools: TransferTools | None = None,
        *,
        limits: TimeLimits | None = None,
        simultaneous: int = _SIMULTANEOUS,
    ) -> None:
        self._clock = clock
        self._tools = TransferTools() if tools is None else tools
        self._limits = TimeLimits() if limits is None else limits
        self._turns = asyncio.Semaphore(simultaneous)

    async def download(
        self,
        url: str,
        target: Sink | Path,
        *,
        size_bound: int,
        resume: bool = True,
        retries: Retries | None = None,
        progress: ProgressListener | None = None,
    ) -> Received:
        """Fetch `url` into `target`, at most `size_bound` bytes; a file appears under its name only when it is whole.

        With `resume`, what an earlier call left in the part goes on, if the server says that the file is still the same
        one. After a failure that may be mended the part stays; after `TooLarge` it is removed. Raises
        `FileTransferError`; ValueError for a bound below 0.
        """
        if size_bound < 0:
            raise ValueError(f"a bound of {size_bound} bytes")
        location = parse_location(url)
        transfer = transfer_for(location.scheme, self._tools)
        sink = FileSink(target) if isinstance(target, Path) else target
        begin = self._clock.monotonic()

        async def attempt(number: int) -> None:
            await transfer.download(location, sink, Attempt(number, self._limits, size_bound, progress))

        try:
            await sink.open(location.address, resume=resume)
            attempts = await self._repeat(attempt, retries or Retries())
            size = sink.kept
            sha256 = await sink.finish()
        except TooLarge:
            await sink.discard()
            raise
        except OSError as error:
            raise _local_trouble(location, error) from error
        finally:
            await sink.close()
        return Received(size, sha256, attempts, self._clock.monotonic() - begin)

    async def upload(
        self,
        directory_url: str,
        source: Source | Path,
        *,
        file_name: str,
        resume: bool = True,
        retries: Retries | None = None,
        progress: ProgressListener | None = None,
    ) -> Sent:
        """Put `source` as `file_name` into the directory at `directory_url` (§6.25: `location` is a directory).

        With `resume`, retries go on after what the server has of the attempts before, where it can tell; a new call
        begins at the beginning. Raises `FileTransferError`.
        """
        directory = parse_location(directory_url)
        checked_file_name(directory.shown, file_name)
        transfer = transfer_for(directory.scheme, self._tools)
        begin = self._clock.monotonic()
        try:
            hashing = HashingSource(FileSource(source) if isinstance(source, Path) else source)
        except OSError as error:
            raise _local_trouble(directory, error) from error

        arrived = directory

        async def attempt(number: int) -> None:
            nonlocal arrived
            go = Attempt(number if resume else 1, self._limits, hashing.size, progress, hashing.seen)
            arrived = await transfer.upload(directory, file_name, hashing, go)

        try:
            attempts = await self._repeat(attempt, retries or Retries())
            sha256 = await hashing.sha256()
        except OSError as error:
            raise _local_trouble(directory, error) from error
        finally:
            await hashing.close()
        return Sent(arrived.shown, hashing.size, sha256, attempts, self._clock.monotonic() - begin)

    async def _repeat(self, attempt: Callable[[int], Awaitable[None]], retries: Retries) -> int:
        """Run attempts until one succeeds; returns how many it took."""
        number = 1
        while True:
            try:
                async with self._turns:
                    await attempt(number)
            except FileTransferError as error:
                if not retries.goes_on(number, error):
                    raise
            else:
                return number
            await asyncio.sleep(retries.interval_seconds)
            number += 1


def _local_trouble(location: Location, error: OSError) -> FileTransferError:
    return LocalFileTrouble(location.shown, f"{error.filename or 'our own file'}: {error.strerror or error}")
