"""No MeterValues is lost or doubled: late, out of order, without transaction, after the stop, and byte for byte."""

import json
from typing import Any

import pytest
from tests.csms.wire import WireStation
from tests.databases import TestDatabase
from tests.nodes import OnDatabase

SAMPLES = [{"value": "1500"}, {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"}]
COUNT = "SELECT count(*) FROM meter_value"


def values(minute: int, *samples: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-01-01T00:{minute:02d}:00Z", "sampledValue": list(samples) or SAMPLES}


async def test_promise_05_each_is_stored_once_however_often_it_is_sent(
    serve: OnDatabase, database: TestDatabase
) -> None:
    url = await serve.url()
    number = 0
    for _ in range(2):
        async with WireStation(url, "A1") as station:
            number = (await station.start())["transactionId"]
            for _ in range(2):
                # Out of order, of another transaction's id, of none, of the whole station.
                both = [values(30), values(15)]
                await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=both)
                await station.call("MeterValues", connectorId=1, meterValue=[values(30)])
                await station.call("MeterValues", connectorId=0, meterValue=[values(30)])
                await station.call("MeterValues", connectorId=1, transactionId=-1, meterValue=[values(30)])
                await station.call("MeterValues", connectorId=1, transactionId=987_654, meterValue=[values(30)])
    assert await database.value(COUNT) == 6


async def test_promise_05_what_comes_after_the_stop_is_kept(serve: OnDatabase, database: TestDatabase) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        number = (await station.start())["transactionId"]
        await station.stop(number)
        for _ in range(2):
            await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=[values(45)])
    assert await database.rows("SELECT transaction_id, energy_wh FROM meter_value") == [(number, 1500.0)]


async def test_promise_05_another_content_of_the_same_instant_is_another_value(
    serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        for value in ("1500", "1501", "1500.0", "1500"):
            await station.call("MeterValues", connectorId=1, meterValue=[values(30, {"value": value})])
    found = await database.rows("SELECT samples FROM meter_value ORDER BY id")
    assert [json.loads(row[0])[0]["value"] for row in found] == ["1500", "1501", "1500.0"]


async def test_promise_05_transaction_data_and_meter_values_are_each_kept(
    serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        number = (await station.start())["transactionId"]
        await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=[values(15)])
        data = [values(0, {"value": "0"}), values(59, {"value": "1000"})]
        for _ in range(2):
            await station.stop(number, transactionData=data)
    found = await database.rows("SELECT energy_wh FROM meter_value ORDER BY instant")
    assert found == [(0.0,), (1500.0,), (1000.0,)]


@pytest.mark.parametrize(
    "value",
    [
        '{"signedMeterData":"T0NNRnx7...","signingMethod":"","encodingMethod":"OCMF","publicKey":""}',
        'OCMF|{"FV" : "1.0", "RD":[{"RV":0.10}]}|{"SD":"30\\/45"}',
        "  \t é ü 漢字 😀 </svg>  ",
        "0" * 20_000,
    ],
    ids=["json", "ocmf", "unicode", "long"],
)
async def test_promise_05_signed_values_are_kept_byte_for_byte(
    value: str, serve: OnDatabase, database: TestDatabase
) -> None:
    sample = {"value": value, "format": "SignedData", "context": "Transaction.End"}
    async with WireStation(await serve.url(), "A1") as station:
        number = (await station.start())["transactionId"]
        await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=[values(30, sample)])
        await station.stop(number, transactionData=[values(59, sample)])
    found = await database.rows("SELECT samples, energy_wh FROM meter_value ORDER BY instant")
    assert [(json.loads(samples), energy) for samples, energy in found] == [([sample], None)] * 2
