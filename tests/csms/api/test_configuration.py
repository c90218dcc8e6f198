"""What is reported and wanted, over REST; a station that cannot be asked is told as for commands."""

import asyncio
from typing import Any

import httpx
from tests.csms.bench import FakeConnection, Workbench

WANTED = "/api/v1/stations/A1/configuration/wanted"


async def answer(connection: FakeConnection, replies: dict[str, Any], times: int = 1) -> None:
    """Answer the next CALLs of the CSMS."""
    answered = 0
    while answered < times:
        for message in list(connection.sent):
            if message[0] == 2:
                connection.sent.remove(message)
                connection.deliver([3, message[1], replies[message[2]]])
                answered += 1
        connection.has_spoken.clear()
        if answered < times:
            await connection.has_spoken.wait()


async def test_reading_asks_the_station_and_shows_what_it_said(bench: Workbench, client: httpx.AsyncClient) -> None:
    before = (await client.get("/api/v1/stations/A1/configuration")).json()
    assert before == {"state": "unknown", "readAt": None, "items": []}
    offline = await client.post("/api/v1/stations/A1/configuration/read")
    assert (offline.status_code, offline.json()["outcome"]) == (409, "not-sent")
    connection = await bench.connect()
    keys = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
    station = asyncio.ensure_future(answer(connection, {"GetConfiguration": {"configurationKey": keys}}))
    read = await client.post("/api/v1/stations/A1/configuration/read")
    await station
    assert read.status_code == 200, read.text
    assert read.json()["state"] == "as-wanted"
    (item,) = read.json()["items"]
    assert (item["key"], item["value"], item["isDrift"]) == ("HeartbeatInterval", "300", False)


async def test_wanting_applying_and_the_answer_of_the_station(bench: Workbench, client: httpx.AsyncClient) -> None:
    done = await client.put(WANTED, json={"values": {"heartbeatinterval": "600"}})
    assert (done.status_code, done.json()) == (200, {"values": {"HeartbeatInterval": "600"}})
    connection = await bench.connect()
    keys = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
    replies = {"GetConfiguration": {"configurationKey": keys}, "ChangeConfiguration": {"status": "Rejected"}}
    station = asyncio.ensure_future(answer(connection, replies, 2))
    applied = (await client.post("/api/v1/stations/A1/configuration/apply")).json()
    await station
    assert applied["state"] == "refused"
    (item,) = applied["items"]
    assert (item["wanted"], item["wantedBy"], item["answer"], item["isDrift"]) == ("600", "station", "Rejected", True)


async def test_wrong_wishes_are_named(client: httpx.AsyncClient) -> None:
    refused = await client.put(WANTED, json={"values": {"HeartbeatInterval": "-1"}})
    assert refused.status_code == 422
    assert "at least 0 s" in refused.text
    forced = await client.put(WANTED, params={"force": True}, json={"values": {"HeartbeatInterval": "-1"}})
    assert forced.status_code == 200
    for values in ({"k": "v" * 501}, {"AuthorizationKey": "0" * 32}):
        assert (await client.put(WANTED, json={"values": values})).status_code == 422
    assert (await client.get(WANTED)).json() == {"values": {"HeartbeatInterval": "-1"}}
    assert (await client.get("/api/v1/stations/none/configuration")).status_code == 404


async def test_groups_want_too(bench: Workbench, client: httpx.AsyncClient) -> None:
    groups = bench.csms._services.groups  # type: ignore[union-attr]
    await groups.create("yard")
    station = bench.csms._directory.station("A1")
    assert station is not None
    await groups.add("yard", station.id)
    path = "/api/v1/groups/yard/configuration/wanted"
    assert (await client.put(path, json={"values": {"VendorLamp": "dim"}})).status_code == 200
    assert (await client.get(path)).json() == {"values": {"VendorLamp": "dim"}}
    (item,) = (await client.get("/api/v1/stations/A1/configuration")).json()["items"]
    assert (item["key"], item["wanted"], item["wantedBy"]) == ("VendorLamp", "dim", "yard")
