"""Who may use the REST API: the holder of the bearer key from the environment."""

import hmac
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Header
from fastapi.security import HTTPBearer

from chargewright.csms.api.errors import Problem

__all__ = ["SCHEME", "bearer_key"]

# For the OpenAPI document; `bearer_key` does the work.
SCHEME: Final = HTTPBearer(auto_error=False, scheme_name="bearerKey", description="CHARGEWRIGHT_BOOTSTRAP_TOKEN")

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="chargewright"'}


def bearer_key(token: str | None) -> Callable[[str | None], None]:
    """A dependency that raises a 401 `Problem` unless the request carries `Authorization: Bearer <token>`.

    Without a token nobody may, and is told what to set.
    """
    expected = None if token is None else token.encode()

    def check(authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> None:
        if expected is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "This server has no bearer key: set CHARGEWRIGHT_BOOTSTRAP_TOKEN in its environment and restart it.",
                _CHALLENGE,
            )
        scheme, _, key = (authorization or "").partition(" ")
        # Compared as bytes: latin-1 is what HTTP made of the header, and the comparison takes the same time for every
        # key.
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.strip().encode("latin-1", "replace"), expected):
            raise Problem(HTTPStatus.UNAUTHORIZED, "Send the header `Authorization: Bearer <key>`.", _CHALLENGE)

    return check
