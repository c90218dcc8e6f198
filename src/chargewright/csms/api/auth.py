"""Who may use the REST API: the holder of the bearer key from the environment."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.security import HTTPBearer

from chargewright.csms.api.errors import Problem, problem

__all__ = ["BearerKey", "KeyFirst"]

Message = MutableMapping[str, Any]

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="chargewright"'}


class BearerKey(HTTPBearer):
    """A dependency that raises a 401 `Problem` unless the request carries `Authorization: Bearer <token>`.

    Without a token, or with an empty one, nobody may, and is told what to set. A coroutine, and one for all: whatever
    is not one, FastAPI sends to a thread, which takes longer than most routes do.
    """

    def __init__(self, token: str | None) -> None:
        super().__init__(auto_error=False, scheme_name="bearerKey", description="CHARGEWRIGHT_BOOTSTRAP_TOKEN")
        self._expected = (token or "").encode()

    async def __call__(self, request: Request) -> None:  # type: ignore[override]  # nobody is given the key
        self.check(request.headers.get("authorization"))

    def check(self, authorization: str | None) -> None:
        """Raise the `Problem` unless that value of the header has the key."""
        expected = self._expected
        if not expected:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "This server has no bearer key: set CHARGEWRIGHT_BOOTSTRAP_TOKEN in its environment and restart it.",
                _CHALLENGE,
            )
        scheme, _, key = (authorization or "").partition(" ")
        # Compared as bytes: latin-1 is what HTTP made of the header, and the comparison takes the same time for every
        # key.
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.strip().encode("latin-1", "replace"), expected):
            detail = "Send the header `Authorization: Bearer <key>`."
            if key:
                detail = "The key is not the right one: it is CHARGEWRIGHT_BOOTSTRAP_TOKEN of the server."
            raise Problem(HTTPStatus.UNAUTHORIZED, detail, _CHALLENGE)


class KeyFirst:
    """ASGI middleware: whatever is asked for under `prefix` without the key gets 401 before any of its body is read.

    A dependency comes too late for that: FastAPI reads and parses the body before it asks its dependencies.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], key: BearerKey, prefix: str) -> None:
        self._app = app
        self._key = key
        self._prefix = prefix

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            given = dict(scope["headers"]).get(b"authorization")
            try:
                self._key.check(None if given is None else given.decode("latin-1"))
            except Problem as error:
                await problem(error.status, error.detail, error.headers)(scope, receive, send)
                return
        await self._app(scope, receive, send)
