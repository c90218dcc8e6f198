"""Orphan stops over REST: found, read, and given to the transaction that they belong to."""

import httpx
from tests.csms.api.charging_station import URL, Station, get, items
from tests.csms.bench import Workbench


async def test_an_orphan_is_linked_by_hand(bench: Workbench, station: Station, client: httpx.AsyncClient) -> None:
    await station.start()
    data = [{"timestamp": "2026-03-01T11:20:00Z", "sampledValue": [{"value": "3000"}]}]
    await station.stop(-1, transactionData=data)
    (one,) = await items(client)
    (orphan,) = await items(client, "/api/v1/transaction-stops", station="A1")
    path = f"/api/v1/transaction-stops/{orphan['id']}/link"
    linked = (await client.post(path, json={"transaction": one["id"]})).json()
    assert (linked["relation"], linked["transaction"]) == ("stop", one["id"])
    detail = await get(client, f"{URL}/{one['id']}")
    assert (detail["energyWh"], detail["flags"], detail["stop"]["by"]) == (5000, ["stop-linked"], "station")
    (value,) = await items(client, f"{URL}/{one['id']}/meter-values")
    assert value["energyWh"] == 3000.0
    assert (await client.post(path, json={"transaction": one["id"]})).status_code == 409
    assert await items(client, "/api/v1/transaction-stops") == []
    assert (await client.get(f"/api/v1/transaction-stops/{orphan['id']}")).json() == linked


async def test_an_orphan_is_not_linked_to_another_station(
    bench: Workbench, station: Station, client: httpx.AsyncClient
) -> None:
    await station.start()
    await Station(bench, await bench.connect("A2")).stop(5)
    (one,) = await items(client)
    (orphan,) = await items(client, "/api/v1/transaction-stops")
    assert orphan["station"] == "A2"
    answer = await client.post(f"/api/v1/transaction-stops/{orphan['id']}/link", json={"transaction": one["id"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "transaction"


async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    for path in ("77", "x", "77/meter-values"):
        assert (await client.get(f"/api/v1/transaction-stops/{path}")).status_code == 404
    assert (await client.post("/api/v1/transaction-stops/77/link", json={"transaction": "1"})).status_code == 404
    assert (await client.get("/api/v1/transaction-stops", params={"relation": "stop"})).status_code == 422
    assert (await client.get("/api/v1/transaction-stops", params={"station": "NOBODY"})).status_code == 404
