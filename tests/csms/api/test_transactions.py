"""Transactions over REST: what an independent client sees of what stations sent."""

from typing import Any

import httpx
import pytest
from tests.csms.api.charging_station import URL, Station, get, items
from tests.csms.bench import Workbench

from chargewright.csms.services import transaction_keeping


async def test_a_client_finds_one_transaction_the_orphan_and_all_values(
    station: Station, client: httpx.AsyncClient
) -> None:
    number = await station.start()
    assert await station.start() == number, "sent again"
    await station.values("11:10:00", "2000", transactionId=number)
    data = [{"timestamp": "2026-03-01T11:20:00Z", "sampledValue": [{"value": "77"}]}]
    await station.stop(987, transactionData=data)
    await station.stop(number, transactionData=[data[0] | {"timestamp": "2026-03-01T11:30:00Z"}])
    await station.values("11:45:00", "6000", transactionId=number)
    await station.values("11:50:00", "6000")

    (one,) = await items(client)
    assert one["transactionId"] == number
    assert (one["station"], one["connectorId"], one["idTag"], one["idTagStatus"]) == ("A1", 1, "TAG", "Accepted")
    assert (one["open"], one["energyWh"], one["durationSeconds"]) == (False, 5000, 1800.0)
    assert one["stop"] == {
        "timestamp": "2026-03-01T11:30:00.000Z",
        "timestampAsSent": "2026-03-01T11:30:00Z",
        "meterStop": 6000,
        "reason": "Local",
        "idTag": "TAG",
        "by": "station",
        "correction": None,
    }
    detail = await get(client, f"{URL}/{one['id']}")
    assert [stop["relation"] for stop in detail["stops"]] == ["stop"]
    values = await items(client, f"{URL}/{one['id']}/meter-values")
    assert [(value["timestamp"][11:16], value["energyWh"]) for value in values] == [
        ("11:10", 2000.0),
        ("11:30", 77.0),
        ("11:45", 6000.0),
    ]
    assert values[0]["sampledValue"] == [{**dict.fromkeys(SAMPLE_MEMBERS), "value": "2000", "unit": "Wh"}]

    (orphan,) = await items(client, "/api/v1/transaction-stops", relation="orphan")
    assert (orphan["transactionId"], orphan["transaction"], orphan["relation"]) == (987, None, "orphan")
    (value,) = await items(client, f"/api/v1/transaction-stops/{orphan['id']}/meter-values")
    assert (value["energyWh"], value["connectorId"], value["stop"]) == (77.0, None, orphan["id"])
    assert len(await items(client, "/api/v1/stations/A1/meter-values")) == 5
    (alone,) = await items(client, "/api/v1/stations/A1/meter-values", without_transaction=True)
    assert (alone["timestamp"][11:16], alone["transactionId"]) == ("11:50", None)


SAMPLE_MEMBERS = ("value", "context", "format", "measurand", "phase", "location", "unit")


async def test_lists_are_filtered_and_paged_newest_first(
    bench: Workbench, station: Station, client: httpx.AsyncClient
) -> None:
    other = Station(bench, await bench.connect("A2"))
    numbers = [await station.start(timestamp=f"2026-03-01T{hour:02}:00:00Z") for hour in (8, 6, 7)]
    numbers.append(await other.start(idTag="STRANGER", timestamp="2026-03-01T09:00:00Z"))
    await station.stop(numbers[1], timestamp="2026-03-01T06:30:00Z", reason="Remote")

    async def found(**query: Any) -> list[int]:
        return [numbers.index(one["transactionId"]) for one in await items(client, **query)]

    assert await found() == [3, 0, 2, 1]
    assert await found(station="A1") == [0, 2, 1]
    assert await found(open=True) == [3, 2, 0]
    assert await found(open=False) == [1]
    assert await found(started_after="2026-03-01T07:00:00Z", started_before="2026-03-01T09:00:00Z") == [0, 2]
    assert await found(station="A1", reason="Remote") == [1]
    (tag,) = await items(client, "/api/v1/id-tags")
    assert await found(id_tag_id=tag["id"]) == [0, 2, 1]
    assert await found(id_tag_id=tag["id"], open=True) == [0, 2]
    first = await get(client, URL, limit=3)
    assert len(first["items"]) == 3
    second = await get(client, URL, limit=3, cursor=first["next"])
    assert [numbers.index(one["transactionId"]) for one in first["items"] + second["items"]] == [3, 0, 2, 1]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"station": "NOBODY"}, 404),
        ({"id_tag_id": "77"}, 404),
        ({"id_tag_id": "x"}, 404),
        ({"reason": "Remote"}, 422),
        ({"reason": "Whatever", "station": "A1"}, 422),
        ({"started_after": "yesterday"}, 422),
        ({"review": "maybe"}, 422),
    ],
    ids=str,
)
async def test_a_list_that_cannot_be_is_refused(client: httpx.AsyncClient, query: dict[str, str], status: int) -> None:
    assert (await client.get(URL, params=query)).status_code == status


async def test_a_zombie_is_closed_with_what_is_known_and_its_late_stop_counts(
    bench: Workbench, station: Station, client: httpx.AsyncClient
) -> None:
    number = await station.start()
    await station.values("11:10:00", "2500", transactionId=number)
    (one,) = await items(client)
    assert (one["open"], one["stop"], one["energyWh"]) == (True, None, None)
    path = f"{URL}/{one['id']}"
    closed = (await client.post(f"{path}/close", json={"reason": "PowerLoss", "note": "burnt"})).json()
    assert closed["stop"] == {
        "timestamp": "2026-03-01T11:10:00.000Z",
        "timestampAsSent": None,
        "meterStop": 2500,
        "reason": "PowerLoss",
        "idTag": None,
        "by": "operator",
        "correction": None,
    }
    assert (closed["energyWh"], closed["durationSeconds"], closed["open"]) == (1500, 600.0, False)
    assert closed["closedAt"] == "2026-03-01T12:00:00.000Z"
    assert (await client.post(f"{path}/close", json={})).status_code == 409

    await station.stop(number)
    await bench.csms._services.review.catch_up()
    late = await get(client, path)
    assert (late["energyWh"], late["durationSeconds"], late["stop"]["by"]) == (5000, 1800.0, "station")
    (correction,) = late["stops"]
    assert (correction["relation"], late["stop"]["correction"]) == ("correction", correction["id"])
    assert late["closed"] == {"timestamp": "2026-03-01T11:10:00.000Z", "meterStop": 2500, "reason": "PowerLoss"}
    assert (late["review"]["state"], late["review"]["reasons"]) == ("pending", ["stop-after-close"])
    (listed,) = await items(client, review="pending")
    assert (listed["energyWh"], listed["stop"]["correction"]) == (5000, correction["id"])

    resolved = (await client.post(f"{path}/review", json={"note": "seen"})).json()
    assert resolved["review"] == {
        "state": "resolved",
        "reasons": ["stop-after-close"],
        "note": "seen",
        "resolvedAt": "2026-03-01T12:00:00.000Z",
    }
    assert (await client.post(f"{path}/review", json={"note": "again"})).status_code == 409
    assert await items(client, review="pending") == []
    kinds = [kind for kind in await bench.event_kinds() if kind.startswith("transaction")]
    assert kinds == [
        "transaction.started",
        "transaction.closed",
        "transaction.stopped",
        "transaction.review",
        "transaction.reviewed",
    ]


async def test_the_reason_that_is_shown_is_the_one_to_filter_by(
    station: Station, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction_keeping, "CLOSED_ROWS", 1)
    for hour in (6, 7, 8, 9):
        number = await station.start(timestamp=f"2026-03-01T{hour:02}:00:00Z")
        if hour in (7, 9):
            (newest, *_) = await items(client)
            await client.post(f"{URL}/{newest['id']}/close", json={"reason": "Other"})
        if hour != 9:
            await station.stop(number, timestamp=f"2026-03-01T{hour:02}:30:00Z", reason="PowerLoss")

    async def found(**query: Any) -> list[str]:
        return [one["startedAt"][11:13] for one in await items(client, station="A1", **query)]

    assert [one["stop"]["reason"] for one in await items(client)] == ["Other", "PowerLoss", "PowerLoss", "PowerLoss"]
    assert await found(reason="PowerLoss") == ["08", "07", "06"]
    assert await found(reason="Other") == ["09"]
    pages, cursor = [], None
    while cursor is not None or not pages:
        query = {"station": "A1", "reason": "PowerLoss", "limit": 1} | ({} if cursor is None else {"cursor": cursor})
        page = await get(client, URL, **query)
        pages.append([one["startedAt"][11:13] for one in page["items"]])
        cursor = page["next"]
    assert pages == [["08"], ["07"], ["06"]]


async def test_what_is_told_goes_before_what_is_known(station: Station, client: httpx.AsyncClient) -> None:
    await station.start()
    (one,) = await items(client)
    body = {"meterStop": 1700, "timestamp": "2026-03-01T11:20:00Z"}
    closed = (await client.post(f"{URL}/{one['id']}/close", json=body)).json()
    assert (closed["energyWh"], closed["durationSeconds"], closed["stop"]["reason"]) == (700, 1200.0, "Other")


async def test_without_a_register_nothing_was_charged(station: Station, client: httpx.AsyncClient) -> None:
    await station.start()
    (one,) = await items(client)
    closed = (await client.post(f"{URL}/{one['id']}/close", json={})).json()
    assert (closed["energyWh"], closed["durationSeconds"]) == (0, 0.0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"meterStop": -1}, 422),
        ({"meterStop": "7"}, 422),
        ({"reason": "Bored"}, 422),
        ({"timestamp": "2026-03-01T13:00:00Z"}, 422),
        ({"note": ""}, 422),
    ],
    ids=str,
)
async def test_a_closing_that_cannot_be_is_refused(
    station: Station, client: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    await station.start()
    (one,) = await items(client)
    assert (await client.post(f"{URL}/{one['id']}/close", json=body)).status_code == status
    assert (await items(client))[0]["open"]


@pytest.mark.parametrize("path", [f"{URL}/77", f"{URL}/x", f"{URL}/77/meter-values", "/api/v1/transaction-stops/77"])
async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_long_lists_of_values_are_paged(station: Station, client: httpx.AsyncClient) -> None:
    number = await station.start()
    for minute in range(7):
        await station.values(f"11:{minute:02}:00", str(1000 + minute), transactionId=number)
    (one,) = await items(client)
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({} if cursor is None else {"cursor": cursor})
        page = await get(client, f"{URL}/{one['id']}/meter-values", **query)
        seen += [value["energyWh"] for value in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [1000.0 + minute for minute in range(7)]
