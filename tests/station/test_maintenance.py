"""A station that is looked after over real sockets: FTP, HTTP that breaks, HTTPS with an installed root."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.file_transfer.peers import Gate, certified, cutting_line, ftp_server, http_server
from tests.station.scripted_csms import ScriptedCsms
from tests.station.test_firmware import PROTOCOLS, updatable
from tests.station.test_security import SECURITY
from tests.station.test_signed_firmware import sign
from tests.station.world import SOCKET, World, live, product

from chargewright.clock import SystemClock
from chargewright.file_transfer.http_server import FileApplication
from chargewright.file_transfer.store import Admission, FileStore
from chargewright.pki.authorities import make_authority
from chargewright.pki.certificates import pem
from chargewright.station.product import FirmwareManagement, Product
from chargewright.station.store import StationStore
from chargewright.station.upkeep import DiskShelf
from chargewright.station.virtual import VirtualStation, image_path

IMAGE = b"version=1.4\n" + bytes(range(256)) * 2000
GATE = Gate(**{"in": ("p@ss", Admission())})


class Depot:
    """A station in real time, its CSMS, and files for it."""

    def __init__(self, folder: Path, made: Product) -> None:
        self.folder = folder
        self.csms = ScriptedCsms(SystemClock().now)
        self.store = StationStore(":memory:", Random(1))
        self.files = FileStore(folder / "server", quota_bytes=2**30, size_bound=2**30)
        self.virtual = VirtualStation(
            "CW 1",
            "ws://memory/ocpp",
            made,
            self.store,
            connect=self.csms.connect,
            clock=SystemClock(),
            random=Random(1),
            delay_seconds=lambda attempt, random: 0.0,
            shelf=DiskShelf(image_path(folder, "CW 1")),
        )
        self.virtual.firmware.write_seconds = 0.0

    def put(self, name: str, content: bytes) -> None:
        (self.files.root / name).write_bytes(content)

    def uploaded(self, name: str) -> Any:
        return json.loads((self.files.root / name).read_bytes())

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())

    async def told(self, action: str, last: str) -> list[str]:
        async with asyncio.timeout(30):
            while last not in (found := [item["status"] for item in self.csms.of(action)]):
                self.csms.changed.clear()
                await self.csms.changed.wait()
        return found


@asynccontextmanager
async def depot(folder: Path, made: Product) -> AsyncIterator[Depot]:
    made_depot = Depot(folder, made)
    life = asyncio.create_task(made_depot.virtual.run())
    try:
        await made_depot.csms.expect("StatusNotification", 2)
        yield made_depot
    finally:
        await made_depot.virtual.close()
        await life
        made_depot.store.close()


def now() -> str:
    return SystemClock().now().isoformat()


async def test_an_unsigned_update_over_a_line_that_breaks_goes_on_where_it_broke(tmp_path: Path) -> None:
    async with depot(tmp_path, updatable()) as station, http_server(station.files) as server:
        station.put("fw.bin", IMAGE)
        async with cutting_line(server, [200_000, 200_000]) as line:
            await station.csms.call(
                "UpdateFirmware", location=f"http://{line}/fw.bin", retrieveDate=now(), retries=3, retryInterval=0
            )
            statuses = await station.told("FirmwareStatusNotification", "Installed")
        assert statuses == ["Downloading", "Downloaded", "Installing", "Installed"]
        assert station.virtual.firmware.version == "1.4"
        assert station.leftovers() == []


async def test_a_power_cut_in_the_middle_of_a_download_costs_only_what_was_not_there(tmp_path: Path) -> None:
    ranges: list[str] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        ranges.extend(value.decode() for name, value in scope["headers"] if name == b"range")
        await FileApplication(station.files)(scope, receive, send)

    async with depot(tmp_path, updatable()) as station, http_server(noting) as server:
        station.put("fw.bin", IMAGE)
        async with cutting_line(server, [200_000]) as line:
            await station.csms.call(
                "UpdateFirmware", location=f"http://{line}/fw.bin", retrieveDate=now(), retries=3, retryInterval=3600
            )
            await station.told("FirmwareStatusNotification", "Downloading")
            part = tmp_path / "CW%201.firmware.part"
            async with asyncio.timeout(30):
                while not _has_bytes(part):  # noqa: ASYNC110  # no event tells of bytes on the disk
                    await asyncio.sleep(0.01)
            station.virtual.cut_power()
            station.virtual.return_power()
            statuses = await station.told("FirmwareStatusNotification", "Installed")
        assert ranges and ranges[0] != "bytes=0-"
        assert statuses[-3:] == ["Downloaded", "Installing", "Installed"]
        assert station.virtual.firmware.version == "1.4"


def _has_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


async def test_diagnostics_over_ftp_with_a_password(tmp_path: Path) -> None:
    async with depot(tmp_path, updatable()) as station, ftp_server(station.files, GATE) as server:
        location = f"ftp://in:p%40ss@127.0.0.1:{server.address[1]}/"
        answer = await station.csms.call("GetDiagnostics", location=location, retries=0)
        assert await station.told("DiagnosticsStatusNotification", "Uploaded") == ["Uploading", "Uploaded"]
        assert station.uploaded(answer["fileName"])["station"] == "CW 1"
        location = location.replace("p%40ss", "wrong")
        await station.csms.call("GetDiagnostics", location=location)
        await station.told("DiagnosticsStatusNotification", "UploadFailed")


async def test_a_signed_update_over_https_from_a_server_whose_root_was_installed(tmp_path: Path) -> None:
    management = FirmwareManagement(is_signed=True, downloads_during_transaction=True)
    made = product(SOCKET, firmware_management=management, security=SECURITY, file_transfer_protocols=("https",))
    server_files = certified(tmp_path)
    maker = make_authority("Maker", SystemClock().now())
    signer = maker.signer("signer", SystemClock().now())

    async def order(station: Depot, server: str) -> list[str]:
        station.csms.calls.clear()
        firmware = {
            "location": f"https://{server.replace('127.0.0.1', 'localhost')}/fw.bin",
            "retrieveDateTime": now(),
            "signingCertificate": pem(signer.certificate),
            "signature": sign(signer, IMAGE),
        }
        answer = await station.csms.call("SignedUpdateFirmware", requestId=1, firmware=firmware, retries=0)
        assert answer == {"status": "Accepted"}
        async with asyncio.timeout(30):
            while True:
                statuses = [item["status"] for item in station.csms.of("SignedFirmwareStatusNotification")]
                if {"Installed", "DownloadFailed"} & set(statuses):
                    return statuses
                station.csms.changed.clear()
                await station.csms.changed.wait()

    async with (
        depot(tmp_path / "station", made) as station,
        http_server(station.files, None, server_files.context) as server,
    ):
        station.put("fw.bin", IMAGE)
        roots = {"ManufacturerRootCertificate": [maker.pem]}
        await install(station, roots)
        assert await order(station, server) == ["Downloading", "DownloadFailed"]
        roots = {"CentralSystemRootCertificate": [item.certificate.read_text() for item in server_files.files]}
        await install(station, roots)
        statuses = await order(station, server)
        assert statuses == ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]
        assert station.virtual.firmware.version == "1.4"


async def install(station: Depot, roots: dict[str, list[str]]) -> None:
    for kind, certificates in roots.items():
        for certificate in certificates:
            answer = await station.csms.call("InstallCertificate", certificateType=kind, certificate=certificate)
            assert answer == {"status": "Accepted"}


@pytest.mark.parametrize(("protocols", "expected"), [(PROTOCOLS, "HTTP,HTTPS,FTP,FTPS"), (("ftp",), "FTP"), ((), None)])
def test_the_key_names_what_the_product_speaks(protocols: tuple[str, ...], expected: str | None) -> None:
    async def main(world: World) -> None:
        await world.boot()
        key = "SupportedFileTransferProtocols"
        answer = await world.csms.call("GetConfiguration", key=[key])
        if expected is None:
            assert answer == {"unknownKey": [key]}
        else:
            assert answer == {"configurationKey": [{"key": key, "readonly": True, "value": expected}]}
            assert await world.change(key, "FTP") == "Rejected"

    live(main, product(file_transfer_protocols=protocols))
