"""The control API: the hands of drivers and technicians over HTTP, for any number of virtual stations.

JSON as in scenario files and in the result of `station run --json`: names in lower case with underscores.
"""

import asyncio
import os
import secrets
import stat
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import structlog
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from chargewright.errors import ConfigurationError
from chargewright.station.control_serving import PROBLEM, ControlServer, Doorkeeper, Problem, problem, read_address
from chargewright.station.deeds import DEEDS, Deed, WrongField, read_deed, summary
from chargewright.station.hands import HandRefused, StationHands
from chargewright.station.station_state import StationState, without_measurements
from chargewright.wording import in_plain_words

__all__ = ["Control", "Notice", "control_file", "serving"]

_log = structlog.get_logger("chargewright.station")

PREFIX: Final = "/api/v1"
# More readers of events than that are turned away.
MOST_READERS: Final = 32
# A reader that takes nothing for so long loses its place, and one that nothing happens for is told so.
SEND_SECONDS: Final = 30.0
KEEP_ALIVE_SECONDS: Final = 15.0
MOST_STATIONS: Final = 500
# Whoever asks for a station that is not there is told so many others.
NAMED_STATIONS: Final = 10
TOKEN_LEAST: Final = 16
_EVENT_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class StationPage(msgspec.Struct, frozen=True):
    """Some stations, in the order of their identities; `next` is the `after` of the page that follows."""

    items: tuple[StationState, ...]
    next: str | None


class Notice(msgspec.Struct, frozen=True):
    """What `station run` and `station fleet` leave in their data directory for whoever may drive the stations: readable
    for its owner only."""

    url: str
    token: str
    process: int


class Control:
    """`api` is the ASGI application over `stations` (identity → hands; may grow and shrink while it serves).

    `look(identity)` shows a station of them without asking for its hands, where those are made when they are asked for.
    """

    def __init__(
        self, stations: Mapping[str, StationHands], token: str, look: Callable[[str], StationState] | None = None
    ) -> None:
        self._stations = stations
        self._look = look or (lambda name: stations[name].state())
        self._followed: list[StationHands] = []
        self._is_ending = False
        self.api = FastAPI(title="Chargewright station control", version="1", docs_url=None, redoc_url=None)
        self.api.openapi_url = None
        self.api.add_middleware(Doorkeeper, token=token)
        self.api.include_router(self._routes(), prefix=PREFIX)
        self.api.openapi = self._openapi  # type: ignore[method-assign]  # FastAPI's own way to add to the document
        _install_errors(self.api)

    def end(self) -> None:
        """Let every stream of events end."""
        self._is_ending = True
        for hands in self._followed:
            hands.virtual.tell()

    def _routes(self) -> APIRouter:
        # The doorkeeper decides; this is for the OpenAPI document.
        key = HTTPBearer(auto_error=False, scheme_name="bearerToken", description="The token of `station run`")
        router = APIRouter(tags=["stations"], dependencies=[Depends(key)])

        @router.get("/stations", summary="List stations", **_answers("StationPage"))
        async def list_stations(
            after: Annotated[str, Query(max_length=48, description="Only those behind this identity")] = "",
            limit: Annotated[int, Query(ge=1, le=MOST_STATIONS, description="At most so many")] = 100,
        ) -> Response:
            """Sorted by identity."""
            names = [name for name in sorted(self._stations) if name > after]
            shown = names[:limit]
            items = tuple(self._look(name) for name in shown)
            return _json(StationPage(items, shown[-1] if len(names) > limit else None))

        @router.get("/stations/{station}", summary="Show a station", **_answers("StationState"))
        async def show(station: str) -> Response:
            """What can be seen of it now."""
            self._check(station)
            return _json(self._look(station))

        @router.get(
            "/stations/{station}/events",
            summary="Follow a station",
            response_class=StreamingResponse,
            responses={200: {"description": "Server-Sent Events", "content": {"text/event-stream": {}}}, **_PROBLEMS},
        )
        async def follow(station: str) -> StreamingResponse:
            """Its state now and after each change, as Server-Sent Events named `state`; while nothing but power, energy
            and state of charge changes, every 15 s. Changes that come faster than the reader takes them are passed
            over."""
            return self._stream(self._hands(station))

        for word, kind in DEEDS.items():
            self._add_deed(router, word, kind)
        return router

    def _add_deed(self, router: APIRouter, word: str, kind: type[Deed]) -> None:
        async def do(station: str, request: Request) -> Response:
            hands = self._hands(station)
            hands.do(read_deed(word, _object(await request.body())))
            return _json(hands.state())

        router.add_api_route(
            f"/stations/{{station}}/{word}",
            do,
            methods=["POST"],
            operation_id=word,
            summary=summary(kind),
            description="Answers the state after it.",
            openapi_extra={
                "requestBody": {
                    "required": any(field.required for field in msgspec.structs.fields(kind)),
                    "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}},
                }
            },
            **_answers("StationState"),
        )

    def _hands(self, station: str) -> StationHands:
        self._check(station)
        return self._stations[station]

    def _check(self, station: str) -> None:
        if station in self._stations:
            return
        known = ", ".join(sorted(self._stations)[:NAMED_STATIONS]) or "none"
        more = len(self._stations) - NAMED_STATIONS
        known += f" and {more} more" if more > 0 else ""
        raise Problem(HTTPStatus.NOT_FOUND, f"No station {station[:48]!r} runs here; there are: {known}.")

    # Events.

    def _stream(self, hands: StationHands) -> StreamingResponse:
        if len(self._followed) >= MOST_READERS:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{MOST_READERS} readers follow stations here already.")
        return _Stream(self, hands, self._events(hands))

    def enter(self, hands: StationHands) -> None:
        """One reader more, of that station."""
        self._followed.append(hands)

    def leave(self, hands: StationHands) -> None:
        """One less."""
        self._followed.remove(hands)

    async def _events(self, hands: StationHands) -> AsyncIterator[bytes]:
        last: StationState | None = None
        while not self._is_ending:
            state = hands.state()
            if state == last:
                yield b": nothing new\n\n"
            else:
                yield b"event: state\ndata: %b\n\n" % msgspec.json.encode(state)
            last, seen = state, without_measurements(state)
            await hands.virtual.wait_until(
                lambda: self._is_ending or without_measurements(hands.state()) != seen,  # noqa: B023 - it ends before
                KEEP_ALIVE_SECONDS,
            )

    # The document.

    def _openapi(self) -> dict[str, Any]:
        if self.api.openapi_schema is None:
            made = get_openapi(title=self.api.title, version=self.api.version, routes=self.api.routes)
            kinds = [StationPage, ProblemBody, *DEEDS.values()]
            _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
            for kind in DEEDS.values():
                # The word stands in the path.
                del schemas[kind.__name__]["properties"]["do"]
                schemas[kind.__name__]["required"].remove("do")
            made["components"]["schemas"] = schemas
            self.api.openapi_schema = made
        return self.api.openapi_schema


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """What every error looks like (RFC 9457). What was refused has `station`, `connector`, `reason` and `what_now`; a
    wrong field `field`, `value` and `expected`."""

    type: str
    title: str
    status: int
    detail: str
    station: str | None = None
    connector: int | None = None
    reason: str | None = None
    what_now: str | None = None
    field: str | None = None
    value: Any = None
    expected: str | None = None


class _Stream(StreamingResponse):
    """Gives its place back however it ends; a reader that takes nothing is left alone."""

    def __init__(self, control: Control, hands: StationHands, content: AsyncIterator[bytes]) -> None:
        super().__init__(content, media_type="text/event-stream", headers=_EVENT_HEADERS)
        self._control = control
        self._hands = hands
        control.enter(hands)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_in_time(message: Any) -> None:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await send(message)
            except TimeoutError as error:
                # An OSError out of `send` means to ASGI that the peer is gone.
                raise BrokenPipeError("the reader takes nothing") from error

        try:
            with suppress(ClientDisconnect, BrokenPipeError):
                await super().__call__(scope, receive, send_in_time)
        finally:
            self._control.leave(self._hands)


_PROBLEM_CONTENT: Final = {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"description": "It cannot be done", "content": _PROBLEM_CONTENT},
    "5XX": {"description": "The station's process failed", "content": _PROBLEM_CONTENT},
}


def _answers(schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {
        "response_class": Response,
        "responses": {200: {"description": "Done", "content": content}, **_PROBLEMS},
    }


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _object(body: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"The body is no JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The body is no JSON object: send the fields of what to do.")
    if "do" in fields:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "do: what to do stands in the path; leave it out of the body.")
    return fields


def _install_errors(api: FastAPI) -> None:
    @api.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> Response:
        return problem(error.status, error.detail, error.members)

    @api.exception_handler(HandRefused)
    async def _refused(request: Request, error: HandRefused) -> Response:
        names = ("station", "connector", "reason", "what_now")
        members = {name: value for name in names if (value := getattr(error, name)) is not None}
        return problem(HTTPStatus.NOT_FOUND if error.is_unknown else HTTPStatus.CONFLICT, f"{error}.", members)

    @api.exception_handler(WrongField)
    async def _wrong(request: Request, error: WrongField) -> Response:
        members = {"field": error.field, "value": error.value, "expected": error.expected}
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{error}.", members)

    @api.exception_handler(RequestValidationError)
    async def _query(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{first['loc'][-1]}: expected {in_plain_words(first['msg'])}.")

    @api.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        detail = str(error.detail)
        if error.status_code == HTTPStatus.NOT_FOUND:
            detail = (
                f"There is nothing here; what can be done is POST {PREFIX}/stations/ID/ and one of {', '.join(DEEDS)}."
            )
        return problem(error.status_code, detail, headers=error.headers)

    @api.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> Response:
        _log.error("a request to the control API failed", path=request.url.path, error=repr(error))
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke here; the log of the station knows what.")


# Serving.


def control_file(data: Path, station_id: str) -> Path:
    """Where a run leaves its `Notice`; every identity becomes a legal file name."""
    return data / f"{quote(station_id, safe='')}.control.json"


@asynccontextmanager
async def serving(
    stations: Mapping[str, StationHands],
    address: str,
    notice: Path,
    *,
    token_file: Path | None = None,
    look: Callable[[str], StationState] | None = None,
) -> AsyncIterator[str]:
    """Serve `stations` at `address` (port 0: a free one) until left; gives the URL. `look` is that of `Control`.

    URL and token are in the file `notice` meanwhile, mode 0600. The token is that of `token_file`, or a new one.
    Raises `ConfigurationError` for a wrong address or token, and for an address that cannot be had.
    """
    where = read_address(address)
    if where is None:
        raise ConfigurationError("--control", "", address, "HOST:PORT, such as 127.0.0.1:0 (0: a free port)")
    token = secrets.token_urlsafe(32) if token_file is None else _token(token_file)
    control = Control(stations, token, look)
    server = ControlServer(control.api)
    try:
        await server.start(*where)
    except OSError as error:
        expected = f"an address that can be had ({error.strerror or error}); port 0 takes a free one"
        raise ConfigurationError("--control", "", address, expected) from error
    try:
        _leave(notice, Notice(server.url, token, os.getpid()))
        _log.info("control API", url=server.url, token_in=str(notice))
        if where[0] not in ("127.0.0.1", "::1", "localhost"):
            _log.warning("the control API speaks plain HTTP beyond this machine; whoever listens in has its token")
        yield server.url
    finally:
        control.end()
        await server.stop()
        _remove(notice)


def _token(file: Path) -> str:
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("--control-token-file", "", str(file), f"a readable text file ({error})") from error
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        _log.warning("others can read the token of the control API", file=str(file), what_now=f"chmod 600 {file}")
    if len(token) < TOKEN_LEAST or not token.isprintable() or " " in token:
        expected = f"{TOKEN_LEAST} or more printable characters of ASCII without spaces"
        raise ConfigurationError(str(file), "", "(hidden)", expected)
    return token


def _leave(path: Path, notice: Notice) -> None:
    """Never readable for others, not even for a moment."""
    _remove(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(notice))


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
