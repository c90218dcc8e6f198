"""The one shape of errors over REST: problem details (RFC 9457).

Services raise `NotFound`, `Conflict`, `InvalidValue` and what the storage raises; routes need not catch any of them.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from chargewright.csms.api.models import ID_TAG_PATTERN
from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.storage.base import StorageError, StorageUnavailable
from chargewright.wording import in_plain_words

__all__ = ["PROBLEM", "RESPONSES", "Problem", "ProblemBody", "WrongPart", "install", "problem", "wrong"]

PROBLEM: Final = "application/problem+json"
# When it is worth while to try again, in seconds, after the database did not confirm.
RETRY: Final = {"Retry-After": "5"}
# More wrong parts are counted, not told.
SHOWN_ERRORS: Final = 20
# Longer values are cut in answers.
SHOWN_CHARACTERS: Final = 200
# What patterns mean, in words.
PATTERNS: Final[Mapping[str, str]] = {ID_TAG_PATTERN: "1 to 20 printable characters of ASCII"}
SECRET_FIELDS: Final = frozenset({"password", "authorizationkey", "authorization", "secret", "token", "value"})

_log = structlog.get_logger(__name__)


class WrongPart(BaseModel):
    """One wrong part of a request."""

    place: str
    field: str
    value: Any = None
    expected: str


class ProblemBody(BaseModel):
    """What every error looks like (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[WrongPart] | None = None


# What any route may answer beside its own; for the OpenAPI document.
RESPONSES: Final[Mapping[int | str, dict[str, Any]]] = {
    "4XX": {"description": "The request cannot be served", "content": {PROBLEM: {}}, "model": ProblemBody},
    "5XX": {"description": "The server or a station failed", "content": {PROBLEM: {}}, "model": ProblemBody},
}


class Problem(Exception):
    """Ends a request with that status; `detail` is a sentence for whoever sent it.

    `members` are further members of the body, by name; `errors` the wrong parts of the request.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        *,
        errors: Sequence[Mapping[str, Any]] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.errors = errors
        self.members = members or {}


def problem(
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, Any]] | None = None,
    members: Mapping[str, Any] | None = None,
) -> Response:
    """The response for a problem; `errors` names the wrong parts of a request."""
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body["detail"] = _printable(detail)
    if errors is not None:
        body["errors"] = errors
    body.update(members or {})
    content = msgspec.json.encode(body)
    return Response(content, status, dict(headers) if headers is not None else None, media_type=PROBLEM)


def wrong(place: str, field: str, value: Any, expected: str) -> dict[str, Any]:
    """One entry of `errors`: where (`body`, `query`, `path`, `header`), which field, what it was and what would be
    right. Values of fields that may hold a secret are not repeated."""
    part: dict[str, Any] = {"place": place, "field": field}
    if field.rpartition(".")[2].lower() not in SECRET_FIELDS:
        part["value"] = _shown(value)
    part["expected"] = expected
    return part


def install(api: FastAPI) -> None:
    """Give every error of the application this shape."""

    @api.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> Response:
        return problem(error.status, error.detail, error.headers, error.errors, error.members)

    @api.exception_handler(NotFound)
    async def _not_found(request: Request, error: NotFound) -> Response:
        return problem(HTTPStatus.NOT_FOUND, str(error))

    @api.exception_handler(Conflict)
    async def _conflict(request: Request, error: Conflict) -> Response:
        return problem(HTTPStatus.CONFLICT, str(error))

    @api.exception_handler(InvalidValue)
    async def _invalid(request: Request, error: InvalidValue) -> Response:
        place = "query" if error.field in request.query_params else "body"
        part = wrong(place, error.field, error.value, error.expected)
        if error.value is None:
            part.pop("value", None)  # nothing stands there
        return _unprocessable([part])

    @api.exception_handler(StorageUnavailable)
    async def _unavailable(request: Request, error: StorageUnavailable) -> Response:
        _log.warning("a request was not served: the database is away", path=request.url.path, error=str(error))
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The database does not confirm just now; what was asked may or may not be done. Look, then try again.",
            RETRY,
        )

    @api.exception_handler(StorageError)
    async def _storage(request: Request, error: StorageError) -> Response:
        _log.error("a request failed in the database", path=request.url.path, error=str(error))
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The database refused it; the log of the server knows why.")

    @api.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), error.headers)

    @api.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        entries = error.errors()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not _is_json(kind) and any(one["loc"][:1] == ("body",) and one["type"] != "missing" for one in entries):
            said = f"it came as {_printable(kind[:SHOWN_CHARACTERS])}" if kind else "none came"
            return problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send the header Content-Type: application/json; {said}."
            )
        return _unprocessable([_wrong_part(entry) for entry in entries[:SHOWN_ERRORS]], len(entries))

    @api.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> Response:
        _log.error("a request failed", path=request.url.path, error=repr(error))
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke here; the log of the server knows what.")


def _unprocessable(errors: Sequence[Mapping[str, Any]], count: int = 1) -> Response:
    first = errors[0]
    value = f" {msgspec.json.encode(first['value']).decode()} is not right;" if "value" in first else ""
    detail = f"{first['field'] or first['place']}:{value} expected {first['expected']}"
    if count > 1:
        detail += f" (and {count - 1} more)"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, None, errors)


def _is_json(kind: str) -> bool:
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _wrong_part(entry: Mapping[str, Any]) -> dict[str, Any]:
    place, *rest = entry["loc"]
    field = ".".join(str(part) for part in rest)
    expected = in_plain_words(str(entry["msg"]))
    if entry["type"] == "extra_forbidden":
        # Possibly a secret under a misspelt name: its value is not repeated.
        return {"place": str(place), "field": field, "expected": "no field of this name"}
    if entry["type"] == "missing":
        return {"place": str(place), "field": field, "expected": "a value; it is missing"}
    if entry["type"] == "json_invalid":
        return {"place": "body", "field": "", "expected": f"JSON ({entry.get('ctx', {}).get('error', expected)})"}
    if entry["type"] == "string_pattern_mismatch":
        expected = PATTERNS.get(entry["ctx"]["pattern"], expected)
    return wrong(str(place), field, entry.get("input"), expected)


def _shown(value: Any) -> Any:
    """A value as it may stand in an answer: short, printable, and of objects only their kind."""
    if isinstance(value, str):
        return _printable(value if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]}…")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float) or (isinstance(value, int) and -(2**53) < value < 2**53):
        return value
    if isinstance(value, int):
        return "a number beyond 2^53"
    return "a list" if isinstance(value, list) else "an object"


def _printable(text: str) -> str:
    """Without lone surrogates, which no JSON text can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
