"""Files that are nowhere but in memory: both sides of a transfer for simulations, and faults on demand.

Everything happens on the event loop, without a thread or a socket, so it also works in virtual time.
"""

import asyncio
import hashlib
from collections.abc import Iterable

import msgspec

from chargewright.file_transfer.base import CHUNK_BYTES, Attempt, Sink, Source
from chargewright.file_transfer.errors import AccessDenied, NoSpace, NotFound, TimedOut, TransferBroken
from chargewright.file_transfer.locations import Location

__all__ = ["Faults", "MemoryFiles", "MemoryTransfer"]


class Faults(msgspec.Struct, frozen=True):
    """What shall go wrong.

    `cut_after_bytes`: the first attempt is cut after so many bytes *of that attempt*, the second after the next number,
    and so on; attempts beyond the list are whole. `denied`: whoever asks is refused. `stalled`: nothing moves, so the
    attempt ends at its time limit. `seconds_per_chunk`: how slow the line is (chunks of 64 KiB).
    """

    cut_after_bytes: tuple[int, ...] = ()
    denied: bool = False
    stalled: bool = False
    seconds_per_chunk: float = 0.0


class MemoryFiles:
    """A server's disk that is none: names `host/path` → bytes. At most `size_bound` bytes in all."""

    def __init__(self, files: Iterable[tuple[str, bytes]] = (), *, size_bound: int = 256 * 1024 * 1024) -> None:
        self.files: dict[str, bytes] = dict(files)
        self.parts: dict[str, bytearray] = {}
        self.size_bound = size_bound
        self._faults: dict[str, Faults] = {}
        self._attempts: dict[str, int] = {}

    def put(self, name: str, content: bytes) -> None:
        """A file, as if it had been uploaded."""
        self.files[name] = content

    def misbehave(self, name: str, faults: Faults) -> None:
        """From now on, transfers of `name` (`host/path`) go wrong like this; attempts are counted anew."""
        self._faults[name] = faults
        self._attempts[name] = 0

    def next_attempt(self, name: str) -> tuple[Faults, int | None]:
        """What goes wrong in the attempt that begins now, and after how many bytes it is cut, if it is."""
        faults = self._faults.get(name, Faults())
        number = self._attempts.get(name, 0)
        self._attempts[name] = number + 1
        return faults, faults.cut_after_bytes[number] if number < len(faults.cut_after_bytes) else None

    def used_bytes(self) -> int:
        """What all files and parts take."""
        return sum(map(len, self.files.values())) + sum(map(len, self.parts.values()))


class MemoryTransfer:
    """Transfers from and to `MemoryFiles`, for the scheme `memory` or, in a simulation, for any other."""

    def __init__(self, files: MemoryFiles) -> None:
        self._files = files

    async def download(self, location: Location, sink: Sink, attempt: Attempt) -> None:
        """See `Transfer.download`."""
        name = _name(location)
        line = _Line(self._files, name, location, attempt)
        await line.open()
        content = self._files.files.get(name)
        if content is None:
            raise NotFound(location.shown, "there is no such file")
        attempt.check_size(location, len(content))
        validator = hashlib.sha256(content).hexdigest()
        if sink.validator != validator or sink.kept > len(content):
            await sink.begin(validator)
        while sink.kept < len(content):
            await attempt.receive(
                location, sink, await line.carry(content[sink.kept : sink.kept + CHUNK_BYTES]), len(content)
            )

    async def upload(self, directory: Location, file_name: str, source: Source, attempt: Attempt) -> Location:
        """See `Transfer.upload`."""
        target = directory.inside(file_name)
        name = _name(target)
        line = _Line(self._files, name, target, attempt)
        await line.open()
        part = self._files.parts.setdefault(name, bytearray())
        if attempt.number == 1 or len(part) > attempt.offered:
            part.clear()
        while len(part) < source.size:
            chunk = await line.carry(await source.read(len(part), CHUNK_BYTES))
            if self._files.used_bytes() + len(chunk) > self._files.size_bound:
                raise NoSpace(target.shown, f"the server holds no more than {self._files.size_bound} bytes")
            part += chunk
            attempt.report(len(part), source.size)
        self._files.files[name] = bytes(self._files.parts.pop(name))
        return target


class _Line:
    """The way between both ends in one attempt."""

    def __init__(self, files: MemoryFiles, name: str, location: Location, attempt: Attempt) -> None:
        self._location = location
        self._attempt = attempt
        self._faults, self._left = files.next_attempt(name)
        self._broken = False

    async def open(self) -> None:
        limits = self._attempt.limits
        if self._faults.denied:
            raise AccessDenied(self._location.shown, "nobody is let in")
        if self._faults.stalled or self._faults.seconds_per_chunk > limits.stalled_seconds:
            await asyncio.sleep(limits.stalled_seconds)
            raise TimedOut(self._location.shown, f"nothing came for {limits.stalled_seconds:g} s")
        if self._left is not None and self._left <= 0:
            raise TransferBroken(self._location.shown, "the connection was cut before the first byte")

    async def carry(self, chunk: bytes) -> bytes:
        """What of `chunk` arrives; after a cut the next call raises."""
        if self._broken:
            raise TransferBroken(self._location.shown, "the connection was cut")
        await asyncio.sleep(self._faults.seconds_per_chunk)
        if self._left is not None:
            self._broken = len(chunk) >= self._left
            chunk = chunk[: self._left]
            self._left -= len(chunk)
        return chunk


def _name(location: Location) -> str:
    return f"{location.host}/{location.decoded_path()}"
