"""An outage of the database never lies and never costs a bill: no false answer, no CALLERROR, 1013, then 503."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from tests.csms.wire import WireStation, eventually
from tests.databases import TestDatabase
from tests.nodes import OnDatabase
from websockets.exceptions import ConnectionClosed, InvalidStatus

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
STOP = {"transactionId": 5, "meterStop": 9, "timestamp": "2026-01-01T00:10:00Z"}
VALUES = {"connectorId": 1, "meterValue": [{"timestamp": "2026-01-01T00:05:00Z", "sampledValue": [{"value": "4"}]}]}
QUICK: dict[str, Any] = {"storage_grace_seconds": 0.5, "storage_probe_seconds": 0.1}


async def everything_until_closed(station: WireStation) -> list[list[Any]]:
    """All that a station is sent until its connection ends."""
    received: list[list[Any]] = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            received.append(await station.receive())
    return received


async def test_promise_06_nothing_is_answered_that_is_not_stored(serve: OnDatabase, database: TestDatabase) -> None:
    csms = await serve(**QUICK)
    url = f"ws://{csms.addresses.ocpp[0]}"
    async with WireStation(url, "A1") as station, WireStation(url, "A2") as other:
        await station.exchange("Heartbeat", {})
        await other.boot()
        async with database.blocked():
            await station.send(json.dumps([2, "start", "StartTransaction", START]))
            await station.send(json.dumps([2, "stop", "StopTransaction", STOP]))
            await station.send(json.dumps([2, "values", "MeterValues", VALUES]))
            assert await asyncio.wait_for(everything_until_closed(station), 30) == []
            assert await station.closed() == 1013
            assert await asyncio.wait_for(other.closed(), 30) == 1013
            assert csms.not_ready() == "the database is away"
            with pytest.raises(InvalidStatus) as caught:
                await WireStation(url, "A1").__aenter__()
            assert caught.value.response.status_code == 503
            assert int(caught.value.response.headers["Retry-After"]) > 0
    await eventually(lambda: csms.not_ready() is None, 60)
    async with WireStation(url, "A1") as station:
        number = (await station.start())["transactionId"]
        await station.call("StopTransaction", **STOP)
        await station.call("MeterValues", **VALUES)
    # What was not answered may have been committed in the end: then its repeat was recognised.
    assert await database.rows("SELECT transaction_id FROM charging_transaction") == [(number,)]
    assert await database.value("SELECT count(*) FROM transaction_stop") == 1
    assert await database.value("SELECT count(*) FROM meter_value") == 1


async def test_promise_06_what_needs_no_storage_is_answered_meanwhile(
    serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        await station.exchange("Heartbeat", {})
        async with database.blocked():
            await station.send(json.dumps([2, "start", "StartTransaction", START]))
            for _ in range(3):
                assert "currentTime" in (await station.exchange("Heartbeat", {}))[2]
                answer = await station.call("Authorize", idTag="TAG")
                assert answer["idTagInfo"]["status"] == "Accepted"
        answer = await station.receive()
        assert answer[:2] == [3, "start"]


async def test_promise_06_a_short_outage_costs_nobody_anything(serve: OnDatabase, database: TestDatabase) -> None:
    csms = await serve(storage_grace_seconds=60)
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        await station.exchange("Heartbeat", {})
        async with database.blocked():
            await station.send(json.dumps([2, "start", "StartTransaction", START]))
            # The journal has noticed that the database does not take it.
            await eventually(lambda: csms.statistics()["failing_seconds"] > 0, 30)
        answer = await asyncio.wait_for(station.receive(), 60)
        assert answer[2]["transactionId"] > 0
        assert (await station.start())["transactionId"] == answer[2]["transactionId"]
    assert csms.statistics()["outages"] == 0


async def test_promise_06_memory_stays_bounded_while_the_database_is_away(
    serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve(unanswered_calls=4)
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        await station.exchange("Heartbeat", {})
        before = csms.statistics()["messages"]
        async with database.blocked():
            for number in range(500):
                await station.send(json.dumps([2, f"{number}", "StartTransaction", START | {"meterStart": number}]))
            await eventually(lambda: csms.statistics()["units_waiting"] == 4)
            # Four are waiting for the database; the rest waits in the socket.
            assert csms.statistics()["messages"] == before + 4
        answers = [(await station.receive())[:2] for _ in range(500)]
    assert answers == [[3, f"{number}"] for number in range(500)]
    assert await database.value("SELECT count(*) FROM charging_transaction") == 500


async def test_promise_06_a_csms_that_stops_during_an_outage_answers_nothing_untrue(
    serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve(drain_seconds=1)
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        await station.exchange("Heartbeat", {})
        async with database.blocked():
            await station.send(json.dumps([2, "start", "StartTransaction", START]))
            received = asyncio.create_task(everything_until_closed(station))
            await csms.stop()
            assert await asyncio.wait_for(received, 30) == []
    assert await database.value("SELECT count(*) FROM charging_transaction") == 0
