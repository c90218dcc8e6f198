"""How large a request may be."""

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException

from chargewright.csms.api.errors import problem

__all__ = ["BODY_BYTES", "BodyLimit"]

# A local list of ten thousand tags has about one million.
BODY_BYTES: Final = 8 * 1024 * 1024

Message = MutableMapping[str, Any]


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
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if not told.isdigit() or int(told) > self._limit:
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._sentence())(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._sentence())
            return message

        await self._app(scope, receive_some, send)

    def _sentence(self) -> str:
        return f"A request may have {self._limit} bytes at most."
