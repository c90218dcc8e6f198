"""`kill -9` of a real station process at seeded moments, online and offline: every Wh is on a bill, once.

The central system is the `websockets` library and plain JSON: nothing of ours but the books it keeps.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import websockets
from tests.faults.station_life import Books
from websockets.asyncio.server import ServerConnection, serve

KILLS = 12
RUNS = 2


class Socket:
    """What the books answer into: a real WebSocket."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.sending: set[asyncio.Task[None]] = set()

    def deliver(self, frame: list[Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._send(json.dumps(frame)))
        self.sending.add(task)
        task.add_done_callback(self.sending.discard)

    async def _send(self, text: str) -> None:
        try:
            await self.connection.send(text)
        except websockets.ConnectionClosed:
            return  # the station was killed before it heard the answer: what this test is about


class Central:
    """Keeps the books over real sockets; `is_open` False: connections are closed as soon as they come."""

    def __init__(self, seed: str) -> None:
        self.books = Books(lambda: datetime.now(UTC), Random(seed), trouble=0.02)
        self.is_open = True
        self.url = ""
        self.connections: set[ServerConnection] = set()

    async def handle(self, connection: ServerConnection) -> None:
        if not self.is_open:
            return
        self.connections.add(connection)
        self.books.wire = Socket(connection)  # type: ignore[assignment]  # as much of a Wire as the books use
        try:
            async for message in connection:
                self.books.receive(self.books.wire, json.loads(message))  # type: ignore[arg-type]  # the same
        except websockets.ConnectionClosedError:
            return  # killed
        finally:
            self.connections.discard(connection)

    async def shut(self) -> None:
        self.is_open = False
        for connection in list(self.connections):
            await connection.close()


@asynccontextmanager
async def central_system(seed: str) -> AsyncIterator[Central]:
    central = Central(seed)
    async with serve(central.handle, "127.0.0.1", 0, subprotocols=[websockets.Subprotocol("ocpp1.6")]) as server:
        central.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ocpp"
        yield central


async def start_station(url: str, data: Path, seed: int, *more: str) -> asyncio.subprocess.Process:
    arguments = ["station", "run", "reference", "--csms", url, "--id", "CW-1", "--data", str(data), "--seed", str(seed)]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chargewright", *arguments, "--speed", "600", *more, "--log-level", "error", "--json",
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


async def kill_and_kill(data: Path, run: int, kills: int) -> None:
    dice = Random(f"station kills {run}")
    async with central_system(f"{run}") as central:
        books = central.books
        for number in range(kills):
            central.is_open = True
            booted = len(books.of("BootNotification"))
            process = await start_station(central.url, data, run)
            try:
                await books.expect("BootNotification", booted + 1, within=30)
                if number == 0:
                    for key, value in (("AllowOfflineTxForUnknownId", "true"), ("MeterValueSampleInterval", "1")):
                        assert await books.call("ChangeConfiguration", key=key, value=value) == {"status": "Accepted"}
                if dice.random() < 0.5:
                    heard = len(books.calls)
                    await wait_for_calls(books, heard + dice.randrange(1, 12))
                    await central.shut()
                # The seeded moment: any point of a transaction, or between two, will do.
                await asyncio.sleep(dice.uniform(0.1, 1.2))
            finally:
                process.kill()
                await process.wait()
        central.is_open = True
        process = await start_station(central.url, data, run, "--for", "4")
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
        result = json.loads(output)
        assert result["messages_queued"] == 0 and result["transactions_running"] == 0
        assert len(books.start_of) >= kills // 2, "too little happened to prove anything"
        assert any(stops[0]["reason"] == "PowerLoss" for stops in books.stops.values())
        books.check({item["connector_id"]: item["register_wh"] for item in result["connectors"]})


async def wait_for_calls(books: Books, count: int) -> None:
    async with asyncio.timeout(30):
        while len(books.calls) < count:
            books.changed.clear()
            await books.changed.wait()


@pytest.mark.parametrize("run", range(RUNS))
async def test_a_killed_station_owes_nothing(tmp_path: Path, run: int) -> None:
    await kill_and_kill(tmp_path, run, KILLS)


@pytest.mark.soak
async def test_five_hundred_kills(tmp_path: Path) -> None:
    for run in range(10):
        await kill_and_kill(tmp_path / str(run), 100 + run, 50)
