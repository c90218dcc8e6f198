"""`chargewright up` as its user meets it: it charges, it sums up, and what it says is in the database."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

ANY_PORT = ("--ocpp", "127.0.0.1:0", "--http", "127.0.0.1:0")


async def start_up(data: Path, *arguments: str) -> asyncio.subprocess.Process:
    """The command, on a data directory of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chargewright.cli.main",
        "up",
        "--data",
        str(data),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"COLUMNS": "200"},
    )


def stored_energy(data: Path) -> dict[str, tuple[int, int]]:
    """Per station: stopped transactions and their energy in Wh; fails on one that is still open."""
    database = sqlite3.connect(f"file:{data / 'chargewright.sqlite3'}?mode=ro", uri=True)
    try:
        rows = database.execute(
            "SELECT s.identity, count(t.meter_stop), sum(t.meter_stop - t.meter_start), count(*)"
            " FROM charging_transaction t JOIN station s ON s.id = t.station_id GROUP BY 1"
        ).fetchall()
    finally:
        database.close()
    assert [row for row in rows if row[1] != row[3]] == [], "a transaction is still open"
    return {identity: (stopped, energy_wh) for identity, stopped, energy_wh, _ in rows}


def meter_energy(data: Path) -> dict[str, int]:
    """Per station: the sum of its raw registers, which began at 0, in Wh."""
    energies = {}
    for path in (data / "stations").glob("*.sqlite3"):
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            energies[path.stem] = sum(int(row[0]) for row in database.execute("SELECT register_wh FROM register"))
        finally:
            database.close()
    return energies


@pytest.mark.timeout(120)
async def test_three_stations_charge_and_the_database_has_what_the_meters_counted(tmp_path: Path) -> None:
    process = await start_up(tmp_path, "--for", "30", "--speed", "60", "--json", *ANY_PORT)
    output, errors = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, errors.decode()
    lines = output.decode().splitlines()
    summary: dict[str, Any] = json.loads(lines[-1])
    assert set(summary) == {"stations", "messages"}
    assert len(summary["stations"]) == 3
    assert all(station["transactions_completed"] >= 1 for station in summary["stations"].values()), summary
    assert summary["messages"] > 60
    told = {
        name: (station["transactions_completed"], station["energy_wh"]) for name, station in summary["stations"].items()
    }
    assert stored_energy(tmp_path) == told
    assert meter_energy(tmp_path) == {name: energy_wh for name, (_, energy_wh) in told.items()}


async def test_a_signal_in_the_middle_leaves_everything_consistent(tmp_path: Path) -> None:
    process = await start_up(tmp_path, "--speed", "60", *ANY_PORT)
    assert process.stdout is not None
    # It prints a line every few seconds where it has no terminal: the second one comes while cars charge.
    for _ in range(2):
        assert b"Charging" in await asyncio.wait_for(process.stdout.readline(), 30)
    process.send_signal(signal.SIGINT)
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    assert "everything is in the database" in output.decode()
    stored = stored_energy(tmp_path)
    assert {name: energy_wh for name, (_, energy_wh) in stored.items()} == meter_energy(tmp_path)


async def test_a_second_one_on_the_same_directory_is_told_who_has_it(tmp_path: Path) -> None:
    first = await start_up(tmp_path, *ANY_PORT)
    assert first.stdout is not None
    await asyncio.wait_for(first.stdout.readline(), 30)
    second = await start_up(tmp_path, *ANY_PORT)
    _, errors = await asyncio.wait_for(second.communicate(), 30)
    assert second.returncode == 4
    assert f"process {first.pid}" in errors.decode()
    first.terminate()
    await asyncio.wait_for(first.communicate(), 60)
    assert first.returncode == 0


async def test_a_busy_port_is_named_with_a_way_out(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        process = await start_up(tmp_path, "--ocpp", f"127.0.0.1:{port}", "--http", "127.0.0.1:0")
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 3
    assert f"127.0.0.1:{port}" in errors.decode()
    assert "127.0.0.1:0" in errors.decode()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--speed", "0"), "--speed"),
        (("--for", "-3"), "--for"),
        (("--ocpp", "nowhere"), "ocpp"),
        (("--speed", "x"), "--speed"),
    ],
)
async def test_a_wrong_option_is_named(tmp_path: Path, arguments: tuple[str, ...], named: str) -> None:
    process = await start_up(tmp_path, *arguments)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert named in errors.decode()
    assert "Traceback" not in errors.decode()
