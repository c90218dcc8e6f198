"""A station with simulated hardware, ready to run, and the hands of the people around it."""

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from urllib.parse import quote

from chargewright.clock import Clock
from chargewright.errors import LocalProtocolError
from chargewright.file_transfer.choice import TransferTools
from chargewright.file_transfer.transfers import FileTransfers
from chargewright.protocol.v16.core import ChargePointStatus, Reason
from chargewright.station.dialect import Dialect
from chargewright.station.ev.vehicle import Vehicle
from chargewright.station.file_trust import InstalledRoots
from chargewright.station.flag import Flag
from chargewright.station.hardware.interface import Housing
from chargewright.station.hardware.simulated import SimulatedConnector
from chargewright.station.hardware.simulated_firmware import SimulatedFirmware
from chargewright.station.hardware.simulated_parts import NO_DELAYS, HardwareDelays, SimulatedEmergencyStop
from chargewright.station.hardware.simulated_restarter import SimulatedRestarter
from chargewright.station.network import SimulatedNetwork
from chargewright.station.product import Product
from chargewright.station.security_profile import Provisioning
from chargewright.station.snapshot import ConnectorSnapshot, StationSnapshot
from chargewright.station.station import Station
from chargewright.station.station_clock import StationClock
from chargewright.station.store import StationStore, StationStoreError
from chargewright.station.tally import Tally
from chargewright.station.upkeep import MemoryShelf, Shelf, Upkeep
from chargewright.transport.choice import Connect

__all__ = ["VirtualStation", "image_path", "store_path"]


def store_path(directory: Path, station_id: str) -> Path:
    """Where the memory of a station lies; every identity becomes a legal file name."""
    return directory / f"{quote(station_id, safe='')}.sqlite3"


def image_path(directory: Path, station_id: str) -> Path:
    """Where a firmware image of a station lies between download and installation."""
    return directory / f"{quote(station_id, safe='')}.firmware"


class VirtualStation:
    """`station` and what stands around it: vehicles that can be plugged in, tags that can be shown.

    Made inside the running event loop. `store` belongs to the caller. Given `connectors`, their hardware lives on:
    that is how a station looks after a power cut. `transfers` are its ways for files (None: real ones), `shelf` is
    where a firmware image lies (None: in memory); `firmware.failing` makes installations go wrong.
    """

    def __init__(
        self,
        station_id: str,
        csms_url: str,
        product: Product,
        store: StationStore,
        *,
        connect: Connect,
        clock: Clock,
        random: Random,
        delay_seconds: Callable[[int, Random], float],
        password: bytes | None = None,
        provisioning: Provisioning | None = None,
        connectors: Sequence[SimulatedConnector] | None = None,
        spoken: frozenset[Dialect] = frozenset(),
        tally: Tally | None = None,
        delays: HardwareDelays = NO_DELAYS,
        hold_seconds: float | None = None,
        transfers: FileTransfers | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._delays = delays
        self._hold_seconds = hold_seconds
        self.firmware = SimulatedFirmware(store.records("firmware_slots"), product.firmware_version)
        self.shelf = MemoryShelf() if shelf is None else shelf
        roots = InstalledRoots(store)
        if transfers is None:
            transfers = FileTransfers(clock, TransferTools(trust=roots.context))
        upkeep = Upkeep(transfers, self.shelf, self.firmware, roots.look)
        self.network = SimulatedNetwork(connect)
        # It runs on over power cuts, as one with a battery does; hardware that lives on came with it.
        self.clock = clock if isinstance(clock, StationClock) else StationClock(clock)
        self.restarter = SimulatedRestarter()
        self.emergency_stop = SimulatedEmergencyStop()
        self._store = store
        self._power = Flag()
        self._power.set()
        self._is_closed = False
        # AQ-2 of a PICS: nobody can plug in before the station has let them in.
        self.locks_before_authorization = product.locks_before_authorization
        self._has_local_stop = product.has_local_stop
        self._changed = Flag()
        self.connectors = (
            [self._connector(product, number) for number in range(1, len(product.outlets) + 1)]
            if connectors is None
            else list(connectors)
        )
        self._make_station: Callable[[], Station] = lambda: Station(
            station_id,
            csms_url,
            product,
            [connector.hardware for connector in self.connectors],
            store,
            connect=self.network.connect,
            clock=self.clock,
            restarter=self.restarter,
            housing=Housing(emergency_stop=self.emergency_stop),
            random=random,
            delay_seconds=delay_seconds,
            password=password,
            provisioning=provisioning,
            spoken=spoken,
            tally=tally,
            upkeep=upkeep,
        )
        self.station = self._make_station()
        self.station.on_change = self.tell
        self._first = self.station

    @property
    def opening(self) -> StationSnapshot:
        """How it was when `run` began, before any power cut."""
        return self._first.opening

    @property
    def recovered(self) -> int:
        """How many transactions an earlier run had left open, which were stopped when `run` began."""
        return self._first.recovered

    @property
    def has_power(self) -> bool:
        """Whether the grid is there."""
        return self._power.is_set()

    async def run(self) -> None:
        """Live until `close`, over power cuts: after each, a new station on the same memory and hardware."""
        while not self._is_closed:
            await self.station.run()
            await self._power.wait()

    async def close(self) -> None:
        """End in order, and `run` with it."""
        self._is_closed = True
        self._power.set()
        await self.station.close()

    def cut_power(self) -> None:
        """The grid is gone: nothing is sent or written any more; cables stay where they are. Idempotent."""
        if not self.has_power or self._is_closed:
            return
        if self._store.database.is_shared:
            # What others gathered with it cannot be lost, so nothing is: the new station finds on disk what it reads.
            with suppress(StationStoreError):  # The file told the log, tries again, and keeps what it could not write.
                self._store.database.commit()
        self._power.clear()
        self.station.cut_power()
        self.emergency_stop.power_cut()
        for connector in self.connectors:
            connector.cut_power()
        self.tell()

    def return_power(self) -> None:
        """The grid is back: the station starts anew, from what is on disk. Idempotent."""
        if self.has_power or self._is_closed:
            return
        self.station = self._make_station()
        self.station.on_change = self.tell
        self.emergency_stop.power_returned()
        self._power.set()
        self.tell()

    def plug(self, connector_id: int, vehicle: Vehicle) -> None:
        """Connect a vehicle; raises `LocalProtocolError` where the outlet opens only when somebody was let in."""
        if self.locks_before_authorization and not self._is_open(connector_id):
            raise LocalProtocolError(
                f"connector {connector_id} opens when somebody is let in: show a tag or start from afar first"
            )
        self.connectors[connector_id - 1].plug(vehicle)

    def _is_open(self, connector_id: int) -> bool:
        return self.has_power and self.look(connector_id).status is ChargePointStatus.PREPARING

    def unplug(self, connector_id: int) -> Vehicle:
        """Take cable and vehicle away; raises `LocalProtocolError` while the cable is locked."""
        return self.connectors[connector_id - 1].unplug()

    def is_locked(self, connector_id: int) -> bool:
        """Whether the cable is held."""
        lock = self.connectors[connector_id - 1].hardware.cable_lock
        return lock is not None and lock.is_locked

    def show_tag(self, id_tag: str, connector_id: int | None = None) -> None:
        """Hold a tag before the reader."""
        if self.has_power:
            self.station.show_tag(id_tag, connector_id)
        self.tell()  # It may have freed a cable, and no status tells that.

    def stop_charging(self, connector_id: int | None = None) -> None:
        """All who charge (or one of them) stop at the station: Local, or Other where the product has no such stop."""
        if self.has_power:
            self.station.end_transactions(Reason.LOCAL if self._has_local_stop else Reason.OTHER, connector_id)

    def look(self, connector_id: int) -> ConnectorSnapshot:
        """What the display of a connector shows."""
        return self.station.look(connector_id)

    def is_online(self) -> bool:
        """Whether the CSMS can be asked now: connected, and accepted."""
        return self.station.is_online

    async def wait_until(self, is_true: Callable[[], bool], timeout_seconds: float = math.inf) -> bool:
        """Wait until something visible has happened; returns whether it did in time."""
        timeout = None if math.isinf(timeout_seconds) else timeout_seconds
        try:
            async with asyncio.timeout(timeout):
                while not is_true():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _connector(self, product: Product, number: int) -> SimulatedConnector:
        register_wh, _ = self._store.register(number)
        return SimulatedConnector(
            product.outlets[number - 1],
            self.clock,
            asyncio.get_running_loop().call_later,
            register_wh=register_wh,
            keep=lambda register_wh: self._store.set_register(number, register_wh, self.clock.now()),
            delays=self._delays,
            hold_seconds=self._hold_seconds,
            resolution_wh=product.meter_resolution_wh,
            voltage_v=product.nominal_voltage_v,
            frequency_hz=product.mains_frequency_hz,
            keeps_by_itself=self._store.path != ":memory:",
        )

    def tell(self) -> None:
        """Wake whoever waits for something visible."""
        self._changed.set()
