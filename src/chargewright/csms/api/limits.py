"""What the URL of a request may hold, and how large its body may be."""

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException

from chargewright.csms.api.errors import problem

__all__ = ["BODY_BYTES", "BodyLimit", "UrlLimit"]

BODY_BYTES: Final = 8 * 1024 * 1024
# Paths whose last segment is this one take more: half a million entries of a local list, one a line.
LARGE_BODIES: Final = {"local-list": 64 * 1024 * 1024}

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
    """ASGI middleware: a larger body is refused with 413, at once where its length is told, else when it is passed."""

    def __init__(self, app: Callable[..., Awaitable[None]], limit: int = BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = max(self._limit, LARGE_BODIES.get(scope["path"].rpartition("/")[2], 0))
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if not told.isdigit() or int(told) > limit:
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _sentence(limit))(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _sentence(limit))
            return message

        await self._app(scope, receive_some, send)


def _sentence(limit: int) -> str:
    return f"A request to this path may have {limit} bytes at most."
