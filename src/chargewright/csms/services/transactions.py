"""Transactions: stored whatever the station says, and never refused (§4.8, §4.10)."""

import msgspec

from chargewright.csms.ports import CallContext
from chargewright.csms.services.events import EventsService
from chargewright.csms.services.metering import MeteringService, content_hash
from chargewright.csms.storage.base import UNKNOWN_CONNECTOR, StartRecord, StopRecord
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.core import StartTransactionRequest, StopTransactionRequest
from chargewright.protocol.v16.datatypes import AuthorizationStatus

__all__ = ["TransactionsService"]


class TransactionsService:
    """Starts and stops. The journal tells a repeat from a new transaction, by content."""

    def __init__(self, metering: MeteringService, events: EventsService) -> None:
        self._metering = metering
        self._events = events

    def start(self, call: CallContext, request: StartTransactionRequest, status: AuthorizationStatus) -> StartRecord:
        """Note a start; `transaction_id` of the returned record is there once the unit is durable."""
        record = StartRecord(
            connector_id=request.connector_id,
            id_tag=request.id_tag,
            instant=call.instant(request.timestamp),
            station_time=request.timestamp.text,
            meter_start=request.meter_start,
            id_tag_status=status.value,
            reservation_id=_number(request.reservation_id),
        )
        call.add(record)
        self._events.tell(
            call,
            "transaction.started",
            start=record,
            connectorId=record.connector_id,
            idTag=record.id_tag,
            idTagStatus=record.id_tag_status,
            meterStart=record.meter_start,
            timestamp=record.station_time,
            reservationId=record.reservation_id,
        )
        return record

    def stop(self, call: CallContext, request: StopTransactionRequest) -> StopRecord:
        """Note a stop with its transactionData, whether or not we know its transaction."""
        meter_values = [] if isinstance(request.transaction_data, UnsetType) else request.transaction_data
        data = self._metering.records(call, UNKNOWN_CONNECTOR, request.transaction_id, meter_values)
        id_tag = None if isinstance(request.id_tag, UnsetType) else request.id_tag
        reason = None if isinstance(request.reason, UnsetType) else request.reason.value
        record = StopRecord(
            transaction_id=request.transaction_id,
            instant=call.instant(request.timestamp),
            station_time=request.timestamp.text,
            meter_stop=request.meter_stop,
            id_tag=id_tag,
            reason=reason,
            transaction_data=data,
        )
        record.content_hash = _stop_hash(record)
        call.add(record)
        self._events.tell(
            call,
            "transaction.stopped",
            stop=record,
            transactionId=record.transaction_id,
            idTag=record.id_tag,
            meterStop=record.meter_stop,
            reason=record.reason,
            timestamp=record.station_time,
        )
        return record


def _stop_hash(record: StopRecord) -> int:
    # The text as sent, not the instant: two unreadable times received at different moments are the same stop sent
    # again.
    content = (
        record.station_time,
        record.meter_stop,
        record.id_tag,
        record.reason,
        [(row.station_time, row.content_hash) for row in record.transaction_data],
    )
    return content_hash(msgspec.json.encode(content))


def _number(value: int | UnsetType) -> int | None:
    return None if isinstance(value, UnsetType) else value
