"""The files of a server: names that cannot leave it, a quota, uploads that appear whole or not at all.

Used from an event loop's threads and from an FTP server's thread at the same time. Every name is walked folder by
folder without following a symbolic link, so nothing outside can be reached even if somebody plants one.
"""

import contextlib
import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import msgspec

from chargewright.file_transfer.base import CHUNK_BYTES
from chargewright.file_transfer.errors import (
    BadName,
    FileTooLarge,
    NotThere,
    StoreError,
    StoreFull,
    Superseded,
    WrongOffset,
)

__all__ = ["Admission", "FileStore", "Gatekeeper", "StoredFile", "Upload"]

_SEGMENT_BYTES: Final = 200
_SEGMENTS: Final = 8
_PART: Final = ".part"


class Admission(msgspec.Struct, frozen=True):
    """What somebody may do: only below `folder` of the store ("" for all of it), reading, writing or both."""

    folder: str = ""
    may_read: bool = True
    may_write: bool = True


class Gatekeeper(Protocol):
    """Who may come in. Asked in threads, several at a time; may check a hash, but not wait for an event loop."""

    def admit(self, user: str, password: str) -> Admission | None:
        """What this user may do, None for nothing; both are empty for somebody who gives no name."""


class StoredFile(msgspec.Struct, frozen=True):
    """A whole file: bytes, seconds since 1970 of its last change, and a tag that changes with its content."""

    size: int
    modified: float
    tag: str


class FileStore:
    """Files below `root`: each at most `size_bound` bytes, all of them with their unfinished parts at most `quota`."""

    def __init__(self, root: Path, *, quota_bytes: int, size_bound: int) -> None:
        """Makes `root` if it is not there, and counts what is in it. Raises OSError, ValueError for bounds below 0."""
        if quota_bytes < 0 or size_bound < 0:
            raise ValueError(f"bounds are not negative: quota {quota_bytes}, size {size_bound}")
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()
        self.quota_bytes = quota_bytes
        self.size_bound = size_bound
        self._lock = threading.RLock()
        self._uploads: dict[tuple[str, ...], Upload] = {}
        self._used = sum(_size_below(self.root))

    @property
    def used_bytes(self) -> int:
        """What files and parts take."""
        return self._used

    def make_folder(self, name: str) -> None:
        """Make `name` and the folders above it, for uploads to go into; one that is there already is fine."""
        parts = segments(name)
        for length in range(1, len(parts) + 1):
            with self._folder(parts[: length - 1], name) as folder, contextlib.suppress(FileExistsError):
                os.mkdir(parts[length - 1], 0o750, dir_fd=folder)

    def describe(self, name: str) -> StoredFile:
        """Size and tag of a whole file; raises `NotThere`, `BadName`."""
        file, described = self.open(name)
        file.close()
        return described

    def open(self, name: str) -> tuple[BinaryIO, StoredFile]:
        """A whole file to read, and what it is; raises `NotThere`, `BadName`."""
        parts = segments(name)
        with self._folder(parts[:-1], name) as folder:
            descriptor = _open(parts[-1], os.O_RDONLY, folder, name)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise NotThere(name, "this is no file")
        tag = f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"
        return os.fdopen(descriptor, "rb"), StoredFile(status.st_size, status.st_mtime, tag)

    def status(self, name: str) -> os.stat_result:
        """What the system knows of a file or a folder ("" is the store itself); raises `NotThere`, `BadName`."""
        parts = segments(name) if name else ()
        with self._folder(parts[:-1], name) as folder:
            try:
                status = os.stat(parts[-1] if parts else ".", dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError as error:
                raise NotThere(name, "there is no such file or folder") from error
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise NotThere(name, "there is no such file or folder")
        return status

    def is_folder(self, name: str) -> bool:
        """Whether it is a folder of the store ("" is one)."""
        try:
            with self._folder(segments(name) if name else (), name):
                return True
        except NotThere:
            return False

    def listing(self, folder: str) -> list[str]:
        """Names of the files and folders in `folder`, sorted; no parts. Raises `NotThere`, `BadName`."""
        with self._folder(segments(folder) if folder else (), folder) as descriptor:
            return sorted(name for name in os.listdir(descriptor) if not name.startswith("."))

    def part_size(self, name: str) -> int | None:
        """Bytes that an unfinished upload of `name` left; None if there is none. Raises `NotThere`, `BadName`."""
        parts = segments(name)
        with self._folder(parts[:-1], name) as folder:
            try:
                status = os.stat(part_name(parts[-1]), dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return None
        return status.st_size

    def begin(self, name: str, offset: int = 0) -> "Upload":
        """Begin an upload, or go on where an earlier one left off at `offset`.

        An upload of the same name that still runs is superseded: its connection is most likely dead. Raises
        `WrongOffset`, `NotThere` for a folder that is not there, `BadName`, `StoreFull`.
        """
        parts = segments(name)
        with self._lock:
            earlier = self._uploads.pop(parts, None)
            if earlier is not None:
                earlier.supersede()
            with self._folder(parts[:-1], name) as folder:
                upload = Upload(self, name, parts, os.dup(folder))
            try:
                self._used -= upload.open(offset)
            except BaseException:
                upload.release()
                raise
            self._uploads[parts] = upload
        upload.read_kept()
        return upload

    def delete(self, name: str) -> None:
        """Remove a file and what an unfinished upload left of it; raises `NotThere` if there is neither."""
        parts = segments(name)
        found = False
        with self._lock, self._folder(parts[:-1], name) as folder:
            upload = self._uploads.pop(parts, None)
            if upload is not None:
                upload.supersede()
            for each in (parts[-1], part_name(parts[-1])):
                with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                    status = os.stat(each, dir_fd=folder, follow_symlinks=False)
                    os.unlink(each, dir_fd=folder)
                    self._used -= status.st_size if stat.S_ISREG(status.st_mode) else 0
                    found = True
        if not found:
            raise NotThere(name, "there is no such file")

    def remove_parts_older_than(self, instant: float) -> int:
        """Remove what uploads left before `instant` (seconds since 1970), unless they run; how many there were."""
        removed = 0
        with self._lock:
            running = {self.root.joinpath(*parts[:-1], part_name(parts[-1])) for parts in self._uploads}
            for path in self.root.rglob(f".*{_PART}"):
                status = path.lstat()
                if path not in running and status.st_mtime < instant and stat.S_ISREG(status.st_mode):
                    path.unlink()
                    self._used -= status.st_size
                    removed += 1
        return removed

    def reserve(self, name: str, size: int) -> None:
        """Count `size` more bytes (fewer, if negative); raises `StoreFull`. For `Upload`."""
        with self._lock:
            if size > 0 and self._used + size > self.quota_bytes:
                raise StoreFull(name, f"the store holds {self._used} of {self.quota_bytes} bytes")
            self._used += size

    def forget(self, parts: tuple[str, ...], upload: "Upload") -> None:
        """The upload has ended. For `Upload`."""
        with self._lock:
            if self._uploads.get(parts) is upload:
                del self._uploads[parts]

    @contextlib.contextmanager
    def _folder(self, parts: tuple[str, ...], name: str) -> Iterator[int]:
        """A descriptor of the folder, reached without following a link."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in parts:
                below = _open(part, flags, descriptor, name)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)


class Upload:
    """One upload on its way into a store; ends with `finish`, `leave` or `discard`."""

    def __init__(self, store: FileStore, name: str, parts: tuple[str, ...], folder: int) -> None:
        self.name = name
        self.size = 0
        """Bytes that the part has."""
        self._store = store
        self._parts = parts
        self._part = part_name(parts[-1])
        self._folder = folder
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._lock = threading.RLock()
        self._superseded = False

    def open(self, offset: int) -> int:
        """For the store: open the part and return how many bytes of an earlier one are gone with that."""
        self._size_of_target()
        try:
            kept = os.stat(self._part, dir_fd=self._folder, follow_symlinks=False).st_size
        except FileNotFoundError:
            kept = 0
        if offset not in (0, kept):
            raise WrongOffset(self.name, f"an upload cannot go on at {offset}: {kept} bytes are there", kept)
        flags = os.O_RDWR | os.O_CREAT | (0 if offset else os.O_TRUNC)
        self._file = os.fdopen(_open(self._part, flags, self._folder, self.name), "r+b")
        return 0 if offset else kept

    def read_kept(self) -> None:
        """For the store: go through what is there, to its end."""
        with self._lock:
            file = self._opened()
            while chunk := file.read(CHUNK_BYTES):
                self._hash.update(chunk)
                self.size += len(chunk)

    def write(self, chunk: bytes) -> None:
        """Append; raises `FileTooLarge`, `StoreFull` (the disk, too), `Superseded`, OSError."""
        if self.size + len(chunk) > self._store.size_bound:
            reason = f"the file is too large: it has more than {self._store.size_bound} bytes"
            raise FileTooLarge(self.name, reason)
        # The store's lock comes before ours, never after it.
        self._store.reserve(self.name, len(chunk))
        try:
            with self._lock, _disk_may_be_full(self.name):
                self._opened().write(chunk)
        except (OSError, StoreError):
            self._store.reserve(self.name, -len(chunk))
            raise
        self._hash.update(chunk)
        self.size += len(chunk)

    def finish(self) -> str:
        """It is whole: on disk, then under its name, in place of what had it. Returns the SHA-256 in hex."""
        with self._lock:
            file = self._opened()
            with _disk_may_be_full(self.name):
                file.flush()
                os.fsync(file.fileno())
            freed = self._size_of_target()
            os.replace(self._part, self._parts[-1], src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
        self._store.reserve(self.name, -freed)
        self.release()
        return self._hash.hexdigest()

    def leave(self) -> None:
        """Cut off: keep what is there, for who goes on."""
        self.release()

    def discard(self) -> None:
        """Refused: remove what is there."""
        removed = False
        with self._lock:
            if self._file is not None and not self._superseded:
                os.unlink(self._part, dir_fd=self._folder)
                removed = True
        if removed:
            self._store.reserve(self.name, -self.size)
        self.release()

    def supersede(self) -> None:
        """For the store: another one took the name; this one may write no more."""
        with self._lock:
            self._superseded = True
            if self._file is not None:
                self._file.flush()

    def release(self) -> None:
        """Close what is open; what is there stays."""
        self._store.forget(self._parts, self)
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
            if self._folder >= 0:
                os.close(self._folder)
                self._folder = -1

    def _size_of_target(self) -> int:
        """Of the file that will be replaced, 0 if there is none; raises `NotThere` if it is a folder."""
        try:
            status = os.stat(self._parts[-1], dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return 0
        if stat.S_ISDIR(status.st_mode):
            raise NotThere(self.name, "a folder has this name")
        return status.st_size if stat.S_ISREG(status.st_mode) else 0

    def _opened(self) -> BinaryIO:
        if self._superseded:
            raise Superseded(self.name, "a newer upload of this name took its place")
        if self._file is None:
            raise ValueError(f"the upload of {self.name!r} has ended")
        return self._file


def segments(name: str) -> tuple[str, ...]:
    """The folders and the last name in `name`, each one checked; raises `BadName`."""
    parts = tuple(name.split("/"))
    if len(parts) > _SEGMENTS:
        raise BadName(name, f"a name has at most {_SEGMENTS} segments")
    for part in parts:
        if not part or part.startswith("."):
            raise BadName(name, "no segment of a name is empty or begins with a full stop")
        if any(not character.isprintable() or character in "\\" for character in part):
            raise BadName(name, "a name has no backslash and no control characters")
        try:
            size = len(part.encode())
        except UnicodeEncodeError as error:
            raise BadName(name, "a name is valid UTF-8") from error
        if size > _SEGMENT_BYTES:
            raise BadName(name, f"a segment of a name has at most {_SEGMENT_BYTES} bytes")
    return parts


def part_name(last: str) -> str:
    """What an unfinished upload of `last` is called; no name that a client may use."""
    return f".{last}{_PART}"


def _open(path: str, flags: int, folder: int, name: str) -> int:
    """Open below a folder without following a link, and without waiting for the other end of a pipe."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o640, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise NotThere(name, "there is no such file or folder") from error
        raise


@contextlib.contextmanager
def _disk_may_be_full(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(name, "the disk is full") from error
        raise


def _size_below(root: Path) -> Iterator[int]:
    for folder, _, files in os.walk(root):
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(os.path.join(folder, file))
                if stat.S_ISREG(status.st_mode):
                    yield status.st_size
