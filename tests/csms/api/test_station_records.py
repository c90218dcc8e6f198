"""What stations sent beside transactions, over REST."""

import httpx
from tests.csms.bench import Workbench
from tests.csms.commands.asking import ask, next_call

from chargewright.csms.outcomes import Answered
from chargewright.protocol.v16.local_auth_list_management import GetLocalListVersionRequest

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


async def test_deviations_of_answers_are_counted_too(bench: Workbench, client: httpx.AsyncClient) -> None:
    connection = await bench.connect()
    for _ in range(2):
        outcome = ask(bench, GetLocalListVersionRequest())
        call = await next_call(connection)
        connection.deliver([3, call[1], {"listVersion": "3", "vendor": "ACME"}])
        assert isinstance(await outcome, Answered)
    await bench.settle()
    found = (await client.get(f"{URL}/deviations")).json()["items"]
    seen = {(item["action"], item["kind"], item["field"], item["sample"], item["count"]) for item in found}
    assert seen == {
        ("GetLocalListVersion", "text-as-number", "listVersion", "3", 2),
        ("GetLocalListVersion", "unknown-field", "vendor", "ACME", 2),
    }
    assert bench.csms.statistics()["deviations"] == 4


async def test_unknown_stations_have_none(client: httpx.AsyncClient) -> None:
    for what in ("data-transfers", "deviations"):
        assert (await client.get(f"/api/v1/stations/nobody/{what}")).status_code == 404
        assert (await client.get(f"{URL}/{what}")).json() == {"items": [], "next": None}
