"""A CSMS that runs does not grow: resident memory after minute 5 of a steady load is that of minute 1."""

import asyncio
import time
from pathlib import Path

import psutil
import pytest
from tests.csms.wire import WireStation, seed_text
from tests.databases import TestDatabase
from tests.serving import ServeProcess, data_arguments

STATIONS = 50
# A bound on what may come between: 5 % and 8 MiB.
SHARE, BYTES = 1.05, 8 * 2**20


async def steady(url: str, identity: str, until: float) -> int:
    """Whole transactions, one after the other, reconnecting now and then; how many."""
    count = 0
    while time.monotonic() < until:
        async with WireStation(url, identity) as station:
            await station.boot()
            for _ in range(20):
                count += 1
                number = (await station.start(meterStart=count))["transactionId"]
                for minute in range(5):
                    samples = [{"value": str(count + minute)}]
                    value = [{"timestamp": f"2026-01-01T00:{minute:02d}:00Z", "sampledValue": samples}]
                    await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=value)
                await station.call("Authorize", idTag="TAG")
                await station.exchange("Nonsense", {})
                await station.stop(number)
    return count


@pytest.mark.soak
async def test_promise_09_memory_does_not_grow(database: TestDatabase, tmp_path: Path) -> None:
    names = [f"S{number:03d}" for number in range(STATIONS)]
    server = await ServeProcess.start(*data_arguments(tmp_path, seed_text(*names)), CHARGEWRIGHT_DB=database.url)
    process = psutil.Process(server.process.pid)
    began = time.monotonic()
    lives = [asyncio.create_task(steady(server.ocpp_url, name, began + 310)) for name in names]
    await asyncio.sleep(60)
    early = process.memory_info().rss
    await asyncio.sleep(began + 300 - time.monotonic())
    late = process.memory_info().rss
    assert sum(await asyncio.gather(*lives)) > 100 * STATIONS
    assert await server.stop() == 0
    assert late <= early * SHARE + BYTES, f"{early / 2**20:.1f} MiB after one minute, {late / 2**20:.1f} after five"
