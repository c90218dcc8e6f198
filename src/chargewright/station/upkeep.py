"""What a station needs to look after itself: a way for files, a place for an image, and somebody who installs it."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from chargewright.file_transfer.base import Sink, Source
from chargewright.file_transfer.files import BytesSource, FileSource, MemorySink
from chargewright.file_transfer.transfers import FileTransfers
from chargewright.station.hardware.firmware import FirmwareInstaller

__all__ = ["DiskShelf", "MemoryShelf", "Shelf", "Upkeep"]

MEMORY_BYTES: Final = 16 * 1024 * 1024
DISK_BYTES: Final = 512 * 1024 * 1024


class Shelf(Protocol):
    """Where a firmware image lies between download and installation: one at a time."""

    @property
    def size_bound(self) -> int:
        """The most bytes that it holds."""

    def target(self) -> Sink | Path:
        """Where a download goes; what an earlier, broken one left is still there."""

    def open(self) -> Source:
        """The image that was downloaded; raises OSError when there is none."""

    def clear(self) -> None:
        """Forget image and parts. Idempotent; raises OSError."""


class MemoryShelf:
    """In memory: for simulations, and for stations without a disk. A power cut of the whole process empties it."""

    def __init__(self, size_bound: int = MEMORY_BYTES) -> None:
        self.size_bound = size_bound
        self._sink = MemorySink()

    def target(self) -> Sink:
        """See `Shelf.target`."""
        self._sink.content = None
        return self._sink

    def open(self) -> Source:
        """See `Shelf.open`."""
        if self._sink.content is None:
            raise FileNotFoundError("there is no image in memory")
        return BytesSource(self._sink.content)

    def clear(self) -> None:
        """See `Shelf.clear`."""
        self._sink = MemorySink()


class DiskShelf:
    """One file, and while it comes its part beside it."""

    def __init__(self, path: Path, size_bound: int = DISK_BYTES) -> None:
        self.path = path
        self.size_bound = size_bound

    def target(self) -> Path:
        """See `Shelf.target`."""
        return self.path

    def open(self) -> Source:
        """See `Shelf.open`."""
        return FileSource(self.path)

    def clear(self) -> None:
        """See `Shelf.clear`."""
        for suffix in ("", ".part", ".part.json"):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + suffix).unlink()


def _nothing() -> None:
    """Where trust never changes."""


class Upkeep(msgspec.Struct, frozen=True):
    """The three together. `look_at_roots` is called before each transfer, on the event loop's thread: root certificates
    may have been installed since the last one."""

    transfers: FileTransfers
    shelf: Shelf
    installer: FirmwareInstaller
    look_at_roots: Callable[[], None] = _nothing
