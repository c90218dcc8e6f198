"""Local authorization lists: what is wanted of stations and groups, and how far stations are in step with it."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import TypeAdapter, ValidationError

from chargewright.csms.api.errors import Problem
from chargewright.csms.api.models import Instant, InstantIn, View
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.errors import InvalidValue, NotFound
from chargewright.csms.services.groups import group_scope, scope_of
from chargewright.csms.services.local_list_states import LocalListState
from chargewright.csms.services.wanted_lists import ENTRIES_LIMIT, KIND, WantedEntry
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.rows.charging import LocalListEntryRow, LocalListRow
from chargewright.wording import in_plain_words

__all__ = ["local_lists"]

NDJSON: Final = "application/x-ndjson"
# Whole JSON documents are read at once; lines a thousand at a time.
JSON_BYTES: Final = 1024 * 1024
LINES: Final = 1_000
LINE_BYTES: Final = 1_000

Selection = Annotated[
    Literal["first", "recently-used"],
    Query(description="Which entries a station gets that cannot hold all of them; in JSON a member of the body"),
]
Chunks = Callable[[], AsyncIterator[Sequence[WantedEntry]]]


class LocalListEntry(View):
    """One entry of a wanted list."""

    id_tag: str
    status: str
    expires_at: Instant | None
    parent_id_tag: str | None
    follows: bool
    """Whether all of it is taken from the registered id tag, and changes with it."""


class WantedLocalList(View):
    """A list that is wanted."""

    wanted_by: str
    """`station`, or the name of the group."""
    version: int
    """Rises with each change. The `listVersion` that stations are given is another number."""
    entries: int
    selection: str
    complete: bool
    """False where writing it was interrupted: nothing of it is sent until it is put again."""
    changed_at: Instant


class LocalListProgress(View):
    """How far sending is; both are 0 while the station is asked what it has."""

    entries_accepted: int
    entries_to_send: int
    """The whole list, or what is new in it."""


class LocalList(View):
    """The list that a station should have, and what it has."""

    wanted: WantedLocalList | None
    """Null: the CSMS leaves the station's list alone."""
    state: LocalListState
    list_version: int
    """What the station accepted last; 0: nothing is known."""
    entries: int
    """How many the station was given."""
    partial: bool
    """Whether it holds fewer than are wanted."""
    problem: str | None
    progress: LocalListProgress | None
    """Null: nothing is being sent, or about to be."""


class GroupLocalList(View):
    """The list that is wanted of a group."""

    wanted: WantedLocalList | None
    stations: dict[LocalListState, int]
    """How many stations that get this list are in which state."""


class EntryIn(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """One entry as it is sent."""

    id_tag: str
    status: str | None = None
    expires_at: str | None = None
    parent_id_tag: str | None = None


class DocumentIn(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A whole list as it is sent."""

    entries: list[EntryIn]
    selection: str = "first"


_line = msgspec.json.Decoder(EntryIn)
_document = msgspec.json.Decoder(DocumentIn)
_instant = TypeAdapter[int](InstantIn)
_ENTRY_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["idTag"],
    "additionalProperties": False,
    "properties": {
        "idTag": {"type": "string", "minLength": 1, "maxLength": 20},
        "status": {"type": ["string", "null"], "enum": ["Accepted", "Blocked", "Expired", "Invalid", None]},
        "expiresAt": {"type": ["string", "null"], "format": "date-time"},
        "parentIdTag": {"type": ["string", "null"], "minLength": 1, "maxLength": 20},
    },
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "Entries in the order of their importance, as one JSON document of at most 1 MiB, or one a line",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["entries"],
                    "additionalProperties": False,
                    "properties": {
                        "selection": {"type": "string", "enum": ["first", "recently-used"]},
                        "entries": {"type": "array", "items": _ENTRY_SCHEMA, "maxItems": ENTRIES_LIMIT},
                    },
                }
            },
            NDJSON: {"schema": {"type": "string", "description": "One entry a line"}},
        },
    }
}


def local_lists(parts: ApiParts) -> APIRouter:
    """Routes `…/local-list`."""
    router = APIRouter(tags=["local-lists"])
    service, admin, groups = parts.services.local_lists, parts.services.station_admin, parts.services.groups

    def show_wanted(row: LocalListRow | None) -> WantedLocalList | None:
        if row is None:
            return None
        names = {group_scope(group.id): group.name for group in groups.all()} if row.scope.startswith("group") else {}
        return WantedLocalList(
            wanted_by=names.get(row.scope, "station"),
            version=row.version,
            entries=row.entries,
            selection=row.selection,
            complete=row.complete,
            changed_at=row.changed_at,
        )

    def show_station(station: StationRow) -> LocalList:
        row = service.state_of(station.id)
        progress = service.progress(station.id)
        return LocalList(
            wanted=show_wanted(service.list_of(station.id)),
            state=LocalListState(row.state),
            list_version=row.version,
            entries=row.entries,
            partial=row.partial,
            problem=row.problem,
            progress=progress and LocalListProgress(entries_accepted=progress[0], entries_to_send=progress[1]),
        )

    def show_group(scope: str) -> GroupLocalList:
        wanted = service.wanted.of(scope)
        concerned = [one for one in groups.stations_of(scope) if service.list_of(one) is wanted is not None]
        states = Counter(LocalListState(service.state_of(one).state) for one in concerned)
        return GroupLocalList(wanted=show_wanted(wanted), stations=dict(states))

    async def put(scope: str, request: Request, selection: str) -> None:
        selection, chunks = await _entries(request, selection)
        await service.wanted.put(scope, selection, chunks)

    async def remove(scope: str, empty: bool) -> None:
        if empty:
            await service.wanted.put(scope, "first", _chunks_of([]))
        else:
            await service.wanted.remove(scope)

    async def page(scope: str | None, asked: PageQuery) -> PageOf[LocalListEntry]:
        if scope is None:
            raise NotFound(KIND, "of this station")
        where = {"scope": scope, "removed": False}
        return await read_page(
            f"local list {scope}", asked, parts.storage, LocalListEntryRow, where, _show_entry, order="position"
        )

    @router.get("/stations/{identity}/local-list", summary="The local list of a station, as wanted and as it is")
    async def read_local_list(identity: str) -> LocalList:
        return show_station(admin.known(identity))

    @router.get("/stations/{identity}/local-list/entries", summary="Entries of the list that a station should have")
    async def list_entries(identity: str, asked: PageQuery) -> PageOf[LocalListEntry]:
        """In the order in which they were put. 404 where no list is wanted of the station or its groups."""
        wanted = service.list_of(admin.known(identity).id)
        return await page(None if wanted is None else wanted.scope, asked)

    @router.put("/stations/{identity}/local-list", summary="Want a local list of a station", openapi_extra=_BODY)
    async def put_local_list(identity: str, request: Request, selection: Selection = "first") -> LocalList:
        """It comes before those of its groups. The station is brought in step as soon as it is there and has settled;
        an entry that names its tag only has the rest from the registered id tag, and follows its changes. 422 names
        the first entry that is wrong or stands there twice; 409 while another list is being written."""
        station = admin.known(identity)
        await put(scope_of(station.id), request, selection)
        return show_station(station)

    @router.delete(
        "/stations/{identity}/local-list", summary="Want no list of a station itself", status_code=HTTPStatus.NO_CONTENT
    )
    async def remove_local_list(
        identity: str, empty: Annotated[bool, Query(description="Want the empty list instead")] = False
    ) -> None:
        """The station keeps what it has, unless a list of a group takes over, or the empty one is wanted instead."""
        await remove(scope_of(admin.known(identity).id), empty)

    @router.post(
        "/stations/{identity}/local-list/sync",
        summary="Bring a station in step now",
        status_code=HTTPStatus.ACCEPTED,
    )
    async def sync_local_list(identity: str) -> LocalList:
        """Also a station that failed, or said that it has no lists. Answered before anything is sent: the list of the
        station says with `progress` how far it is, and when that is null with `state` how it ended. 409 where no list
        is wanted of it, or it is not connected."""
        station = admin.known(identity)
        await service.sync(station)
        return show_station(station)

    @router.get("/groups/{name}/local-list", summary="The local list of a group")
    async def read_group_list(name: str) -> GroupLocalList:
        return show_group(group_scope(groups.named(name).id))

    @router.get("/groups/{name}/local-list/entries", summary="Entries of the list of a group")
    async def list_group_entries(name: str, asked: PageQuery) -> PageOf[LocalListEntry]:
        """In the order in which they were put."""
        scope = group_scope(groups.named(name).id)
        if service.wanted.of(scope) is None:
            raise NotFound(KIND, name)
        return await page(scope, asked)

    @router.put("/groups/{name}/local-list", summary="Want a local list of a group", openapi_extra=_BODY)
    async def put_group_list(name: str, request: Request, selection: Selection = "first") -> GroupLocalList:
        """For those of its stations that have none of their own, nor of a group whose name comes first."""
        scope = group_scope(groups.named(name).id)
        await put(scope, request, selection)
        return show_group(scope)

    @router.delete("/groups/{name}/local-list", summary="Want no list of a group", status_code=HTTPStatus.NO_CONTENT)
    async def remove_group_list(
        name: str, empty: Annotated[bool, Query(description="Want the empty list instead")] = False
    ) -> None:
        """As for a station."""
        await remove(group_scope(groups.named(name).id), empty)

    return router


def _show_entry(row: LocalListEntryRow) -> LocalListEntry:
    return LocalListEntry(
        id_tag=row.id_tag,
        status=row.status,
        expires_at=row.expires_at,
        parent_id_tag=row.parent_id_tag,
        follows=row.follows,
    )


async def _entries(request: Request, selection: str) -> tuple[str, Chunks]:
    """What a request wants: which selection, and how to read its entries, as often as needed."""
    body = bytearray()
    is_lines = request.headers.get("content-type", "").partition(";")[0].strip().lower() == NDJSON
    async for part in request.stream():
        body += part
        if not is_lines and len(body) > JSON_BYTES:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"A JSON document may have {JSON_BYTES} bytes: send more entries as {NDJSON}, one a line.",
            )
    if is_lines:
        return selection, _lines_of(body)
    try:
        document = _document.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidValue("", None, f"an object with `entries` ({_told(error)})") from None
    entries = [_entry(one, number) for number, one in enumerate(document.entries)]
    return document.selection if "selection" not in request.query_params else selection, _chunks_of(entries)


def _chunks_of(entries: Sequence[WantedEntry]) -> Chunks:
    async def chunks() -> AsyncIterator[Sequence[WantedEntry]]:
        for first in range(0, len(entries), LINES):
            yield entries[first : first + LINES]

    return chunks


def _lines_of(body: bytearray) -> Chunks:
    async def chunks() -> AsyncIterator[Sequence[WantedEntry]]:
        chunk: list[WantedEntry] = []
        begin, number, blank = 0, 0, 0
        while begin < len(body):
            end = body.find(b"\n", begin)
            end = len(body) if end < 0 else end
            line = body[begin:end].strip() if end - begin <= LINE_BYTES else None
            begin = end + 1
            if line is not None and not line:
                blank += 1
                if blank % LINES == 0:
                    await asyncio.sleep(0)  # nothing is given out of which the reader would let others have their turn
                continue
            chunk.append(_entry(_read(line, number), number))
            number += 1
            if len(chunk) == LINES:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    return chunks


def _read(line: bytearray | None, number: int) -> EntryIn:
    if line is None:
        raise InvalidValue(f"entries.{number}", None, f"a line of at most {LINE_BYTES} bytes")
    try:
        return _line.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidValue(f"entries.{number}", None, f"an entry as a JSON object on a line ({_told(error)})") from None


def _told(error: Exception) -> str:
    """Why it cannot be read, with the place that the library names."""
    sentence, found, place = str(error).rpartition(" - at `$")
    if not isinstance(error, msgspec.ValidationError):
        return str(error)
    said = sentence if found else str(error)
    named = re.search("field `([^`]+)`", said)
    path = ".".join(part for part in (place.strip("`.") if found else "", named[1] if named else "") if part)
    return f"{path}: expected {in_plain_words(said)}" if path else f"expected {in_plain_words(said)}"


def _entry(one: EntryIn, number: int) -> WantedEntry:
    expires_at = None
    if one.expires_at is not None:
        try:
            expires_at = _instant.validate_python(one.expires_at)
        except ValidationError:
            expected = "a date and time with a zone, such as 2031-01-01T00:00:00Z"
            raise InvalidValue(f"entries.{number}.expiresAt", one.expires_at[:40], expected) from None
    return WantedEntry(one.id_tag, one.status, expires_at, one.parent_id_tag)
