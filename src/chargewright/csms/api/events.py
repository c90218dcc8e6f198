"""The event log as Server-Sent Events."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from chargewright.csms.api.errors import Problem
from chargewright.csms.event_feed import EventFeed, TooManyReaders
from chargewright.csms.instants import moment
from chargewright.csms.storage.base import EventRow
from chargewright.protocol.v16.base import Timestamp

__all__ = ["events"]

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def events(feed: EventFeed) -> APIRouter:
    """Route `/events`."""
    router = APIRouter()

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
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; try later.", {"Retry-After": "5"}) from error
        return _Stream(feed, sequence)

    return router


class _Stream(StreamingResponse):
    """Gives its place back however it ends, even when it never began."""

    def __init__(self, feed: EventFeed, after: int | None) -> None:
        super().__init__(_text(feed, after), media_type="text/event-stream", headers=_HEADERS)
        self._feed = feed

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave()


def _sequence(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Problem(HTTPStatus.BAD_REQUEST, f"Last-Event-ID {text[:40]!r} is not an id that this log gave.")
    return int(text)


async def _text(feed: EventFeed, after: int | None) -> AsyncIterator[bytes]:
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
