"""A client that shares no code with us misbehaves as stations do, and the database tells the truth afterwards."""

import asyncio
import json
from pathlib import Path
from typing import Any

from ocpp.v16 import ChargePoint, call
from tests.csms.wire import WireStation, seed_text
from tests.databases import TestDatabase
from tests.serving import ServeProcess, data_arguments
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

BEGIN, END = "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"
GARBAGE = (
    "hello",
    "{}",
    "[]",
    "[2]",
    '[2,"x"',
    '[2,"x","Heartbeat"]',
    '[3,"nobody asked",{}]',
    '[4,"nobody asked","GenericError","",{}]',
    '[9,"x","Heartbeat",{}]',
    '[2,"x","Nonsense",{}]',
    '[2,"x","StartTransaction",[]]',
    "\x00\x01\x02",
    "[" * 50_000,
)
ORPHAN = 987_654


def sample(timestamp: str, energy: str) -> dict[str, Any]:
    return {"timestamp": timestamp, "sampled_value": [{"value": energy, "unit": "Wh"}]}


async def misbehave(url: str) -> int:
    """Everything that stations do wrong; the transactionId of the one true transaction."""
    headers = WireStation(url, "A1").headers  # its password, nothing else
    options: Any = {"subprotocols": [Subprotocol("ocpp1.6")], "additional_headers": headers}
    async with connect(f"{url}/A1", **options) as first_socket:
        station = ChargePoint("A1", first_socket)
        reading = asyncio.ensure_future(station.start())
        boot = await station.call(call.BootNotification(charge_point_model="Odd", charge_point_vendor="Client"))
        assert boot.status == "Accepted"
        # The same start again and again, as after lost answers.
        ids = {(await station.call(call.StartTransaction(1, "TAG", 1000, BEGIN))).transaction_id for _ in range(3)}
        (number,) = ids
        await station.call(call.MeterValues(1, [sample("2026-03-01T10:30:00Z", "1500")], number))
        # The stop of a transaction that nobody knows, with what it measured.
        data = [sample("2026-03-01T09:00:00Z", "7")]
        await station.call(call.StopTransaction(900, "2026-03-01T09:30:00Z", ORPHAN, transaction_data=data))
        await station.call(call.StopTransaction(2000, END, number, "Local", "TAG"))
        # Meter values of it after its stop, one of them twice.
        late = [sample("2026-03-01T10:45:00Z", "1750")]
        for values in (late, late, [sample("2026-03-01T10:59:00Z", "1990")]):
            await station.call(call.MeterValues(1, values, number))
        # A second socket, while the first is alive and well.
        async with connect(f"{url}/A1", **options) as second_socket:
            await asyncio.wait_for(first_socket.wait_closed(), 10)
            assert first_socket.close_code == 1008
            await asyncio.gather(reading, return_exceptions=True)
            for nonsense in GARBAGE:
                await second_socket.send(nonsense)
            await second_socket.send('[2,"after all","Heartbeat",{}]')
            answers = []
            while not answers or answers[-1][1] != "after all":
                answers.append(json.loads(await second_socket.recv()))
            assert answers[-1][0] == 3, "the newest socket is alive"
            assert {answer[2] for answer in answers[:-1]} <= {"FormationViolation", "NotImplemented"}
            assert all(answer[:2] == [4, "x"] for answer in answers[:-1])
    return number


async def test_an_independent_client_does_everything_wrong(database: TestDatabase, tmp_path: Path) -> None:
    server = await ServeProcess.start(*data_arguments(tmp_path, seed_text("A1", "A2")), CHARGEWRIGHT_DB=database.url)
    async with WireStation(server.ocpp_url, "A2") as control:
        await control.boot()
        number = await misbehave(server.ocpp_url)
        assert (await control.exchange("Heartbeat", {}))[0] == 3
        async with WireStation(server.ocpp_url, "A1") as newest:
            await newest.exchange("Heartbeat", {})
            await check(database, number)
    assert await server.stop() == 0


async def check(database: TestDatabase, number: int) -> None:
    """One transaction, the orphan, all values, the newest socket alive."""
    found = await database.rows("SELECT transaction_id, meter_start, meter_stop, stop_reason FROM charging_transaction")
    assert found == [(number, 1000, 2000, "Local")]
    found = await database.rows("SELECT relation, transaction_id, meter_stop FROM transaction_stop ORDER BY id")
    assert found == [("orphan", ORPHAN, 900), ("stop", number, 2000)]
    found = await database.rows("SELECT transaction_id, energy_wh FROM meter_value ORDER BY instant")
    assert found == [(ORPHAN, 7.0), (number, 1500.0), (number, 1750.0), (number, 1990.0)]
    assert await database.value("SELECT epoch FROM station WHERE identity = 'A1'") == 3
    assert await database.value("SELECT count(*) FROM quarantine") == 0
