"""A store over HTTP: GET and HEAD with Range, PUT, POST (raw or as a form), and uploads that go on after a cut.

An ASGI application, to be mounted in another one or served by `HttpFileServer`. A broken upload leaves its part: HEAD
tells how much there is (`Upload-Offset`, `Upload-Complete: ?0`), PATCH with that offset appends, as in the IETF's draft
for resumable uploads. Errors are those of RFC 9457.
"""

import asyncio
import base64
import binascii
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from email.utils import formatdate
from typing import Any, BinaryIO, Final, TypeVar

import msgspec

from chargewright.errors import ChargewrightError
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
from chargewright.file_transfer.form_data import FormFile, MalformedForm
from chargewright.file_transfer.store import Admission, FileStore, Gatekeeper, StoredFile, Upload, segments

__all__ = ["FileApplication"]

Result = TypeVar("Result")
Message = MutableMapping[str, Any]

_STALLED_SECONDS: Final = 60.0
# What is still taken, and dropped, of an upload that is refused.
_LINGER_BYTES: Final = 16 * 1024 * 1024
_LINGER_SECONDS: Final = 10.0
_METHODS: Final = ("GET", "HEAD", "PUT", "POST", "PATCH")
_WRITING: Final = frozenset({"PUT", "POST", "PATCH"})
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_FILE_NAME: Final = re.compile(r'filename="([^"]{1,400})"')

_STATUSES: Final[Mapping[type[ChargewrightError], int]] = {
    BadName: 400,
    NotThere: 404,
    FileTooLarge: 413,
    StoreFull: 507,
    WrongOffset: 409,
    Superseded: 409,
    MalformedForm: 400,
}


class _Answer(Exception):
    """The request ends here, with this status."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


class _CutOff(Exception):
    """The client is gone, or silent for too long: there is nobody to answer."""


class FileApplication:
    """ASGI: the files of `store`, for whom `gatekeeper` admits (by Basic auth; None: everybody may do everything).

    The path below the mount is the name in the store, below the folder of the admission.
    """

    def __init__(
        self, store: FileStore, gatekeeper: Gatekeeper | None = None, *, stalled_seconds: float = _STALLED_SECONDS
    ) -> None:
        self._store = store
        self._gatekeeper = gatekeeper
        self._stalled_seconds = stalled_seconds

    async def __call__(self, scope: Message, receive: Callable[[], Any], send: Callable[[Message], Any]) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        exchange = _Exchange(scope, receive, send, self._stalled_seconds)
        try:
            try:
                await self._serve(exchange)
            except StoreError as error:
                kept = {"Upload-Offset": str(error.kept)} if isinstance(error, WrongOffset) else {}
                raise _Answer(_STATUSES[type(error)], error.reason, kept) from error
            except MalformedForm as error:
                raise _Answer(_STATUSES[MalformedForm], str(error)) from error
        except _Answer as answer:
            await exchange.problem(answer)
        except _CutOff:
            return

    async def _serve(self, exchange: "_Exchange") -> None:
        if exchange.method not in _METHODS:
            raise _Answer(405, f"{exchange.method} is not offered", {"Allow": ", ".join(_METHODS)})
        admission = await self._admit(exchange)
        writes = exchange.method in _WRITING
        if not (admission.may_write if writes else admission.may_read):
            raise _Answer(403, "reading is not allowed" if not writes else "writing is not allowed")
        name = f"{admission.folder}/{exchange.path}" if admission.folder else exchange.path
        if writes:
            await self._take(exchange, name)
        else:
            await self._give(exchange, name)

    async def _admit(self, exchange: "_Exchange") -> Admission:
        if self._gatekeeper is None:
            return Admission()
        user, password = exchange.credentials()
        admission = await _in_thread(self._gatekeeper.admit, user, password)
        if admission is None:
            challenge = {"WWW-Authenticate": 'Basic realm="files", charset="UTF-8"'}
            raise _Answer(401, "user and password are not known", challenge)
        return admission

    # -- downloads

    async def _give(self, exchange: "_Exchange", name: str) -> None:
        try:
            file, described = await _in_thread(self._store.open, name)
        except NotThere:
            kept = await _in_thread(self._store.part_size, name)
            if kept is None:
                raise
            # Nobody reads what is not whole; but who sent it may learn how much of it came.
            headers = {"Upload-Offset": str(kept), "Upload-Complete": "?0", "Cache-Control": "no-store"}
            raise _Answer(404, "the upload of this file is not complete", headers) from None
        with file:
            first, end = _wanted(exchange.headers, described)
            partial = (first, end) != (0, described.size)
            headers = {
                "Content-Length": str(end - first),
                "Content-Type": "application/octet-stream",
                "Content-Disposition": "attachment",
                "X-Content-Type-Options": "nosniff",
                "Accept-Ranges": "bytes",
                "ETag": f'"{described.tag}"',
                "Last-Modified": formatdate(described.modified, usegmt=True),
            }
            if partial:
                headers["Content-Range"] = f"bytes {first}-{end - 1}/{described.size}"
            await exchange.begin(206 if partial else 200, headers)
            if exchange.method == "GET":
                await _in_thread(file.seek, first)
                await self._stream(exchange, file, end - first)
            await exchange.send_body(b"", more=False)

    async def _stream(self, exchange: "_Exchange", file: BinaryIO, left: int) -> None:
        while left:
            chunk = await _in_thread(file.read, min(CHUNK_BYTES, left))
            if not chunk:
                # Less than was announced: the server closes the connection, and the client knows.
                raise _CutOff
            left -= len(chunk)
            await exchange.send_body(chunk, more=True)

    # -- uploads

    async def _take(self, exchange: "_Exchange", name: str) -> None:
        offset, complete = 0, True
        form: FormFile | None = None
        if exchange.method == "PATCH":
            offset, complete = _resumption(exchange.headers)
        elif exchange.method == "POST":
            name, form = await self._posted(exchange, name)
        announced = exchange.content_length()
        if announced is not None and form is None and offset + announced > self._store.size_bound:
            # Before a byte of it is taken.
            raise FileTooLarge(name, f"the file is too large: more than {self._store.size_bound} bytes")
        chunks = exchange.body() if form is None else form.content(exchange.body())
        if form is not None:
            name = f"{name}/{one_segment(await form.file_name(chunks))}".lstrip("/")
        upload: Upload = await _in_thread(self._store.begin, name, offset)
        try:
            async for chunk in chunks:
                await _in_thread(upload.write, chunk)
        except (StoreFull, FileTooLarge, MalformedForm):
            await _in_thread(upload.discard)
            raise
        except BaseException:
            await _in_thread(upload.leave)
            raise
        if not complete:
            size = upload.size
            await _in_thread(upload.leave)
            headers = {"Upload-Offset": str(size), "Upload-Complete": "?0", "Content-Length": "0"}
            await exchange.begin(200, headers)
        else:
            size = upload.size
            try:
                digest = await _in_thread(upload.finish)
            except StoreError:
                # Nobody can go on with what cannot get its name.
                await _in_thread(upload.discard)
                raise
            encoded = base64.b64encode(bytes.fromhex(digest)).decode()
            headers = {"Repr-Digest": f"sha-256=:{encoded}:", "Upload-Complete": "?1", "Content-Length": "0"}
            await exchange.begin(201, headers | {"Upload-Offset": str(size)})
        await exchange.send_body(b"", more=False)

    async def _posted(self, exchange: "_Exchange", name: str) -> tuple[str, FormFile | None]:
        """The name that a POST means: its path, or what the headers or the form add to a folder's path."""
        folder = name.rstrip("/")
        is_folder = name.endswith("/") or not name or await _in_thread(self._store.is_folder, folder)
        content_type = exchange.headers.get("content-type", "")
        if content_type.lower().startswith("multipart/form-data"):
            return folder, FormFile(content_type)
        if not is_folder:
            return name, None
        match = _FILE_NAME.search(exchange.headers.get("content-disposition", ""))
        if match is None:
            raise _Answer(400, 'a POST to a folder names its file: Content-Disposition: attachment; filename="…"')
        return f"{folder}/{one_segment(match[1])}".lstrip("/"), None


class _Exchange:
    """A request and its answer."""

    def __init__(
        self, scope: Message, receive: Callable[[], Any], send: Callable[[Message], Any], stalled_seconds: float
    ) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix("/")
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self._receive = receive
        self._send = send
        self._stalled_seconds = stalled_seconds
        self._has_begun = False
        self._has_read_all = False

    def credentials(self) -> tuple[str, str]:
        """User and password of Basic auth; both empty where there are none, or none that can be read."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        try:
            user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return user, password

    def content_length(self) -> int | None:
        """What the client announces, if it does."""
        length = self.headers.get("content-length", "")
        return int(length) if length.isascii() and length.isdigit() else None

    async def body(self) -> AsyncIterator[bytes]:
        """The body, as it comes; raises `_CutOff`, and `_Answer` after too long a silence."""
        while True:
            try:
                async with asyncio.timeout(self._stalled_seconds):
                    message = await self._receive()
            except TimeoutError as error:
                raise _Answer(408, f"nothing came for {self._stalled_seconds:g} s", {"Connection": "close"}) from error
            if message["type"] == "http.disconnect":
                raise _CutOff
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                self._has_read_all = True
                return

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of the answer."""
        self._has_begun = True
        encoded = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def send_body(self, chunk: bytes, *, more: bool) -> None:
        """A piece of the body; raises `_CutOff` if the client takes nothing for too long."""
        try:
            async with asyncio.timeout(self._stalled_seconds):
                await self._send({"type": "http.response.body", "body": chunk, "more_body": more})
        except TimeoutError as error:
            raise _CutOff from error

    async def problem(self, answer: _Answer) -> None:
        """An error as RFC 9457 has it; nothing, if the answer has begun."""
        if self._has_begun:
            return
        content = msgspec.json.encode({"title": answer.reason, "status": answer.status})
        headers = {"Content-Type": "application/problem+json", "Content-Length": str(len(content)), **answer.headers}
        lingers = self.method in _WRITING and not self._has_read_all
        if lingers:
            headers["Connection"] = "close"
        await self.begin(answer.status, headers)
        await self.send_body(b"" if self.method == "HEAD" else content, more=True)
        if lingers:
            # A client that is still sending reads the answer only at its end, and not at all from a reset connection.
            with contextlib.suppress(_CutOff, _Answer, TimeoutError):
                async with asyncio.timeout(min(_LINGER_SECONDS, self._stalled_seconds)):
                    await self._drop_body()
        await self.send_body(b"", more=False)

    async def _drop_body(self) -> None:
        left = _LINGER_BYTES
        async for chunk in self.body():
            left -= len(chunk)
            if left < 0:
                return


def one_segment(name: str) -> str:
    """The last segment of a name that a client gives to its own file; raises `BadName`."""
    return segments(name.replace("\\", "/").rsplit("/", 1)[-1])[0]


def _wanted(headers: Mapping[str, str], described: StoredFile) -> tuple[int, int]:
    """First byte and end of what is asked for; all of it for a Range that is none, or belongs to another version."""
    size = described.size
    match = _RANGE.fullmatch(headers.get("range", "").strip())
    condition = headers.get("if-range")
    if condition not in (None, f'"{described.tag}"', formatdate(described.modified, usegmt=True)):
        return 0, size
    if match is None or match.groups() == ("", ""):
        return 0, size
    if match[1]:
        first, end = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < int(match[1]):
            return 0, size
    else:
        first, end = max(size - int(match[2]), 0), size
    if first >= size:
        raise _Answer(416, "there are no such bytes", {"Content-Range": f"bytes */{size}"})
    return first, end


def _resumption(headers: Mapping[str, str]) -> tuple[int, bool]:
    """Where a PATCH goes on, and whether it is the last one."""
    offset = headers.get("upload-offset", "")
    if not offset.isascii() or not offset.isdigit() or headers.get("upload-complete") not in ("?0", "?1"):
        raise _Answer(400, "a PATCH has the headers Upload-Offset (a number) and Upload-Complete (?0 or ?1)")
    return int(offset), headers["upload-complete"] == "?1"


async def _in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Blocking work in a thread; if cancelled meanwhile, its end is awaited first, so that two never write at once."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        with contextlib.suppress(asyncio.CancelledError, StoreError, OSError):
            await work
        raise
