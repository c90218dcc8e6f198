"""The engine: a power cut at any moment, an image that is not what was checked, bugs on the way."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.station.test_firmware import IMAGE, order, put, told, until, updatable
from tests.station.world import World, live

from chargewright.file_transfer.base import Source
from chargewright.file_transfer.files import BytesSource
from chargewright.file_transfer.memory import Faults
from chargewright.simulation import EPOCH
from chargewright.station.firmware_stages import ENDED, Stage
from chargewright.station.firmware_updates import FirmwareJob
from chargewright.station.hardware.simulated_firmware import SimulatedFirmware
from chargewright.station.upkeep import MemoryShelf

CONTENT = b"version=1.4\n" + bytes(200_000)
EXPECTED = ["Downloading", "Downloaded", "Installing", "Installed"]


@pytest.mark.parametrize("tenths", range(5, 150, 10))
def test_a_power_cut_at_any_moment_costs_nothing(tenths: int) -> None:
    async def main(world: World) -> None:
        put(world, CONTENT)
        world.files.misbehave("files/1.4.bin", Faults(seconds_per_chunk=1.0))
        await world.boot()
        await order(world)
        await asyncio.sleep(tenths / 10)
        before = told(world)
        await world.cut_power()
        await asyncio.sleep(60)
        await world.restart()
        await asyncio.sleep(200)
        assert world.virtual.firmware.version == "1.4"
        assert world.virtual.look(1).status.value == "Available"
        # Whatever was told before the cut may be told once more, but nothing is left out and the order is kept.
        both = before + told(world)
        assert [status for number, status in enumerate(both) if status not in both[:number]] == EXPECTED
        assert both[-1] == "Installed" or before[-1:] == ["Installed"]

    live(main, updatable())


def kept(world: World, stage: Stage, **changes: Any) -> None:
    job = FirmwareJob(
        stage=stage,
        location=IMAGE,
        retrieve_at=EPOCH - timedelta(hours=1),
        retries=0,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        version="1.4",
    )
    world.store.records("firmware_update").put("job", msgspec.json.encode(msgspec.structs.replace(job, **changes)))
    # The engine reads it when the station is made.
    world.virtual = world._make(world.virtual)


@pytest.mark.parametrize("is_there", [True, False], ids=["on the server", "not on the server any more"])
@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.VERIFIED])
def test_each_stage_that_a_boot_finds_comes_to_an_end(stage: Stage, is_there: bool) -> None:
    async def main(world: World) -> Any:
        if is_there:
            put(world, CONTENT)
        kept(world, stage)
        await world.boot()
        await asyncio.sleep(1000)
        assert world.virtual.look(1).status.value == "Available"
        job = msgspec.json.decode(world.store.records("firmware_update").get("job") or b"", type=FirmwareJob)
        return job.stage, told(world), len(world.csms.of("BootNotification"))

    ended, statuses, boots = live(main, updatable())
    if stage in ENDED:
        assert (ended, statuses, boots) == (stage, [], 1)
    elif stage is Stage.REBOOTING:
        # Nothing had been written into the other place.
        assert (ended, statuses, boots) == (Stage.INSTALLATION_FAILED, ["InstallationFailed"], 1)
    elif is_there:
        assert (ended, statuses[-1], boots) == (Stage.INSTALLED, "Installed", 2)
    else:
        assert (ended, statuses[-1], boots) == (Stage.DOWNLOAD_FAILED, "DownloadFailed", 1)


@pytest.mark.parametrize("cuts", [0, 1, 2, 3])
def test_an_installation_that_is_cut_off_again_and_again_is_given_up(cuts: int) -> None:
    async def main(world: World) -> None:
        put(world, CONTENT)
        await world.boot()
        await order(world)
        await until(world, "Installing")
        for _ in range(cuts):
            await asyncio.sleep(2)
            await world.cut_power()
            await world.restart()
            await world.csms.expect("StatusNotification", 2)
        await until(world, "InstallationFailed" if cuts == 3 else "Installed")
        await asyncio.sleep(1)
        assert world.virtual.firmware.version == ("1.0" if cuts == 3 else "1.4")
        assert world.virtual.look(1).status.value == "Available"

    live(main, updatable())


class DamagedShelf(MemoryShelf):
    """Gives something else than was put there, the first time."""

    is_damaged = True

    def open(self) -> Source:
        if self.is_damaged:
            self.is_damaged = False
            return BytesSource(b"version=6.66")
        return super().open()


def test_an_image_that_is_not_what_was_checked_is_fetched_again() -> None:
    async def main(world: World) -> None:
        put(world, CONTENT)
        world.virtual.shelf = DamagedShelf()
        world.virtual = world._make(world.virtual)
        await world.boot()
        await order(world)
        await until(world, "Installed")
        assert told(world) == [*EXPECTED[:3], *EXPECTED]
        assert world.virtual.firmware.version == "1.4"

    live(main, updatable())


def test_a_bug_in_a_driver_does_not_leave_connectors_out_of_service(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: SimulatedFirmware, image: object, version: str) -> None:
        raise RuntimeError("a driver's bug")

    monkeypatch.setattr(SimulatedFirmware, "write", broken)

    async def main(world: World) -> None:
        put(world, CONTENT)
        await world.boot()
        await order(world)
        await until(world, "InstallationFailed")
        await asyncio.sleep(1)
        assert world.virtual.look(1).status.value == "Available"

    live(main, updatable())


def test_a_file_beyond_the_bound_is_refused() -> None:
    async def main(world: World) -> None:
        put(world, bytes(17 * 1024 * 1024))
        await world.boot()
        await order(world)
        await until(world, "DownloadFailed")
        job = msgspec.json.decode(world.store.records("firmware_update").get("job") or b"", type=FirmwareJob)
        assert "16777216" in job.reason

    live(main, updatable())


def test_a_reset_in_the_middle_goes_on_after_the_boot() -> None:
    async def main(world: World) -> None:
        put(world, CONTENT)
        world.files.misbehave("files/1.4.bin", Faults(seconds_per_chunk=10.0))
        await world.boot()
        await order(world)
        await asyncio.sleep(15)
        await world.csms.call("Reset", type="Hard")
        await until(world, "Installed")
        assert told(world) == EXPECTED

    live(main, updatable())
