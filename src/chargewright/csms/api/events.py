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
from chargewright.csms.api.models import Instant, View
from chargewright.csms.api.paging import PageOf, PageQuery, page_of
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.event_feed import EventFeed, TooManyReaders
from chargewright.csms.instants import moment
from chargewright.csms.storage.base import EventRow, StorageError
from chargewright.protocol.v16.base import Timestamp

__all__ = ["events"]

_log = structlog.get_logger(__name__)

# How long a reader may take nothing before its place goes to somebody else; as long as for stations.
SEND_SECONDS: Final = 30.0

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
    ) -> PageOf[EventView]:
        """The oldest first; what retention has removed is gone."""

        async def read(position: tuple[Any, int] | None, limit: int) -> list[_Listed]:
            rows = await parts.storage.events_after(after if position is None else position[1], limit)
            return [_Listed(row) for row in rows]

        return await page_of("events", asked, read, lambda listed: listed.view())

    return router


class EventView(View):
    """One event; its kinds are in the reference."""

    id: str
    station: str | None
    kind: str
    created_at: Instant
    body: Any


class _Listed:
    """An event with its place in the list."""

    def __init__(self, row: EventRow) -> None:
        self.id = row.sequence
        self._row = row

    def view(self) -> EventView:
        row = self._row
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
    async for rows in feed.pages(after):
        yield b"".join(map(_event, rows)) if rows else b": nothing new\n\n"


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
