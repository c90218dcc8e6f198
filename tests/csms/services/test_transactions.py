"""Starts and stops as records."""

from typing import Any

import msgspec
from tests.csms.services.call import make_call

from chargewright.csms.services.events import EventsService
from chargewright.csms.services.metering import MeteringService
from chargewright.csms.services.transactions import TransactionsService
from chargewright.csms.storage.base import UNKNOWN_CONNECTOR, EventRecord, StopRecord
from chargewright.protocol.v16.base import decode_hook
from chargewright.protocol.v16.core import StartTransactionRequest, StopTransactionRequest
from chargewright.protocol.v16.datatypes import AuthorizationStatus

START = {"connectorId": 1, "idTag": "Tag", "meterStart": 10, "timestamp": "2026-03-01T12:00:00+01:00"}
STOP = {"transactionId": 5, "meterStop": 20, "timestamp": "2026-03-01T11:30:00Z"}
DATA = [{"timestamp": "2026-03-01T11:10:00Z", "sampledValue": [{"value": "15"}]}]


def service() -> TransactionsService:
    return TransactionsService(MeteringService(), EventsService())


def request(kind: Any, fields: dict[str, Any]) -> Any:
    return msgspec.convert(fields, kind, dec_hook=decode_hook)


def stop(**fields: Any) -> StopRecord:
    return service().stop(make_call("StopTransaction"), request(StopTransactionRequest, STOP | fields))


def test_a_start_is_a_record_and_an_event_that_learns_its_id() -> None:
    call = make_call("StartTransaction")
    started = service().start(call, request(StartTransactionRequest, START), AuthorizationStatus.BLOCKED)
    assert (started.connector_id, started.id_tag, started.meter_start) == (1, "Tag", 10)
    assert started.station_time == "2026-03-01T12:00:00+01:00"
    assert started.id_tag_status == "Blocked"
    assert started.reservation_id is None
    record, event = call.unit.records
    assert record is started
    assert isinstance(event, EventRecord)
    assert event.start is started
    assert "reservationId" not in event.body


def test_two_spellings_of_a_time_are_one_instant() -> None:
    other = START | {"timestamp": "2026-03-01T11:00:00.000Z"}
    instants = {
        service().start(make_call(), request(StartTransactionRequest, one), AuthorizationStatus.ACCEPTED).instant
        for one in (START, other)
    }
    assert len(instants) == 1


def test_a_stop_brings_its_data() -> None:
    made = stop(idTag="T", reason="Remote", transactionData=DATA)
    (row,) = made.transaction_data
    assert (row.connector_id, row.transaction_id, row.energy_wh) == (UNKNOWN_CONNECTOR, 5, 15.0)
    assert (made.id_tag, made.reason) == ("T", "Remote")


def test_the_hash_of_a_stop_is_of_all_that_it_says() -> None:
    hashes = [
        stop().content_hash,
        stop(idTag="T").content_hash,
        stop(reason="Remote").content_hash,
        stop(meterStop=21).content_hash,
        stop(timestamp="2026-03-01T11:30:01Z").content_hash,
        stop(transactionData=DATA).content_hash,
    ]
    assert len(set(hashes)) == len(hashes)
    assert stop(transactionData=DATA).content_hash == hashes[-1]


def test_a_number_in_one_field_is_not_mistaken_for_another() -> None:
    assert stop(idTag="Remote").content_hash != stop(reason="Remote").content_hash
