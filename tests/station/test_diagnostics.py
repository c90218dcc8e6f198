"""GetDiagnostics: what is told, and what the file holds (§4.4, §5.9)."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from tests.station.test_firmware import PROTOCOLS, order, put, until, updatable
from tests.station.world import World, car, live, product

from chargewright.file_transfer.memory import Faults
from chargewright.station.product import Product

DIRECTORY = "ftp://in:secret@files/diagnostics/"


def uploading(**changes: Any) -> Product:
    return product(**({"file_transfer_protocols": PROTOCOLS} | changes))


def told(world: World) -> list[str]:
    return [item["status"] for item in world.csms.of("DiagnosticsStatusNotification")]


async def until_told(world: World, *statuses: str) -> None:
    async with asyncio.timeout(100_000):
        while told(world) != list(statuses):
            world.csms.changed.clear()
            await world.csms.changed.wait()


async def fetch(world: World, **options: Any) -> Any:
    """The file, read."""
    before = len(told(world))
    answer = await world.csms.call("GetDiagnostics", location=DIRECTORY, **options)
    async with asyncio.timeout(1000):
        while len(told(world)) < before + 2:
            world.csms.changed.clear()
            await world.csms.changed.wait()
    assert told(world)[before:] == ["Uploading", "Uploaded"]
    return json.loads(world.files.files[f"files/diagnostics/{answer['fileName']}"])


def test_the_file_holds_what_a_technician_wants() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.csms.answers["StopTransaction"] = "InternalError"
        await world.change("TransactionMessageAttempts", "1")
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(600)
        world.virtual.show_tag("TAG")
        await world.csms.expect("StopTransaction")
        await asyncio.sleep(1)
        file = await fetch(world)
        (parked,) = file["queue"]
        assert parked["action"] == "StopTransaction"
        assert "InternalError" in parked["parkedBecause"]
        assert parked["payload"]["meterStop"] == file["connectors"][0]["registerWh"] > 0
        assert file["configuration"]["TransactionMessageAttempts"] == "1"
        assert file["firmware"]["version"] == "1.0"
        assert file["product"]["model"] == "CW-TEST"
        assert file["connectors"][0]["status"] == "Finishing"
        events = [entry["event"] for entry in file["log"]]
        assert events[:2] == ["boot", "online"]
        assert [event for event in events if "transaction" in event] == ["transaction started", "transaction stopped"]
        assert [entry["status"] for entry in file["log"] if entry["event"] == "status"][:2] == ["Preparing", "Charging"]

    live(main, uploading())


def test_an_update_that_failed_is_seen_with_its_reason_and_without_its_password() -> None:
    async def main(world: World) -> None:
        put(world, b"version=2\nfails=writing\n")
        await world.boot()
        await order(world)
        await until(world, "InstallationFailed")
        file = await fetch(world)
        update = file["firmware"]["lastUpdate"]
        assert (update["stage"], update["location"]) == ("the installation failed", "ftp://fw:***@files/1.4.bin")
        assert "told to fail" in update["reason"]
        assert "secret" not in json.dumps(file)

    live(main, updatable())


def test_start_and_stop_time_narrow_the_log() -> None:
    async def main(world: World) -> None:
        await world.boot()
        for _ in range(3):
            await asyncio.sleep(3600)
            world.virtual.plug(1, car())
            await asyncio.sleep(10)
            world.virtual.unplug(1)
        now = world.clock.now()
        window = {
            "startTime": (now - timedelta(hours=1.5)).isoformat(),
            "stopTime": (now - timedelta(hours=0.5)).isoformat(),
        }
        log = (await fetch(world, **window))["log"]
        assert [entry["status"] for entry in log] == ["Preparing", "Available"]
        window = {"stopTime": "2020-01-01T00:00:00Z"}
        file = await fetch(world, **window)
        assert (file["log"], file["firmware"]["version"]) == ([], "1.0")

    live(main, uploading())


@pytest.mark.parametrize(
    "location", ["ftp://files/denied/", "gopher://files/", "no url", "memory://files/"], ids=["denied", *"123"]
)
def test_what_cannot_be_uploaded_has_failed(location: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        name = f"CW_1-diagnostics-{world.clock.now():%Y%m%dT%H%M%SZ}.json"
        world.files.misbehave(f"files/denied/{name}", Faults(denied=True))
        answer = await world.csms.call("GetDiagnostics", location=location, retries=0)
        assert answer == {"fileName": name}
        await until_told(world, "Uploading", "UploadFailed")

    live(main, uploading())


def test_a_line_that_breaks_is_tried_again() -> None:
    async def main(world: World) -> None:
        await world.boot()
        name = f"files/diagnostics/CW_1-diagnostics-{world.clock.now():%Y%m%dT%H%M%SZ}.json"
        world.files.misbehave(name, Faults(cut_after_bytes=(100, 100)))
        await world.csms.call("GetDiagnostics", location=DIRECTORY, retries=2, retryInterval=60)
        await until_told(world, "Uploading", "Uploaded")
        assert json.loads(world.files.files[name])["station"] == "CW 1"

    live(main, uploading())


@pytest.mark.parametrize("way", ["power cut", "reset"])
def test_an_upload_that_a_boot_cuts_off_has_failed(way: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        name = f"files/diagnostics/CW_1-diagnostics-{world.clock.now():%Y%m%dT%H%M%SZ}.json"
        world.files.misbehave(name, Faults(seconds_per_chunk=50.0))
        await world.csms.call("GetDiagnostics", location=DIRECTORY)
        await until_told(world, "Uploading")
        await asyncio.sleep(1)
        if way == "reset":
            await world.csms.call("Reset", type="Hard")
            await until_told(world, "Uploading", "UploadFailed")
        else:
            await world.cut_power()
            await world.restart()
            await until_told(world, "UploadFailed")
        await asyncio.sleep(100)
        assert world.files.files == {}

    live(main, uploading())


def test_a_newer_request_takes_the_place_of_the_older() -> None:
    async def main(world: World) -> None:
        await world.boot()
        name = f"files/diagnostics/CW_1-diagnostics-{world.clock.now():%Y%m%dT%H%M%SZ}.json"
        world.files.misbehave(name, Faults(seconds_per_chunk=50.0))
        await world.csms.call("GetDiagnostics", location=DIRECTORY)
        await asyncio.sleep(10)
        await fetch(world)
        await asyncio.sleep(100)
        assert told(world) == ["Uploading", "Uploading", "Uploaded"]
        assert len(world.files.files) == 1

    live(main, uploading())


def test_the_status_on_request() -> None:
    async def main(world: World) -> None:
        async def trigger() -> list[str]:
            before = len(told(world))
            answer = await world.csms.call("TriggerMessage", requestedMessage="DiagnosticsStatusNotification")
            assert answer["status"] == "Accepted"
            await asyncio.sleep(1)
            return told(world)[before:]

        await world.boot()
        assert await trigger() == ["Idle"]
        name = f"files/diagnostics/CW_1-diagnostics-{world.clock.now():%Y%m%dT%H%M%SZ}.json"
        world.files.misbehave(name, Faults(seconds_per_chunk=50.0))
        await world.csms.call("GetDiagnostics", location=DIRECTORY)
        await asyncio.sleep(1)
        assert await trigger() == ["Uploading"]
        await asyncio.sleep(100)
        assert await trigger() == ["Idle"]

    live(main, uploading())


def test_without_a_protocol_it_is_not_supported() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert (await world.csms.call("GetDiagnostics", location=DIRECTORY))[0] == "NotSupported"
        assert world.store.records("diagnostics_log").count() == 0

    live(main)
