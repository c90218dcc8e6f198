"""The simulated board's firmware: versions from images, and failures on demand."""

from random import Random

import pytest

from chargewright.file_transfer.files import BytesSource
from chargewright.station.hardware.firmware import InstallationFailed, InstallStep
from chargewright.station.hardware.simulated_firmware import SimulatedFirmware
from chargewright.station.store import StationStore


def make(store: StationStore | None = None) -> SimulatedFirmware:
    memory = StationStore(":memory:", Random(1)) if store is None else store
    return SimulatedFirmware(memory.records("firmware_slots"), "1.0", write_seconds=0.0)


@pytest.mark.parametrize(
    ("content", "name", "version"),
    [
        (b"version=1.4\n\x00\xff", "any.bin", "1.4"),
        (b"fails=writing\nversion=1.5 beta\n", "", "1.5 beta"),
        (b"\x7fELF", "1.6.bin", "1.6"),
        (b"x", "firmware", "firmware"),
        (b"not=a head\n\nversion=9", "7.img", "7"),
    ],
)
async def test_where_the_version_comes_from(content: bytes, name: str, version: str) -> None:
    assert await make().check(BytesSource(content), name) == version


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "1.bin"),
        (b"x", ""),
        (b"version=\n", "1.bin"),
        (b"version=" + b"9" * 51 + b"\n", "1.bin"),
        (b"x", "9" * 51),
    ],
)
async def test_what_is_no_image(content: bytes, name: str) -> None:
    with pytest.raises(InstallationFailed, match="checking"):
        await make().check(BytesSource(content), name)


async def test_a_boot_changes_the_place_and_a_new_board_remembers() -> None:
    store = StationStore(":memory:", Random(1))
    firmware = make(store)
    assert firmware.boot()
    await firmware.write(BytesSource(b"x"), "2.0")
    assert firmware.version == "1.0"
    assert firmware.boot()
    assert (firmware.version, make(store).version) == ("2.0", "2.0")
    assert firmware.boot()
    assert firmware.version == "2.0"


@pytest.mark.parametrize("step", InstallStep)
@pytest.mark.parametrize("by_image", [False, True])
async def test_it_fails_where_it_is_told_to(step: InstallStep, by_image: bool) -> None:
    firmware = make()
    image = BytesSource(f"version=2.0\n{f'fails={step.value}' if by_image else ''}\n".encode())
    firmware.failing = None if by_image else step

    async def install() -> bool:
        await firmware.write(image, await firmware.check(image, "a"))
        return firmware.boot()

    if step is InstallStep.STARTING:
        assert not await install()
    else:
        with pytest.raises(InstallationFailed) as caught:
            await install()
        assert caught.value.step is step
    assert firmware.version == "1.0"
    assert firmware.boot()
    assert firmware.version == "1.0"
