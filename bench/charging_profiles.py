"""A station with as many charging profiles as a PICS of ours knows: 1,000 stack levels of 1,000 periods each.

They are sent to a whole station over a wire in memory, while a vehicle charges under them, and kept in a file; then its
composite schedules are asked for. A second process starts the station again with all of them on its disk. Level n is in
force for 80 seconds each day, 86 seconds after level n - 1, so that a day has every period of every level's beginning.
"""

import gc
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import structlog
from rich.console import Console
from tests.station.world import World, car, live

from bench.local_list import resident_mib
from bench.results import Result, bounded, percentile
from chargewright.pics.loading import load
from chargewright.pics.station import StationPics
from chargewright.station.product import Product
from chargewright.station.shape import product_of
from chargewright.station.store import StationStore

SECTION = "charging-profiles"
LEVELS = PERIODS = 1_000
DAY = 86_400
ASKED = 20
# A CSMS waits 30 s and more for an answer; these are for a machine that does other work besides.
MOST_SECONDS = 0.5
MOST_SCHEDULE_SECONDS = 2.0
MOST_RESTART_SECONDS = 3.0
MOST_MIB = 64.0


class Installed(msgspec.Struct):
    """Seconds of each SetChargingProfile and of each GetCompositeSchedule of a day; MiB that the profiles added."""

    setting: list[float]
    asking: list[float]
    periods_told: int
    added_mib: float
    file_mib: float = 0.0


class Restarted(msgspec.Struct):
    """Seconds from opening the file to the BootNotification, and MiB that the profiles took."""

    seconds: float
    added_mib: float


def kempower() -> Product:
    """The product with those limits."""
    pics = load("kempower_s_series")
    if not isinstance(pics, StationPics):
        raise RuntimeError("kempower_s_series is no station")
    return product_of(pics)


def profile(world: World, level: int) -> dict[str, Any]:
    """One of them."""
    schedule: dict[str, Any] = {
        "startSchedule": (world.clock.now() - timedelta(days=1) + timedelta(seconds=level * 86)).isoformat(),
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [
            {"startPeriod": second, "limit": 20_000.5 + second % 40 * 1_000} for second in range(PERIODS)
        ],
    }
    if level:
        schedule["duration"] = 80
    return {
        "chargingProfileId": level + 1,
        "stackLevel": level,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": schedule,
    }


async def timed(world: World, action: str, **payload: Any) -> tuple[float, dict[str, Any]]:
    """Seconds until the answer is there, and the answer, which has to be Accepted."""
    began = time.perf_counter()
    answer = await world.csms.call(action, **payload)
    took = time.perf_counter() - began
    if not isinstance(answer, dict) or answer["status"] != "Accepted":
        raise RuntimeError(f"{action} was answered with {answer}")
    return took, answer


def install(path: Path) -> Installed:
    """The first process."""

    async def main(world: World) -> Installed:
        await world.boot()
        world.virtual.plug(1, car(capacity_wh=1e9))
        world.virtual.show_tag("TAG", 1)
        await world.csms.expect("StartTransaction")
        gc.collect()
        before = resident_mib("VmRSS")
        setting = []
        for level in range(LEVELS):
            asked = {"connectorId": 1, "csChargingProfiles": profile(world, level)}
            setting.append((await timed(world, "SetChargingProfile", **asked))[0])
        gc.collect()
        added = resident_mib("VmRSS") - before
        asking = []
        for number in range(ASKED):
            took, answer = await timed(world, "GetCompositeSchedule", connectorId=number % 2, duration=DAY)
            asking.append(took)
        told = len(answer["chargingSchedule"]["chargingSchedulePeriod"])
        await world.cut_power()
        return Installed(setting, asking, told, added)

    with StationStore(path, Random(1)) as store:
        installed: Installed = live(main, kempower(), store)
    return msgspec.structs.replace(installed, file_mib=path.stat().st_size / 2**20)


def restart(path: Path) -> Restarted:
    """The second process."""
    product = kempower()
    gc.collect()
    before, began = resident_mib("VmRSS"), time.perf_counter()

    async def main(world: World) -> Restarted:
        world.start()
        await world.csms.expect("BootNotification")
        took = time.perf_counter() - began
        gc.collect()
        added = resident_mib("VmRSS") - before
        if store.records("charging_profile").count() != LEVELS:
            raise RuntimeError("not all charging profiles were there again")
        return Restarted(took, added)

    with StationStore(path, Random(1)) as store:
        restarted: Restarted = live(main, product, store)
    return restarted


def run(console: Console) -> list[Result]:
    """The section of `make bench`."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "bench.charging_profiles", str(Path(directory) / "station.sqlite3")]
        output = subprocess.run([*command, "install"], check=True, stdout=subprocess.PIPE).stdout
        installed = msgspec.json.decode(output, type=Installed)
        output = subprocess.run([*command, "restart"], check=True, stdout=subprocess.PIPE).stdout
        restarted = msgspec.json.decode(output, type=Restarted)
    usual, slow = (percentile(installed.setting, share) for share in (0.5, 0.99))
    console.print(
        f"{SECTION}: {LEVELS:,} profiles of {PERIODS:,} periods: {usual * 1e3:.0f} ms each, 99 % within "
        f"{slow * 1e3:.0f} ms; a day's schedule of {installed.periods_told:,} periods "
        f"{max(installed.asking) * 1e3:.0f} ms; file {installed.file_mib:.0f} MiB; there again after "
        f"{restarted.seconds:.2f} s with {restarted.added_mib:.0f} MiB"
    )
    return [
        bounded(SECTION, f"SetChargingProfile of {PERIODS:,} periods, 99 %", slow, "s", MOST_SECONDS),
        bounded(SECTION, "GetCompositeSchedule of a day", max(installed.asking), "s", MOST_SCHEDULE_SECONDS),
        bounded(SECTION, f"memory added by {LEVELS:,} profiles", installed.added_mib, "MiB", MOST_MIB),
        bounded(SECTION, "restart with all of them", restarted.seconds, "s", MOST_RESTART_SECONDS),
        bounded(SECTION, "memory added after the restart", restarted.added_mib, "MiB", MOST_MIB),
    ]


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    measured = {"install": install, "restart": restart}[sys.argv[2]](Path(sys.argv[1]))
    sys.stdout.buffer.write(msgspec.json.encode(measured))
