"""FTP and FTPS on the standard library's ftplib, each attempt in a thread of its own.

ftplib knows passive mode, IPv6 and both kinds of TLS, and can resume the TLS session on the data connection, which
common servers demand and asyncio cannot do. Control stays on the event loop: each blocking step is one call in the
thread, chunks cross over one by one, and a cancelled transfer closes its sockets under the thread.
"""

import asyncio
import contextlib
import enum
import ftplib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from chargewright.file_transfer.base import CHUNK_BYTES, Attempt, Sink, Source
from chargewright.file_transfer.errors import (
    AccessDenied,
    BadCertificate,
    CouldNotConnect,
    FileTransferError,
    NoSpace,
    NotFound,
    RefusedByServer,
    ServerTrouble,
    TimedOut,
    TooLarge,
    TransferBroken,
)
from chargewright.file_transfer.locations import Location

__all__ = ["FtpTransfer", "Security"]

Result = TypeVar("Result")

_ENCODING: Final = "utf-8"
_PORT: Final = 21
_IMPLICIT_PORT: Final = 990


class Security(enum.Enum):
    """When TLS begins."""

    NONE = "never"
    EXPLICIT = "with AUTH TLS (RFC 4217)"
    IMPLICIT = "with the connection"
    BY_PORT = "implicit on port 990, explicit elsewhere"


# Replies that have a meaning of their own; others by their hundred.
_REPLIES: Final[Mapping[str, type[FileTransferError]]] = {
    "430": AccessDenied,
    "530": AccessDenied,
    "532": AccessDenied,
    "550": NotFound,
    "553": AccessDenied,
    "452": NoSpace,
    "552": NoSpace,
}
# Where one reply stands for two things, a word tells them apart.
_WORDS: Final = (("550", "denied", AccessDenied), ("550", "permi", AccessDenied), ("552", "large", TooLarge))


class _Plain(ftplib.FTP):
    """As ftplib's, but a greeting in another encoding than UTF-8 is no reason to give up."""

    def connect_to(self, host: str, port: int, limits: tuple[float, float], context: ssl.SSLContext | None) -> None:
        """Connect and read the greeting; `limits` are the seconds for connecting and for each step after it."""
        self.host, self.port, self.timeout = host, port, limits[1]
        self.sock = socket.create_connection((host, port), limits[0])
        self.af = self.sock.family
        if context is not None:
            self.sock = context.wrap_socket(self.sock, server_hostname=host)
        self.sock.settimeout(limits[1])
        self.read_replies()
        self.welcome = self.getresp()

    def read_replies(self) -> None:
        """From the socket as it is now."""
        assert self.sock is not None
        self.file = self.sock.makefile("r", encoding=_ENCODING, errors="surrogateescape")


class _Tls(_Plain, ftplib.FTP_TLS):
    """FTPS of both kinds, with the control connection's session on the data connection."""

    def auth(self) -> str:
        """AUTH TLS."""
        reply = super().auth()
        self.read_replies()
        return reply

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """See ftplib."""
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            return self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session), size
        except BaseException:
            connection.close()
            raise


class FtpTransfer:
    """Single attempts over FTP, or FTPS as `security` says; `trust` gives the context for each connection."""

    def __init__(self, trust: Callable[[], ssl.SSLContext], security: Security) -> None:
        self._trust = trust
        self._security = security

    async def download(self, location: Location, sink: Sink, attempt: Attempt) -> None:
        """See `Transfer.download`."""
        folder, name = _split(location)
        async with _Session(location, attempt, self._trust) as session:
            await session.enter(self._security, folder)
            size, validator = await session.describe(name)
            if size is not None:
                attempt.check_size(location, size)
            if sink.kept == 0 or validator is None or sink.validator != validator:
                await sink.begin(validator)
            elif size is not None and sink.kept >= size:
                return
            try:
                await session.open_data(f"RETR {name}", sink.kept)
            except FileTransferError:
                if not sink.kept:
                    raise
                # It may be the offset that it does not like.
                await sink.begin(validator)
                await session.open_data(f"RETR {name}", 0)
            while chunk := await session.receive():
                await attempt.receive(location, sink, chunk, size)
            await session.close_data()
            if size is not None and sink.kept != size:
                raise TransferBroken(location.shown, f"{sink.kept} of {size} bytes came")

    async def upload(self, directory: Location, file_name: str, source: Source, attempt: Attempt) -> Location:
        """See `Transfer.upload`."""
        target = directory.inside(file_name)
        async with _Session(target, attempt, self._trust) as session:
            await session.enter(self._security, directory.decoded_path().rstrip("/"))
            offset = 0
            if attempt.number > 1:
                kept, _ = await session.describe(file_name)
                if kept is not None and kept <= attempt.offered and kept < source.size:
                    offset = kept
            await session.announce(source.size)
            try:
                await session.open_data(f"STOR {file_name}", offset)
            except FileTransferError:
                if not offset:
                    raise
                offset = 0
                await session.open_data(f"STOR {file_name}", 0)
            while offset < source.size:
                chunk = await source.read(offset, CHUNK_BYTES)
                await session.send(chunk)
                offset += len(chunk)
                attempt.report(offset, source.size)
            await session.close_data()
            arrived, _ = await session.describe(file_name)
            if arrived is not None and arrived != source.size:
                raise TransferBroken(target.shown, f"the server has {arrived} of {source.size} bytes")
        return target


class _Session:
    """One control connection, used from one thread; closes whatever is open when left."""

    def __init__(self, location: Location, attempt: Attempt, trust: Callable[[], ssl.SSLContext]) -> None:
        self._location = location
        self._attempt = attempt
        self._trust = trust
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ftp")
        self._client: _Plain | None = None
        self._data: socket.socket | None = None

    async def __aenter__(self) -> "_Session":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None and self._client is not None:
            # Good-bye is a courtesy: the file has arrived.
            with contextlib.suppress(FileTransferError):
                await self._step(self._client.quit)
        self._break_off()
        self._thread.shutdown(wait=False)

    async def enter(self, security: Security, folder: str) -> None:
        """Connect, log in, change to `folder`, and to binary."""
        port = self._location.port
        if security is Security.BY_PORT:
            security = Security.IMPLICIT if port in (None, _IMPLICIT_PORT) else Security.EXPLICIT
        try:
            await self._step(self._connect, security, port)
        except CouldNotConnect:
            # `ftps://` without a port means 990 to some, AUTH TLS on 21 to others.
            if security is not Security.IMPLICIT or port is not None:
                raise
            await self._step(self._connect, Security.EXPLICIT, None)
        await self._step(self._log_in)
        if folder:
            await self._step(self._opened().cwd, folder)
        await self._step(self._opened().voidcmd, "TYPE I")

    async def describe(self, name: str) -> tuple[int | None, str | None]:
        """Size of the file and what marks its version; None for what the server does not tell."""
        size = await self._ask(f"SIZE {name}")
        changed = await self._ask(f"MDTM {name}")
        if size is None or not size.isascii() or not size.isdigit():
            return None, None
        return int(size), None if changed is None else f"{size} {changed}"

    async def announce(self, size: int) -> None:
        """ALLO: how long the file will be; servers that take note can tell a cut upload from a whole one."""
        await self._ask(f"ALLO {size}")

    async def open_data(self, command: str, offset: int) -> None:
        """Open the data connection for `command`, from `offset` on."""
        self._data = (await self._step(self._opened().ntransfercmd, command, offset or None))[0]
        self._data.settimeout(self._attempt.limits.stalled_seconds)

    async def receive(self) -> bytes:
        """The next chunk; empty at the end."""
        assert self._data is not None
        return await self._step(self._data.recv, CHUNK_BYTES)

    async def send(self, chunk: bytes) -> None:
        """All of it."""
        assert self._data is not None
        try:
            await self._step(self._data.sendall, chunk)
        except TimedOut:
            raise
        except TransferBroken:
            # The server may say why it hung up.
            await self._step(self._opened().voidresp)
            raise

    async def close_data(self) -> None:
        """End the transfer, and read what the server says of it."""
        await self._step(self._end_data)
        await self._step(self._opened().voidresp)

    async def _ask(self, command: str) -> str | None:
        """The text of the reply; None where the server declines."""
        try:
            reply = await self._step(self._opened().sendcmd, command)
        except (TransferBroken, TooLarge):
            raise
        except FileTransferError:
            return None
        return reply[4:].strip()

    async def _step(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run one blocking step in the thread; if cancelled, break off what it waits for."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._translated, function, arguments)
        except asyncio.CancelledError:
            self._break_off()
            raise

    def _translated(self, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
        with _our_errors(self._location, self._attempt.limits.stalled_seconds):
            return function(*arguments)

    def _connect(self, security: Security, port: int | None) -> None:
        host, limits = self._location.host, self._attempt.limits
        seconds = (limits.connect_seconds, limits.stalled_seconds)
        if port is None:
            port = _IMPLICIT_PORT if security is Security.IMPLICIT else _PORT
        try:
            if security is Security.NONE:
                self._client = _Plain(encoding=_ENCODING)
                self._client.connect_to(host, port, seconds, None)
            else:
                context = self._trust()
                self._client = _Tls(context=context, encoding=_ENCODING)
                self._client.connect_to(host, port, seconds, context if security is Security.IMPLICIT else None)
        except ssl.SSLError:
            raise
        except TimeoutError as error:
            raise TimedOut(self._location.shown, f"no connection within {seconds[0]:g} s") from error
        except (OSError, UnicodeError) as error:
            raise CouldNotConnect(self._location.shown, f"no connection ({error})") from error

    def _log_in(self) -> None:
        client = self._opened()
        client.login(self._location.user or "anonymous", self._location.password or "")
        if isinstance(client, _Tls):
            client.prot_p()

    def _end_data(self) -> None:
        if self._data is None:
            return
        try:
            if isinstance(self._data, ssl.SSLSocket):
                # Many servers do not say good-bye in TLS; the reply on the control connection decides.
                with contextlib.suppress(ssl.SSLError, ConnectionError):
                    self._data.unwrap()
        finally:
            self._data.close()
            self._data = None

    def _break_off(self) -> None:
        """Close both connections, even under a thread that waits for one."""
        for connection in (self._data, None if self._client is None else self._client.sock):
            if connection is not None:
                # Not connected any more, or never.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._thread.submit(self._close)

    def _close(self) -> None:
        if self._data is not None:
            self._data.close()
            self._data = None
        if self._client is not None:
            self._client.close()

    def _opened(self) -> _Plain:
        assert self._client is not None
        return self._client


@contextlib.contextmanager
def _our_errors(location: Location, stalled_seconds: float) -> Iterator[None]:
    """What ftplib and sockets raise, in our words; the server's own words are quoted, without control characters."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise BadCertificate(location.shown, f"the certificate does not hold: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise TransferBroken(location.shown, f"TLS failed ({error.reason})") from error
    except TimeoutError as error:
        raise TimedOut(location.shown, f"nothing moved for {stalled_seconds:g} s") from error
    except (ftplib.error_perm, ftplib.error_temp, ftplib.error_reply) as error:
        words = "".join(character for character in str(error)[:160] if character.isprintable())
        kind = _REPLIES.get(words[:3], ServerTrouble if words.startswith("4") else RefusedByServer)
        for reply, word, meaning in _WORDS:
            if words.startswith(reply) and word in words.lower():
                kind = meaning
        raise kind(location.shown, f"the server answers {words}") from error
    except ftplib.error_proto as error:
        raise RefusedByServer(location.shown, "the server does not speak FTP") from error
    except (EOFError, OSError) as error:
        raise TransferBroken(location.shown, f"the connection broke ({str(error)[:120] or 'end of stream'})") from error


def _split(location: Location) -> tuple[str, str]:
    """Folder and name of a file's URL; raises `NotFound` for a directory."""
    folder, _, name = location.decoded_path().rpartition("/")
    if not name:
        raise NotFound(location.shown, "the URL is that of a directory")
    return folder, name
