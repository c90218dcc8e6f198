"""GetLog and LogStatusNotification (N01)."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from tests.station.test_firmware import PROTOCOLS
from tests.station.test_security import SECURITY
from tests.station.world import World, live, product

from chargewright.file_transfer.memory import Faults
from chargewright.station.product import Product

DIRECTORY = "https://in:secret@files/logs/"


def logging(**changes: Any) -> Product:
    return product(**({"file_transfer_protocols": PROTOCOLS, "security": SECURITY} | changes))


async def ask(world: World, kind: str = "DiagnosticsLog", request_id: int = 5, **log: str) -> dict[str, str]:
    parameters = {"remoteLocation": DIRECTORY} | log
    answer = await world.csms.call("GetLog", logType=kind, requestId=request_id, log=parameters, retries=0)
    assert isinstance(answer, dict)
    return answer


def told(world: World) -> list[tuple[str, int | None]]:
    return [(item["status"], item.get("requestId")) for item in world.csms.of("LogStatusNotification")]


async def until_told(world: World, *expected: tuple[str, int | None]) -> None:
    async with asyncio.timeout(100_000):
        while told(world) != list(expected):
            world.csms.changed.clear()
            await world.csms.changed.wait()


def file(world: World, answer: dict[str, str]) -> Any:
    return json.loads(world.files.files[f"files/logs/{answer['filename']}"])


def test_the_security_log_holds_every_event_in_its_time() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await asyncio.sleep(3600)
        await world.csms.call(
            "InstallCertificate", certificateType="CentralSystemRootCertificate", certificate="no certificate"
        )
        answer = await ask(world, "SecurityLog")
        assert answer["status"] == "Accepted"
        await until_told(world, ("Uploading", 5), ("Uploaded", 5))
        log = file(world, answer)["securityLog"]
        assert [entry["event"] for entry in log] == ["StartupOfTheDevice", "InvalidCentralSystemCertificate"]
        later = (world.clock.now() - timedelta(minutes=30)).isoformat()
        await asyncio.sleep(1)
        answer = await ask(world, "SecurityLog", 6, oldestTimestamp=later)
        await asyncio.sleep(10)
        assert [entry["event"] for entry in file(world, answer)["securityLog"]] == ["InvalidCentralSystemCertificate"]

    live(main, logging())


def test_nothing_to_upload_has_no_name_and_no_notification() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await ask(world, "SecurityLog", latestTimestamp="2020-01-01T00:00:00Z") == {"status": "Accepted"}
        await asyncio.sleep(100)
        assert (told(world), world.files.files) == ([], {})

    live(main, logging())


def test_the_diagnostics_log_is_the_file_of_get_diagnostics() -> None:
    async def main(world: World) -> None:
        await world.boot()
        answer = await ask(world)
        await until_told(world, ("Uploading", 5), ("Uploaded", 5))
        assert {"firmware", "configuration", "queue", "connectors", "log"} <= set(file(world, answer))

    live(main, logging())


@pytest.mark.parametrize("location", ["gopher://files/", "ftp://files/", "no url"])
def test_what_cannot_be_served_is_rejected(location: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await ask(world, remoteLocation=location) == {"status": "Rejected"}
        await asyncio.sleep(100)
        assert told(world) == []

    live(main, logging(file_transfer_protocols=("https",)))


@pytest.mark.parametrize(
    ("faults", "status"), [(Faults(denied=True), "PermissionDenied"), (Faults(cut_after_bytes=(0,)), "UploadFailure")]
)
def test_each_failure_has_its_status(faults: Faults, status: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        name = f"files/logs/CW_1-diagnostics-{world.clock.now():%Y%m%dT%H%M%SZ}.json"
        world.files.misbehave(name, faults)
        assert (await ask(world))["status"] == "Accepted"
        await until_told(world, ("Uploading", 5), (status, 5))

    live(main, logging())


@pytest.mark.parametrize("is_something_there", [True, False])
def test_a_newer_request_cancels_the_older(is_something_there: bool) -> None:
    async def main(world: World) -> None:
        await world.boot()
        name = f"files/logs/CW_1-diagnostics-{world.clock.now():%Y%m%dT%H%M%SZ}.json"
        world.files.misbehave(name, Faults(seconds_per_chunk=50.0))
        await ask(world, request_id=1)
        await asyncio.sleep(10)
        latest = "2040-01-01T00:00:00Z" if is_something_there else "2020-01-01T00:00:00Z"
        answer = await ask(world, "SecurityLog", 2, latestTimestamp=latest)
        assert answer["status"] == "AcceptedCanceled"
        await asyncio.sleep(100)
        later = [("Uploading", 2), ("Uploaded", 2)] if is_something_there else []
        assert told(world) == [("Uploading", 1), *later]
        assert name not in world.files.files

    live(main, logging())


def test_an_upload_that_a_power_cut_ends_has_failed() -> None:
    async def main(world: World) -> None:
        await world.boot()
        name = f"files/logs/CW_1-diagnostics-{world.clock.now():%Y%m%dT%H%M%SZ}.json"
        world.files.misbehave(name, Faults(seconds_per_chunk=50.0))
        await ask(world)
        await until_told(world, ("Uploading", 5))
        await asyncio.sleep(1)
        await world.cut_power()
        await world.restart()
        await until_told(world, ("UploadFailure", 5))

    live(main, logging())


def test_the_status_on_request() -> None:
    async def main(world: World) -> None:
        async def trigger() -> list[tuple[str, int | None]]:
            before = len(told(world))
            answer = await world.csms.call("ExtendedTriggerMessage", requestedMessage="LogStatusNotification")
            assert answer["status"] == "Accepted"
            await asyncio.sleep(1)
            return told(world)[before:]

        await world.boot()
        assert await trigger() == [("Idle", None)]
        name = f"files/logs/CW_1-diagnostics-{world.clock.now():%Y%m%dT%H%M%SZ}.json"
        world.files.misbehave(name, Faults(seconds_per_chunk=50.0))
        await ask(world)
        await asyncio.sleep(1)
        assert await trigger() == [("Uploading", 5)]
        await asyncio.sleep(100)
        assert await trigger() == [("Idle", None)]

    live(main, logging())


def test_without_the_security_extension_it_is_not_supported() -> None:
    async def main(world: World) -> None:
        await world.boot()
        answer = await world.csms.call(
            "GetLog", logType="DiagnosticsLog", requestId=1, log={"remoteLocation": DIRECTORY}
        )
        assert answer[0] == "NotSupported"

    live(main, logging(security=None))
