"""A client that shares no code with us misbehaves as stations do, and the REST API tells the truth afterwards."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
from ocpp.v16 import ChargePoint, call
from tests.csms.wire import WireStation, seed_text
from tests.databases import TestDatabase
from tests.serving import ServeProcess, data_arguments
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

TOKEN = "a-token-for-tests"
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
    arguments = data_arguments(tmp_path, seed_text("A1", "A2"))
    environment = {"CHARGEWRIGHT_DB": database.url, "CHARGEWRIGHT_BOOTSTRAP_TOKEN": TOKEN}
    server = await ServeProcess.start(*arguments, **environment)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx.AsyncClient(base_url=f"{server.http_url}/api/v1", headers=headers, trust_env=False) as api,
        WireStation(server.ocpp_url, "A2") as control,
    ):
        await control.boot()
        number = await misbehave(server.ocpp_url)
        assert (await control.exchange("Heartbeat", {}))[0] == 3
        async with WireStation(server.ocpp_url, "A1") as newest:
            await newest.exchange("Heartbeat", {})
            host, port = newest.socket.local_address
            await check(api, number, f"{host}:{port}")
    assert await server.stop() == 0
    assert await database.value("SELECT count(*) FROM quarantine") == 0


async def read(api: httpx.AsyncClient, path: str) -> Any:
    response = await api.get(path)
    assert response.status_code == 200, response.text
    return response.json()


def energies(page: Any) -> list[tuple[int, float]]:
    assert page["next"] is None
    return [(one["transactionId"], one["energyWh"]) for one in page["items"]]


async def check(api: httpx.AsyncClient, number: int, newest_address: str) -> None:
    """Over REST: one transaction, the orphan, all values, the newest socket alive."""
    (transaction,) = (await read(api, "/transactions"))["items"]
    assert (transaction["transactionId"], transaction["station"], transaction["open"]) == (number, "A1", False)
    assert (transaction["meterStart"], transaction["stop"]["meterStop"], transaction["energyWh"]) == (1000, 2000, 1000)
    assert transaction["stop"]["reason"] == "Local"
    detail = await read(api, f"/transactions/{transaction['id']}")
    assert [(stop["relation"], stop["transactionId"]) for stop in detail["stops"]] == [("stop", number)]
    (orphan,) = (await read(api, "/transaction-stops?relation=orphan"))["items"]
    assert (orphan["transactionId"], orphan["meterStop"], orphan["transaction"]) == (ORPHAN, 900, None)
    assert energies(await read(api, f"/transaction-stops/{orphan['id']}/meter-values")) == [(ORPHAN, 7.0)]
    of_transaction = [(number, energy) for energy in (1500.0, 1750.0, 1990.0)]
    assert energies(await read(api, f"/transactions/{transaction['id']}/meter-values")) == of_transaction
    assert energies(await read(api, "/stations/A1/meter-values")) == [(ORPHAN, 7.0), *of_transaction]
    station = await read(api, "/stations/A1")
    assert (station["connected"], station["address"]) == (True, newest_address)
