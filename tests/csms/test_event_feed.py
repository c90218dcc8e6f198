"""The event log as streams."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.csms.bench import Workbench

from chargewright.csms.event_feed import EventFeed, TooManyReaders
from chargewright.csms.storage.base import EventRow, StorageUnavailable


@pytest.fixture
async def feed(bench: Workbench) -> AsyncIterator[EventFeed]:
    made = EventFeed(bench.storage, page=3, readers=2, poll_seconds=60)
    made.begin()
    yield made
    made.end()


STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}


async def rows_of(pages: AsyncIterator[list[EventRow]], count: int) -> list[EventRow]:
    found: list[EventRow] = []
    async for page in pages:
        assert len(page) <= 3
        found.extend(page)
        if len(found) >= count:
            break
    return found


async def test_a_reader_gets_all_there_is_and_what_comes(bench: Workbench, feed: EventFeed) -> None:
    for _ in range(4):
        await bench.connect()
    reading = asyncio.create_task(rows_of(feed.pages(0), 8))
    connection = await bench.connect("A2")
    for _ in range(3):
        await bench.exchange(connection, "StatusNotification", STATUS)
    rows = await asyncio.wait_for(reading, 5)
    assert [row.sequence for row in rows] == list(range(1, 9))


async def test_a_reader_without_position_gets_only_what_comes(bench: Workbench, feed: EventFeed) -> None:
    await bench.connect()
    pages = feed.pages(await feed.position())
    reading = asyncio.create_task(anext(pages))
    await asyncio.sleep(0)
    await bench.connect("A2")
    rows = await asyncio.wait_for(reading, 5)
    assert [row.station for row in rows] == ["A2"]


async def test_silence_is_told_by_an_empty_page(bench: Workbench) -> None:
    feed = EventFeed(bench.storage, page=3, readers=2, poll_seconds=0.001)
    assert await anext(feed.pages(0)) == []


async def test_a_read_that_fails_is_waited_out(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = EventFeed(bench.storage, page=3, readers=2, poll_seconds=0.001)
    await bench.connect()
    pages = feed.pages(0)
    with monkeypatch.context() as patched:

        async def failing(sequence: int, limit: int) -> list[EventRow]:
            raise StorageUnavailable("away")

        patched.setattr(bench.storage, "events_after", failing)
        assert await anext(pages) == []
        assert await anext(pages) == []
    assert [row.kind for row in await anext(pages)] == ["station.connected"]


async def test_streams_end_when_the_feed_does(bench: Workbench, feed: EventFeed) -> None:
    await bench.connect()
    reading = asyncio.create_task(rows_of(feed.pages(0), 99))
    await asyncio.sleep(0)
    feed.end()
    assert len(await asyncio.wait_for(reading, 5)) == 1
    assert [page async for page in feed.pages(0)] == []


def test_readers_are_bounded(feed: EventFeed) -> None:
    feed.enter()
    feed.enter()
    with pytest.raises(TooManyReaders, match="2 readers"):
        feed.enter()
    feed.leave()
    feed.enter()
