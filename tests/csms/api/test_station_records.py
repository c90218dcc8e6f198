"""What stations sent beside transactions, over REST."""

import httpx
from tests.csms.bench import Workbench

URL = "/api/v1/stations/A1"


async def test_data_transfers_are_listed_the_last_first(bench: Workbench, client: httpx.AsyncClient) -> None:
    connection = await bench.connect()
    await bench.exchange(connection, "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
    for data in ("one", "two"):
        await bench.exchange(connection, "DataTransfer", {"vendorId": "com.example", "data": data})
        bench.clock.advance(1)
    page = (await client.get(f"{URL}/data-transfers", params={"limit": 1})).json()
    (last,) = page["items"]
    assert (last["vendorId"], last["data"], last["status"]) == ("com.example", "two", "UnknownVendorId")
    older = (await client.get(f"{URL}/data-transfers", params={"cursor": page["next"]})).json()
    assert [item["data"] for item in older["items"]] == ["one"]


async def test_deviations_are_counted(bench: Workbench, client: httpx.AsyncClient) -> None:
    connection = await bench.connect()
    for _ in range(2):
        await bench.exchange(
            connection, "StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "MyOwnError"}
        )
    found = (await client.get(f"{URL}/deviations")).json()["items"]
    assert [(item["action"], item["field"], item["count"]) for item in found] == [
        ("StatusNotification", "errorCode", 2)
    ]
    assert found[0]["sample"] == "MyOwnError"


async def test_unknown_stations_have_none(client: httpx.AsyncClient) -> None:
    for what in ("data-transfers", "deviations"):
        assert (await client.get(f"/api/v1/stations/nobody/{what}")).status_code == 404
        assert (await client.get(f"{URL}/{what}")).json() == {"items": [], "next": None}
