"""HTTP and HTTPS: GET with Range; PUT into the directory, or POST to it where a server wants that.

A broken download goes on with Range and If-Range, so it never joins two versions of a file. There is no standard yet
for uploads; servers that speak the draft for resumable uploads (Upload-Offset, PATCH), as ours do, are continued,
others get the file again from its beginning.
"""

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote, urljoin

import httpx

from chargewright.file_transfer.base import CHUNK_BYTES, Attempt, Sink, Source
from chargewright.file_transfer.errors import (
    AccessDenied,
    BadCertificate,
    CouldNotConnect,
    FileTransferError,
    MalformedUrl,
    NoSpace,
    NotFound,
    RefusedByServer,
    ServerTrouble,
    TimedOut,
    TooLarge,
    TransferBroken,
    UnsafeRedirect,
)
from chargewright.file_transfer.locations import Location, parse_location

__all__ = ["HttpTransfer"]

_REDIRECTS: Final = 5
# What a redirect may lead to, from each scheme: never to a less safe one.
_SAFE_REDIRECTS: Final[Mapping[str, frozenset[str]]] = {
    "http": frozenset({"http", "https"}),
    "https": frozenset({"https"}),
}
_REDIRECTING_STATUSES: Final = frozenset({301, 302, 303, 307, 308})
# These two keep method and body (RFC 9110 §15.4); after the others an upload would become a GET.
_KEEPING_STATUSES: Final = frozenset({307, 308})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# Statuses that have a meaning here; others by their hundred.
_STATUSES: Final[Mapping[int, type[FileTransferError]]] = {
    401: AccessDenied,
    403: AccessDenied,
    407: AccessDenied,
    404: NotFound,
    410: NotFound,
    408: ServerTrouble,
    409: ServerTrouble,
    425: ServerTrouble,
    429: ServerTrouble,
    413: TooLarge,
    507: NoSpace,
}
# A server that does not know PUT may know POST, as browsers send files.
_NO_PUT: Final = frozenset({405, 501})
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class HttpTransfer:
    """Single attempts over HTTP or HTTPS; `trust` gives the context for each connection."""

    def __init__(self, trust: Callable[[], ssl.SSLContext]) -> None:
        self._trust = trust

    async def download(self, location: Location, sink: Sink, attempt: Attempt) -> None:
        """See `Transfer.download`."""
        headers = {}
        if sink.kept and sink.validator is not None:
            headers = {"Range": f"bytes={sink.kept}-", "If-Range": sink.validator}
        async with self._following(attempt, "GET", location, headers) as response:
            total = _length(response)
            if response.status_code == 206:
                total = await self._check_part(response, location, sink)
            elif response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{sink.kept}":
                return
            elif response.status_code == 416:
                await sink.begin(None)
                raise TransferBroken(location.shown, "the file has become shorter")
            elif response.status_code == 200:
                await sink.begin(_validator(response))
            else:
                raise _refusal(location, response)
            coding = response.headers.get("Content-Encoding", "identity")
            if coding != "identity":
                raise RefusedByServer(location.shown, f"the file comes in the encoding {coding[:40]!r}, unasked")
            if total is not None:
                attempt.check_size(location, total)
            # As they come, at most 64 KiB: nothing that has arrived is lost in a buffer when the line breaks.
            async for chunk in response.aiter_raw():
                await attempt.receive(location, sink, chunk, total)
            if total is not None and sink.kept != total:
                raise TransferBroken(location.shown, f"{sink.kept} of {total} bytes came")

    async def upload(self, directory: Location, file_name: str, source: Source, attempt: Attempt) -> Location:
        """See `Transfer.upload`."""
        target = directory.inside(file_name)
        offset = await self._kept_by_server(target, source, attempt) if attempt.number > 1 else 0
        if offset:
            await self._send(attempt, "PATCH", target, _resuming_headers(offset), _Body(source, attempt, offset))
            return target
        headers = {"Content-Type": "application/octet-stream"}
        if await self._send(attempt, "PUT", target, headers, _Body(source, attempt)) not in _NO_PUT:
            return target
        form = _FormBody(source, attempt, file_name)
        headers = {"Content-Type": f"multipart/form-data; boundary={form.boundary}"}
        await self._send(attempt, "POST", directory, headers, form)
        return directory

    async def _send(
        self, attempt: Attempt, method: str, target: Location, headers: dict[str, str], body: "_Body"
    ) -> int:
        """Send it; the status is one of success, or of `_NO_PUT` for a PUT."""
        headers = headers | {"Content-Length": str(body.length)}
        async with self._following(attempt, method, target, headers, body) as response:
            if response.is_success or (method == "PUT" and response.status_code in _NO_PUT):
                return response.status_code
            if method == "PATCH":
                # The part that the server has is of no use: the next attempt asks anew, and finds the truth.
                raise TransferBroken(target.shown, f"the server does not go on: {response.status_code}")
            raise _refusal(target, response)

    async def _kept_by_server(self, target: Location, source: Source, attempt: Attempt) -> int:
        """How much of a broken upload the server has; 0 where it cannot tell, or where it has nothing of ours."""
        async with self._following(attempt, "HEAD", target, {}) as response:
            offset = response.headers.get("Upload-Offset", "")
            unfinished = response.headers.get("Upload-Complete") == "?0"
        if not unfinished or not offset.isascii() or not offset.isdigit():
            return 0
        kept = int(offset)
        return kept if kept <= attempt.offered and kept < source.size else 0

    async def _check_part(self, response: httpx.Response, location: Location, sink: Sink) -> int | None:
        """The total of a partial answer, which must go on exactly where the sink ends."""
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != sink.kept:
            await sink.begin(None)
            raise TransferBroken(location.shown, "the server sent another part than was asked for")
        return None if match[3] == "*" else int(match[3])

    @asynccontextmanager
    async def _client(self, location: Location, attempt: Attempt) -> AsyncIterator[httpx.AsyncClient]:
        """A client for one request, whose troubles become ours."""
        limits = attempt.limits
        timeout = httpx.Timeout(limits.stalled_seconds, connect=limits.connect_seconds)
        # Reading root certificates takes a while; without TLS there is nothing to verify, and no other request is made.
        verify = await asyncio.to_thread(self._trust) if location.scheme == "https" else False
        # Not the environment's proxies: a file goes where the URL says.
        client = httpx.AsyncClient(verify=verify, timeout=timeout, trust_env=False, follow_redirects=False)
        try:
            async with client:
                yield client
        except httpx.ConnectTimeout as error:
            raise TimedOut(location.shown, f"no connection within {limits.connect_seconds:g} s") from error
        except httpx.TimeoutException as error:
            raise TimedOut(location.shown, f"nothing moved for {limits.stalled_seconds:g} s") from error
        except httpx.ConnectError as error:
            raise _no_connection(location, error) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise MalformedUrl(location.shown, "the URL is not one of HTTP") from error
        except httpx.TransportError as error:
            raise TransferBroken(location.shown, f"the connection broke ({type(error).__name__})") from error

    @asynccontextmanager
    async def _following(
        self,
        attempt: Attempt,
        method: str,
        location: Location,
        headers: Mapping[str, str],
        body: "_Body | None" = None,
    ) -> AsyncIterator[httpx.Response]:
        """The answer after at most five redirects; none to a less safe place, none with another's password."""
        here = location
        for _ in range(_REDIRECTS + 1):
            sent = {"Accept-Encoding": "identity", **headers, **_authorization(here)}
            content = None if body is None else body.chunks()
            async with (
                self._client(here, attempt) as client,
                client.stream(method, here.address, headers=sent, content=content) as response,
            ):
                onwards = response.headers.get("Location")
                if response.status_code not in _REDIRECTING_STATUSES or onwards is None:
                    yield response
                    return
                if body is not None and response.status_code not in _KEEPING_STATUSES:
                    reason = f"status {response.status_code} would turn the upload into a download"
                    raise UnsafeRedirect(location.shown, reason)
                here = _redirected(here, onwards)
        raise UnsafeRedirect(location.shown, f"more than {_REDIRECTS} redirects")


class _Body:
    """What an upload sends, from `offset` on; can be sent anew after a redirect."""

    def __init__(self, source: Source, attempt: Attempt, offset: int = 0) -> None:
        self._source = source
        self._attempt = attempt
        self._offset = offset

    @property
    def length(self) -> int:
        """Bytes in all."""
        return self._source.size - self._offset

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it, piece by piece."""
        offset = self._offset
        while offset < self._source.size:
            chunk = await self._source.read(offset, CHUNK_BYTES)
            yield chunk
            offset += len(chunk)
            self._attempt.report(offset, self._source.size)


class _FormBody(_Body):
    """The same as the only field, `file`, of a form (RFC 7578)."""

    boundary = "chargewright-7d0f2b91c5e84a36"

    def __init__(self, source: Source, attempt: Attempt, file_name: str) -> None:
        super().__init__(source, attempt)
        name = file_name.replace("\\", "\\\\").replace('"', "%22")
        self._head = (
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{self.boundary}--\r\n".encode()

    @property
    def length(self) -> int:
        return len(self._head) + super().length + len(self._tail)

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._head
        async for chunk in super().chunks():
            yield chunk
        yield self._tail


def _resuming_headers(offset: int) -> dict[str, str]:
    return {
        "Upload-Offset": str(offset),
        "Upload-Complete": "?1",
        "Content-Type": "application/partial-upload",
    }


def _redirected(here: Location, onwards: str) -> Location:
    """Where a redirect leads; raises `UnsafeRedirect`."""
    there = parse_location(quote(urljoin(here.address, onwards), safe="%/:?#[]@!$&'()*+,;=~-._"))
    if there.scheme not in _SAFE_REDIRECTS[here.scheme]:
        raise UnsafeRedirect(here.shown, f"it leads from {here.scheme} to {there.scheme}")
    # A server may not hand out credentials, nor get those of another one.
    there = there.without_credentials()
    same_host = there.host == here.host
    ports = [each.port or _DEFAULT_PORTS[each.scheme] for each in (here, there)]
    upgraded = (here.scheme, there.scheme) == ("http", "https") and ports == [80, 443]
    if same_host and (upgraded or (ports[0] == ports[1] and here.scheme == there.scheme)):
        return Location(there.scheme, there.host, there.port, there.path, there.query, here.user, here.password)
    return there


def _authorization(location: Location) -> dict[str, str]:
    if location.user is None:
        return {}
    pair = f"{location.user}:{location.password or ''}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _length(response: httpx.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def _validator(response: httpx.Response) -> str | None:
    """What If-Range may say: a strong ETag, or a time of change that lies long enough back (RFC 9110 §8.8)."""
    etag: str | None = response.headers.get("ETag")
    if etag is not None:
        return None if etag.startswith("W/") else etag
    changed, date = response.headers.get("Last-Modified"), response.headers.get("Date")
    if changed is None or date is None:
        return None
    try:
        settled = parsedate_to_datetime(date) - parsedate_to_datetime(changed) >= timedelta(seconds=1)
    except (ValueError, TypeError):
        return None
    return str(changed) if settled else None


def _refusal(location: Location, response: httpx.Response) -> FileTransferError:
    status = response.status_code
    kind = _STATUSES.get(status, ServerTrouble if status >= 500 else RefusedByServer)
    phrase = "".join(character for character in response.reason_phrase[:80] if character.isprintable())
    return kind(location.shown, f"the server answers {status} {phrase}".rstrip())


def _no_connection(location: Location, error: httpx.ConnectError) -> FileTransferError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return BadCertificate(location.shown, f"the certificate does not hold: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return RefusedByServer(location.shown, f"no TLS connection ({cause.reason})")
        cause = cause.__cause__ or cause.__context__
    return CouldNotConnect(location.shown, f"no connection ({str(error)[:120]})")
