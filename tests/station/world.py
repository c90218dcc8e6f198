"""A station in virtual time with a scripted CSMS: `live(main)` runs `main(world)` and tidies up."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from tests.station.scripted_csms import ScriptedCsms

from chargewright.clock import LoopClock
from chargewright.file_transfer.choice import TransferTools
from chargewright.file_transfer.memory import MemoryFiles
from chargewright.file_transfer.transfers import FileTransfers
from chargewright.simulation import simulate
from chargewright.station.dialect import Dialect
from chargewright.station.ev.battery import Battery
from chargewright.station.ev.vehicle import Vehicle
from chargewright.station.hardware.interface import Outlet
from chargewright.station.measurands import supported_measurands
from chargewright.station.product import MeasurandList, Product
from chargewright.station.station_clock import StationClock
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation

SOCKET = Outlet(phases=3, max_power_w=22_080.0, max_current_a=32.0, has_fixed_cable=False)
DC_CABLE = Outlet(phases=0, max_power_w=150_000.0, max_current_a=375.0, has_fixed_cable=True)


def product(*outlets: Outlet, **changes: Any) -> Product:
    """A product with the given outlets (one socket by default) that can do what this station can."""
    outlets = outlets or (SOCKET,)
    everything = MeasurandList(supported_measurands(outlets), 30)
    lists = ("MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData", "StopTxnAlignedData")
    values: dict[str, Any] = {
        "model": "CW-TEST",
        "serial_number": "CW-1",
        "firmware_version": "1.0",
        "outlets": outlets,
        "allows_offline_unknown_tags": True,
        "maintains_authorization": True,
        "measurand_lists": dict.fromkeys(lists, everything),
    }
    return Product(**(values | changes))


def car(capacity_wh: float = 60_000.0, soc: float = 0.2, **changes: Any) -> Vehicle:
    """A vehicle with a 100 kW battery and a three-phase 16 A onboard charger."""
    return Vehicle(Battery(capacity_wh, soc, max_power_w=100_000.0), **changes)


class World:
    """`station` runs against `csms`; `restart` makes a new station on the same memory and hardware."""

    def __init__(self, made: Product, clock: LoopClock, store: StationStore) -> None:
        self.product = made
        self.clock = clock
        self.csms = ScriptedCsms(clock.now)
        self.files = MemoryFiles()
        self.store = store
        self.spoken: frozenset[Dialect] = frozenset()
        self.station_clock = StationClock(clock)
        self.virtual = self._make(None)
        self._running: asyncio.Task[None] | None = None

    def _make(self, previous: VirtualStation | None) -> VirtualStation:
        return VirtualStation(
            "CW 1",
            "ws://memory/ocpp",
            self.product,
            self.store,
            connect=self.csms.connect,
            clock=self.station_clock,
            random=Random(1),
            delay_seconds=lambda attempt, random: 10.0,
            spoken=self.spoken,
            connectors=None if previous is None else previous.connectors,
            transfers=FileTransfers(self.clock, TransferTools(memory=self.files, simulated=True)),
            shelf=None if previous is None else previous.shelf,
        )

    def start(self) -> None:
        self._running = asyncio.get_running_loop().create_task(self.virtual.station.run())

    async def boot(self) -> None:
        """Start and wait until all statuses are told."""
        self.start()
        connectors = len(self.product.outlets)
        await self.csms.expect("StatusNotification", 1 + connectors)

    async def cut_power(self) -> None:
        """Power is away; whatever was under way is lost."""
        self.virtual.station.cut_power()
        await self._end()

    async def restart(self) -> None:
        """Power is back: same memory, same hardware, same vehicles."""
        self.csms.calls.clear()
        self.virtual = self._make(self.virtual)
        self.start()

    async def close(self) -> None:
        await self.virtual.station.close()
        await self._end()

    async def _end(self) -> None:
        if self._running is not None:
            await self._running
            self._running = None

    async def change(self, key: str, value: str) -> str:
        answer = await self.csms.call("ChangeConfiguration", key=key, value=value)
        return str(answer["status"])


def live(
    main: Callable[[World], Coroutine[Any, Any, Any]], made: Product | None = None, store: StationStore | None = None
) -> Any:
    """Run `main` in virtual time."""

    async def run(clock: LoopClock) -> Any:
        memory = StationStore(":memory:", Random(7)) if store is None else store
        world = World(product() if made is None else made, clock, memory)
        try:
            return await main(world)
        finally:
            await world.close()
            if store is None:
                memory.close()

    return simulate(run)
