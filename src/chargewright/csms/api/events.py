"""The event log as Server-Sent Events."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
import structlog
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from chargewright.csms.api.errors import Problem
from chargewright.csms.api.models import Instant, InstantIn, View
from chargewright.csms.api.paging import PageOf, PageQuery, cursor_of
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.event_feed import EventFeed, TooManyReaders
from chargewright.csms.instants import moment
from chargewright.csms.storage.base import EventRow, StorageError
from chargewright.protocol.v16.base import Timestamp

__all__ = ["events"]

_log = structlog.get_logger(__name__)

# How long a reader may take nothing before its place goes to somebody else; as long as for stations.
SEND_SECONDS: Final = 30.0
# How often a reader is told that nothing happened; less than proxies wait, and ctl does.
KEEP_ALIVE_SECONDS: Final = 15.0
# Events are looked through in pages, as many as this for one page of an answer.
PAGE: Final = 500
LOOKED_AT: Final = 5000
_LAST: Final = 2**63 - 1

_RETRY: Final = {"Retry-After": "5"}
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def events(parts: ApiParts) -> APIRouter:
    """Route `/events`."""
    router = APIRouter(tags=["events"])
    feed = parts.feed

    @router.get("/events", summary="Follow the event log", response_class=StreamingResponse)
    async def follow(
        last_event_id: Annotated[str | None, Header()] = None,
        after: Annotated[str | None, Query(description="Like Last-Event-ID, which wins over it")] = None,
    ) -> StreamingResponse:
        """Events as they happen; with `Last-Event-ID`, those after that id first (0: all there are)."""
        sequence = _sequence(last_event_id if last_event_id is not None else after)
        try:
            feed.enter()
        except TooManyReaders as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; try later.", _RETRY) from error
        try:
            # Before the first line goes out: who has it, misses nothing that happens from then on.
            return _Stream(feed, await _position(feed, sequence))
        except BaseException:
            feed.leave()
            raise

    @router.get("/events/history", summary="List the event log")
    async def list_events(
        asked: PageQuery,
        after: Annotated[int, Query(ge=0, le=10**18, description="Only those after the event with this id")] = 0,
        newest: Annotated[bool, Query(description="The newest first")] = False,
        station: Annotated[str | None, Query(max_length=48, description="Identity of the station")] = None,
        kind: Annotated[
            str | None, Query(max_length=60, description="Kind, or what it begins with: `transaction.`")
        ] = None,
        since: Annotated[InstantIn | None, Query(description="Not before this date and time")] = None,
    ) -> PageOf[EventView]:
        """The oldest first unless `newest`; what retention has removed is gone. With `station`, `kind` or `since` a
        page may be short or empty and have a `next` all the same: 5000 events are looked through for each."""
        name = "newest events" if newest else "events"
        position = asked.after(name)
        at = position[1] if position is not None else _LAST if newest else after
        found: list[EventView] = []
        looked_at = 0
        while looked_at < LOOKED_AT:
            if newest:
                rows = await parts.storage.events_before(at, PAGE)
            else:
                rows = await parts.storage.events_after(at, PAGE)
            for row in rows:
                if newest and row.sequence <= after:
                    return PageOf[EventView].model_construct(items=found, next=None)
                if _is_wanted(row, station, kind, since):
                    if len(found) == asked.limit:
                        return PageOf[EventView].model_construct(items=found, next=cursor_of(at, at, name))
                    found.append(_view(row))
                at = row.sequence
            looked_at += len(rows)
            # Times of several nodes differ by little: nothing older than a whole page is asked for.
            is_over = newest and since is not None and all(row.created_at < since for row in rows)
            if len(rows) < PAGE or is_over:
                return PageOf[EventView].model_construct(items=found, next=None)
        return PageOf[EventView].model_construct(items=found, next=cursor_of(at, at, name))

    return router


class EventView(View):
    """One event; its kinds are in the reference."""

    id: str
    station: str | None
    kind: str
    created_at: Instant
    body: Any


def _is_wanted(row: EventRow, station: str | None, kind: str | None, since: int | None) -> bool:
    return (
        (station is None or row.station == station)
        and (kind is None or row.kind == kind or (kind.endswith(".") and row.kind.startswith(kind)))
        and (since is None or row.created_at >= since)
    )


def _view(row: EventRow) -> EventView:
    return EventView(
        id=str(row.sequence),
        station=row.station,
        kind=row.kind,
        created_at=row.created_at,
        body=msgspec.json.decode(row.body),
    )


class _Stream(StreamingResponse):
    """Gives its place back however it ends, even when it never began. A reader that takes nothing for `send_seconds` is
    left alone."""

    def __init__(self, feed: EventFeed, after: int, send_seconds: float = SEND_SECONDS) -> None:
        super().__init__(_text(feed, after), media_type="text/event-stream", headers=_HEADERS)
        self._feed = feed
        self._send_seconds = send_seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_in_time(message: Any) -> None:
            try:
                async with asyncio.timeout(self._send_seconds):
                    await send(message)
            except TimeoutError as error:
                # An OSError out of `send` means to ASGI that the peer is gone.
                raise BrokenPipeError("the reader of the event log takes nothing") from error

        try:
            await super().__call__(scope, receive, send_in_time)
        except (ClientDisconnect, BrokenPipeError):
            _log.info("a reader of the event log took nothing any more")
        finally:
            self._feed.leave()


def _sequence(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Problem(HTTPStatus.BAD_REQUEST, f"Last-Event-ID {text[:40]!r} is not an id that this log gave.")
    return int(text)


async def _position(feed: EventFeed, sequence: int | None) -> int:
    try:
        newest = await feed.position()
    except StorageError as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "The event log cannot be read just now.", _RETRY) from error
    if sequence is None:
        return newest
    if sequence > newest:
        raise Problem(
            HTTPStatus.CONFLICT, f"Last-Event-ID {sequence} is not in this log, which ends with {newest}: begin anew."
        )
    return sequence


async def _text(feed: EventFeed, after: int) -> AsyncIterator[bytes]:
    # A first line at once: the reader knows that it is being served, and so do proxies in between.
    yield b": chargewright events\n\n"
    clock = asyncio.get_running_loop().time
    told_at = clock()
    async for rows in feed.pages(after):
        if rows:
            yield b"".join(map(_event, rows))
        elif clock() - told_at >= KEEP_ALIVE_SECONDS:
            yield b": nothing new\n\n"
        else:
            continue
        told_at = clock()


def _event(row: EventRow) -> bytes:
    data = msgspec.json.encode(
        {
            "station": row.station,
            "kind": row.kind,
            "createdAt": Timestamp.of(moment(row.created_at)).text,
            "body": row.body,
        }
    )
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (row.sequence, row.kind.encode(), data)
