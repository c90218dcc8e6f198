"""The Firmware Management feature profile as stations see it."""

import pytest
from tests.csms.bench import Workbench


@pytest.mark.parametrize("status", ["Idle", "Uploading", "Uploaded", "UploadFailed"])
async def test_every_status_of_diagnostics_is_kept_and_acknowledged(status: str, bench: Workbench) -> None:
    connection = await bench.connect()
    answer = await bench.exchange(connection, "DiagnosticsStatusNotification", {"status": status})
    assert (answer[0], answer[2]) == (3, {})
    assert await bench.rows("SELECT status, upload_id, request_id FROM diagnostics_status") == [(status, None, None)]
    assert "diagnostics.status" in await bench.event_kinds()


@pytest.mark.parametrize(
    "status",
    ["Downloaded", "DownloadFailed", "Downloading", "Idle", "InstallationFailed", "Installing", "Installed"],
)
async def test_every_status_of_firmware_is_kept_and_acknowledged(status: str, bench: Workbench) -> None:
    connection = await bench.connect()
    answer = await bench.exchange(connection, "FirmwareStatusNotification", {"status": status})
    assert (answer[0], answer[2]) == (3, {})
    assert await bench.rows("SELECT status, signed, update_id FROM firmware_status") == [(status, 0, None)]
    assert "firmware.status" in await bench.event_kinds()


async def test_another_version_at_the_next_boot_is_told(bench: Workbench) -> None:
    connection = await bench.connect()
    for version in ("1.0", "1.0", "1.1"):
        boot = {"chargePointVendor": "V", "chargePointModel": "M", "firmwareVersion": version}
        assert (await bench.exchange(connection, "BootNotification", boot))[2]["status"] == "Accepted"
    assert (await bench.event_kinds()).count("firmware.version") == 1


@pytest.mark.parametrize("action", ["DiagnosticsStatusNotification", "FirmwareStatusNotification"])
async def test_nothing_is_answered_that_is_not_durable(action: str, bench: Workbench) -> None:
    connection = await bench.connect()
    call_id = connection.call(action, {"status": "Idle"})
    assert [message for message in connection.sent if message[1] == call_id] == []
    await bench.settle()
    assert connection.answer_to(call_id) == [3, call_id, {}]
