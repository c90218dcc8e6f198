"""Stop and restart are graceful: SIGTERM drains, closes with 1001 and leaves nothing half-done; storms are absorbed."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.csms.wire import WireStation, eventually, seed_text
from tests.databases import TestDatabase
from tests.nodes import OnDatabase
from tests.serving import ServeProcess, data_arguments
from websockets.exceptions import ConnectionClosed

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
STORM = 200


async def start_process(folder: Path, database: TestDatabase, seed: str) -> ServeProcess:
    return await ServeProcess.start(*data_arguments(folder, seed), CHARGEWRIGHT_DB=database.url)


class Restless(WireStation):
    """Starts transactions without end, and remembers what it was answered."""

    def __init__(self, url: str, identity: str) -> None:
        super().__init__(url, identity)
        self.answered: dict[int, int] = {}  # meterStart: transactionId
        self.sent = 0

    async def live(self) -> int:
        """Until the connection ends; the code."""
        try:
            while True:
                answer = await self.start(meterStart=self.sent)
                self.answered[self.sent] = answer["transactionId"]
                self.sent += 1
        except ConnectionClosed:
            return await self.closed()


async def test_promise_11_sigterm_answers_what_was_taken_on_and_closes_with_1001(
    database: TestDatabase, tmp_path: Path
) -> None:
    names = [f"S{number}" for number in range(10)]
    server = await start_process(tmp_path, database, seed_text(*names))
    stations = [Restless(server.ocpp_url, name) for name in names]
    for station in stations:
        await station.__aenter__()
    lives = [asyncio.create_task(station.live()) for station in stations]
    await eventually(lambda: all(station.answered for station in stations))
    assert await server.stop() == 0
    assert set(await asyncio.gather(*lives)) == {1001}
    answered = {(station.url.rpartition("/")[2], *pair) for station in stations for pair in station.answered.items()}
    stored = await database.rows(
        "SELECT s.identity, t.meter_start, t.transaction_id FROM charging_transaction t"
        " JOIN station s ON s.id = t.station_id"
    )
    assert answered <= set(stored)
    # At most the one that each had on its way is stored unanswered: it will come again, and be recognised.
    assert len(stored) - len(answered) <= len(stations)
    assert await database.value("SELECT count(*) FROM station WHERE close_code = 1001") == len(stations)


async def test_promise_11_what_was_going_on_goes_on_after_a_restart(database: TestDatabase, tmp_path: Path) -> None:
    server = await start_process(tmp_path, database, seed_text("A1"))
    async with WireStation(server.ocpp_url, "A1") as station:
        await station.boot()
        number = (await station.start())["transactionId"]
        assert await server.stop() == 0
        assert await station.closed() == 1001
    server = await start_process(tmp_path, database, seed_text("A1"))
    async with WireStation(server.ocpp_url, "A1") as station:
        # It need not boot again: it did not reboot.
        assert (await station.start())["transactionId"] == number
        await station.stop(number)
    assert await server.stop() == 0
    assert await database.rows("SELECT transaction_id, meter_stop FROM charging_transaction") == [(number, 1000)]
    assert await database.value("SELECT count(*) FROM deviation") == 0


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
async def test_promise_11_a_second_signal_does_no_harm(
    again: signal.Signals, database: TestDatabase, tmp_path: Path
) -> None:
    server = await start_process(tmp_path, database, seed_text("A1"))
    async with WireStation(server.ocpp_url, "A1") as station:
        number = (await station.start())["transactionId"]
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(again)
        await station.closed()
    await server.finish()
    assert await database.rows("SELECT transaction_id FROM charging_transaction") == [(number,)]


async def test_promise_11_units_on_their_way_are_committed_and_answered_before_the_end(
    serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve()
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        await station.exchange("Heartbeat", {})
        async with database.blocked():
            for number in range(5):
                await station.send(json.dumps([2, f"{number}", "StartTransaction", START | {"meterStart": number}]))
            await eventually(lambda: csms.statistics()["units_waiting"] == 5)
            stopping = asyncio.create_task(csms.stop())
            await eventually(lambda: csms.not_ready() == "stopping")
        answers: list[list[Any]] = [await station.receive() for _ in range(5)]
        assert await station.closed() == 1001
        await stopping
    assert [answer[:2] for answer in answers] == [[3, f"{number}"] for number in range(5)]
    assert await database.value("SELECT count(*) FROM charging_transaction") == 5


async def test_promise_11_a_reconnect_storm_is_absorbed(serve: OnDatabase, database: TestDatabase) -> None:
    names = [f"S{number:03d}" for number in range(STORM)]
    seed = seed_text(*names)
    status = {"status": "Available", "errorCode": "NoError"}

    async def come_back(url: str, name: str) -> None:
        async with WireStation(url, name) as station:
            assert (await station.boot())["status"] == "Accepted"
            for connector in range(3):
                await station.call("StatusNotification", connectorId=connector, **status)

    for _ in range(2):
        csms = await serve(seed=seed)
        url = f"ws://{csms.addresses.ocpp[0]}"
        async with asyncio.timeout(60):
            await asyncio.gather(*(come_back(url, name) for name in names))
        await csms.stop()
    assert await database.value("SELECT count(*) FROM station WHERE booted AND epoch = 2") == STORM
    assert await database.value("SELECT count(*) FROM connector") == 3 * STORM
    assert await database.value("SELECT count(*) FROM connector_status") == 6 * STORM
    assert await database.value("SELECT count(*) FROM quarantine") == 0
