"""No StopTransaction is lost: unknown, -1, twice, before its start; corrections stand beside what they correct."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.csms.wire import WireStation
from tests.databases import TestDatabase
from tests.nodes import OnDatabase

DATA = [{"timestamp": "2026-01-01T00:30:00Z", "sampledValue": [{"value": "500"}]}]
STOPS = "SELECT relation, transaction_id, meter_stop FROM transaction_stop ORDER BY id"


@pytest.mark.parametrize("number", [99_999, -1, 0, -(2**63), 2**63 - 1])
async def test_promise_04_a_stop_of_an_unknown_transaction_is_kept_with_its_data(
    number: int, serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        answer = await station.stop(number, transactionData=DATA, idTag="TAG")
    assert answer["idTagInfo"]["status"] == "Accepted"
    assert await database.rows(STOPS) == [("orphan", number, 1000)]
    assert await database.rows("SELECT transaction_id, energy_wh FROM meter_value") == [(number, 500.0)]
    assert await database.value("SELECT count(*) FROM charging_transaction") == 0


async def test_promise_04_a_stop_sent_twice_is_one_and_another_is_a_correction(
    serve: OnDatabase, database: TestDatabase
) -> None:
    url = await serve.url()
    async with WireStation(url, "A1") as station:
        number = (await station.start())["transactionId"]
        await station.stop(number, transactionData=DATA)
        await station.stop(number, transactionData=DATA)
    async with WireStation(url, "A1") as station:
        await station.stop(number, transactionData=DATA)
        await station.stop(number, meterStop=1200)
        await station.stop(number, meterStop=1200)
    assert await database.rows(STOPS) == [("stop", number, 1000), ("correction", number, 1200)]
    assert await database.rows("SELECT meter_stop FROM charging_transaction") == [(1000,)], "never overwritten"
    linked = await database.rows(
        "SELECT count(*) FROM transaction_stop s JOIN charging_transaction t ON t.id = s.charging_transaction_id"
    )
    assert linked == [(2,)]
    assert await database.value("SELECT count(*) FROM meter_value") == 1


async def test_promise_04_a_stop_before_its_start_ends_it_later(serve: OnDatabase, database: TestDatabase) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    begun, ended = (now - timedelta(hours=2)).isoformat(), (now - timedelta(hours=1)).isoformat()
    data = [{"timestamp": ended, "sampledValue": [{"value": "900"}]}]
    async with WireStation(await serve.url(), "A1") as station:
        await station.stop(-1, timestamp=ended, meterStop=900, transactionData=data, idTag="TAG")
        assert await database.rows(STOPS) == [("orphan", -1, 900)]
        number = (await station.start(timestamp=begun, meterStart=100))["transactionId"]
        # Its answer may be lost, too: the start comes again, and is this one still.
        assert (await station.start(timestamp=begun, meterStart=100))["transactionId"] == number
    found = await database.rows("SELECT transaction_id, meter_start, meter_stop FROM charging_transaction")
    assert found == [(number, 100, 900)]
    assert await database.rows(STOPS) == [("stop", -1, 900)]


@pytest.mark.parametrize(
    "odd",
    [{"timestamp": "?"}, {"timestamp": None}, {"meterStop": None}, {"meterStop": 10**30}, {"reason": "Bored"}],
    ids=str,
)
async def test_promise_04_whatever_its_fields_hold(
    odd: dict[str, Any], serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        number = (await station.start())["transactionId"]
        stop = {"transactionId": number, "meterStop": 1000, "timestamp": "2026-01-01T01:00:00Z"} | odd
        assert (await station.exchange("StopTransaction", stop))[0] == 3
    assert await database.value("SELECT count(*) FROM charging_transaction WHERE stop_instant IS NOT NULL") == 1


async def test_promise_04_the_id_of_another_station_stops_nothing(serve: OnDatabase, database: TestDatabase) -> None:
    url = await serve.url()
    async with WireStation(url, "A1") as one, WireStation(url, "A2") as other:
        number = (await one.start())["transactionId"]
        await other.stop(number)
        assert await database.rows(STOPS) == [("orphan", number, 1000)]
        assert await database.rows("SELECT stop_instant FROM charging_transaction") == [(None,)]
        await one.stop(number)
    assert await database.value("SELECT meter_stop FROM charging_transaction") == 1000
