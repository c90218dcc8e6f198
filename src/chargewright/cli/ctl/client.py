"""The REST API as `chargewright ctl` sees it: requests, pages, and errors as exit codes."""

import enum
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import typer

from chargewright.cli.extras import needs

if TYPE_CHECKING:
    import httpx

__all__ = [
    "DEFAULT_URL",
    "TOKEN_VARIABLES",
    "URL_VARIABLE",
    "Api",
    "CtlError",
    "ExitCode",
    "Target",
    "asking",
    "path",
    "tell",
]

URL_VARIABLE: Final = "CHARGEWRIGHT_URL"
TOKEN_VARIABLES: Final = ("CHARGEWRIGHT_TOKEN", "CHARGEWRIGHT_BOOTSTRAP_TOKEN")
DEFAULT_URL: Final = "http://127.0.0.1:8080"
PREFIX: Final = "/api/v1"
# The largest page that the API gives.
PAGE: Final = 500
# How long an answer may take, beyond the time limit of a command to a station, in seconds.
ANSWER_SECONDS: Final = 30.0


class ExitCode(enum.IntEnum):
    """What the process ends with."""

    DONE = 0
    FAILED = 1  # it failed, or the station did not accept it
    USAGE = 2  # the command or a value is wrong
    UNREACHABLE = 3  # no server, not ready, or the key is refused
    NOT_FOUND = 4
    NO_ANSWER = 5  # the station is offline or did not answer


_OF_STATUS: Final[Mapping[int, ExitCode]] = {
    400: ExitCode.USAGE,
    401: ExitCode.UNREACHABLE,
    403: ExitCode.UNREACHABLE,
    404: ExitCode.NOT_FOUND,
    422: ExitCode.USAGE,
    503: ExitCode.UNREACHABLE,
    504: ExitCode.NO_ANSWER,
}
# Members `outcome` of problems of commands.
_OF_OUTCOME: Final[Mapping[str, ExitCode]] = {"not-sent": ExitCode.NO_ANSWER, "unanswered": ExitCode.NO_ANSWER}
# What may help, where the sentence of the server does not say it all. 409 and 404 do.
_WHAT_NOW: Final[Mapping[ExitCode, str]] = {
    ExitCode.USAGE: "See --help, or docs/reference/rest.md.",
    ExitCode.UNREACHABLE: "Check --url or CHARGEWRIGHT_URL, CHARGEWRIGHT_TOKEN, and whether the server runs.",
    ExitCode.NO_ANSWER: "See `chargewright ctl stations list --connected`; --keep-until keeps a command.",
}
_BROKEN: Final = "The log of the server knows more."
# How the API calls what has another name here.
_NAMES_HERE: Final[Mapping[str, str]] = {
    "force=true": "--force",
    "keep_until": "--keep-until",
    "started_after": "--started-after",
    "id_tag_id": "--id-tag",
    "signingCertificate": "--signing-certificate",
}


class CtlError(Exception):
    """Ends a command; `problem` is the body that the server sent, if it did."""

    def __init__(self, code: ExitCode, message: str, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.problem = problem or {}


class Target:
    """Which server is asked."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")


class Api:
    """The API of one server. All methods raise `CtlError`."""

    def __init__(self, client: "httpx.Client") -> None:
        self._client = client

    def get(self, path: str, **query: Any) -> Any:
        """The JSON that a GET answers; a query value of None is left out."""
        return self.ask("GET", path, query=query)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        lines: bytes | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> Any:
        """The JSON of the answer, None where there is none; `path` is under /api/v1. `lines` are sent instead of a
        `body`: JSON values, one a line."""
        return self.exchange(method, path, query=query, body=body, lines=lines, answer_seconds=answer_seconds)[1]

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        lines: bytes | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> tuple[int, Any]:
        """Status and JSON of an answer below 400."""
        import httpx

        given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        content: dict[str, Any] = {"json": body}
        if lines is not None:
            content = {"content": lines, "headers": {"Content-Type": "application/x-ndjson"}}
        try:
            response = self._client.request(
                method, PREFIX + path, params=given, timeout=httpx.Timeout(10.0, read=answer_seconds), **content
            )
        except httpx.TimeoutException as error:
            raise CtlError(
                ExitCode.UNREACHABLE, f"{self._client.base_url} did not answer in {answer_seconds:.0f} s."
            ) from error
        except httpx.HTTPError as error:
            raise CtlError(ExitCode.UNREACHABLE, f"Cannot reach {self._client.base_url}: {error}.") from error
        if response.status_code >= 300:
            raise _refused(response)
        if not response.content:
            return response.status_code, None
        try:
            return response.status_code, response.json()
        except ValueError as error:
            raise CtlError(ExitCode.UNREACHABLE, f"{self._client.base_url} did not answer with JSON.") from error

    def events(self, after: int | None) -> Iterator[dict[str, Any]]:
        """Events as they happen, those after the id `after` first; ends when the server does."""
        import httpx

        headers = {} if after is None else {"Last-Event-ID": str(after)}
        try:
            # The server sends a comment when nothing happens; silence means that it is gone.
            with self._client.stream("GET", f"{PREFIX}/events", headers=headers, timeout=ANSWER_SECONDS) as response:
                if response.status_code >= 300:
                    response.read()
                    raise _refused(response)
                event_id = ""
                for line in response.iter_lines():
                    name, _, value = line.partition(": ")
                    if name == "id":
                        event_id = value
                    elif name == "data":
                        yield {"id": event_id, **json.loads(value)}
        except httpx.HTTPError as error:
            raise CtlError(ExitCode.UNREACHABLE, f"The stream of events ended: {error}.") from error

    def page(self, path: str, *, limit: int = 100, everything: bool = False, **query: Any) -> dict[str, Any]:
        """Items of a list, as many as `limit` says or all of them, in the shape of one page."""
        items: list[Any] = []
        cursor = None
        while everything or len(items) < limit:
            size = PAGE if everything else min(PAGE, limit - len(items))
            answer = self.get(path, limit=size, cursor=cursor, **query)
            items += answer["items"]
            cursor = answer["next"]
            if cursor is None:
                break
        return {"items": items, "next": cursor}


def path(*segments: str) -> str:
    """A path of these segments, quoted."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


@contextmanager
def asking(context: typer.Context) -> Iterator[Api]:
    """The API of the server that the command line names; what goes wrong ends the command with its exit code, on
    standard error, ending with what to do."""
    with needs("ctl", "ctl"):
        import httpx
    target = context.find_object(Target) or Target(os.environ.get(URL_VARIABLE, DEFAULT_URL))
    try:
        try:
            client = httpx.Client(base_url=target.url, headers=_credentials())
        except (httpx.InvalidURL, ValueError) as error:
            raise CtlError(ExitCode.USAGE, f"{target.url!r} is no URL: {error}.") from error
        with client:
            yield Api(client)
    except CtlError as error:
        tell(error)
        raise typer.Exit(error.code) from error


def tell(error: CtlError) -> None:
    """Say on standard error what went wrong, and what to do."""
    problem = error.problem
    lines = [f"chargewright ctl: {error}"]
    # The first of each is in the sentence.
    for wrong in (problem.get("errors") or ())[1:]:
        value = f" {json.dumps(wrong['value'], ensure_ascii=False)};" if "value" in wrong else ""
        lines.append(f"  {wrong.get('field') or wrong.get('place')}:{value} expected {wrong.get('expected')}")
    if problem.get("details"):
        lines.append(f"  details: {json.dumps(problem['details'], ensure_ascii=False)}")
    warnings = problem.get("warnings") or ()
    lines += [f"  {warning}" for warning in warnings[1:]]
    if error.code in _WHAT_NOW and not warnings:
        lines.append(_WHAT_NOW[error.code])
    elif problem.get("status") == 500:
        lines.append(_BROKEN)
    text = "\n".join(lines)
    for there, here in _NAMES_HERE.items():
        text = text.replace(there, here)
    typer.echo(text, err=True)


def _refused(response: "httpx.Response") -> CtlError:
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        message = f"{response.url.host} answered {response.status_code}, which is no answer of Chargewright's API."
        return CtlError(ExitCode.UNREACHABLE, message)
    code = _OF_OUTCOME.get(str(problem.get("outcome")), _OF_STATUS.get(response.status_code, ExitCode.FAILED))
    return CtlError(code, f"{problem.get('detail', response.reason_phrase)} ({response.status_code})", problem)


def _credentials() -> dict[str, str]:
    for variable in TOKEN_VARIABLES:
        token = os.environ.get(variable)
        if token:
            if not (token.isascii() and token.isprintable()):
                raise CtlError(ExitCode.USAGE, f"The key in {variable} has characters that no key has.")
            return {"Authorization": f"Bearer {token}"}
    return {}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
