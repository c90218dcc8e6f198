"""Unsigned updates as the CSMS sees them: order, statuses, reboot (§4.5, §5.19)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.station.world import SOCKET, World, car, live, product

from chargewright.file_transfer.memory import Faults
from chargewright.station.hardware.firmware import InstallStep
from chargewright.station.product import FirmwareManagement, Product

PROTOCOLS = ("http", "https", "ftp", "ftps")
IMAGE = "ftp://fw:secret@files/1.4.bin"


def updatable(*outlets: Any, downloads_during_transaction: bool = True, **changes: Any) -> Product:
    management = FirmwareManagement(is_signed=False, downloads_during_transaction=downloads_during_transaction)
    return product(*outlets, **({"firmware_management": management, "file_transfer_protocols": PROTOCOLS} | changes))


def put(world: World, content: bytes = b"version=1.4\n" + bytes(200_000), name: str = "files/1.4.bin") -> None:
    world.files.put(name, content)


async def order(world: World, location: str = IMAGE, delay: float = 0.0, **options: Any) -> Any:
    retrieve = (world.clock.now() + timedelta(seconds=delay)).isoformat()
    return await world.csms.call("UpdateFirmware", location=location, retrieveDate=retrieve, **options)


def told(world: World) -> list[str]:
    return [item["status"] for item in world.csms.of("FirmwareStatusNotification")]


async def until(world: World, status: str) -> None:
    async with asyncio.timeout(100_000):
        while status not in told(world):
            world.csms.changed.clear()
            await world.csms.changed.wait()


def test_download_install_reboot() -> None:
    async def main(world: World) -> None:
        put(world)
        await world.boot()
        world.csms.calls.clear()
        assert await order(world) == {}
        await until(world, "Installed")
        assert told(world) == ["Downloading", "Downloaded", "Installing", "Installed"]
        names = [name for name in world.csms.names() if name != "Heartbeat"]
        boot = names.index("BootNotification")
        assert names[boot - 1] == "FirmwareStatusNotification"
        assert names[-1] == "FirmwareStatusNotification"
        assert world.csms.of("BootNotification")[0]["firmwareVersion"] == "1.4"
        assert world.csms.statuses(1) == ["Unavailable", "Available"]
        assert world.store.records("firmware_update").get("job") is not None
        assert b"secret" not in b"".join(value for _, value in world.store.records("firmware_update").items())
        with pytest.raises(FileNotFoundError):
            world.virtual.shelf.open()

    live(main, updatable())


def test_what_runs_survives_a_power_cut() -> None:
    async def main(world: World) -> None:
        put(world)
        await world.boot()
        await order(world)
        await until(world, "Installed")
        await asyncio.sleep(1)
        await world.cut_power()
        await world.restart()
        boot = await world.csms.expect("BootNotification")
        assert boot["firmwareVersion"] == "1.4"
        await world.csms.expect("StatusNotification", 2)
        await asyncio.sleep(100)
        assert told(world) == []

    live(main, updatable())


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("ftp://files/none.bin", ["Downloading", "DownloadFailed"]),
        ("gopher://files/1.4.bin", ["DownloadFailed"]),
        ("no url at all", ["DownloadFailed"]),
    ],
)
def test_a_download_that_fails(location: str, expected: list[str]) -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await order(world, location, retries=0) == {}
        await until(world, "DownloadFailed")
        assert told(world) == expected
        await asyncio.sleep(10)
        assert world.virtual.look(1).status.value == "Available"

    live(main, updatable(downloads_during_transaction=False))


@pytest.mark.parametrize(
    ("step", "statuses"),
    [
        (InstallStep.CHECKING, ["Downloading", "Downloaded", "Installing", "InstallationFailed"]),
        (InstallStep.WRITING, ["Downloading", "Downloaded", "Installing", "InstallationFailed"]),
        (InstallStep.STARTING, ["Downloading", "Downloaded", "Installing", "InstallationFailed"]),
    ],
)
def test_an_installation_that_fails_leaves_the_old_firmware_and_connectors_in_service(
    step: InstallStep, statuses: list[str]
) -> None:
    async def main(world: World) -> None:
        put(world)
        await world.boot()
        world.virtual.firmware.failing = step
        await order(world)
        await until(world, "InstallationFailed")
        assert told(world) == statuses
        await asyncio.sleep(10)
        assert world.virtual.look(1).status.value == "Available"
        assert world.virtual.firmware.version == "1.0"
        boots = world.csms.of("BootNotification")
        assert [boot["firmwareVersion"] for boot in boots] == ["1.0"] * (2 if step is InstallStep.STARTING else 1)

    live(main, updatable())


def test_retries_and_their_interval_count() -> None:
    async def main(world: World) -> None:
        put(world)
        world.files.misbehave("files/1.4.bin", Faults(cut_after_bytes=(70_000, 70_000)))
        await world.boot()
        began = world.clock.now()
        await order(world, retries=2, retryInterval=100)
        await until(world, "Downloaded")
        assert 200 <= (world.clock.now() - began).total_seconds() < 210

    live(main, updatable())


def test_too_few_retries() -> None:
    async def main(world: World) -> None:
        put(world)
        world.files.misbehave("files/1.4.bin", Faults(cut_after_bytes=(70_000, 70_000)))
        await world.boot()
        await order(world, retries=1, retryInterval=1)
        await until(world, "DownloadFailed")

    live(main, updatable())


def test_nothing_happens_before_the_retrieve_date() -> None:
    async def main(world: World) -> None:
        put(world)
        await world.boot()
        began = world.clock.now()
        await order(world, delay=5000)
        await asyncio.sleep(4990)
        assert told(world) == []
        assert world.virtual.look(1).status.value == "Available"
        await until(world, "Downloading")
        assert (world.clock.now() - began).total_seconds() == pytest.approx(5000, abs=1)

    live(main, updatable(downloads_during_transaction=False))


@pytest.mark.parametrize("downloads_meanwhile", [False, True])
def test_users_are_waited_for_and_nobody_else_is_let_in(downloads_meanwhile: bool) -> None:
    async def main(world: World) -> None:
        put(world)
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG", 1)
        await world.csms.expect("StartTransaction")
        await order(world)
        await asyncio.sleep(60)
        assert told(world) == (["Downloading", "Downloaded"] if downloads_meanwhile else [])
        assert world.virtual.look(1).status.value == "Charging"
        assert world.virtual.look(2).status.value == "Unavailable"
        world.virtual.plug(2, car())
        world.virtual.show_tag("OTHER", 2)
        await asyncio.sleep(60)
        assert len(world.csms.of("StartTransaction")) == 1
        world.virtual.show_tag("TAG", 1)
        await until(world, "Installed")
        await asyncio.sleep(10)
        assert world.csms.statuses(1)[-2:] == ["Unavailable", "Preparing"]
        assert world.csms.statuses(2)[-2:] == ["Unavailable", "Preparing"]

    live(main, updatable(SOCKET, SOCKET, downloads_during_transaction=downloads_meanwhile))


def test_the_newest_order_counts_until_the_image_is_written() -> None:
    async def main(world: World) -> None:
        put(world)
        put(world, b"version=1.5\n", "files/1.5.bin")
        world.files.misbehave("files/1.4.bin", Faults(seconds_per_chunk=50.0))
        await world.boot()
        await order(world)
        await asyncio.sleep(60)
        await order(world, "ftp://files/1.5.bin")
        await until(world, "Installing")
        assert (await order(world))[0] == "GenericError"
        await until(world, "Installed")
        assert told(world) == ["Downloading", "Downloading", "Downloaded", "Installing", "Installed"]
        assert world.virtual.firmware.version == "1.5"

    live(main, updatable())


def test_an_order_that_is_repeated_begins_nothing_anew() -> None:
    async def main(world: World) -> None:
        put(world)
        world.files.misbehave("files/1.4.bin", Faults(seconds_per_chunk=50.0))
        await world.boot()
        request = {"location": IMAGE, "retrieveDate": world.clock.now().isoformat()}
        for _ in range(3):
            assert await world.csms.call("UpdateFirmware", **request) == {}
            await asyncio.sleep(20)
        await until(world, "Installing")
        assert await world.csms.call("UpdateFirmware", **request) == {}
        await until(world, "Installed")
        assert told(world) == ["Downloading", "Downloaded", "Installing", "Installed"]

    live(main, updatable())


async def trigger(world: World) -> Any:
    before = len(told(world))
    answer = await world.csms.call("TriggerMessage", requestedMessage="FirmwareStatusNotification")
    await asyncio.sleep(1)
    return answer["status"], told(world)[before:]


def test_the_status_on_request_is_idle_where_nothing_goes_on() -> None:
    async def main(world: World) -> None:
        put(world)
        world.files.misbehave("files/1.4.bin", Faults(seconds_per_chunk=50.0))
        await world.boot()
        assert await trigger(world) == ("Accepted", ["Idle"])
        await order(world, delay=100)
        assert await trigger(world) == ("Accepted", ["Idle"])
        await asyncio.sleep(110)
        assert await trigger(world) == ("Accepted", ["Downloading"])
        await until(world, "Installed")
        assert await trigger(world) == ("Accepted", ["Idle"])

    live(main, updatable())


def test_statuses_wait_for_the_line() -> None:
    async def main(world: World) -> None:
        put(world)
        await world.boot()
        await order(world, delay=10)
        world.csms.cut()
        await asyncio.sleep(1000)
        world.csms.is_reachable = True
        await until(world, "Installed")
        assert told(world) == ["Downloading", "Downloaded", "Installing", "Installed"]
        assert world.virtual.firmware.version == "1.4"

    live(main, updatable())


def test_without_the_feature_it_is_not_supported() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert (await order(world))[0] == "NotSupported"

    live(main, product(file_transfer_protocols=PROTOCOLS))


def test_without_the_security_extension_no_event_is_sent() -> None:
    async def main(world: World) -> None:
        put(world)
        await world.boot()
        await order(world)
        await until(world, "Installed")
        await asyncio.sleep(10)
        assert world.csms.of("SecurityEventNotification") == []

    live(main, updatable())
