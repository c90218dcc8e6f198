"""Starts and stops as records."""

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest
from tests.csms.services.call import make_call

from chargewright.clock import ManualClock
from chargewright.csms.directory import Directory
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.events import EventsService
from chargewright.csms.services.metering import MeteringService
from chargewright.csms.services.transactions import TransactionsService
from chargewright.csms.storage.base import UNKNOWN_CONNECTOR, EventRecord, StopRecord
from chargewright.protocol.v16.base import Timestamp, decode_hook
from chargewright.protocol.v16.core import StartTransactionRequest, StopTransactionRequest
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.protocol.v16.deviations import Deviation, DeviationKind

START = {"connectorId": 1, "idTag": "Tag", "meterStart": 10, "timestamp": "2026-03-01T12:00:00+01:00"}
STOP = {"transactionId": 5, "meterStop": 20, "timestamp": "2026-03-01T11:30:00Z"}
DATA = [{"timestamp": "2026-03-01T11:10:00Z", "sampledValue": [{"value": "15"}]}]


def service() -> TransactionsService:
    active = ActiveTransactionsService(
        Directory(), cast("Any", None), ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), default_limit=0
    )
    return TransactionsService(MeteringService(), EventsService(), active)


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


UNREADABLE = Deviation(DeviationKind.UNREADABLE_REQUIRED, "meterStop", "null")


def register(minute: int, value: str, **words: str) -> dict[str, Any]:
    return {"timestamp": f"2026-03-01T11:{minute:02}:00Z", "sampledValue": [{"value": value, **words}]}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([], 0),
        ([register(10, "15"), register(20, "1.75", unit="kWh"), register(15, "16")], 1750),
        ([register(20, "15"), register(20, "16")], 16),
        ([register(10, "15"), register(20, "7", measurand="Power.Active.Import")], 15),
        ([register(10, "7", measurand="Power.Active.Import")], 0),
        ([register(10, "1e300")], 0),
        ([register(10, "-5")], 0),
    ],
)
def test_the_last_register_stands_for_a_stop_that_cannot_be_read(data: list[Any], expected: int) -> None:
    call = make_call("StopTransaction", deviations=[UNREADABLE])
    made = service().stop(call, request(StopTransactionRequest, STOP | {"meterStop": 0, "transactionData": data}))
    assert (made.meter_stop, made.flags) == (expected, ("meter-stop-unreadable",))


def test_a_readable_stop_is_not_touched() -> None:
    made = stop(transactionData=DATA)
    assert (made.meter_stop, made.flags) == (20, ())


@pytest.mark.parametrize(
    ("field", "flag"),
    [("connectorId", "connector-unreadable"), ("idTag", "id-tag-unreadable"), ("meterStart", "meter-start-unreadable")],
)
@pytest.mark.parametrize("kind", [DeviationKind.UNREADABLE_REQUIRED, DeviationKind.TOO_LARGE])
def test_a_start_with_something_unreadable_is_flagged(kind: DeviationKind, field: str, flag: str) -> None:
    call = make_call("StartTransaction", deviations=[Deviation(kind, field, "?"), Deviation("null", "x", "")])
    made = service().start(call, request(StartTransactionRequest, START), AuthorizationStatus.ACCEPTED)
    assert made.flags == (flag,)


def test_a_start_whose_time_cannot_be_read_is_flagged() -> None:
    readable = request(StartTransactionRequest, START)
    unreadable = msgspec.structs.replace(readable, timestamp=Timestamp.unreadable("yesterday"))
    made = [service().start(make_call(), one, AuthorizationStatus.ACCEPTED) for one in (readable, unreadable)]
    assert [(start.station_time, start.flags) for start in made] == [
        (START["timestamp"], ()),
        ("yesterday", ("time-unreadable",)),
    ]


def test_a_stop_whose_time_cannot_be_read_is_flagged() -> None:
    unreadable = msgspec.structs.replace(
        request(StopTransactionRequest, STOP), timestamp=Timestamp.unreadable("yesterday")
    )
    made = service().stop(make_call("StopTransaction"), unreadable)
    assert (made.station_time, made.flags) == ("yesterday", ("stop-time-unreadable",))


def test_two_stops_of_which_the_same_is_left_are_two_and_each_sent_again_is_one() -> None:
    def hashed(message_id: str, payload: str) -> int:
        raw = f'[2,"{message_id}","StopTransaction",{payload}]'.encode()
        call = make_call("StopTransaction", deviations=[Deviation("unknown-word", "reason", "?")], raw=raw)
        return service().stop(call, request(StopTransactionRequest, STOP)).content_hash

    assert hashed("1", '{"reason":"a"}') == hashed("2", '{"reason":"a"}')
    assert hashed("1", '{"reason":"a"}') != hashed("1", '{"reason":"b"}')
