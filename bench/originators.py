"""Stations that send as many MeterValues as they can, three kinds of them; each run is a process of its own.

`python -m bench.originators KIND URL COUNT SECONDS` prints what it did as one JSON line. `bare` and `library` send the
next as soon as the last is answered. A `fleet` is the whole thing: every station charges a vehicle, and samples it each
second by both intervals there are, which is more than it can send when there are enough stations.
"""

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from bench.stations import connect_all
from chargewright.clock import SystemClock
from chargewright.protocol.v16.core import ConfigurationStatus
from chargewright.station.behaviour import Behaviour, Connect, load_behaviour
from chargewright.station.database import StationDatabase
from chargewright.station.ev.battery import Battery
from chargewright.station.ev.vehicle import Vehicle
from chargewright.station.fleet import Fleet
from chargewright.station.fleet_plan import FleetPlan
from chargewright.station.log import configure_log
from chargewright.station.product import Product
from chargewright.station.running import product_from
from chargewright.station.virtual import VirtualStation
from chargewright.transport.choice import implementation

__all__ = ["Originated", "begin_charging", "configure", "make_fleet"]

WARM_UP_SECONDS = 2.0
READY_SECONDS = 120.0
# As many samples as those of `bench.stations`.
SAMPLED = "Energy.Active.Import.Register,Power.Active.Import,Current.Import"


class Originated(msgspec.Struct):
    """Calls that were sent and answered between two moments, and what that took this process."""

    calls: int
    seconds: float
    cpu_seconds: float


class _Meter:
    """Counts from now on."""

    def __init__(self, calls: Callable[[], int]) -> None:
        self._calls = calls
        self._before, self._cpu, self._began = calls(), time.process_time(), time.perf_counter()

    def read(self) -> Originated:
        return Originated(
            calls=self._calls() - self._before,
            seconds=time.perf_counter() - self._began,
            cpu_seconds=time.process_time() - self._cpu,
        )


async def bare(url: str, count: int, seconds: float) -> Originated:
    """Bytes that are made for it, on picows."""
    stations = await connect_all(url, count)
    for station in stations:
        station.load()
    await asyncio.sleep(WARM_UP_SECONDS)
    meter = _Meter(lambda: sum(station.calls for station in stations))
    await asyncio.sleep(seconds)
    originated = meter.read()
    for station in stations:
        station.is_loading = False
        station.leave()
    return originated


async def library(url: str, count: int, seconds: float) -> Originated:
    """Stations on the `ocpp` library and `websockets`, which keep nothing."""
    import websockets
    from ocpp.v16 import ChargePoint, call

    logging.disable(logging.CRITICAL)
    calls, is_over = 0, False
    measurands = (("Energy.Active.Import.Register", "Wh"), ("Power.Active.Import", "W"), ("Current.Import", "A"))
    sampled = [
        {"value": "1000", "context": "Sample.Periodic", "format": "Raw", "measurand": name, "unit": unit}
        for name, unit in measurands
    ]

    async def charge(number: int) -> None:
        nonlocal calls
        name = f"BENCH{number:05d}"
        async with websockets.connect(f"{url}/{name}", subprotocols=["ocpp1.6"]) as connection:  # type: ignore[list-item]  # a plain name does
            station = ChargePoint(name, connection)
            reading = asyncio.create_task(station.start())
            try:
                while not is_over:
                    value = {"timestamp": "2026-01-01T00:00:00.000Z", "sampled_value": sampled}
                    await station.call(call.MeterValues(connector_id=1, transaction_id=1, meter_value=[value]))
                    calls += 1
            finally:
                reading.cancel()

    charging = [asyncio.create_task(charge(number)) for number in range(count)]
    await asyncio.sleep(WARM_UP_SECONDS)
    meter = _Meter(lambda: calls)
    await asyncio.sleep(seconds)
    originated = meter.read()
    is_over = True
    await asyncio.gather(*charging)
    return originated


def make_fleet(url: str, count: int, database: StationDatabase, product: Product) -> Fleet:
    """Stations that nobody visits and nothing happens to."""
    nobody = load_behaviour("nobody")
    plan = FleetPlan(
        count=count,
        products=(product,),
        csms_url=url,
        behaviour=Behaviour(
            arrivals=nobody.arrivals, failures=nobody.failures, connect=Connect(stations_per_second=500)
        ),
        prefix="BENCH",
        seed=1,
    )
    return Fleet(plan, database, connect=implementation("picows").connect, clock=SystemClock())


def configure(virtual: VirtualStation, **values: str) -> None:
    """Set configuration keys at the station itself."""
    for key, value in values.items():
        if virtual.station.change_configuration(key, value) is not ConfigurationStatus.ACCEPTED:
            raise RuntimeError(f"{key} cannot become {value!r}")


async def begin_charging(virtual: VirtualStation, id_tag: str) -> None:
    """Wait until it is online, plug a large battery in, show a tag, and wait for the transaction."""
    if not await virtual.wait_until(virtual.is_online, READY_SECONDS):
        raise RuntimeError(f"no connection within {READY_SECONDS:g} s")
    virtual.plug(1, Vehicle(Battery(1e9, 0.1, max_power_w=1e5)))
    virtual.show_tag(id_tag, 1)
    if not await virtual.wait_until(lambda: virtual.look(1).has_transaction, READY_SECONDS):
        raise RuntimeError(f"no transaction within {READY_SECONDS:g} s")


async def fleet(url: str, count: int, seconds: float) -> Originated:
    """A fleet on a file of its own."""
    loop = asyncio.get_running_loop()
    with (
        tempfile.TemporaryDirectory(prefix="chargewright-bench-") as folder,
        StationDatabase(Path(folder) / "fleet.sqlite3", call_later=loop.call_later) as database,
    ):
        stations = make_fleet(url, count, database, product_from("reference"))
        stations.start()
        while len(stations.stations) < count:  # noqa: ASYNC110 - they are switched on by the clock, and nobody tells
            await asyncio.sleep(0.1)
        await asyncio.gather(
            *(begin_charging(virtual, f"TAG{number}") for number, virtual in enumerate(stations.stations))
        )
        for virtual in stations.stations:
            configure(
                virtual,
                MeterValuesSampledData=SAMPLED,
                MeterValuesAlignedData=SAMPLED,
                MeterValueSampleInterval="1",
                ClockAlignedDataInterval="1",
            )
        await asyncio.sleep(WARM_UP_SECONDS)
        meter = _Meter(lambda: stations.tally.answer_times.total)
        await asyncio.sleep(seconds)
        originated = meter.read()
        for virtual in stations.stations:
            configure(virtual, MeterValueSampleInterval="0", ClockAlignedDataInterval="0")
        await stations.close(READY_SECONDS)
        result = stations.result(is_memory_kept=True)
    if result.lost or result.waiting:
        raise RuntimeError(f"{result.lost} messages were lost and {result.waiting} were not answered in time")
    return originated


if __name__ == "__main__":
    configure_log("error")
    run = {"bare": bare, "library": library, "fleet": fleet}[sys.argv[1]]
    told = uvloop.run(run(sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
