"""Every StartTransaction gets a unique positive transactionId and a row, whatever it says and whoever charges."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.csms.wire import WireStation, seed_text
from tests.databases import TestDatabase
from tests.nodes import OnDatabase, StartNode

TAGS = """
[[id_tag]]
id_tag = "BLOCKED"
blocked = true

[[id_tag]]
id_tag = "OLD"
expires = 2020-01-01T00:00:00Z
"""
LARGEST = 2**31 - 1


@pytest.mark.parametrize(
    ("tag", "status"), [("TAG", "Accepted"), ("STRANGER", "Invalid"), ("BLOCKED", "Blocked"), ("OLD", "Expired")]
)
async def test_promise_03_whatever_the_tags_status(
    tag: str, status: str, serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(seed=seed_text("A1", extra=TAGS)), "A1") as station:
        answer = await station.start(idTag=tag)
    assert answer["idTagInfo"]["status"] == status
    assert 0 < answer["transactionId"] <= LARGEST
    found = await database.rows("SELECT transaction_id, id_tag, id_tag_status FROM charging_transaction")
    assert found == [(answer["transactionId"], tag, status)]


@pytest.mark.parametrize(
    "odd",
    [
        {"connectorId": 0},
        {"connectorId": -(2**63)},
        {"connectorId": 10**30},
        {"meterStart": -5},
        {"meterStart": 2**63 - 1},
        {"meterStart": 10**30},
        {"reservationId": 2**63 - 1},
        {"timestamp": "1970-01-01T00:00:00Z"},
        {"timestamp": "9999-12-31T23:59:59Z"},
        {"timestamp": "no time at all"},
        {"timestamp": None},
        {"idTag": "x" * 100},
        {"idTag": None},
    ],
    ids=str,
)
async def test_promise_03_whatever_its_fields_hold(
    odd: dict[str, Any], serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        answer = await station.exchange(
            "StartTransaction",
            {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"} | odd,
        )
    assert answer[0] == 3
    assert 0 < answer[2]["transactionId"] <= LARGEST
    assert await database.rows("SELECT transaction_id FROM charging_transaction") == [(answer[2]["transactionId"],)]


async def test_promise_03_ids_are_unique_among_stations_and_after_restarts(
    serve: OnDatabase, database: TestDatabase
) -> None:
    ids: list[int] = []
    for run in range(3):
        csms = await serve()
        stations = [WireStation(f"ws://{csms.addresses.ocpp[0]}", name) for name in ("A1", "A2", "A3")]
        for station in stations:
            await station.__aenter__()
        for number in range(10):
            answers = await asyncio.gather(*(station.start(meterStart=100 * run + number) for station in stations))
            ids += [answer["transactionId"] for answer in answers]
        for station in stations:
            await station.__aexit__(None, None, None)
        await csms.stop()
    assert len(set(ids)) == len(ids) == 90
    assert await database.value("SELECT count(*) FROM charging_transaction") == 90


async def test_promise_03_ids_are_unique_among_nodes(
    postgresql_database: TestDatabase, start_node: StartNode, tmp_path: Path
) -> None:
    nodes = [
        await start_node(db=postgresql_database.url, node=name, data=tmp_path / name, credential_key="ab" * 32)
        for name in ("one", "two")
    ]
    one = WireStation(f"ws://{nodes[0].addresses.ocpp[0]}", "A1")
    two = WireStation(f"ws://{nodes[1].addresses.ocpp[0]}", "A2")
    ids: list[int] = []
    async with one, two:
        for number in range(50):
            answers = await asyncio.gather(one.start(meterStart=number), two.start(meterStart=number))
            ids += [answer["transactionId"] for answer in answers]
    assert len(set(ids)) == 100
