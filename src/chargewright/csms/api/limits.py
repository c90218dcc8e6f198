"""What the URL of a request may hold, and how large its body may be."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException

from chargewright.csms.api.errors import RETRY, problem

__all__ = ["BODY_BYTES", "LARGE_BODIES", "BodyLimit", "UrlLimit"]

# Bodies are parsed on the loop that serves all stations. As many bytes of the worst JSON take it 2 ms there, and the
# models some tens of ms for the list of all that is wrong.
BODY_BYTES: Final = 64 * 1024
# Commands may carry a local list, bulk commands name 20,000 stations, a configuration has up to 2,000 values.
LONG_BYTES: Final = 1024 * 1024
_LONG: Final = re.compile(
    r"/api/v1/(?:stations/[^/]+/commands/[^/]+|bulk-commands|(?:stations|groups)/[^/]+/configuration/wanted)"
)
# Half a million entries of a local list, one a line; they are read a thousand lines at a time.
LOCAL_LIST_BYTES: Final = 64 * 1024 * 1024
_LOCAL_LIST: Final = re.compile(r"/api/v1/(?:stations|groups)/[^/]+/local-list")
# How many bodies larger than `LONG_BYTES` are taken at the same time.
LARGE_BODIES: Final = 2

Message = MutableMapping[str, Any]


class UrlLimit:
    """ASGI middleware: the character U+0000 in a URL is refused with 400. No database can look for it, and nothing is
    named so."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            refused = problem(HTTPStatus.BAD_REQUEST, "The character U+0000 has no place in a URL.")
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)


class BodyLimit:
    """ASGI middleware: a larger body is refused with 413, at once where its length is told, else when it is passed;
    one that may be very large with 503 while `LARGE_BODIES` of them are being read."""

    def __init__(self, app: Callable[..., Awaitable[None]], limit: int = BODY_BYTES) -> None:
        self._app = app
        self._limit = limit
        self._large = 0

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = _allowance(scope["method"], scope["path"]) or self._limit
        headers = dict(scope["headers"])
        told = headers.get(b"content-length", b"%d" % (limit if b"transfer-encoding" in headers else 0))
        if not told.isdigit() or int(told) > limit:
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _sentence(limit))(scope, receive, send)
            return
        is_large = int(told) > LONG_BYTES
        if is_large and self._large >= LARGE_BODIES:
            detail = f"{LARGE_BODIES} bodies of more than {LONG_BYTES} bytes are being read already: try again."
            await problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, RETRY)(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _sentence(limit))
            return message

        self._large += is_large
        try:
            await self._app(scope, receive_some, send)
        finally:
            self._large -= is_large


def _allowance(method: str, path: str) -> int:
    """What a path takes more than others; 0: nothing."""
    if method == "PUT" and _LOCAL_LIST.fullmatch(path):
        return LOCAL_LIST_BYTES
    return LONG_BYTES if _LONG.fullmatch(path) else 0


def _sentence(limit: int) -> str:
    return f"A request to this path may have {limit} bytes at most."
