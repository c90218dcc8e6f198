"""A .conf is sent only after what it acknowledges is durable; many stations share one commit."""

import asyncio
import json
from typing import Any

import pytest
from tests.csms.wire import WireStation, seed_text
from tests.databases import TestDatabase
from tests.nodes import OnDatabase

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
SAMPLES = [{"value": "1500"}, {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"}]
VALUES = [{"timestamp": "2026-01-01T00:15:00Z", "sampledValue": SAMPLES}]
MANY = 100


async def test_promise_01_what_is_answered_is_in_the_database(serve: OnDatabase, database: TestDatabase) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        assert (await station.boot())["status"] == "Accepted"
        assert await database.rows("SELECT vendor, booted FROM station WHERE identity = 'A1'") == [("Wire", 1)]
        number = (await station.start())["transactionId"]
        assert await database.rows("SELECT transaction_id, stop_instant FROM charging_transaction") == [(number, None)]
        await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=VALUES)
        assert await database.rows("SELECT energy_wh, power_w FROM meter_value") == [(1500.0, 7200.0)]
        await station.stop(number, idTag="TAG", reason="Local")
        found = await database.rows("SELECT meter_stop, stop_reason FROM charging_transaction")
        assert found == [(1000, "Local")]
        await station.call("StatusNotification", connectorId=1, status="Available", errorCode="NoError")
        assert await database.rows("SELECT connector_id, status FROM connector") == [(1, "Available")]
        await station.call("DataTransfer", vendorId="vendor.example", data="kept")
        assert await database.rows("SELECT vendor_id, data FROM data_transfer") == [("vendor.example", "kept")]


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}),
        ("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}),
        ("StartTransaction", START),
        ("StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": "2026-01-01T00:00:00Z"}),
        ("MeterValues", {"connectorId": 1, "meterValue": VALUES}),
        ("DataTransfer", {"vendorId": "vendor.example"}),
    ],
)
async def test_promise_01_no_answer_comes_before_the_commit(
    action: str, payload: Any, serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        assert (await station.exchange("Heartbeat", {}))[0] == 3
        async with database.blocked():
            await station.send(json.dumps([2, "stored", action, payload]))
            for number in range(20):
                await station.send(json.dumps([2, f"h{number}", "Heartbeat", {}]))
            # Twenty later messages are answered from memory; this one is not.
            assert [(await station.receive())[1] for _ in range(20)] == [f"h{number}" for number in range(20)]
        assert (await station.receive())[:2] == [3, "stored"]


async def test_promise_01_many_stations_share_a_commit(serve: OnDatabase, database: TestDatabase) -> None:
    names = [f"S{number:03d}" for number in range(MANY)]
    csms = await serve(seed=seed_text(*names))
    stations = [WireStation(f"ws://{csms.addresses.ocpp[0]}", name) for name in names]
    await asyncio.gather(*(station.__aenter__() for station in stations))
    await asyncio.gather(*(station.exchange("Heartbeat", {}) for station in stations))
    async with database.blocked():
        # The first occupies the database; what comes while it waits is one batch.
        for station in stations:
            await station.send(json.dumps([2, "start", "StartTransaction", START]))
            await station.send(json.dumps([2, "alive", "Heartbeat", {}]))
        for station in stations:
            assert (await station.receive())[1] == "alive"
    answers = await asyncio.gather(*(station.receive() for station in stations))
    assert len({answer[2]["transactionId"] for answer in answers}) == MANY
    assert csms.statistics()["largest_batch"] > MANY / 2
    assert await database.value("SELECT count(*) FROM charging_transaction") == MANY
    await asyncio.gather(*(station.__aexit__(None, None, None) for station in stations))
