"""The event log as Server-Sent Events, over HTTP."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi.routing import APIRoute
from tests.csms.bench import Workbench
from tests.csms.wire import WireStation, eventually

from chargewright.csms.api import events as event_routes
from chargewright.csms.api.events import _Stream, events
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.app import Csms
from chargewright.csms.event_feed import EventFeed
from chargewright.csms.storage.base import StorageUnavailable

TOKEN = "a-bearer-key"


@pytest.fixture
async def server(start_csms: Any) -> Csms:
    made: Csms = await start_csms(http="127.0.0.1:0", bootstrap_token=TOKEN, event_readers=2, events_poll_seconds=0.2)
    return made


def reader(server: Csms, last: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {TOKEN}"} | ({} if last is None else {"Last-Event-ID": last})
    return httpx.AsyncClient(base_url=f"http://{server.addresses.http[0]}", headers=headers, timeout=10)


async def read(response: httpx.Response, count: int) -> list[dict[str, Any]]:
    """The next events of a stream."""
    found: list[dict[str, Any]] = []
    event: dict[str, Any] = {}
    async for line in response.aiter_lines():
        if line.startswith(":"):
            continue
        if not line and event:
            found.append(event)
            event = {}
            if len(found) == count:
                break
        elif line:
            name, _, value = line.partition(": ")
            event[name] = json.loads(value) if name == "data" else value
    return found


async def test_events_come_as_they_happen_and_from_where_a_reader_stopped(server: Csms) -> None:
    async with reader(server) as client, client.stream("GET", "/api/v1/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async with WireStation(f"ws://{server.addresses.ocpp[0]}", "A1") as station:
            await station.boot()
            events = await asyncio.wait_for(read(response, 2), 10)
    assert [event["event"] for event in events] == ["station.connected", "station.booted"]
    assert events[1]["data"]["station"] == "A1"
    assert events[1]["data"]["body"]["chargePointVendor"] == "Wire"
    async with reader(server, events[0]["id"]) as client, client.stream("GET", "/api/v1/events") as response:
        again = await asyncio.wait_for(read(response, 1), 10)
    assert again == events[1:]


async def test_an_id_that_is_none_is_refused(server: Csms) -> None:
    for wrong in ("x", "-1", "9" * 19, "1.5"):
        async with reader(server, wrong) as client:
            answer = await client.get("/api/v1/events")
        assert answer.status_code == 400
        assert "Last-Event-ID" in answer.json()["detail"]


async def test_an_id_that_the_log_has_not_reached_is_refused(server: Csms) -> None:
    async with reader(server, "7") as client:
        answer = await client.get("/api/v1/events")
    assert answer.status_code == 409
    assert "ends with 0" in answer.json()["detail"]
    assert server.statistics()["event_readers"] == 0


async def test_what_happens_after_the_first_line_is_not_missed(bench: Workbench) -> None:
    feed = EventFeed(bench.storage, page=10, readers=1, poll_seconds=5)
    feed.begin()
    route, _ = events(cast(ApiParts, SimpleNamespace(feed=feed))).routes
    assert isinstance(route, APIRoute)
    response = await route.endpoint()
    lines = response.body_iterator
    assert (await anext(lines)).startswith(b":")
    await bench.connect("A2")
    assert b'"station":"A2"' in await asyncio.wait_for(anext(lines), 5)
    feed.end()
    await lines.aclose()


async def test_a_log_that_cannot_be_read_is_said_at_once(server: Csms, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing() -> int:
        raise StorageUnavailable("away")

    monkeypatch.setattr(server._storage, "last_event_sequence", failing)
    async with reader(server) as client:
        answer = await client.get("/api/v1/events")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert server.statistics()["event_readers"] == 0


async def test_a_reader_that_takes_nothing_gives_its_place_back(bench: Workbench) -> None:
    feed = EventFeed(bench.storage, page=10, readers=1, poll_seconds=5)
    feed.enter()
    never = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await never.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await never.wait()

    for version in ("2.3", "2.4"):
        stream = _Stream(feed, 0, send_seconds=0.01)
        await asyncio.wait_for(stream({"type": "http", "asgi": {"spec_version": version}}, receive, send), 5)
        assert feed.readers == 0
        feed.enter()


async def test_a_quiet_log_is_told_of_now_and_then(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    for keep_alive, comments in ((0.0, True), (1000.0, False)):
        monkeypatch.setattr(event_routes, "KEEP_ALIVE_SECONDS", keep_alive)
        feed = EventFeed(bench.storage, page=10, readers=1, poll_seconds=0.001)
        lines = _Stream(feed, await feed.position()).body_iterator
        assert await anext(lines) == b": chargewright events\n\n"
        told = asyncio.ensure_future(anext(lines))  # type: ignore[arg-type]
        if comments:
            assert await asyncio.wait_for(told, 5) == b": nothing new\n\n"
        else:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(told, 0.1)


async def test_the_log_is_listed_newest_first_and_by_filters(
    client: httpx.AsyncClient, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for identity in ("A1", "A2", "A1"):
        await bench.connect(identity)

    async def listed(**query: Any) -> list[int]:
        ids, cursor = [], None
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            page = (await client.get("/api/v1/events/history", params={**query, **more})).json()
            ids += [int(event["id"]) for event in page["items"]]
            assert len(page["items"]) <= query.get("limit", 100)
            cursor = page["next"]
            if cursor is None:
                return ids

    everything = await listed()
    assert everything == sorted(everything)
    assert len(everything) == 3
    one = await listed(station="A1")
    assert 0 < len(one) < len(everything)
    for bounds in ((500, 5000), (1, 1), (2, 2)):
        monkeypatch.setattr(event_routes, "PAGE", bounds[0])
        monkeypatch.setattr(event_routes, "LOOKED_AT", bounds[1])
        assert await listed(newest=True) == everything[::-1]
        assert await listed(newest=True, limit=1) == everything[::-1]
        assert await listed(newest=True, after=everything[1]) == everything[:1:-1]
        assert await listed(station="A1", limit=1) == one
        assert await listed(station="A1", newest=True, limit=2) == one[::-1]
        assert await listed(kind="station.", newest=True) == everything[::-1]
        assert await listed(kind="station.con") == []
        assert await listed(since="2100-01-01T00:00:00Z", newest=True) == []


async def test_one_reader_too_many_waits(server: Csms) -> None:
    async with reader(server) as client:
        async with client.stream("GET", "/api/v1/events"), client.stream("GET", "/api/v1/events"):
            refused = await client.get("/api/v1/events")
            assert refused.status_code == 503
            assert refused.headers["Retry-After"] == "5"
        # The server learns of the two ends when it next writes.
        await eventually(lambda: server.statistics()["event_readers"] == 0)
        async with client.stream("GET", "/api/v1/events") as response:
            assert response.status_code == 200


async def test_streams_end_when_the_server_stops(server: Csms) -> None:
    async with reader(server) as client, client.stream("GET", "/api/v1/events") as response:
        stopping = asyncio.create_task(server.stop())
        assert await asyncio.wait_for(read(response, 99), 10) == []
        await asyncio.wait_for(stopping, 10)
