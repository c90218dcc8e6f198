"""Firmware, diagnostics and security events: ordered over REST, done by a charge point on the independent `ocpp`
library, over real sockets."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ocpp.v16 import call
from tests.csms.wire import seed_text
from tests.serving import ServeProcess, data_arguments
from tests.upkeep_station import upkeep_station

TOKEN = "a-token-for-tests"
SEED = seed_text("A1")
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServeProcess]:
    process = await ServeProcess.start(*data_arguments(tmp_path, SEED), CHARGEWRIGHT_BOOTSTRAP_TOKEN=TOKEN)
    yield process
    if process.process.returncode is None:
        assert await process.stop() == 0


@pytest.fixture
async def api(server: ServeProcess) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=f"{server.http_url}/api/v1", headers=headers, trust_env=False) as client:
        yield client


async def read(api: httpx.AsyncClient, path: str) -> Any:
    response = await api.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_update_with_a_reboot_in_the_middle(server: ServeProcess, api: httpx.AsyncClient) -> None:
    order = {"station": "A1", "location": "ftp://u:secret@files.example/1.1.bin", "retries": 1}
    async with upkeep_station(server.ocpp_url) as station:
        ordered = await api.post("/firmware-updates", json=order)
        assert ordered.status_code == 201, ordered.text
        for status in ("Downloading", "Downloaded", "Installing"):
            await station.call(call.FirmwareStatusNotification(status=status))
    async with upkeep_station(server.ocpp_url, "1.1") as station:
        await station.call(call.FirmwareStatusNotification(status="Installed"))
        await station.call(
            call.SecurityEventNotification(type="FirmwareUpdated", timestamp="2026-03-01T10:00:00Z", tech_info="1.1")
        )
    update = await read(api, f"/firmware-updates/{ordered.json()['id']}")
    assert (update["state"], update["versionBefore"], update["versionAfter"]) == ("Installed", "1.0", "1.1")
    assert [each["status"] for each in update["history"]] == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert "secret" not in str(update)
    (event,) = (await read(api, "/security-events?critical=true"))["items"]
    assert (event["station"], event["type"]) == ("A1", "FirmwareUpdated")


async def test_failures_and_a_station_that_takes_signed_updates_only(
    server: ServeProcess, api: httpx.AsyncClient
) -> None:
    order = {"station": "A1", "location": "https://files.example/fw.bin"}
    signed = order | {"signingCertificate": CERTIFICATE, "signature": "c2ln"}
    async with upkeep_station(server.ocpp_url) as station:
        for failure in ("DownloadFailed", "InstallationFailed"):
            ordered = await api.post("/firmware-updates", json=order)
            assert ordered.status_code == 201, ordered.text
            await station.call(call.FirmwareStatusNotification(status=failure))
            assert (await read(api, f"/firmware-updates/{ordered.json()['id']}"))["state"] == failure
        station.refuses = True
        refused = await api.post("/firmware-updates", json=order)
        assert refused.status_code == 502
        assert refused.json()["code"] == "NotSupported" and "signingCertificate" in refused.json()["detail"]
        first = await api.post("/firmware-updates", json=signed)
        assert first.status_code == 201, first.text
        number = station.request_id
        await station.call(call.SignedFirmwareStatusNotification(status="Downloading", request_id=number))
        second = await api.post("/firmware-updates?force=true", json=signed)  # one is going on
        assert second.status_code == 201, second.text
        for status in ("Downloading", "Downloaded", "InvalidSignature"):
            await station.call(call.SignedFirmwareStatusNotification(status=status, request_id=station.request_id))
    states = [(await read(api, f"/firmware-updates/{each.json()['id']}"))["state"] for each in (first, second)]
    assert states == ["canceled", "InvalidSignature"]


async def test_diagnostics_and_logs(server: ServeProcess, api: httpx.AsyncClient) -> None:
    order = {"station": "A1", "location": "ftp://files.example/in/"}
    async with upkeep_station(server.ocpp_url) as station:
        ordered = await api.post("/diagnostics", json=order)
        assert (ordered.status_code, ordered.json()["fileName"]) == (201, "diagnostics.zip")
        for status in ("Uploading", "UploadFailed", "Uploading", "Uploaded"):
            await station.call(call.DiagnosticsStatusNotification(status=status))
        station.file_name = None
        nothing = await api.post("/diagnostics", json=order)
        assert (nothing.status_code, nothing.json()["state"]) == (201, "nothing")
        log = await api.post("/diagnostics", json=order | {"logType": "SecurityLog"})
        assert log.status_code == 201, log.text
        await station.call(call.LogStatusNotification(status="PermissionDenied", request_id=station.request_id))
        signing = await station.call(call.SignCertificate(csr="-----BEGIN CERTIFICATE REQUEST-----"))
        assert signing.status == "Rejected"
    upload = await read(api, f"/diagnostics/{ordered.json()['id']}")
    assert upload["state"] == "Uploaded"
    assert [each["expected"] for each in upload["history"]] == [True] * 4
    assert (await read(api, f"/diagnostics/{log.json()['id']}"))["state"] == "PermissionDenied"
    assert len((await read(api, "/stations/A1/certificate-requests"))["items"]) == 1
