"""StartTransaction is idempotent by content among transactions not yet stopped: over sockets, restarts and nodes."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.csms.wire import WireStation
from tests.databases import TestDatabase
from tests.nodes import OnDatabase, StartNode

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
SAME: list[dict[str, Any]] = [
    {},
    {"idTag": "tag"},
    {"timestamp": "2026-01-01T00:00:00.000Z"},
    {"timestamp": "2026-01-01T01:00:00+01:00"},
    {"timestamp": "2026-01-01T02:00:00+02"},
    {"reservationId": 7},
]
OTHER: list[dict[str, Any]] = [
    {"meterStart": 1},
    {"connectorId": 2},
    {"idTag": "OTHER"},
    {"timestamp": "2026-01-01T00:00:01Z"},
]


@pytest.mark.parametrize("again", SAME, ids=str)
async def test_promise_02_the_same_start_gets_the_first_id(
    again: dict[str, Any], serve: OnDatabase, database: TestDatabase
) -> None:
    url = await serve.url()
    async with WireStation(url, "A1") as station:
        number = (await station.start())["transactionId"]
        assert (await station.start(**again))["transactionId"] == number
    async with WireStation(url, "A1") as station:
        assert (await station.start(**again))["transactionId"] == number
    assert await database.rows("SELECT transaction_id FROM charging_transaction") == [(number,)]


@pytest.mark.parametrize("different", OTHER, ids=str)
async def test_promise_02_another_start_gets_another_id(
    different: dict[str, Any], serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        number = (await station.start())["transactionId"]
        assert (await station.start(**different))["transactionId"] != number
    assert await database.value("SELECT count(*) FROM charging_transaction") == 2


async def test_promise_02_another_stations_start_is_another_transaction(serve: OnDatabase) -> None:
    url = await serve.url()
    async with WireStation(url, "A1") as one, WireStation(url, "A2") as other:
        assert (await one.start())["transactionId"] != (await other.start())["transactionId"]


async def test_promise_02_repeats_in_one_batch_are_one_transaction(serve: OnDatabase, database: TestDatabase) -> None:
    async with WireStation(await serve.url(unanswered_calls=50), "A1") as station:
        await station.exchange("Heartbeat", {})
        async with database.blocked():
            for number in range(20):
                await station.send(json.dumps([2, f"s{number}", "StartTransaction", START]))
            await station.send(json.dumps([2, "h", "Heartbeat", {}]))
            assert (await station.receive())[1] == "h"
        ids = {(await station.receive())[2]["transactionId"] for _ in range(20)}
    assert len(ids) == 1
    assert await database.value("SELECT count(*) FROM charging_transaction") == 1


async def test_promise_02_the_repeat_is_recognised_after_a_restart(serve: OnDatabase, database: TestDatabase) -> None:
    first = await serve()
    async with WireStation(f"ws://{first.addresses.ocpp[0]}", "A1") as station:
        number = (await station.start())["transactionId"]
    await first.stop()
    async with WireStation(await serve.url(), "A1") as station:
        assert (await station.start())["transactionId"] == number
        assert (await station.start(meterStart=1))["transactionId"] > number
    assert await database.value("SELECT count(*) FROM charging_transaction") == 2


async def test_promise_02_the_repeat_is_recognised_at_another_node(
    postgresql_database: TestDatabase, start_node: StartNode, tmp_path: Path
) -> None:
    nodes = [
        await start_node(
            db=postgresql_database.url, node=name, data=tmp_path / name, credential_key="ab" * 32, fight_evictions=1000
        )
        for name in ("one", "two")
    ]
    ids = set()
    for hop in range(10):
        async with WireStation(f"ws://{nodes[hop % 2].addresses.ocpp[0]}", "A1") as station:
            ids.add((await station.start())["transactionId"])
    assert len(ids) == 1
    assert await postgresql_database.value("SELECT count(*) FROM charging_transaction") == 1


async def test_promise_02_the_same_content_after_the_stop_is_a_new_transaction(
    serve: OnDatabase, database: TestDatabase
) -> None:
    # A clock that restarts at 1970 and a meter at 0: the next customer's start looks like this one's.
    async with WireStation(await serve.url(), "A1") as station:
        ids = []
        for _ in range(3):
            ids.append((await station.start(timestamp="1970-01-01T00:00:30Z"))["transactionId"])
            await station.stop(ids[-1], timestamp="1970-01-01T01:00:00Z")
    assert len(set(ids)) == 3
    found = await database.rows("SELECT transaction_id, flags FROM charging_transaction ORDER BY transaction_id")
    assert [row[0] for row in found] == sorted(ids)
    assert ["same-content-after-stop" in row[1].split() for row in found] == [False, True, True]
