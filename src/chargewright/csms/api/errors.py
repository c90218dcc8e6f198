"""The one shape of errors over REST: problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

__all__ = ["PROBLEM", "Problem", "install", "problem"]

PROBLEM: Final = "application/problem+json"

_log = structlog.get_logger(__name__)


class Problem(Exception):
    """Ends a request with that status; `detail` is a sentence for whoever sent it."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, errors: list[dict[str, Any]] | None = None
) -> Response:
    """The response for a problem; `errors` names the wrong parts of a request."""
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body["detail"] = detail
    if errors is not None:
        body["errors"] = errors
    content = msgspec.json.encode(body)
    return Response(content, status, dict(headers) if headers is not None else None, media_type=PROBLEM)


def install(api: FastAPI) -> None:
    """Give every error of the application this shape."""

    @api.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> Response:
        return problem(error.status, error.detail, error.headers)

    @api.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), error.headers)

    @api.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        errors = [
            {"location": ".".join(str(part) for part in entry["loc"]), "message": entry["msg"]}
            for entry in error.errors()
        ]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request does not say what this route needs.", None, errors)

    @api.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> Response:
        _log.error("a request failed", path=request.url.path, error=repr(error))
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke here; the log of the server knows what.")
