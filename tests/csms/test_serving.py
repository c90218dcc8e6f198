"""`chargewright serve` as a process: it stops in order, and says clearly why it cannot start."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.csms.wire import WireStation, seed_text
from tests.serving import ServeProcess, data_arguments
from websockets.exceptions import ConnectionClosed

from chargewright.csms import serving
from chargewright.csms.serving import VENDOR_GROUP, vendor_extensions
from chargewright.errors import ConfigurationError

TOKEN = "a-bearer-key"
COMMAND = [sys.executable, "-m", "chargewright.cli.main", "serve", "--ocpp", "127.0.0.1:0", "--http", "127.0.0.1:0"]


def refused(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and standard error of a server that should not start."""
    ended = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False, env=os.environ | environment
    )
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stderr


async def test_promise_11_a_drain_answers_what_is_in_flight_and_ends_the_streams(tmp_path: Path) -> None:
    count = 100
    names = [f"ST{number:03d}" for number in range(count)]
    server = await ServeProcess.start(*data_arguments(tmp_path, seed_text(*names)), CHARGEWRIGHT_BOOTSTRAP_TOKEN=TOKEN)
    stations = [WireStation(server.ocpp_url, name) for name in names]
    for station in stations:
        await station.__aenter__()
        assert (await station.exchange("Heartbeat", {}))[0] == 3  # its claim is durable
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=server.http_url, headers=headers, timeout=30) as client:
        readers = [
            await client.send(client.build_request("GET", "/api/v1/events", headers=headers), stream=True)
            for _ in range(2)
        ]
        with no_commits(tmp_path):
            for number, station in enumerate(stations):
                start = {"connectorId": 1, "idTag": "TAG", "meterStart": number, "timestamp": "2026-01-01T00:00:00Z"}
                await station.send(json.dumps([2, "start", "StartTransaction", start]))
                await station.send(json.dumps([2, "beat", "Heartbeat", {}]))
                # Answered from memory: so what came before it was read, and waits for the database.
                assert (await station.receive())[:2] == [3, "beat"]
            began = time.monotonic()
            server.process.terminate()
            await until_stopping(client)
        answers = await asyncio.gather(*(asyncio.wait_for(station.receive(), 20) for station in stations))
        codes = await asyncio.gather(*(asyncio.wait_for(station.closed(), 20) for station in stations))
        for one in readers:
            await one.aread()
            await one.aclose()
    assert await server.finish() == 0
    assert time.monotonic() - began < 10
    assert set(codes) == {1001}
    assert [answer[:2] for answer in answers] == [[3, "start"]] * count
    stored = rows(tmp_path, "SELECT meter_start, transaction_id FROM charging_transaction ORDER BY meter_start")
    assert stored == [(number, answer[2]["transactionId"]) for number, answer in enumerate(answers)]


async def test_promise_11_a_database_that_is_away_delays_the_end_no_longer_than_told(tmp_path: Path) -> None:
    server = await ServeProcess.start(
        *data_arguments(tmp_path, seed_text("A1")),
        CHARGEWRIGHT_BOOTSTRAP_TOKEN=TOKEN,
        CHARGEWRIGHT_DRAIN_SECONDS="2",
    )
    async with WireStation(server.ocpp_url, "A1") as station:
        await station.boot()
        with no_commits(tmp_path):
            start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
            await station.send(json.dumps([2, "start", "StartTransaction", start]))
            await station.send(json.dumps([2, "beat", "Heartbeat", {}]))
            assert (await station.receive())[:2] == [3, "beat"]
            server.process.terminate()
            # Two seconds to drain, and about one more; the journal itself would try for ten.
            assert await asyncio.wait_for(server.finish(), 8) == 0
        assert await asyncio.wait_for(station.closed(), 10) == 1001
        with pytest.raises(ConnectionClosed):
            await station.receive()
    assert rows(tmp_path, "SELECT transaction_id FROM charging_transaction") == []


@contextmanager
def no_commits(tmp_path: Path) -> Iterator[None]:
    """While this lasts, the server cannot write its database."""
    blocker = sqlite3.connect(tmp_path / "data" / "chargewright.sqlite3", isolation_level=None)
    try:
        blocker.execute("BEGIN IMMEDIATE")
        yield
    finally:
        blocker.close()


async def until_stopping(client: httpx.AsyncClient) -> None:
    """Wait until the server says that it is about to end."""
    async with asyncio.timeout(10):
        while True:
            answer = await client.get("/readyz")
            if answer.status_code == 503 and answer.json()["detail"] == "stopping":
                return
            await asyncio.sleep(0.02)


def rows(tmp_path: Path, statement: str) -> list[Any]:
    """What the database file has after the end."""
    database = sqlite3.connect(tmp_path / "data" / "chargewright.sqlite3")
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


async def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    server = await ServeProcess.start(*data_arguments(tmp_path, seed_text("A1")))
    try:
        for database in ((), ("--db", f"sqlite:///{tmp_path / 'other' / 'database'}")):
            code, message = await asyncio.to_thread(refused, "--data", str(tmp_path / "data"), *database)
            assert code == serving.STORAGE_FAILED
            assert str(tmp_path / "data") in message
            assert f"process {server.process.pid}" in message
    finally:
        assert await server.stop() == 0


def test_a_data_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, message = refused("--data", str(tmp_path / "file"))
    assert code == serving.STORAGE_FAILED
    assert str(tmp_path / "file") in message


async def test_a_busy_port_is_named(tmp_path: Path) -> None:
    server = await ServeProcess.start(*data_arguments(tmp_path, seed_text("A1")))
    try:
        for option, address in (("--ocpp", server.addresses["ocpp"][0]), ("--http", server.addresses["http"][0])):
            code, message = await asyncio.to_thread(refused, "--data", str(tmp_path / "other"), option, address)
            assert code == serving.ADDRESS_IN_USE
            assert f"cannot listen on {option} {address}" in message
            assert f"choose another port, as in {option} 127.0.0.1:0" in message
    finally:
        assert await server.stop() == 0


def test_what_is_wrong_with_settings_and_seed_is_named(tmp_path: Path) -> None:
    seed = tmp_path / "seed.toml"
    seed.write_text('[[station]]\nidentity = "A"\npassword = "secret"')
    code, message = refused("--data", str(tmp_path / "data"), "--seed", str(seed))
    assert code == serving.CONFIGURATION_WRONG
    assert "seed.toml" in message
    assert "'secret'" not in message
    code, message = refused("--data", str(tmp_path / "data"), CHARGEWRIGHT_DRAIN_SECONDS="-1")
    assert code == serving.CONFIGURATION_WRONG
    assert "CHARGEWRIGHT_DRAIN_SECONDS" in message


def test_an_address_of_another_machine_is_told_as_such(tmp_path: Path) -> None:
    code, message = refused("--data", str(tmp_path / "data"), "--ocpp", "192.0.2.1:9000", "--insecure")
    assert code == serving.ADDRESS_IN_USE
    assert "--ocpp 192.0.2.1:9000" in message and "this machine has no such address" in message


async def test_a_misspelt_variable_is_warned_of(tmp_path: Path) -> None:
    code, message = await asyncio.to_thread(
        refused, "--data", str(tmp_path), "--ocpp", "192.0.2.1:9000", "--insecure", CHARGEWRIGHT_HEARTBEAT_INTERVALL="9"
    )
    assert code == serving.ADDRESS_IN_USE
    assert "CHARGEWRIGHT_HEARTBEAT_INTERVALL" in message
    assert "CHARGEWRIGHT_HEARTBEAT_INTERVAL_SECONDS" in message


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data" / "chargewright.sqlite3"
    path.parent.mkdir()
    path.write_bytes(b"this is no database, it only looks like a file" * 100)
    code, message = refused("--data", str(tmp_path / "data"))
    assert code == serving.STORAGE_FAILED
    assert "chargewright.sqlite3" in message


def test_vendor_extensions_come_from_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("com.example", "json:dumps", VENDOR_GROUP)]
    monkeypatch.setattr(serving, "entry_points", lambda group: points if group == VENDOR_GROUP else [])
    assert vendor_extensions() == {"com.example": json.dumps}
    points.append(EntryPoint("org.broken", "no.such.module:function", VENDOR_GROUP))
    with pytest.raises(ConfigurationError, match=r"org\.broken"):
        vendor_extensions()
