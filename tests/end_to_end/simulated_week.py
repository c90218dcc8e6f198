"""A week of a hundred stations and a central system in virtual time, with three one-hour charges a day at each.

Run as a program (`seed stations seconds`) it prints, as one line of JSON, how much crossed the network, a digest of
every byte of it in order, and how long that took. The same seed gives the same digest, whatever order Python gives its
sets.
"""

import asyncio
import hashlib
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import structlog

from chargewright.clock import LoopClock
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings
from chargewright.csms.seed import IdTagSeed, Seed, StationSeed
from chargewright.csms.storage.sqlite import open_sqlite
from chargewright.csms.storage.tables import metadata
from chargewright.simulation import simulate
from chargewright.station.database import StationDatabase
from chargewright.station.ev.driver import Driver, Habits
from chargewright.station.running import product_from
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation
from chargewright.transport.loopback import LoopbackNetwork
from chargewright.transport.reconnect import BackOff, back_off_seconds

DAY_SECONDS: Final = 86_400.0
WEEK_SECONDS: Final = 7 * DAY_SECONDS
PICS: Final = "minimal"
# When the day's drivers come, in hours; each station is a little later than the one before.
ARRIVALS: Final = (1.0, 3.5, 17.0)
STAGGER_SECONDS: Final = 37.0
CHARGE_SECONDS: Final = 3600.0
# Bigger than an hour can fill, so that each charge lasts an hour.
CAPACITY_WH: Final = 1_000_000.0


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """What a run leaves behind. `calls` were answered; `transactions` as the central system has them, `open` of them
    without an end; `seconds` of this machine's time, `cpu_seconds` of its processor's."""

    stations: int
    virtual_seconds: float
    messages: int
    calls: int
    transactions: int
    open: int
    queued: int
    digest: str
    seconds: float
    cpu_seconds: float


def live_a_week(seed: int, stations: int = 100, seconds: float = WEEK_SECONDS) -> Week:
    """Simulate it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    began, cpu_began = time.perf_counter(), time.process_time()

    async def main(clock: LoopClock) -> Week:
        return await _main(clock, seed, stations, seconds, Path(folder))

    with tempfile.TemporaryDirectory() as folder:
        week = simulate(main)
    return msgspec.structs.replace(
        week, seconds=time.perf_counter() - began, cpu_seconds=time.process_time() - cpu_began
    )


async def _main(clock: LoopClock, seed: int, count: int, seconds: float, data: Path) -> Week:
    network = LoopbackNetwork(dice=Random(f"{seed} network"))
    identities = [f"CW-F-{number:05d}" for number in range(1, count + 1)]
    storage = await open_sqlite(":memory:", clock)
    secrets = Random(f"{seed} secrets")
    csms = Csms(
        Settings(ocpp="off", http="off", node="node", log_level="error", heartbeat_interval_seconds=300, data=data),
        clock=clock,
        storage=storage,
        seed=Seed(
            station=[StationSeed(identity=identity, security_profile=0) for identity in identities],
            id_tag=[IdTagSeed(id_tag=f"TAG-{identity}") for identity in identities],
        ),
        dice=Random(f"{seed} csms"),
        entropy=secrets.randbytes,
    )
    await csms.start()
    await network.listen(csms.admit, "csms", 9000)
    digest = hashlib.sha256()
    answered = 0
    messages = 0

    async def connect(url: str, **arguments: Any) -> Any:
        on_message = arguments.pop("on_message")

        def received(message: bytes) -> None:
            nonlocal answered, messages
            answered += message[1] == 51  # "3": a CALLRESULT
            messages += 1
            digest.update(message)
            on_message(message)

        connection = await network.connect(url, on_message=received, **arguments)
        send = connection.send

        def sent(message: bytes) -> None:
            nonlocal messages
            messages += 1
            digest.update(message)
            send(message)

        return Tapped(connection, sent)

    database = StationDatabase(":memory:", call_later=asyncio.get_running_loop().call_later)
    product = product_from(PICS)
    fleet, lives, visits = [], [], []
    for number, identity in enumerate(identities):
        dice = Random(f"{seed} {identity}")
        store = StationStore(database, dice, identity)
        store.set_configuration("MeterValueSampleInterval", "60")
        virtual = VirtualStation(
            identity,
            "ws://csms:9000/ocpp",
            product,
            store,
            connect=connect,
            clock=clock,
            random=dice,
            delay_seconds=lambda attempt, random: back_off_seconds(attempt, BackOff(), random),
        )
        fleet.append(virtual)
        lives.append(asyncio.create_task(virtual.station.run(), name=identity))
        habits = Habits(
            id_tags=(f"TAG-{identity}",),
            stay_seconds=(CHARGE_SECONDS, CHARGE_SECONDS),
            capacity_wh=(CAPACITY_WH, CAPACITY_WH),
            arrival_soc=(0.1, 0.1),
            target_soc=(1.0, 1.0),
        )
        driver = Driver(virtual, 1, habits, Random(f"{seed} driver {identity}"))
        visits.append(asyncio.create_task(_come(driver, number * STAGGER_SECONDS, seconds), name=f"driver {identity}"))
    await asyncio.sleep(seconds)
    for visit in await asyncio.gather(*visits, return_exceptions=True):
        if isinstance(visit, BaseException):
            raise visit
    for virtual in fleet:
        await virtual.station.wait_until_told()
    table = metadata.tables["charging_transaction"]
    rows = await storage.select(table.select())
    ends = list(table.columns.keys()).index("meter_stop")
    for virtual in fleet:
        await virtual.station.close()
    await asyncio.wait(lives, timeout=60)
    queued = sum(virtual.station.snapshot().messages_queued for virtual in fleet)
    await csms.stop()
    return Week(
        stations=count,
        virtual_seconds=seconds,
        messages=messages,
        calls=answered,
        transactions=len(rows),
        open=sum(row[ends] is None for row in rows),
        queued=queued,
        digest=digest.hexdigest(),
        seconds=0.0,
        cpu_seconds=0.0,
    )


class Tapped:
    """A connection whose sent messages are looked at."""

    def __init__(self, connection: Any, send: Any) -> None:
        self._connection = connection
        self.send = send

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


async def _come(driver: Driver, late_seconds: float, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    day = 0.0
    while day < seconds:
        for hour in ARRIVALS:
            arrival = day + hour * 3600.0 + late_seconds
            if arrival + CHARGE_SECONDS > seconds:
                return
            await asyncio.sleep(arrival - loop.time())
            await driver.visit()
        day += DAY_SECONDS


if __name__ == "__main__":
    week = live_a_week(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    sys.stdout.write(msgspec.json.encode(week).decode() + "\n")
