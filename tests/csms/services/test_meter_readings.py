"""Meter values are found in bounded pages, whatever else the station sent."""

from typing import Any

import pytest

from chargewright.csms.services.meter_readings import MeterReadingsService
from chargewright.csms.storage.rows.core import TransactionRow, TransactionStopRow

STOP = {"meterStop": 6000, "transactionId": -1}
START = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": "2026-03-01T11:00:00Z"}


def value(minute: int) -> dict[str, Any]:
    return {"timestamp": f"2026-03-01T11:{minute:02}:00Z", "sampledValue": [{"value": str(minute)}]}


@pytest.fixture
def readings(bench: Any, monkeypatch: pytest.MonkeyPatch) -> MeterReadingsService:
    monkeypatch.setattr("chargewright.csms.services.meter_readings._PAGE", 3)
    return MeterReadingsService(bench.storage)


async def test_data_of_one_orphan_is_found_among_that_of_others(bench: Any, readings: MeterReadingsService) -> None:
    connection = await bench.connect()
    for minute in range(0, 40, 10):
        data = [value(minute + second) for second in range(4)]
        stop = STOP | {"timestamp": f"2026-03-01T11:{minute:02}:00Z", "transactionData": data}
        await bench.exchange(connection, "StopTransaction", stop)
    for stop in await bench.storage.page(TransactionStopRow):
        first = await readings.of_stop(stop, None, 3)
        rest = await readings.of_stop(stop, (first[-1].instant, first[-1].id), 3)
        assert [row.energy_wh for row in first + rest] == [float(stop.id * 10 - 10 + second) for second in range(4)]


async def test_pages_have_every_value_once(bench: Any, readings: MeterReadingsService) -> None:
    connection = await bench.connect()
    started = await bench.exchange(connection, "StartTransaction", START)
    number = started[2]["transactionId"]
    for minute in range(7):
        payload = {"connectorId": 1, "transactionId": number, "meterValue": [value(minute)]}
        await bench.exchange(connection, "MeterValues", payload)
    (row,) = await bench.storage.page(TransactionRow)
    pages = [page async for page in readings.pages(row, [])]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one.energy_wh for page in pages for one in page] == [float(minute) for minute in range(7)]


async def test_what_was_imported_without_an_id_has_no_values(bench: Any, readings: MeterReadingsService) -> None:
    connection = await bench.connect()
    await bench.exchange(connection, "StartTransaction", START)
    (row,) = await bench.storage.page(TransactionRow)
    row.transaction_id = None
    assert await readings.of_transaction(row, [], None, 10) == []
