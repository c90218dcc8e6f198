"""What pyftpdlib asks of a server, answered from a store: who may come in, what is where, when a file is whole."""

import errno
import logging
import os
import socket
import warnings
from contextlib import suppress
from typing import Any, Final

from chargewright.file_transfer.errors import NotThere, StoreError
from chargewright.file_transfer.store import FileStore, Gatekeeper, Upload, segments

with warnings.catch_warnings():
    # On Python 3.11 it takes asyncore from the standard library, which warns that it will go; later it brings its own.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.exceptions import AuthenticationFailed, FilesystemError, _RetryError
    from pyftpdlib.filesystems import AbstractedFS
    from pyftpdlib.handlers import DTPHandler, TLS_DTPHandler

__all__ = ["Data", "Session", "StoreAuthorizer", "StoreFolders", "TlsData"]

_LOG: Final = logging.getLogger("pyftpdlib")
# Change folder, list, fetch, store, append: nothing is renamed, removed or made by clients.
_PERMISSIONS: Final = "elrwa"
_LINGER_BYTES: Final = 16 * 1024 * 1024
_WAITING: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR})


class StoreAuthorizer:
    """Asks a gatekeeper, and notes on the session what it said."""

    def __init__(self, gatekeeper: Gatekeeper) -> None:
        self._gatekeeper = gatekeeper

    def validate_authentication(self, username: str, password: str, handler: Any) -> None:
        """Raises pyftpdlib's refusal, which costs the client some seconds."""
        user = "" if username == "anonymous" else username
        admission = self._gatekeeper.admit(user, password if user else "")
        if admission is None:
            raise AuthenticationFailed("User and password are not known.")
        handler.admission = admission

    def get_home_dir(self, username: str) -> str:
        """Nothing: folders are those of the store."""
        return ""

    def has_perm(self, username: str, perm: str, path: str | None = None) -> bool:
        """What anybody may do at most; the folders refuse what this user may not."""
        return perm in _PERMISSIONS

    def get_perms(self, username: str) -> str:
        """See `has_perm`."""
        return _PERMISSIONS

    def get_msg_login(self, username: str) -> str:
        """The greeting."""
        return "Login successful."

    def get_msg_quit(self, username: str) -> str:
        """The farewell."""
        return "Goodbye."

    def impersonate_user(self, username: str, password: str) -> None:
        """Users of the store are not users of the system."""

    def terminate_impersonation(self, username: str) -> None:
        """See `impersonate_user`."""


class Receiving:
    """The file object of an upload, as pyftpdlib wants one."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self.name = upload.name
        self.closed = False
        self.trouble: StoreError | OSError | None = None
        """Why no more is taken; what comes after it is dropped."""
        self.dropped = 0

    def write(self, chunk: bytes) -> None:
        """Append, until there is trouble."""
        if self.trouble is not None:
            self.dropped += len(chunk)
            return
        try:
            self.upload.write(chunk)
        except (StoreError, OSError) as error:
            self.trouble = error

    def seek(self, offset: int) -> None:
        """REST: only where the part ends, because nothing else is a continuation."""
        if offset != self.upload.size:
            raise FilesystemError(f"The upload ended at {self.upload.size}, not at {offset}")

    def close(self) -> None:
        """Keep what is there; a file that is whole was finished before."""
        if not self.closed:
            self.closed = True
            self.upload.leave()


class Session:
    """The part of a control connection that is ours; goes before pyftpdlib's handler."""

    store: FileStore
    is_implicit = False
    announced: int | None = None
    """What ALLO said of the next file."""

    def handle(self) -> None:
        """A connection begins: with TLS, or with the greeting."""
        if self.is_implicit:
            self.secure_connection(self.ssl_context)  # type: ignore[attr-defined]  # of TLS_FTPHandler
        else:
            super().handle()  # type: ignore[misc]  # of FTPHandler

    def handle_ssl_established(self) -> None:
        """The greeting of implicit TLS."""
        if self.is_implicit:
            super().handle()  # type: ignore[misc]  # of FTPHandler

    def ftp_ALLO(self, line: str) -> None:
        """How long the next file will be; refused at once where it is too long."""
        size = line.split(" ")[0]
        if not size.isascii() or not size.isdigit() or len(size) > 18:
            self.respond("501 ALLO has a number of bytes.")  # type: ignore[attr-defined]  # of FTPHandler
        elif int(size) > self.store.size_bound:
            answer = f"552 The file is too large: more than {self.store.size_bound} bytes."
            self.respond(answer)  # type: ignore[attr-defined]  # of FTPHandler
        else:
            self.announced = int(size)
            self.respond("200 Noted.")  # type: ignore[attr-defined]  # of FTPHandler

    def is_alive(self) -> bool:
        """Whether the client still holds the control connection, as far as the system knows by now."""
        try:
            with socket.socket(fileno=os.dup(self.socket.fileno())) as peeping:  # type: ignore[attr-defined]  # of FTPHandler
                return peeping.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


class StoreFolders(AbstractedFS):  # type: ignore[misc]  # pyftpdlib has no types
    """The folders below the admission's; a "real" path is `/` and a name of the store, links do not exist."""

    @property
    def _store(self) -> FileStore:
        store: FileStore = self.cmd_channel.store
        return store

    def ftp2fs(self, ftppath: str) -> str:
        """A client's path, with its full stops resolved inside its own folder, as a name of the store."""
        folder = self.cmd_channel.admission.folder
        path: str = self.ftpnorm(ftppath)
        return f"/{folder}{path}".rstrip("/") if folder else path

    def fs2ftp(self, fspath: str) -> str:
        """The reverse."""
        folder = self.cmd_channel.admission.folder
        return (fspath.removeprefix(f"/{folder}") if folder else fspath) or "/"

    def validpath(self, path: str) -> bool:
        """Whether the store could have such a name."""
        with suppress(StoreError):
            return not _name(path) or bool(segments(_name(path)))
        return False

    def open(self, filename: str, mode: str) -> Any:
        """A file to read, or an upload: `w` a new one, `r+` and `a` one that goes on."""
        admission, name = self.cmd_channel.admission, _name(filename)
        if not (admission.may_read if mode == "rb" else admission.may_write):
            raise FilesystemError("Permission denied")
        try:
            if mode == "rb":
                return self._store.open(name)[0]
            kept = 0 if mode == "wb" else self._store.part_size(name)
            if kept is None:
                raise FilesystemError("There is no unfinished upload of this name to go on with")
            return Receiving(self._store.begin(name, kept))
        except StoreError as error:
            raise FilesystemError(error.reason) from error

    def chdir(self, path: str) -> None:
        """Of the session, not of the process."""
        if not self.isdir(path):
            raise FilesystemError("There is no such folder")
        self.cwd = self.fs2ftp(path)

    def listdir(self, path: str) -> list[str]:
        """Whole files and folders."""
        if not self.cmd_channel.admission.may_read:
            raise FilesystemError("Permission denied")
        try:
            return self._store.listing(_name(path))
        except StoreError as error:
            raise FilesystemError(error.reason) from error

    listdirinfo = listdir

    def lstat(self, path: str) -> os.stat_result:
        """Of a whole file or a folder."""
        try:
            return self._store.status(_name(path))
        except StoreError as error:
            raise FilesystemError(error.reason) from error

    stat = lstat

    def isfile(self, path: str) -> bool:
        """A part counts too: SIZE tells where to go on."""
        with suppress(FilesystemError):
            return self.getsize(path) is not None and not self.isdir(path)
        return False

    def isdir(self, path: str) -> bool:
        """A folder of the store."""
        with suppress(StoreError):
            return self._store.is_folder(_name(path))
        return False

    def islink(self, path: str) -> bool:
        """There are none."""
        return False

    def realpath(self, path: str) -> str:
        """Without links every path is real."""
        return path

    def lexists(self, path: str) -> bool:
        """A whole file or a folder."""
        with suppress(FilesystemError):
            return bool(self.lstat(path))
        return False

    def getsize(self, path: str) -> int:
        """Of the whole file, or else of what came of it."""
        name = _name(path)
        try:
            try:
                return self._store.describe(name).size
            except NotThere:
                kept = self._store.part_size(name)
        except StoreError as error:
            raise FilesystemError(error.reason) from error
        if kept is None:
            raise FilesystemError("There is no such file")
        return kept

    def getmtime(self, path: str) -> float:
        """Of a whole file, in seconds since 1970."""
        return self.lstat(path).st_mtime

    def get_user_by_uid(self, uid: int) -> str:
        """Not the system's business to tell."""
        return "files"

    def get_group_by_gid(self, gid: int) -> str:
        """See `get_user_by_uid`."""
        return "files"


class Data(DTPHandler):  # type: ignore[misc]  # pyftpdlib has no types
    """A data connection that knows a cut upload from a whole one."""

    was_cut = False

    def recv(self, buffer_size: int) -> bytes:
        """As pyftpdlib's, but a connection that was reset is not one that was closed."""
        try:
            chunk: bytes = self.socket.recv(buffer_size)
        except OSError as error:
            if error.errno in _WAITING:
                raise _RetryError from error
            self.was_cut = True
            self.handle_close()
            return b""
        if not chunk:
            self.handle_close()
        return chunk

    def handle_read(self) -> None:
        """The next chunk of an upload.

        What the store refuses is dropped for a while: a client that is still sending reads the reply at its end.
        """
        super().handle_read()
        if isinstance(self.file_obj, Receiving) and self.file_obj.dropped > _LINGER_BYTES and not self._closed:
            self.close()

    handle_read_event = handle_read

    def close(self) -> None:
        """The end: what is whole gets its name before the client is told."""
        if not self._closed and isinstance(self.file_obj, Receiving) and not self.file_obj.closed:
            trouble = self._settle(self.file_obj)
            if trouble is not None:
                self.transfer_finished = False
                self._resp = (trouble, _LOG.info)
            self.cmd_channel.announced = None
        super().close()

    def _settle(self, file: Receiving) -> str | None:
        """Finish the upload or leave it; the reply if it is not whole."""
        if isinstance(file.trouble, StoreError):
            with suppress(OSError):
                file.upload.discard()
            return f"552 {file.trouble.reason}"
        announced = self.cmd_channel.announced
        complete = announced in (None, file.upload.size)
        if file.trouble is None and (
            not self.transfer_finished or self.was_cut or not complete or not self.cmd_channel.is_alive()
        ):
            return f"426 The transfer was cut; {file.upload.size} bytes are kept"
        try:
            if file.trouble is not None:
                raise file.trouble
            file.upload.finish()
        except (StoreError, OSError) as error:
            _LOG.warning("an upload cannot be kept: %s", error)
            return "451 The file cannot be kept"
        return None


class TlsData(TLS_DTPHandler, Data):  # type: ignore[misc]  # pyftpdlib has no types
    """The same with TLS; that many clients do not end TLS properly is not held against them."""


def _name(path: str) -> str:
    return path.strip("/")
