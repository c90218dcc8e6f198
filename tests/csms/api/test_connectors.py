"""Connectors over REST."""

from typing import Any

import httpx
from tests.csms.bench import Workbench

URL = "/api/v1/stations/A1/connectors"


async def report(bench: Workbench, connection: Any, connector: int, status: str, **more: Any) -> None:
    payload = {"connectorId": connector, "status": status, "errorCode": "NoError"} | more
    await bench.exchange(connection, "StatusNotification", payload)
    bench.clock.advance(1)


async def test_each_connector_has_its_latest_status_and_those_before(
    bench: Workbench, client: httpx.AsyncClient
) -> None:
    connection = await bench.connect()
    await bench.exchange(connection, "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    await report(bench, connection, 2, "Available", timestamp="2026-03-01T11:00:00Z")
    await report(bench, connection, 1, "Preparing")
    await report(bench, connection, 1, "Faulted", errorCode="OwnWord", info="hot", vendorErrorCode="E7")
    await report(bench, connection, 0, "Available")
    first = (await client.get(URL, params={"limit": 2})).json()
    rest = (await client.get(URL, params={"limit": 2, "cursor": first["next"]})).json()
    assert rest["next"] is None
    found = [(item["connectorId"], item["status"]) for item in first["items"] + rest["items"]]
    assert found == [(0, "Available"), (1, "Faulted"), (2, "Available")]
    one = (await client.get(f"{URL}/1")).json()
    assert one == {
        "connectorId": 1,
        "status": "Faulted",
        "errorCode": "OwnWord",
        "info": "hot",
        "vendorId": None,
        "vendorErrorCode": "E7",
        "at": "2026-03-01T12:00:02.000Z",
        "timestamp": None,
        "receivedAt": "2026-03-01T12:00:02.000Z",
    }
    assert (await client.get(f"{URL}/2")).json()["at"] == "2026-03-01T11:00:00.000Z"
    newest = (await client.get(f"{URL}/1/statuses", params={"limit": 1})).json()
    assert newest["items"] == [one]
    older = (await client.get(f"{URL}/1/statuses", params={"limit": 1, "cursor": newest["next"]})).json()
    assert [item["status"] for item in older["items"]] == ["Preparing"]
    assert older["next"] is None


async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{URL}/9")).status_code == 404
    assert (await client.get("/api/v1/stations/nobody/connectors")).status_code == 404
    assert (await client.get(f"{URL}/x")).status_code == 422
    assert (await client.get(URL)).json() == {"items": [], "next": None}


async def test_a_cursor_of_another_station_is_refused(bench: Workbench, client: httpx.AsyncClient) -> None:
    connection = await bench.connect()
    for connector in (1, 2):
        await report(bench, connection, connector, "Available")
    page = (await client.get(URL, params={"limit": 1})).json()
    other = await client.get("/api/v1/stations/A2/connectors", params={"cursor": page["next"]})
    assert other.status_code == 422
