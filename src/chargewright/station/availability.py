"""ChangeAvailability: in and out of service, kept over power cuts (§5.2)."""

from collections.abc import Callable, Sequence

from chargewright.protocol.v16.core import (
    AvailabilityStatus,
    AvailabilityType,
    ChangeAvailabilityRequest,
    ChangeAvailabilityResponse,
    ChargePointErrorCode,
)
from chargewright.station.connector_status import derive_station_status
from chargewright.station.context import Answer, ConnectorPort, Context, StatusReport
from chargewright.station.store import Availability

__all__ = ["StationAvailability"]


class StationAvailability:
    """The availability of the station itself (connector 0) and the command for all."""

    def __init__(
        self, context: Context, connectors: Sequence[ConnectorPort], report: Callable[[StatusReport], None]
    ) -> None:
        self._context = context
        self._connectors = connectors
        self._report = report
        self._is_operative = context.store.availability(0).is_operative
        self._warning = ChargePointErrorCode.NO_ERROR

    @property
    def current_report(self) -> StatusReport:
        """The status of connector 0."""
        return StatusReport(0, derive_station_status(is_operative=self._is_operative, is_faulted=False), self._warning)

    def warn(self, error_code: ChargePointErrorCode) -> None:
        """Something is wrong with the station that keeps nobody from charging; `NO_ERROR` when that is over."""
        if error_code is not self._warning:
            self._warning = error_code
            self._report(self.current_report)

    def change_availability(self, request: ChangeAvailabilityRequest) -> Answer:
        """§5.2: Scheduled while a transaction runs. On disk before it is acknowledged, felt afterwards."""
        is_operative = request.type is AvailabilityType.OPERATIVE
        chosen = [item for item in self._connectors if request.connector_id in (0, item.number)]
        if not chosen:
            return Answer(ChangeAvailabilityResponse(status=AvailabilityStatus.REJECTED))
        with self._context.store.atomically():
            results = [connector.change_availability(is_operative) for connector in chosen]
            if request.connector_id == 0:
                self._context.store.set_availability(0, Availability(is_operative))
        is_changed = request.connector_id == 0 and is_operative != self._is_operative
        if request.connector_id == 0:
            self._is_operative = is_operative
        status = AvailabilityStatus.ACCEPTED if all(results) else AvailabilityStatus.SCHEDULED
        return Answer(ChangeAvailabilityResponse(status=status), then=lambda: self._make_felt(chosen, is_changed))

    def _make_felt(self, connectors: Sequence[ConnectorPort], is_changed: bool) -> None:
        if is_changed:
            self._report(self.current_report)
        for connector in connectors:
            connector.availability_changed()
