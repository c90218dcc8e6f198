"""A central system made of the `ocpp` library drives every command against our station, over real sockets.

The library checks each answer and each call of the station against the official schemas. Files travel over real HTTP,
certificates are real.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ocpp.exceptions import NotSupportedError
from ocpp.v16 import call
from tests.commands_catalogue import PAYLOADS
from tests.file_transfer.peers import http_server
from tests.station.test_against_ocpp_library import CentralSystem, charging_station
from tests.station.test_signed_firmware import sign
from tests.station.world import car

from chargewright.file_transfer.store import FileStore
from chargewright.pki.authorities import make_authority
from chargewright.pki.certificates import pem
from chargewright.station.store import StationStore
from chargewright.station.virtual import VirtualStation

NOW = datetime.now(UTC)
LATER = (NOW + timedelta(hours=1)).isoformat()
IMAGE = b"version=9.9\n" + bytes(range(256)) * 40


@dataclass
class Bench:
    """A station, the central system that it is connected to, and a file server."""

    virtual: VirtualStation
    system: CentralSystem
    systems: asyncio.Queue[CentralSystem]
    folder: Path
    files: str
    sent: set[str]

    async def ask(self, action: str, **payload: Any) -> Any:
        """The answer as the library reads it; a CALLERROR is raised."""
        self.sent.add(action)
        return await self.system.call(getattr(call, action)(**payload), suppress=False)

    async def status(self, action: str, **payload: Any) -> str:
        return str((await self.ask(action, **payload)).status)

    async def reconnected(self) -> None:
        """After a restart: the next connection."""
        self.system = await asyncio.wait_for(self.systems.get(), 30)
        await self.system.expect("StatusNotification", connector_id=2)


@asynccontextmanager
async def bench(pics: str, tmp_path: Path, sent: set[str]) -> AsyncIterator[Bench]:
    root = tmp_path / pics / "files"
    root.mkdir(parents=True)
    systems: asyncio.Queue[CentralSystem] = asyncio.Queue()
    files = FileStore(root, quota_bytes=2**24, size_bound=2**24)
    with StationStore(tmp_path / f"{pics}.sqlite3", Random(1)) as store:
        async with (
            http_server(files) as server,
            charging_station("picows", pics, store, systems) as (virtual, system),
        ):
            virtual.firmware.write_seconds = 0.0
            yield Bench(virtual, system, systems, root, f"http://{server}", sent)


async def configure(it: Bench) -> None:
    found = await it.ask("GetConfiguration", key=["HeartbeatInterval", "Nonsense"])
    assert found.configuration_key == [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
    assert found.unknown_key == ["Nonsense"]
    for key, value, status in (
        ("CpoName", "Example", "Accepted"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
        ("WebSocketPingInterval", "30", "RebootRequired"),
    ):
        assert await it.status("ChangeConfiguration", key=key, value=value) == status
    assert await it.status("DataTransfer", vendor_id="org.example", data="x") == "UnknownVendorId"
    assert await it.status("ClearCache") == "Accepted"
    assert await it.status("TriggerMessage", requested_message="Heartbeat") == "Accepted"
    await it.system.expect("Heartbeat")


async def use(it: Bench) -> None:
    connector = {"connector_id": 1}
    assert await it.status("ChangeAvailability", **connector, type="Inoperative") == "Accepted"
    await it.system.expect("StatusNotification", **connector, status="Unavailable")
    assert await it.status("ChangeAvailability", **connector, type="Operative") == "Accepted"
    entry = {"id_tag": "FRIEND", "id_tag_info": {"status": "Accepted"}}
    full = {"list_version": 3, "update_type": "Full", "local_authorization_list": [entry]}
    assert await it.status("SendLocalList", **full) == "Accepted"
    assert (await it.ask("GetLocalListVersion")).list_version == 3
    reservation = {"reservation_id": 5, "expiry_date": LATER, "id_tag": "FRIEND"}
    assert await it.status("ReserveNow", **connector, **reservation) == "Accepted"
    await it.system.expect("StatusNotification", **connector, status="Reserved")
    assert await it.status("CancelReservation", reservation_id=5) == "Accepted"
    assert await it.status("RemoteStartTransaction", **connector, id_tag="FRIEND") == "Accepted"
    await it.system.expect("StatusNotification", **connector, status="Preparing")
    it.virtual.plug(1, car(soc=0.2))
    await it.system.expect("StartTransaction")
    assert await it.virtual.wait_until(lambda: it.virtual.look(1).transaction_id == 4711, 20)
    await limit(it)
    assert await it.status("RemoteStopTransaction", transaction_id=4711) == "Accepted"
    assert (await it.system.expect("StopTransaction"))["reason"] == "Remote"
    assert await it.status("UnlockConnector", **connector) in ("Unlocked", "NotSupported")


async def limit(it: Bench) -> None:
    profile = {
        "charging_profile_id": 7,
        "stack_level": 0,
        "charging_profile_purpose": "TxProfile",
        "charging_profile_kind": "Relative",
        "transaction_id": 4711,
        "charging_schedule": {
            "charging_rate_unit": "W",
            "charging_schedule_period": [{"start_period": 0, "limit": 7000.0}, {"start_period": 60, "limit": 0.0}],
        },
    }
    assert await it.status("SetChargingProfile", connector_id=1, cs_charging_profiles=profile) == "Accepted"
    composite = await it.ask("GetCompositeSchedule", connector_id=1, duration=3600, charging_rate_unit="W")
    assert composite.status == "Accepted"
    periods = composite.charging_schedule["charging_schedule_period"]
    assert [period["limit"] for period in periods] == [7000.0, 0.0]
    assert await it.status("ClearChargingProfile", id=7) == "Accepted"
    assert await it.status("ClearChargingProfile", id=7) == "Unknown"


async def keep_secrets(it: Bench) -> None:
    root = make_authority("Root", NOW)
    use_of_root = {"certificate_type": "CentralSystemRootCertificate"}
    assert await it.status("InstallCertificate", **use_of_root, certificate=root.pem) == "Accepted"
    assert await it.status("InstallCertificate", **use_of_root, certificate="rubbish") == "Rejected"
    found = await it.ask("GetInstalledCertificateIds", **use_of_root)
    assert found.status == "Accepted" and len(found.certificate_hash_data) == 1
    assert await it.status("ExtendedTriggerMessage", requested_message="SignChargePointCertificate") == "Accepted"
    request = await it.system.expect("SignCertificate")
    chain = root.answer(request["csr"], NOW)
    assert await it.status("CertificateSigned", certificate_chain=chain) == "Accepted"
    assert await it.status("CertificateSigned", certificate_chain=root.pem) == "Rejected"
    (hashes,) = found.certificate_hash_data
    assert await it.status("DeleteCertificate", certificate_hash_data=hashes) == "Accepted"
    assert await it.status("DeleteCertificate", certificate_hash_data=hashes) == "NotFound"


async def move_files(it: Bench) -> None:
    log = {"remote_location": it.files}
    answer = await it.ask("GetLog", log=log, log_type="SecurityLog", request_id=11)
    assert answer.status == "Accepted"
    assert (await it.system.expect("LogStatusNotification", status="Uploaded"))["request_id"] == 11
    assert "StartupOfTheDevice" in (it.folder / answer.filename).read_text()
    answer = await it.ask("GetDiagnostics", location=it.files)
    await it.system.expect("DiagnosticsStatusNotification", status="Uploaded")
    assert json.loads((it.folder / answer.file_name).read_bytes())["station"] == "CW-LIB"


async def update(it: Bench) -> None:
    (it.folder / "firmware.bin").write_bytes(IMAGE)
    maker = make_authority("Maker", NOW)
    signer = maker.signer("Signer", NOW)
    manufacturer = {"certificate_type": "ManufacturerRootCertificate", "certificate": maker.pem}
    assert await it.status("InstallCertificate", **manufacturer) == "Accepted"
    firmware = {
        "location": f"{it.files}/firmware.bin",
        "retrieve_date_time": NOW.isoformat(),
        "signing_certificate": pem(signer.certificate),
        "signature": sign(signer, IMAGE),
    }
    assert await it.status("SignedUpdateFirmware", request_id=21, firmware=firmware) == "Accepted"
    await it.system.expect("SignedFirmwareStatusNotification", status="SignatureVerified", request_id=21)
    await it.reconnected()
    assert (await it.system.expect("BootNotification"))["firmware_version"] == "9.9"
    await it.system.expect("SignedFirmwareStatusNotification", status="Installed", request_id=21)
    with pytest.raises(NotSupportedError):
        await it.ask("UpdateFirmware", location=f"{it.files}/firmware.bin", retrieve_date=NOW.isoformat())


async def restart(it: Bench) -> None:
    assert await it.status("Reset", type="Hard") == "Accepted"
    await it.reconnected()
    await it.system.expect("BootNotification")


async def test_every_command(tmp_path: Path) -> None:
    sent: set[str] = set()
    async with bench("reference", tmp_path, sent) as it:
        await it.system.expect("StatusNotification", connector_id=2)
        for part in (configure, use, keep_secrets, move_files, update, restart):
            await part(it)
    assert sent == set(PAYLOADS), "each command was sent"


async def test_an_unsigned_update_of_a_station_without_the_security_extension(tmp_path: Path) -> None:
    async with bench("minimal", tmp_path, set()) as it:
        await it.system.expect("StatusNotification", connector_id=1)
        (it.folder / "firmware.bin").write_bytes(IMAGE)
        assert it.virtual.firmware.version != "9.9"
        with pytest.raises(NotSupportedError):
            await it.ask("GetLog", log={"remote_location": it.files}, log_type="SecurityLog", request_id=1)
        await it.ask(
            "UpdateFirmware", location="ftp://127.0.0.1:9/firmware.bin", retrieve_date=NOW.isoformat(), retries=0
        )
        await it.system.expect("FirmwareStatusNotification", status="DownloadFailed")
