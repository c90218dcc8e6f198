"""Both ends of a transfer on our side: files on disk, and bytes in memory."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import msgspec

from chargewright.file_transfer.base import CHUNK_BYTES, Source

__all__ = ["BytesSource", "FileSink", "FileSource", "HashingSource", "MemorySink"]

Result = TypeVar("Result")

# What is kept beside a part is small; anything larger is not ours.
_NOTE_BYTES: Final = 16 * 1024


class _Note(msgspec.Struct):
    """Beside a part on disk: where it came from (hashed, because URLs have passwords), and which version it is of."""

    origin: str
    validator: str | None


class MemorySink:
    """Keeps a download in memory; for simulations and small files."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.content: bytes | None = None
        """The whole file, once it is."""
        self.validator: str | None = None
        self._origin: str | None = None

    @property
    def kept(self) -> int:
        """Bytes that are there."""
        return len(self.data)

    async def open(self, origin: str, *, resume: bool) -> None:
        """See `Sink.open`."""
        if not resume or origin != self._origin:
            await self.begin(None)
        self._origin = origin

    async def begin(self, validator: str | None) -> None:
        """See `Sink.begin`."""
        self.data.clear()
        self.validator = validator

    async def write(self, chunk: bytes) -> None:
        """Append."""
        self.data += chunk

    async def finish(self) -> str:
        """Give `content` its value; returns the SHA-256 in hex."""
        self.content = bytes(self.data)
        return hashlib.sha256(self.content).hexdigest()

    async def close(self) -> None:
        """There is nothing to close."""

    async def discard(self) -> None:
        """Forget what came."""
        await self.begin(None)


class FileSink:
    """Downloads to `<name>.part` beside the target, which gets its name when it is whole and on disk.

    Calls that touch the disk run in threads; an event loop is never held up.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self._part = target.with_name(f"{target.name}.part")
        self._note_file = target.with_name(f"{target.name}.part.json")
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._origin = ""
        self.kept = 0
        self.validator: str | None = None

    async def open(self, origin: str, *, resume: bool) -> None:
        """See `Sink.open`; a part of another origin is removed."""
        await _in_thread(self._open, hashlib.sha256(origin.encode(errors="replace")).hexdigest(), resume)

    async def begin(self, validator: str | None) -> None:
        """See `Sink.begin`."""
        await _in_thread(self._begin, validator)

    async def write(self, chunk: bytes) -> None:
        """Append to the part."""
        await _in_thread(self._write, chunk)

    async def finish(self) -> str:
        """See `Sink.finish`."""
        await _in_thread(self._finish)
        return self._hash.hexdigest()

    async def close(self) -> None:
        """Close the part, and keep it."""
        await _in_thread(self._close)

    async def discard(self) -> None:
        """Remove the part."""
        await _in_thread(self._discard)

    def _open(self, origin: str, resume: bool) -> None:
        self._origin = origin
        note = self._read_note() if resume else None
        if note is None or note.origin != origin or note.validator is None or not self._part.exists():
            self._begin(None)
            return
        self._close()
        self._file = self._part.open("r+b")
        self._hash = hashlib.sha256()
        self.kept = 0
        while chunk := self._file.read(CHUNK_BYTES):
            self._hash.update(chunk)
            self.kept += len(chunk)
        self.validator = note.validator

    def _begin(self, validator: str | None) -> None:
        self._close()
        # Whatever had the name goes away first, so that a link is never followed.
        self._part.unlink(missing_ok=True)
        self._file = self._part.open("xb")
        self._hash = hashlib.sha256()
        self.kept = 0
        self.validator = validator
        self._note_file.unlink(missing_ok=True)
        self._note_file.write_bytes(msgspec.json.encode(_Note(self._origin, validator)))

    def _write(self, chunk: bytes) -> None:
        self._opened().write(chunk)
        self._hash.update(chunk)
        self.kept += len(chunk)

    def _finish(self) -> None:
        file = self._opened()
        file.flush()
        os.fsync(file.fileno())
        self._close()
        os.replace(self._part, self.target)
        self._note_file.unlink(missing_ok=True)
        folder = os.open(self.target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _discard(self) -> None:
        self._close()
        self._part.unlink(missing_ok=True)
        self._note_file.unlink(missing_ok=True)
        self.kept = 0
        self.validator = None

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise OSError(f"{self._part} is not open")
        return self._file

    def _read_note(self) -> _Note | None:
        with contextlib.suppress(OSError, msgspec.DecodeError), self._note_file.open("rb") as file:
            return msgspec.json.decode(file.read(_NOTE_BYTES), type=_Note)
        return None


class BytesSource:
    """An upload from memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self._content)

    async def read(self, offset: int, bound: int) -> bytes:
        """A piece of it."""
        return self._content[offset : offset + bound]

    async def close(self) -> None:
        """There is nothing to close."""


class FileSource:
    """An upload from a file, which must stay as long as it was when it was opened."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._file = path.open("rb")
        self.size = os.fstat(self._file.fileno()).st_size

    async def read(self, offset: int, bound: int) -> bytes:
        """A piece of it, read in a thread; raises OSError."""
        chunk = await _in_thread(os.pread, self._file.fileno(), min(bound, self.size - offset), offset)
        if not chunk and offset < self.size:
            raise OSError(f"{self._file.name} was cut while it was read")
        return chunk

    async def close(self) -> None:
        """Close the file."""
        self._file.close()


class HashingSource:
    """Another source, and the SHA-256 of what was read; what is read again for a second attempt counts once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.seen = 0
        """Bytes that were read at least once: no server can have more of them."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._source.size

    async def read(self, offset: int, bound: int) -> bytes:
        """See `Source.read`."""
        chunk = await self._source.read(offset, bound)
        if offset <= self.seen < offset + len(chunk):
            self._hash.update(chunk[self.seen - offset :])
            self.seen = offset + len(chunk)
        return chunk

    async def close(self) -> None:
        """See `Source.close`."""
        await self._source.close()

    async def sha256(self) -> str:
        """The digest of the whole, in hex; reads what was not read yet."""
        while self.seen < self.size and await self.read(self.seen, CHUNK_BYTES):
            continue
        return self._hash.hexdigest()


async def _in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Run it in a thread, and wait for its end even if cancelled: nobody closes a file under a thread that writes."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if not work.done():
            await asyncio.wait({work})
        if not work.cancelled():
            work.exception()
        raise
