"""A day of a small depot in virtual time: a CSMS, three stations, their drivers, and a network that cuts connections.

Run as a program it prints a digest of everything that crossed the network and of everything that was stored; the same
seed must give the same digest, whatever order Python gives its sets.
"""

import asyncio
import hashlib
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import structlog

from chargewright.clock import LoopClock
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings
from chargewright.csms.seed import IdTagSeed, Seed, StationSeed
from chargewright.csms.storage.sqlite import open_sqlite
from chargewright.csms.storage.tables import metadata
from chargewright.simulation import simulate
from chargewright.station.dialect import Dialect
from chargewright.station.ev.driver import Driver, Habits
from chargewright.station.running import product_from
from chargewright.station.shape import with_basic_authentication
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.loopback import Faults, LoopbackNetwork
from chargewright.transport.reconnect import BackOff, back_off_seconds

STATIONS = {"ALPHA": "kempower_s_series", "BRAVO": "koolsign_kcap7pg_cl5g", "CHARLIE": "xcharge_c6"}
KEY = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
DAY_SECONDS = 86_400.0
TABLES = (
    "station",
    "connector_status",
    "charging_transaction",
    "transaction_stop",
    "meter_value",
    "event",
    "quarantine",
    "deviation",
)


class Day:
    """What a simulated day leaves behind."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.messages = 0
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.meters: dict[str, dict[int, int]] = {}
        self.reconnects = 0


def live_a_day(seed: int, seconds: float = DAY_SECONDS, spoken: frozenset[Dialect] = frozenset()) -> Day:
    """Simulate it, with stations that speak so."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    day = Day()

    async def main(clock: LoopClock) -> None:
        # One directory has one central system, and others may run beside this one.
        with tempfile.TemporaryDirectory() as folder:
            await _main(clock, seed, seconds, day, spoken, Path(folder))

    simulate(main)
    return day


def entropy(dice: Random) -> Any:
    """Secrets from the seed, as this run must be repeatable."""
    return lambda count: dice.randbytes(count)


async def _main(clock: LoopClock, seed: int, seconds: float, day: Day, spoken: frozenset[Dialect], data: Path) -> None:
    faults = Faults(delay_seconds=(0.005, 0.4), cut_chance=0.01)
    network = LoopbackNetwork(faults=faults, dice=Random(f"{seed} network"))
    storage = await open_sqlite(":memory:", clock)
    csms = Csms(
        Settings(ocpp="off", http="off", node="node", log_level="error", data=data),
        clock=clock,
        storage=storage,
        seed=Seed(
            station=[StationSeed(identity=identity, password=KEY) for identity in STATIONS],
            id_tag=[IdTagSeed(id_tag="ANNA"), IdTagSeed(id_tag="BERT")],
        ),
        dice=Random(f"{seed} csms"),
        entropy=entropy(Random(f"{seed} secrets")),
    )
    await csms.start()
    await network.listen(csms.admit, "csms", 9000)

    async def connect(url: str, **arguments: Any) -> Any:
        on_message = arguments.pop("on_message")

        def received(message: bytes) -> None:
            day.digest.update(f"{clock.monotonic():.6f} ".encode() + message + b"\n")
            day.messages += 1
            on_message(message)

        connection = await network.connect(url, on_message=received, **arguments)
        day.reconnects += 1
        return connection

    stations = {}
    lives, visits, drivers = [], [], []
    for identity, pics in STATIONS.items():
        dice = Random(f"{seed} {identity}")
        virtual = VirtualStation(
            identity,
            "ws://csms:9000/ocpp",
            with_basic_authentication(product_from(pics)),
            StationStore(":memory:", dice),
            connect=connect,
            clock=clock,
            random=dice,
            delay_seconds=lambda attempt, random: back_off_seconds(attempt, BackOff(), random),
            password=bytes.fromhex(KEY),
            spoken=spoken,
        )
        stations[identity] = virtual
        lives.append(asyncio.create_task(virtual.station.run(), name=identity))
        for connector in range(1, len(virtual.connectors) + 1):
            habits = Habits(id_tags=("ANNA", "BERT", "STRANGER"), gap_seconds=3600)
            driver = Driver(virtual, connector, habits, Random(f"{seed} {identity} {connector}"))
            drivers.append(driver)
            visits.append(asyncio.create_task(driver.run(), name=f"{identity} {connector}"))
    await asyncio.sleep(seconds)
    for driver in drivers:
        driver.call_off()
    done, late = await asyncio.wait(visits, timeout=1800)
    assert not late, late
    for task in done:
        task.result()
    for virtual in stations.values():
        await asyncio.wait_for(virtual.station.wait_until_told(), 7200)
        day.meters[virtual.station.snapshot().station_id] = dict(virtual.station.meter_readings())
    for name in TABLES:
        table = metadata.tables[name]
        rows = await storage.select(table.select().order_by(*table.primary_key.columns))
        day.rows[name] = [dict(zip(table.columns.keys(), row, strict=True)) for row in rows]
        day.digest.update(repr(day.rows[name]).encode())
    for virtual in stations.values():
        await virtual.station.close()
    await asyncio.wait(lives, timeout=60)
    await csms.stop()


if __name__ == "__main__":
    sys.stdout.write(live_a_day(int(sys.argv[1]), float(sys.argv[2])).digest.hexdigest() + "\n")
