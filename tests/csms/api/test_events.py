"""The event log as Server-Sent Events, over HTTP."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from tests.csms.wire import WireStation, eventually

from chargewright.csms.app import Csms

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
