"""What a transaction writes: the process whose disk is watched. See `bench.originate`.

`python -m bench.transaction_cost own|shared URL COUNT` lets COUNT stations charge within some seconds, each once: tag,
StartTransaction, `SAMPLES` MeterValues, StopTransaction. `own`: each station on a file of its own. The last line of
output says in JSON when that began and ended, how often it was committed, and how many bytes went to the disk.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import msgspec
import psutil
import uvloop

from bench.originators import begin_charging, configure, make_fleet
from chargewright.clock import SystemClock
from chargewright.station.database import StationDatabase
from chargewright.station.log import configure_log
from chargewright.station.running import product_from
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.choice import implementation

__all__ = ["SAMPLES", "Written"]

SAMPLES = 4
END_SECONDS = 30.0
# Before the first of them is looked at, all have booted and written what they write then.
SETTLE_SECONDS = 1.0
PRODUCT = "reference"


class Written(msgspec.Struct):
    """Of all transactions; `began` and `ended` are seconds of the epoch."""

    began: float
    ended: float
    transactions: int
    commits: int
    written_bytes: int


async def charge(stations: Sequence[VirtualStation], databases: Sequence[StationDatabase]) -> Written:
    """Let all charge at once, and end them when each has told its samples."""
    for virtual in stations:
        if not await virtual.wait_until(virtual.is_online, END_SECONDS):
            raise RuntimeError("a station was not accepted in time")
        configure(virtual, MeterValueSampleInterval="1")
    await asyncio.sleep(SETTLE_SECONDS)
    process, began = psutil.Process(), time.time()
    commits, written = _commits(databases), process.io_counters().write_bytes
    await asyncio.gather(
        *(_charge_once(virtual, f"TAG{number}", number / len(stations)) for number, virtual in enumerate(stations))
    )
    return Written(
        began=began,
        ended=time.time(),
        transactions=sum(virtual.station.snapshot().transactions_completed for virtual in stations),
        commits=_commits(databases) - commits,
        written_bytes=process.io_counters().write_bytes - written,
    )


def _commits(databases: Sequence[StationDatabase]) -> int:
    return sum(database.commits for database in databases)


async def _charge_once(virtual: VirtualStation, id_tag: str, after_seconds: float) -> None:
    # Spread over a second, as the samples that follow are then: all in one moment would be one commit.
    await asyncio.sleep(after_seconds)
    await begin_charging(virtual, id_tag)
    await asyncio.sleep(SAMPLES + 0.5)  # one each second
    virtual.stop_charging()
    await asyncio.wait_for(virtual.station.wait_until_told(), END_SECONDS)
    virtual.unplug(1)
    if not await virtual.wait_until(lambda: not virtual.look(1).has_transaction, END_SECONDS):
        raise RuntimeError("a transaction did not end in time")


@contextmanager
def lone_stations(url: str, count: int, folder: Path) -> Iterator[tuple[list[VirtualStation], list[StationDatabase]]]:
    """Each on a file of its own, as `station run` has it."""
    product, clock, connect = product_from(PRODUCT), SystemClock(), implementation("picows").connect
    with ExitStack() as stack:
        stations, databases = [], []
        for number in range(count):
            name = f"BENCH{number:05d}"
            database = stack.enter_context(StationDatabase(folder / f"{name}.sqlite3"))
            store = StationStore(database, Random(number))
            store.claim(f"{product.vendor} {product.model}", len(product.outlets))
            databases.append(database)
            stations.append(
                VirtualStation(
                    name,
                    url,
                    product,
                    store,
                    connect=connect,
                    clock=clock,
                    random=Random(number),
                    delay_seconds=lambda attempt, random: 0.1,
                )
            )
        yield stations, databases


async def own(url: str, count: int, folder: Path) -> Written:
    """Files of their own."""
    with lone_stations(url, count, folder) as (stations, databases):
        lives = [asyncio.create_task(virtual.run()) for virtual in stations]
        written = await charge(stations, databases)
        for virtual in stations:
            await virtual.close()
        await asyncio.gather(*lives)
    return written


async def shared(url: str, count: int, folder: Path) -> Written:
    """One file for all."""
    loop = asyncio.get_running_loop()
    with StationDatabase(folder / "fleet.sqlite3", call_later=loop.call_later) as database:
        fleet = make_fleet(url, count, database, product_from(PRODUCT))
        fleet.start()
        while len(fleet.stations) < count:  # noqa: ASYNC110 - they are switched on by the clock, and nobody tells
            await asyncio.sleep(0.05)
        written = await charge(fleet.stations, [database])
        await fleet.close(END_SECONDS)
    return written


if __name__ == "__main__":
    configure_log("error")
    with tempfile.TemporaryDirectory(prefix="chargewright-bench-") as directory:
        run = {"own": own, "shared": shared}[sys.argv[1]]
        told = uvloop.run(run(sys.argv[2], int(sys.argv[3]), Path(directory)))
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
