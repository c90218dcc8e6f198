"""One central system and three charging stations with their drivers, in one process: what `chargewright up` runs.

They share the process and nothing else: every message crosses a real WebSocket on a loopback address, with a password.
"""

import asyncio
import os
import secrets
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from chargewright.clock import SystemClock
from chargewright.csms.app import Csms
from chargewright.csms.config import load_settings
from chargewright.csms.seed import read_seed
from chargewright.errors import ConfigurationError
from chargewright.station.ev.driver import Driver, Habits, IdTagPool
from chargewright.station.running import product_from
from chargewright.station.shape import with_basic_authentication
from chargewright.station.snapshot import StationSnapshot
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation, store_path
from chargewright.transport.basic_auth import password_from_key
from chargewright.transport.choice import implementation
from chargewright.transport.reconnect import BackOff, back_off_seconds

__all__ = ["STATIONS", "Depot", "DepotSettings", "StationSummary", "Summary"]

# Identity → PICS. The names are ours: the stations are modelled on public certificates and pretend to be nobody's.
STATIONS: Final = {
    "DEPOT-DC-1": "kempower_s_series",
    "HOME-AC-1": "koolsign_kcap7pg_cl5g",
    "HUB-DC-1": "xcharge_c6",
}
ID_TAGS: Final = ("CW-DRIVER-1", "CW-DRIVER-2", "CW-DRIVER-3", "CW-DRIVER-4", "CW-DRIVER-5")
SEED_FILE: Final = "up.toml"

# Short stops, so that somebody who watches sees cars come and go. At speed 1; `speed` divides these.
HABITS: Final = Habits(id_tags=ID_TAGS, gap_seconds=240.0, stay_seconds=(300.0, 840.0))
FIRST_GAP_SECONDS: Final = 45.0

# An orderly end waits so long for drivers to leave, and for the last messages to be answered.
FAREWELL_SECONDS: Final = 8.0


class DepotSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where data is kept and who listens where (port 0: a free one); `seed` is that of all dice of the drivers."""

    data: Path
    ocpp: str
    http: str
    speed: float
    seed: int


class StationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one station did: transactions from start to stop, and their energy by its own meter, in Wh."""

    transactions_completed: int
    energy_wh: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What happened altogether. `messages` counts calls and answers of both sides."""

    stations: dict[str, StationSummary]
    messages: int


class Depot:
    """Use as an asynchronous context: on entering everything starts, on leaving drivers leave and everything ends."""

    def __init__(self, settings: DepotSettings) -> None:
        if not settings.speed > 0:
            raise ConfigurationError("--speed", "", settings.speed, "a number above 0")
        self.settings = settings
        # All of it stays on loopback addresses, where passwords may travel without TLS whatever a PICS says.
        self.products = {identity: with_basic_authentication(product_from(pics)) for identity, pics in STATIONS.items()}
        self.stations: dict[str, VirtualStation] = {}
        settings.data.mkdir(parents=True, exist_ok=True)
        seed_file = _seed_file(settings.data)
        self._passwords = _passwords(seed_file)
        given = {"data": settings.data, "ocpp": settings.ocpp, "http": settings.http}
        self.csms = Csms(load_settings(given), seed=read_seed(seed_file))
        self._at_start: dict[str, StationSnapshot] = {}
        self._final: Summary | None = None
        self._stores = ExitStack()
        self._cards = IdTagPool(ID_TAGS)  # a card is at one outlet at a time
        self._drivers: list[Driver] = []
        self._lives: list[asyncio.Task[None]] = []
        self._visits: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Depot":
        """Start the central system, then the stations, then the drivers."""
        await self.csms.start()
        try:
            url = f"ws://{self.csms.addresses.ocpp[0]}"
            for number, identity in enumerate(STATIONS):
                self._add_station(number, identity, url)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Let the drivers leave, then end stations and central system in order."""
        try:
            await self._say_goodbye()
        finally:
            await self._end()

    async def watch(self, until: asyncio.Event) -> None:
        """Wait for `until`; raises what ended a station or a driver before its time."""
        waiting = asyncio.create_task(until.wait())
        try:
            done, _ = await asyncio.wait([waiting, *self._lives, *self._visits], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {waiting}:
                task.result()
        finally:
            waiting.cancel()

    def summary(self) -> Summary:
        """What happened since the start."""
        if self._final is not None:
            return self._final
        snapshots = [virtual.station.snapshot() for virtual in self.stations.values()]
        return Summary(
            stations={snapshot.station_id: self._since_start(snapshot) for snapshot in snapshots},
            messages=sum(snapshot.messages_sent + snapshot.messages_received for snapshot in snapshots),
        )

    def _since_start(self, now: StationSnapshot) -> StationSummary:
        # A station counts for life; its memory outlives this process.
        begin = self._at_start[now.station_id]
        return StationSummary(
            transactions_completed=now.transactions_completed - begin.transactions_completed,
            energy_wh=now.energy_completed_wh - begin.energy_completed_wh,
        )

    def _add_station(self, number: int, identity: str, url: str) -> None:
        settings = self.settings
        folder = settings.data / "stations"
        folder.mkdir(exist_ok=True)
        dice = Random(f"{settings.seed} {identity}")
        store = self._stores.enter_context(StationStore(store_path(folder, identity), dice))
        product = self.products[identity]
        store.claim(f"{product.vendor} {product.model}", len(product.outlets))
        virtual = VirtualStation(
            identity,
            url,
            product,
            store,
            connect=implementation("picows").connect,
            clock=SystemClock(),
            random=dice,
            delay_seconds=lambda attempt, random: back_off_seconds(attempt, BackOff(), random),
            password=self._passwords[identity],
        )
        self.stations[identity] = virtual
        self._at_start[identity] = virtual.station.snapshot()
        self._lives.append(asyncio.create_task(virtual.station.run(), name=identity))
        for connector in range(1, len(virtual.connectors) + 1):
            random = Random(f"{settings.seed} {identity} {connector}")
            driver = Driver(virtual, connector, HABITS, random, pool=self._cards, speed=settings.speed)
            gap_seconds = FIRST_GAP_SECONDS * (1 + number / 2 + 2 * (connector - 1))
            self._drivers.append(driver)
            self._visits.append(asyncio.create_task(driver.run(gap_seconds), name=f"driver {identity} {connector}"))

    async def _say_goodbye(self) -> None:
        for driver in self._drivers:
            driver.call_off()
        if self._visits:
            await asyncio.wait(self._visits, timeout=FAREWELL_SECONDS)
        # What the operator started has no driver who ends it.
        for virtual in self.stations.values():
            virtual.stop_charging()
        told = [asyncio.create_task(virtual.station.wait_until_told()) for virtual in self.stations.values()]
        if told:
            _, late = await asyncio.wait(told, timeout=FAREWELL_SECONDS)
            await asyncio.gather(*_cancelled(list(late)), return_exceptions=True)
        self._final = self.summary()

    async def _end(self) -> None:
        for visit in self._visits:
            visit.cancel()
        for virtual in self.stations.values():
            await virtual.station.close()
        if self._lives:
            await asyncio.wait(self._lives, timeout=FAREWELL_SECONDS)
        await asyncio.gather(*_cancelled([*self._visits, *self._lives]), return_exceptions=True)
        await self.csms.stop()
        self._stores.close()


def _cancelled(tasks: list[asyncio.Task[None]]) -> Iterator[asyncio.Task[None]]:
    for task in tasks:
        task.cancel()
        yield task


def _seed_file(data: Path) -> Path:
    """The seed file of this directory: made once, with random passwords, readable for its owner only."""
    path = data / SEED_FILE
    if not path.exists():
        lines = [f'[[id_tag]]\nid_tag = "{id_tag}"\n' for id_tag in ID_TAGS]
        lines += [
            f'[[station]]\nidentity = "{identity}"\npassword = "{secrets.token_hex(20)}"\n' for identity in STATIONS
        ]
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("# Made by `chargewright up`: the stations that it runs, with their passwords.\n\n")
            file.write("\n".join(lines))
    return path


def _passwords(seed_file: Path) -> dict[str, bytes]:
    with seed_file.open("rb") as file:
        stations = tomllib.load(file).get("station", [])
    keys = {station["identity"]: station.get("password") for station in stations}
    missing = [identity for identity in STATIONS if not keys.get(identity)]
    if missing:
        expected = f"a password for each of {', '.join(STATIONS)}; remove the file to have it made again"
        raise ConfigurationError(str(seed_file), "station", missing, expected)
    return {identity: password_from_key(keys[identity]) for identity in STATIONS}
