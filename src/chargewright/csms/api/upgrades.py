"""Stations that came to the port of programs: a WebSocket is not spoken here, and whoever asks is told where."""

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

import structlog

from chargewright.csms.api.errors import problem

__all__ = ["StationsElsewhere"]

SHOWN_CHARACTERS: Final = 80

Message = MutableMapping[str, Any]

_log = structlog.get_logger(__name__)


class StationsElsewhere:
    """ASGI middleware: a request to become a WebSocket is answered with 421 and the addresses that stations connect
    to, by scheme (`ws`, `wss`)."""

    def __init__(self, app: Callable[..., Awaitable[None]], addresses: MutableMapping[str, str]) -> None:
        self._app = app
        self._where = " or ".join(f"{scheme}://{address}" for scheme, address in addresses.items()) or "another server"

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "http" and dict(scope["headers"]).get(b"upgrade", b"").lower() == b"websocket":
            address, path = (scope.get("client") or ("?",))[0], scope["path"][:SHOWN_CHARACTERS]
            _log.warning("a station came to the HTTP port", address=address, path=path, stations=self._where)
            detail = f"This port is for programs. Stations connect to {self._where}."
            await problem(HTTPStatus.MISDIRECTED_REQUEST, detail)(scope, receive, send)
            return
        await self._app(scope, receive, send)
