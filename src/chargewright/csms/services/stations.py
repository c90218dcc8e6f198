"""What stations say of themselves: boot and status."""

from collections.abc import Callable

from chargewright.csms.directory import Directory
from chargewright.csms.ports import CallContext
from chargewright.csms.services.clock_offsets import ClockOffsets
from chargewright.csms.services.events import EventsService
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import BootRecord, StationRow, StatusRecord
from chargewright.protocol.v16.base import Timestamp, UnsetType
from chargewright.protocol.v16.core import (
    BootNotificationRequest,
    BootNotificationResponse,
    RegistrationStatus,
    StatusNotificationRequest,
)

__all__ = ["StationsService"]


class StationsService(Service):
    """Registration and status. Intervals in seconds, see the settings of the same names."""

    def __init__(
        self,
        directory: Directory,
        events: EventsService,
        *,
        heartbeat_interval_seconds: int,
        boot_retry_interval_seconds: int,
    ) -> None:
        self._directory = directory
        self.clock_offsets = ClockOffsets()
        self._events = events
        self._heartbeat_interval_seconds = heartbeat_interval_seconds
        self._boot_retry_interval_seconds = boot_retry_interval_seconds
        self.on_boot: list[Callable[[StationRow], None]] = []  # called when an accepted boot is committed

    def boot(self, call: CallContext, request: BootNotificationRequest) -> RegistrationStatus:
        """Note a BootNotification; the answer is the operator's choice for this station (§4.2)."""
        status = RegistrationStatus(call.station.registration)
        call.add(
            BootRecord(
                accepted=status is RegistrationStatus.ACCEPTED,
                vendor=request.charge_point_vendor,
                model=request.charge_point_model,
                charge_point_serial_number=present(request.charge_point_serial_number),
                charge_box_serial_number=present(request.charge_box_serial_number),
                firmware_version=present(request.firmware_version),
                iccid=present(request.iccid),
                imsi=present(request.imsi),
                meter_type=present(request.meter_type),
                meter_serial_number=present(request.meter_serial_number),
            )
        )
        self._events.tell(
            call,
            "station.booted",
            status=status.value,
            chargePointVendor=request.charge_point_vendor,
            chargePointModel=request.charge_point_model,
            chargePointSerialNumber=present(request.charge_point_serial_number),
            firmwareVersion=present(request.firmware_version),
        )
        if status is RegistrationStatus.ACCEPTED:
            call.after_commit(lambda: self._tell_boot(call.station))
        return status

    def _tell_boot(self, station: StationRow) -> None:
        for act in self.on_boot:
            act(station)

    def booted(
        self, call: CallContext, request: BootNotificationRequest, status: RegistrationStatus
    ) -> BootNotificationResponse:
        """The answer, once the boot is durable; acceptance is remembered for good."""
        if status is RegistrationStatus.ACCEPTED:
            call.station.booted = True
            self._directory.accepted(call.station)
        serial_number = present(request.charge_point_serial_number) or present(request.charge_box_serial_number)
        call.station.serial_number = serial_number or call.station.serial_number
        accepted = status is RegistrationStatus.ACCEPTED
        interval = self._heartbeat_interval_seconds if accepted else self._boot_retry_interval_seconds
        return BootNotificationResponse(status=status, current_time=call.now(), interval=interval)

    def status(self, call: CallContext, request: StatusNotificationRequest) -> None:
        """Note the status of a connector, whatever we think of the change (§4.9)."""
        stamp = None if isinstance(request.timestamp, UnsetType) else request.timestamp
        record = StatusRecord(
            connector_id=request.connector_id,
            status=request.status.value,
            error_code=request.error_code.value,
            instant=call.received_at if stamp is None else call.instant(stamp),
            station_time=None if stamp is None else stamp.text,
            raw_error_code=call.word_as_sent("errorCode"),
            info=present(request.info),
            vendor_id=present(request.vendor_id),
            vendor_error_code=present(request.vendor_error_code),
        )
        call.add(record)
        if stamp is not None:
            self.hear_clock(call, stamp)
        self._events.tell(
            call,
            "connector.status",
            connectorId=record.connector_id,
            status=record.status,
            errorCode=record.raw_error_code or record.error_code,
            info=record.info,
            vendorErrorCode=record.vendor_error_code,
            timestamp=record.station_time,
        )

    def hear_clock(self, call: CallContext, stamp: Timestamp) -> None:
        """Learn how far the station's clock is off, from what it says that it is now."""
        if stamp.is_readable:
            self.clock_offsets.observe(call.station.id, call.unit.epoch, call.instant(stamp), call.received_at)


def present(value: str | UnsetType) -> str | None:
    """None for what the station did not send, as rows have it."""
    return None if isinstance(value, UnsetType) else value
