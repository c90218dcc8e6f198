"""Transactions: stored whatever the station says, and never refused (§4.8, §4.10)."""

from collections.abc import Sequence
from typing import Final

import msgspec

from chargewright.csms.ports import CallContext
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.events import EventsService
from chargewright.csms.services.metering import MeteringService, content_hash
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import TIME_UNREADABLE, UNKNOWN_CONNECTOR, MeterValueRecord, StartRecord, StopRecord
from chargewright.protocol.v16.base import INT64_MAX, UnsetType
from chargewright.protocol.v16.core import StartTransactionRequest, StopTransactionRequest
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.protocol.v16.deviations import DeviationKind

__all__ = ["TransactionsService"]

# Words in the flags of a transaction whose bill nobody should believe before having looked at the frame as sent.
_FLAGS: Final = {
    "connectorId": "connector-unreadable",
    "idTag": "id-tag-unreadable",
    "meterStart": "meter-start-unreadable",
    "meterStop": "meter-stop-unreadable",
}
STOP_TIME_UNREADABLE: Final = "stop-time-unreadable"
_UNREADABLE: Final = (DeviationKind.UNREADABLE_REQUIRED, DeviationKind.TOO_LARGE)


class TransactionsService(Service):
    """Starts and stops. The journal tells a repeat from a new transaction, by content."""

    def __init__(self, metering: MeteringService, events: EventsService, active: ActiveTransactionsService) -> None:
        self._metering = metering
        self._events = events
        self._active = active

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
            flags=_flags(call) if request.timestamp.is_readable else (*_flags(call), TIME_UNREADABLE),
        )
        call.add(record)
        self._active.begins(call, record)
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
        """Note a stop with its transactionData, whether or not we know its transaction.

        Where meterStop cannot be read, the last register of the transactionData stands for it.
        """
        meter_values = [] if isinstance(request.transaction_data, UnsetType) else request.transaction_data
        data = self._metering.records(call, UNKNOWN_CONNECTOR, request.transaction_id, meter_values)
        id_tag = None if isinstance(request.id_tag, UnsetType) else request.id_tag
        reason = None if isinstance(request.reason, UnsetType) else request.reason.value
        meter_stop = request.meter_stop
        if call.deviation_at("meterStop", *_UNREADABLE):
            meter_stop = _last_register_wh(data, meter_stop)
        record = StopRecord(
            transaction_id=request.transaction_id,
            instant=call.instant(request.timestamp),
            station_time=request.timestamp.text,
            meter_stop=meter_stop,
            id_tag=id_tag,
            reason=reason,
            transaction_data=data,
            flags=_flags(call) if request.timestamp.is_readable else (*_flags(call), STOP_TIME_UNREADABLE),
        )
        record.content_hash = _stop_hash(record, call.lost_digest())
        call.add(record)
        self._active.ends(call, record)
        self._events.tell(
            call,
            "transaction.stopped",
            stop=record,
            transactionId=record.transaction_id,
            idTag=record.id_tag,
            meterStop=record.meter_stop,
            reason=record.reason,
            timestamp=record.station_time,
            flags=list(record.flags),
        )
        return record


def _flags(call: CallContext) -> tuple[str, ...]:
    return tuple(flag for field, flag in _FLAGS.items() if call.deviation_at(field, *_UNREADABLE))


def _last_register_wh(data: Sequence[MeterValueRecord], otherwise: int) -> int:
    readings = [(row.instant, row.energy_wh) for row in data if row.energy_wh is not None]
    # Of two at one instant the later one in the message counts.
    _, energy_wh = max(reversed(readings), key=lambda reading: reading[0], default=(0, None))
    return otherwise if energy_wh is None or not 0 <= energy_wh < INT64_MAX else int(energy_wh)


def _stop_hash(record: StopRecord, lost_digest: bytes) -> int:
    # The text as sent, not the instant: two unreadable times received at different moments are the same stop sent
    # again.
    content = (
        record.station_time,
        record.meter_stop,
        record.id_tag,
        record.reason,
        [(row.station_time, row.content_hash) for row in record.transaction_data],
    )
    return content_hash(msgspec.json.encode(content) + lost_digest)


def _number(value: int | UnsetType) -> int | None:
    return None if isinstance(value, UnsetType) else value
