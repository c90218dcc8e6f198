"""The promises of the CSMS, each over real sockets and a real database."""

import sqlite3
from pathlib import Path
from typing import Any

from tests.csms.wire import WireStation


def rows(tmp_path: Path, statement: str) -> list[Any]:
    """What another process sees in the database file."""
    database = sqlite3.connect(f"file:{tmp_path / 'data' / 'chargewright.sqlite3'}?mode=ro", uri=True)
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


SAMPLES = [{"value": "1500"}, {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"}]


async def test_promise_01_what_is_answered_is_in_the_database(url: str, tmp_path: Path) -> None:
    async with WireStation(url, "A1") as station:
        assert (await station.boot())["status"] == "Accepted"
        assert rows(tmp_path, "SELECT vendor, booted FROM station WHERE identity = 'A1'") == [("Wire", 1)]
        started = await station.start()
        number = started["transactionId"]
        assert rows(tmp_path, "SELECT transaction_id, stop_instant FROM charging_transaction") == [(number, None)]
        meter_value = [{"timestamp": "2026-01-01T00:15:00Z", "sampledValue": SAMPLES}]
        await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=meter_value)
        assert rows(tmp_path, "SELECT energy_wh, power_w FROM meter_value") == [(1500.0, 7200.0)]
        await station.stop(number, idTag="TAG", reason="Local")
        assert rows(tmp_path, "SELECT meter_stop, stop_reason FROM charging_transaction") == [(1000, "Local")]
