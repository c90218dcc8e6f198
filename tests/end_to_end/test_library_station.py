"""Our CSMS as others see it: a charge point written on the independent `ocpp` library, over a real socket."""

import asyncio
import base64
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets
from ocpp.v16 import ChargePoint, call
from tests.serving import ServeProcess, data_arguments

PASSWORD = "4f43415f4f4354545f61646d696e5f74657374"
SEED = f"""
[[station]]
identity = "LIB 01"
password = "{PASSWORD}"

[[id_tag]]
id_tag = "Alice"
parent_id_tag = "FAMILY"

[[id_tag]]
id_tag = "MALLORY"
blocked = true

[[id_tag]]
id_tag = "OLD"
expires = 2020-01-01T00:00:00Z
"""


@asynccontextmanager
async def library_station(url: str) -> AsyncIterator[ChargePoint]:
    """The library's charge point, connected with its identity percent-encoded and its password as bytes."""
    credentials = base64.b64encode(b"LIB 01:" + bytes.fromhex(PASSWORD)).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    async with websockets.connect(f"{url}/LIB%2001", subprotocols=["ocpp1.6"], additional_headers=headers) as socket:
        station = ChargePoint("LIB 01", socket)
        reader = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database says, read beside the server."""
    database = sqlite3.connect(f"file:{folder / 'data' / 'chargewright.sqlite3'}?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServeProcess]:
    process = await ServeProcess.start(*data_arguments(tmp_path, SEED))
    yield process
    if process.process.returncode is None:
        assert await process.stop() == 0


def sample(timestamp: str, energy: str) -> dict[str, Any]:
    return {"timestamp": timestamp, "sampled_value": [{"value": energy, "unit": "Wh"}]}


async def test_a_whole_transaction(server: ServeProcess, tmp_path: Path) -> None:
    async with library_station(server.ocpp_url) as station:
        boot = await station.call(call.BootNotification(charge_point_model="Shelf", charge_point_vendor="Library"))
        assert boot.status == "Accepted"
        assert boot.interval > 0
        assert boot.current_time.endswith("Z")
        for connector in (0, 1):
            await station.call(call.StatusNotification(connector, "NoError", "Available"))
        heartbeat = await station.call(call.Heartbeat())
        assert heartbeat.current_time >= boot.current_time
        authorized = await station.call(call.Authorize("ALICE"))
        assert authorized.id_tag_info["status"] == "Accepted"
        assert authorized.id_tag_info["parent_id_tag"] == "FAMILY"
        begin = "2026-03-01T10:00:00Z"
        started = await station.call(call.StartTransaction(1, "alice", 1000, begin))
        assert started.id_tag_info["status"] == "Accepted"
        assert started.transaction_id > 0
        repeated = await station.call(call.StartTransaction(1, "ALICE", 1000, "2026-03-01T11:00:00+01:00"))
        assert repeated.transaction_id == started.transaction_id
        values = [sample("2026-03-01T10:01:00Z", "1100"), sample("2026-03-01T10:02:00Z", "1200")]
        for _ in range(2):
            await station.call(call.MeterValues(1, values, started.transaction_id))
        stopped = await station.call(
            call.StopTransaction(1300, "2026-03-01T10:03:00Z", started.transaction_id, "Local", "alice")
        )
        assert stopped.id_tag_info["status"] == "Accepted"
        late = [sample("2026-03-01T10:02:30Z", "1250")]
        await station.call(call.MeterValues(1, late, started.transaction_id))
    transactions = rows(
        tmp_path, "SELECT transaction_id, meter_start, meter_stop, stop_reason FROM charging_transaction"
    )
    assert transactions == [(started.transaction_id, 1000, 1300, "Local")]
    energies = rows(tmp_path, "SELECT energy_wh FROM meter_value ORDER BY instant")
    assert energies == [(1100.0,), (1200.0,), (1250.0,)]


async def test_nothing_is_refused_that_is_somebodys_bill(server: ServeProcess, tmp_path: Path) -> None:
    async with library_station(server.ocpp_url) as station:
        await station.call(call.BootNotification(charge_point_model="Shelf", charge_point_vendor="Library"))
        expected = {"MALLORY": "Blocked", "OLD": "Expired", "NOBODY": "Invalid"}
        ids = set()
        for hour, (tag, status) in enumerate(expected.items()):
            authorized = await station.call(call.Authorize(tag))
            assert authorized.id_tag_info["status"] == status
            started = await station.call(call.StartTransaction(1, tag, 0, f"2026-03-01T{hour:02d}:00:00Z"))
            assert started.id_tag_info["status"] == status
            ids.add(started.transaction_id)
        assert len(ids) == 3
        assert min(ids) > 0
        for unknown in (-1, 987_654):
            await station.call(call.StopTransaction(50, "2026-03-01T12:00:00Z", unknown, transaction_data=[]))
        await station.call(call.MeterValues(0, [sample("1970-01-01T00:00:07Z", "1")]))
        refused = await station.call(call.DataTransfer("nobody.example", "hello"))
        assert refused.status == "UnknownVendorId"
    assert rows(tmp_path, "SELECT count(*) FROM charging_transaction WHERE transaction_id IS NOT NULL") == [(3,)]
    stops = rows(tmp_path, "SELECT transaction_id FROM transaction_stop ORDER BY transaction_id")
    assert stops == [(-1,), (987_654,)]
    assert rows(tmp_path, "SELECT instant FROM meter_value") == [(7_000_000,)]


@pytest.mark.parametrize(
    ("path", "password", "status"),
    [
        ("/NOBODY", PASSWORD, 404),
        ("/LIB%2001", "00" * 16, 401),
        ("/lib%2001", PASSWORD, 404),
        ("/some/prefix//LIB%2001/", PASSWORD, 101),
        ("/LIB%2001?token=1", PASSWORD, 101),
    ],
)
async def test_who_gets_in(server: ServeProcess, path: str, password: str, status: int) -> None:
    credentials = base64.b64encode(b"LIB 01:" + bytes.fromhex(password)).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    try:
        async with websockets.connect(
            f"{server.ocpp_url}{path}", subprotocols=["ocpp2.0.1", "ocpp1.6"], additional_headers=headers
        ) as socket:
            assert (status, socket.subprotocol) == (101, "ocpp1.6")
    except websockets.InvalidStatus as refusal:
        assert refusal.response.status_code == status
