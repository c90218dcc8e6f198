"""A slow or stuck station hurts only itself: every bound is reached on a socket while a control station is served."""

import asyncio
import contextlib
import json

import pytest
from tests.csms.wire import WireStation, eventually
from tests.databases import TestDatabase
from tests.nodes import OnDatabase
from tests.transport.raw_websocket import TEXT, raw_client

STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}


async def test_promise_09_a_message_too_big_closes_its_socket_and_is_an_alarm(
    serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve(message_bytes=20_000)
    url = f"ws://{csms.addresses.ocpp[0]}"
    big = [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "x" * 30_000}]}]
    async with WireStation(url, "A2") as control:
        for _ in range(2):
            async with WireStation(url, "A1") as station:
                await station.send(json.dumps([2, "1", "MeterValues", {"connectorId": 1, "meterValue": big}]))
                assert await asyncio.wait_for(station.closed(), 10) == 1009
        await control.boot()
        await eventually(lambda: csms.statistics()["connections"] == 1)
        await csms._storage.journal.drain()
    found = await database.rows(
        "SELECT s.identity FROM event e JOIN station s ON s.id = e.station_id WHERE e.kind = 'alarm.message_too_big'"
    )
    assert found == [("A1",), ("A1",)]


async def test_promise_09_a_legal_stop_of_megabytes_is_taken(serve: OnDatabase, database: TestDatabase) -> None:
    url = await serve.url()
    data = [
        {
            "timestamp": f"2026-01-01T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z",
            "sampledValue": [{"value": f"{n}"}],
        }
        for n in range(20_000)
    ]
    async with WireStation(url, "A1") as station, WireStation(url, "A2") as control:
        number = (await station.start())["transactionId"]
        stop = {"transactionId": number, "meterStop": 20_000, "timestamp": "2026-01-01T08:00:00Z"}
        await station.send(json.dumps([2, "big", "StopTransaction", stop | {"transactionData": data}]))
        for _ in range(5):
            assert (await control.exchange("Heartbeat", {}))[0] == 3
        assert await asyncio.wait_for(station.receive(), 60) == [3, "big", {}]
    assert await database.value("SELECT count(*) FROM meter_value") == 20_000


async def test_promise_09_a_station_that_does_not_wait_is_read_no_further(serve: OnDatabase) -> None:
    csms = await serve(unanswered_calls=8)
    url = f"ws://{csms.addresses.ocpp[0]}"
    async with WireStation(url, "A1") as hasty, WireStation(url, "A2") as control:
        for number in range(500):
            await hasty.send(json.dumps([2, f"{number}", "StatusNotification", STATUS]))
        await control.boot()
        answers = [(await hasty.receive())[1] for _ in range(500)]
    assert answers == [f"{number}" for number in range(500)]
    assert csms.statistics()["largest_batch"] <= 10


async def test_promise_09_a_station_that_does_not_read_is_dropped_at_the_bound(
    serve: OnDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    csms = await serve()
    url = f"ws://{csms.addresses.ocpp[0]}"
    host, _, port = csms.addresses.ocpp[0].partition(":")
    headers = {"Authorization": WireStation(url, "A1").headers["Authorization"]}
    # An unknown action is answered with its name: much more than the kernel's buffers comes back.
    greedy: bytes = json.dumps([2, "x" * 36, "Nonsense" * 7, {}]).encode()
    async with raw_client((host, int(port)), limit=1024) as deaf, WireStation(url, "A2") as control:
        assert await deaf.upgrade("/A1", headers) == 101
        await eventually(lambda: csms.statistics()["stations_connected"] == 2)

        async def shout() -> None:
            # It reads nothing: asyncio stops at the limit above.
            with contextlib.suppress(ConnectionError):
                while True:
                    deaf.send(TEXT, greedy)
                    await deaf.writer.drain()

        shouting = asyncio.create_task(shout())

        async def serve_control() -> int:
            served = 0
            while csms.statistics()["connections"] == 2:
                assert (await control.exchange("Heartbeat", {}))[0] == 3
                served += 1
            return served

        assert await asyncio.wait_for(serve_control(), 60) > 0
        assert "the receiver of a message" not in caplog.text, "it is no mistake of ours"
        await asyncio.wait_for(shouting, 30)
        assert (await control.boot())["status"] == "Accepted"
        assert csms.statistics()["stations_connected"] == 1
