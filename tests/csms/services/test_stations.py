"""What stations say of themselves."""

from typing import Any

import msgspec
import pytest
from tests.csms.services.call import NOW, make_call

from chargewright.csms.directory import Directory
from chargewright.csms.instants import microseconds
from chargewright.csms.services.events import EventsService
from chargewright.csms.services.stations import StationsService
from chargewright.csms.storage.base import BootRecord, EventRecord, StationRow, StatusRecord
from chargewright.protocol.v16.base import decode_hook
from chargewright.protocol.v16.core import BootNotificationRequest, StatusNotificationRequest
from chargewright.protocol.v16.deviations import Deviation

BOOT = {"chargePointVendor": "V", "chargePointModel": "M", "chargePointSerialNumber": "SN1"}


def service() -> StationsService:
    return StationsService(Directory(), EventsService(), heartbeat_interval_seconds=300, boot_retry_interval_seconds=60)


@pytest.mark.parametrize(
    ("registration", "interval", "booted"), [("Accepted", 300, True), ("Pending", 60, False), ("Rejected", 60, False)]
)
def test_the_operator_decides_on_registration(registration: str, interval: int, booted: bool) -> None:
    station = StationRow(id=1, identity="A1", registration=registration)
    call = make_call("BootNotification", station=station)
    request = msgspec.convert(BOOT, BootNotificationRequest)
    stations = service()
    status = stations.boot(call, request)
    record = call.unit.records[0]
    assert isinstance(record, BootRecord)
    assert (record.accepted, record.vendor, record.firmware_version) == (booted, "V", None)
    assert not station.booted  # not before it is durable
    answer = stations.booted(call, request, status)
    assert (answer.status, answer.interval, answer.current_time) == (registration, interval, NOW)
    assert station.booted is booted
    assert station.serial_number == "SN1"


def test_a_boot_without_serial_number_keeps_the_known_one() -> None:
    station = StationRow(id=1, identity="A1", serial_number="KNOWN")
    call = make_call("BootNotification", station=station)
    request = msgspec.convert({"chargePointVendor": "V", "chargePointModel": "M"}, BootNotificationRequest)
    stations = service()
    stations.booted(call, request, stations.boot(call, request))
    assert station.serial_number == "KNOWN"


def status(fields: dict[str, Any], deviations: tuple[Deviation, ...] = ()) -> tuple[StatusRecord, EventRecord]:
    call = make_call(deviations=deviations)
    request = msgspec.convert(
        {"connectorId": 1, "status": "Charging", "errorCode": "NoError"} | fields,
        StatusNotificationRequest,
        dec_hook=decode_hook,
    )
    service().status(call, request)
    record, event = call.unit.records
    assert isinstance(record, StatusRecord)
    assert isinstance(event, EventRecord)
    return record, event


def test_a_status_without_time_has_that_of_its_receipt() -> None:
    record, event = status({})
    assert (record.instant, record.station_time) == (microseconds(NOW), None)
    assert event.body == {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}


def test_a_status_with_time_keeps_it() -> None:
    record, _ = status({"timestamp": "2026-03-01T10:00:00+01:00"})
    assert record.station_time == "2026-03-01T10:00:00+01:00"
    assert record.instant == microseconds(NOW) - 3 * 3_600_000_000


def test_an_error_code_of_the_makers_own_is_kept_beside_ours() -> None:
    found = (Deviation(kind="other-word", field="errorCode", sample="FanBroken"),)
    record, event = status({"errorCode": "OtherError"}, found)
    assert (record.error_code, record.raw_error_code) == ("OtherError", "FanBroken")
    assert event.body["errorCode"] == "FanBroken"
