"""The Core feature profile as stations see it: each CALL with its answer and what it leaves behind."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.csms.bench import Workbench

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-03-01T11:00:00Z"}
STOP = {"transactionId": 1, "meterStop": 100, "timestamp": "2026-03-01T11:30:00Z"}
TAGS = [
    {"id_tag": "TAG", "parent_id_tag": "FLEET"},
    {"id_tag": "BLOCKED", "blocked": True},
    {"id_tag": "OLD", "expires": "2020-01-01T00:00:00Z"},
]


@pytest.fixture
async def bench(start_bench: Any) -> Workbench:
    tags = [tag | ({"expires": datetime(2020, 1, 1, tzinfo=UTC)} if "expires" in tag else {}) for tag in TAGS]
    made: Workbench = await start_bench({"id_tag": tags})
    return made


async def answer(bench: Workbench, action: str, payload: Any) -> Any:
    connection = await bench.connect()
    message = await bench.exchange(connection, action, payload)
    assert message[0] == 3, message
    return message[2]


async def test_heartbeat_tells_the_time(bench: Workbench) -> None:
    assert await answer(bench, "Heartbeat", {}) == {"currentTime": "2026-03-01T12:00:00.000Z"}


@pytest.mark.parametrize(
    ("id_tag", "status"),
    [("tag", "Accepted"), ("BLOCKED", "Blocked"), ("OLD", "Expired"), ("STRANGER", "Invalid")],
)
async def test_authorize_and_start_agree(id_tag: str, status: str, bench: Workbench) -> None:
    assert (await answer(bench, "Authorize", {"idTag": id_tag}))["idTagInfo"]["status"] == status
    started = await answer(bench, "StartTransaction", START | {"idTag": id_tag})
    assert started["idTagInfo"]["status"] == status
    assert started["transactionId"] == 1
    assert await bench.rows("SELECT id_tag, id_tag_status FROM charging_transaction") == [(id_tag, status)]


@pytest.mark.parametrize("status", ["Available", "Preparing", "Charging", "Finishing", "Reserved", "Faulted"])
async def test_every_status_is_acknowledged(status: str, bench: Workbench) -> None:
    assert await answer(bench, "StatusNotification", {"connectorId": 2, "status": status, "errorCode": "NoError"}) == {}
    assert await bench.rows("SELECT connector_id, status FROM connector") == [(2, status)]


async def test_a_stop_with_an_id_tag_brings_its_status_for_the_cache(bench: Workbench) -> None:
    assert await answer(bench, "StopTransaction", STOP | {"idTag": "TAG"}) == {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}
    }
    assert await answer(bench, "StopTransaction", STOP) == {}


async def test_meter_values_without_any_value_are_acknowledged(bench: Workbench) -> None:
    assert await answer(bench, "MeterValues", {"connectorId": 0, "meterValue": []}) == {}


async def test_a_data_transfer_of_an_unknown_vendor_is_stored_and_refused(bench: Workbench) -> None:
    assert await answer(bench, "DataTransfer", {"vendorId": "v", "data": "x"}) == {"status": "UnknownVendorId"}
    assert await bench.rows("SELECT vendor_id, data, status FROM data_transfer") == [("v", "x", "UnknownVendorId")]


async def test_a_boot_leaves_what_the_station_says_of_itself(bench: Workbench) -> None:
    boot = {"chargePointVendor": "V", "chargePointModel": "M", "firmwareVersion": "1.2", "iccid": "89"}
    assert (await answer(bench, "BootNotification", boot))["status"] == "Accepted"
    found = await bench.rows("SELECT vendor, model, firmware_version, iccid, booted FROM station WHERE identity = 'A1'")
    assert found == [("V", "M", "1.2", "89", 1)]
