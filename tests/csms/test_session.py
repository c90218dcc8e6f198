"""One connection: claimed before it is read, answered when durable, bounded, and no danger to its neighbours."""

import asyncio
import gc
import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.csms.bench import Workbench

from chargewright.csms.handlers.table import HANDLERS
from chargewright.csms.instants import microseconds
from chargewright.csms.ports import CallContext
from chargewright.csms.storage.base import ClaimRecord, DataTransferRecord, StorageError, Unit
from chargewright.protocol.v16.actions import ACTIONS, Role
from chargewright.protocol.v16.core import DataTransferResponse, DataTransferStatus
from chargewright.rpc.errors import PropertyConstraintViolation

BOOT = {"chargePointVendor": "Bench", "chargePointModel": "Test"}
START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-03-01T11:00:00Z"}
STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}


async def test_nothing_is_read_before_the_claim_is_durable(bench: Workbench) -> None:
    connection = bench.open()
    assert connection.is_paused
    await bench.settle()
    assert not connection.is_paused
    assert await bench.rows("SELECT identity, epoch, address FROM station WHERE epoch > 0") == [
        ("A1", 1, "192.0.2.1:50000")
    ]
    assert await bench.event_kinds() == ["station.connected"]


async def test_an_answer_waits_for_its_commit(bench: Workbench) -> None:
    connection = await bench.connect()
    call_id = connection.call("StatusNotification", STATUS)
    assert connection.sent == []
    assert await bench.rows("SELECT * FROM connector") == []
    await bench.settle()
    assert connection.answer_to(call_id) == [3, call_id, {}]


@pytest.mark.parametrize(("action", "payload"), [("Heartbeat", {}), ("Authorize", {"idTag": "TAG"})])
async def test_what_needs_no_storage_is_answered_from_memory(action: str, payload: Any, bench: Workbench) -> None:
    connection = await bench.connect()
    call_id = connection.call(action, payload)
    assert connection.answer_to(call_id)[0] == 3
    assert bench.csms.statistics()["units_waiting"] == 0


async def test_boot_tells_the_time_of_answering(bench: Workbench) -> None:
    connection = await bench.connect()
    call_id = connection.call("BootNotification", BOOT)
    bench.clock.advance(2)
    await bench.settle()
    assert connection.answer_to(call_id)[2] == {
        "status": "Accepted",
        "currentTime": "2026-03-01T12:00:02.000Z",
        "interval": 300,
    }


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
async def test_a_station_that_is_not_accepted_may_only_boot(registration: str, start_bench: Any) -> None:
    bench = await start_bench({"station": [{"identity": "A1", "registration": registration}]})
    connection = await bench.connect()
    booted = await bench.exchange(connection, "BootNotification", BOOT)
    assert (booted[2]["status"], booted[2]["interval"]) == (registration, 60)
    for action, payload in (("Heartbeat", {}), ("StartTransaction", START), ("StatusNotification", STATUS)):
        answer = await bench.exchange(connection, action, payload)
        assert (answer[0], answer[2]) == (4, "SecurityError"), action
    assert await bench.rows("SELECT booted FROM station") == [(0,)]


async def test_a_registered_station_need_not_boot_first(bench: Workbench) -> None:
    connection = await bench.connect()
    assert (await bench.exchange(connection, "StartTransaction", START))[2]["transactionId"] == 1
    assert await bench.rows("SELECT action, kind FROM deviation") == [("StartTransaction", "before-boot")]
    await bench.exchange(connection, "BootNotification", BOOT)
    later = await bench.connect()
    await bench.exchange(
        later, "StopTransaction", {"transactionId": 1, "meterStop": 5, "timestamp": START["timestamp"]}
    )
    assert await bench.rows("SELECT count(*) FROM deviation") == [(1,)]


async def test_an_unknown_station_is_served_once_it_was_accepted(start_bench: Any) -> None:
    bench = await start_bench(unknown_stations="accept")
    connection = bench.open("NEW")
    assert connection.is_paused
    await asyncio.wait_for(connection.is_read.wait(), 5)
    assert (await bench.exchange(connection, "Heartbeat", {}))[2] == "SecurityError"
    assert (await bench.exchange(connection, "BootNotification", BOOT))[2]["status"] == "Accepted"
    assert (await bench.exchange(connection, "Heartbeat", {}))[0] == 3


async def test_too_many_unanswered_calls_stop_the_reading(start_bench: Any) -> None:
    bench = await start_bench(unanswered_calls=3)
    connection = await bench.connect()
    calls = [connection.call("StatusNotification", STATUS) for _ in range(3)]
    assert connection.is_paused
    await bench.settle()
    assert not connection.is_paused
    assert [connection.answer_to(call_id)[0] for call_id in calls] == [3, 3, 3]


async def test_a_station_that_does_not_read_is_dropped_without_a_failure(bench: Workbench) -> None:
    connection = await bench.connect()
    connection.call("StatusNotification", STATUS)
    connection.is_deaf = True
    with capture_logs() as entries:
        await bench.settle()
    assert [(entry["log_level"], entry["event"]) for entry in entries] == [("warning", "a station was dropped")]
    assert connection.was_aborted
    # The message itself is stored: it may be sent again.
    assert await bench.rows("SELECT status FROM connector") == [("Available",)]
    later = await bench.connect()
    assert (await bench.exchange(later, "Heartbeat", {}))[0] == 3


async def test_pressure_of_the_journal_stops_every_reading(bench: Workbench) -> None:
    first = await bench.connect("A1")
    bench.storage.journal.on_pressure(True)
    second = await bench.connect("A2")
    assert first.is_paused
    assert second.is_paused
    bench.storage.journal.on_pressure(False)
    assert not first.is_paused
    assert not second.is_paused


async def test_a_stale_unit_closes_its_session_unanswered(bench: Workbench) -> None:
    connection = await bench.connect()
    (station,) = (row for row in await bench.storage.stations() if row.identity == "A1")
    # Another node claims the station, and we have not heard of it.
    claim = Unit(station.id, 0, 0, "Claim", b"", lambda unit, settlement: None)
    claim.records.append(ClaimRecord(node="other", address="192.0.2.9:1"))
    bench.storage.journal.submit(claim)
    await bench.settle()
    connection.call("StartTransaction", START)
    await bench.settle()
    assert connection.sent == []
    assert connection.closed_with is not None
    assert connection.closed_with[0] == 1008
    assert await bench.rows("SELECT count(*) FROM charging_transaction") == [(0,)]


async def test_a_call_that_is_refused_is_in_the_log_and_not_without_bound(bench: Workbench) -> None:
    connection = await bench.connect("A1")
    with capture_logs() as logs:
        for _ in range(40):
            assert (await bench.exchange(connection, "StatusNotification", STATUS | {"status": "Bogus"}))[0] == 4
    told = [line for line in logs if line["event"] == "a CALL was refused"]
    assert len(told) == 20
    assert (told[0]["station"], told[0]["action"]) == ("A1", "StatusNotification")
    assert told[0]["code"] == "PropertyConstraintViolation"


async def test_a_bug_in_a_handler_is_an_internal_error_and_no_more(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(request: Any, call: Any, services: Any) -> Any:
        raise ZeroDivisionError("a bug")

    connection, neighbour = await bench.connect("A1"), await bench.connect("A2")
    monkeypatch.setitem(HANDLERS, "StatusNotification", broken)
    answer = await bench.exchange(connection, "StatusNotification", STATUS)
    assert (answer[0], answer[2]) == (4, "InternalError")
    assert "ZeroDivisionError" not in str(answer)
    assert (await bench.exchange(neighbour, "Heartbeat", {}))[0] == 3
    assert (await bench.exchange(connection, "Heartbeat", {}))[0] == 3
    assert bench.csms.statistics()["refused_InternalError"] == 1


async def test_a_refusal_of_a_handler_is_its_error(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(request: Any, call: Any, services: Any) -> Any:
        services.stations.status(call, request)
        raise PropertyConstraintViolation("connector 1 is a lie")

    connection = await bench.connect()
    monkeypatch.setitem(HANDLERS, "StatusNotification", refusing)
    answer = await bench.exchange(connection, "StatusNotification", STATUS)
    assert answer[2:4] == ["PropertyConstraintViolation", "connector 1 is a lie"]
    assert await bench.rows("SELECT count(*) FROM connector") == [(0,)]


async def test_a_quarantined_transaction_message_is_answered(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(units: Any) -> Any:
        raise StorageError("these rows are poison")

    connection = await bench.connect()
    monkeypatch.setattr(bench.storage, "commit", refused)
    stop = {"transactionId": 7, "meterStop": 5, "timestamp": START["timestamp"]}
    with capture_logs() as entries:
        connection.call("StopTransaction", stop)
        await asyncio.wait_for(connection.has_spoken.wait(), 5)
    assert connection.sent[0][0] == 3
    assert [entry["reason"] for entry in entries] == ["these rows are poison"]
    monkeypatch.undo()
    await bench.settle()
    assert await bench.rows("SELECT action FROM quarantine WHERE action = 'StopTransaction'") == [("StopTransaction",)]


async def test_a_quarantined_claim_closes_its_connection(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(units: Any) -> Any:
        raise StorageError("no claims today")

    monkeypatch.setattr(bench.storage, "commit", refused)
    connection = bench.open()
    await bench.settle()
    assert connection.closed_with is not None
    assert connection.closed_with[0] == 1011
    assert not connection.is_paused
    monkeypatch.undo()
    later = await bench.connect()
    assert (await bench.exchange(later, "Heartbeat", {}))[0] == 3


async def test_no_two_quarantined_starts_get_the_same_id(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(units: Any) -> Any:
        raise StorageError("these rows are poison")

    monkeypatch.setattr(bench.storage, "commit", refused)
    answers = []
    connections = []
    for identity in ("A1", "A2"):
        monkeypatch.undo()
        connection = await bench.connect(identity)
        monkeypatch.setattr(bench.storage, "commit", refused)
        connection.call("StartTransaction", START)
        await bench.settle()
        connections.append(connection)
        answers += [answer[2]["transactionId"] for answer in connection.sent]
    assert 0 not in answers
    assert len(set(answers)) == len(answers)
    assert all(connection.sent or connection.closed_with[0] == 1011 for connection in connections)
    monkeypatch.undo()
    await bench.settle()
    assert (await bench.event_kinds()).count("alarm.quarantined") == 2


async def test_a_quarantined_start_without_id_is_not_answered(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(units: Any) -> Any:
        raise StorageError("these rows are poison")

    async def kept(unit: Unit, *others: Any) -> None:
        assert unit.action in ("StartTransaction", "alarm.quarantined")

    connection = await bench.connect()
    monkeypatch.setattr(bench.storage, "commit", refused)
    monkeypatch.setattr(bench.storage, "quarantine", kept)
    connection.call("StartTransaction", START)
    await bench.settle()
    await bench.settle()
    assert connection.sent == []
    assert connection.closed_with is not None
    assert connection.closed_with[0] == 1011


async def test_deviations_are_counted_a_few_per_message(bench: Workbench) -> None:
    connection = await bench.connect()
    unknown = {f"vendorField{number}": 1 for number in range(10)}
    assert (await bench.exchange(connection, "BootNotification", BOOT | unknown))[0] == 3
    ((count,),) = await bench.rows("SELECT count(*) FROM deviation")
    assert count == 4
    assert bench.csms.statistics()["deviations"] == 10


async def test_deviations_of_what_is_answered_at_once_are_stored_too(bench: Workbench) -> None:
    connection = await bench.connect()
    assert (await bench.exchange(connection, "Heartbeat", {"why": 1}))[0] == 3
    assert await bench.rows("SELECT action, kind, field FROM deviation") == [("Heartbeat", "unknown-field", "why")]


def unknown_unit(value: str) -> Any:
    samples = [{"value": value, "unit": "wattstunden"}]
    return {"connectorId": 1, "meterValue": [{"timestamp": START["timestamp"], "sampledValue": samples}]}


async def test_what_salvaging_loses_is_kept_as_it_was_sent(bench: Workbench) -> None:
    connection = await bench.connect()
    for value in ("1111", "2222", "2222"):
        assert (await bench.exchange(connection, "MeterValues", unknown_unit(value)))[0] == 3
    # Nothing is left of either, and they are two all the same; the third is the second, sent again.
    assert await bench.rows("SELECT samples FROM meter_value") == [("[]",), ("[]",)]
    found = await bench.rows("SELECT action, frame, received_at FROM salvaged_frame ORDER BY id")
    assert [(action, value in frame) for (action, frame, _), value in zip(found, (b"1111", b"2222"), strict=True)] == [
        ("MeterValues", True),
        ("MeterValues", True),
    ]
    assert found[0][2] == microseconds(bench.clock.now())


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("StartTransaction", START | {"meterStart": 10**30}),
        ("StartTransaction", START | {"reservationId": "r"}),
        ("StopTransaction", {"transactionId": 10**30, "meterStop": 5, "timestamp": START["timestamp"]}),
        ("StopTransaction", {"transactionId": 1, "meterStop": 5, "timestamp": START["timestamp"], "reason": "Bored"}),
        ("MeterValues", {}),
    ],
)
async def test_a_lossy_transaction_message_is_answered_and_kept(action: str, payload: Any, bench: Workbench) -> None:
    connection = await bench.connect()
    assert (await bench.exchange(connection, action, payload))[0] == 3
    ((kept_action, frame),) = await bench.rows("SELECT action, frame FROM salvaged_frame")
    assert kept_action == action
    assert json.loads(frame)[3] == payload


async def test_frames_of_what_lost_nothing_are_not_kept(bench: Workbench) -> None:
    connection = await bench.connect()
    await bench.exchange(connection, "StartTransaction", START | {"meterStart": "0", "timestamp": "soon"})
    await bench.exchange(connection, "Heartbeat", {"why": 1})
    assert await bench.rows("SELECT * FROM salvaged_frame") == []


async def test_a_stop_without_readable_meter_ends_its_transaction_at_the_last_register(bench: Workbench) -> None:
    connection = await bench.connect()
    started = (await bench.exchange(connection, "StartTransaction", START))[2]["transactionId"]
    data = [
        {"timestamp": f"2026-03-01T11:{m}:00Z", "sampledValue": [{"value": v}]} for m, v in (("20", "7"), ("10", "3"))
    ]
    stop = {"transactionId": started, "meterStop": None, "timestamp": "2026-03-01T11:30:00Z", "transactionData": data}
    assert (await bench.exchange(connection, "StopTransaction", stop))[0] == 3
    assert (await bench.exchange(connection, "StopTransaction", stop))[0] == 3
    found = await bench.rows("SELECT meter_stop, flags FROM charging_transaction")
    assert found == [(7, "meter-stop-unreadable")]
    assert await bench.rows("SELECT relation FROM transaction_stop") == [("stop",)]
    (event,) = [row for row in await bench.storage.events_after(0, 99) if row.kind == "transaction.stopped"]
    assert json.loads(bytes(event.body))["flags"] == ["meter-stop-unreadable"]


def large_meter_values(**fields: Any) -> Any:
    values = [
        {"timestamp": f"2026-03-01T11:{second // 60:02}:{second % 60:02}Z", "sampledValue": [{"value": f"{second}"}]}
        for second in range(1200)
    ]
    return {"connectorId": 1, "meterValue": [value | fields for value in values]}


async def read_again(connection: Any) -> None:
    await asyncio.wait_for(connection.is_read.wait(), 10)


@pytest.mark.parametrize("fields", [{}, {"vendorField": None}, {"timestamp": None}])
async def test_a_large_message_is_stored_and_answered(fields: Any, bench: Workbench) -> None:
    connection = await bench.connect()
    call_id = connection.call("MeterValues", large_meter_values(**fields))
    assert connection.is_paused
    await read_again(connection)
    await bench.settle()
    assert connection.answer_to(call_id) == [3, call_id, {}]
    assert await bench.rows("SELECT count(*) FROM meter_value") == [(1200,)]
    assert await bench.rows("SELECT count(*) FROM salvaged_frame") == [(int("vendorField" in fields),)]


async def test_a_large_message_keeps_nobody_else_waiting(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    store, gate, was_open = HANDLERS["MeterValues"], threading.Event(), []

    def slow(request: Any, call: CallContext, services: Any) -> Any:
        was_open.append(gate.wait(10))
        return store(request, call, services)

    monkeypatch.setitem(HANDLERS, "MeterValues", slow)
    connection, neighbour = await bench.connect("A1"), await bench.connect("A2")
    call_id = connection.call("MeterValues", large_meter_values())
    assert (await bench.exchange(neighbour, "Heartbeat", {}))[0] == 3
    assert (await bench.exchange(neighbour, "StartTransaction", START))[0] == 3
    assert connection.sent == []
    gate.set()
    await read_again(connection)
    await bench.settle()
    assert was_open == [True]
    assert [answer[1] for answer in connection.sent] == [call_id]


async def test_a_connection_lost_while_its_large_message_is_read_writes_nothing(bench: Workbench) -> None:
    connection = await bench.connect()
    connection.call("MeterValues", large_meter_values())
    (session,) = bench.csms._sessions
    reading = session._large
    connection.vanish()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await bench.settle()
    assert await bench.rows("SELECT count(*) FROM meter_value") == [(0,)]
    assert bench.csms.statistics()["connections"] == 0


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Heartbeat", {f"k{number}": 1 for number in range(10_000)}, "FormationViolation"),
        ("BootNotification", BOOT | {"imsi": "1" * 100_000}, "PropertyConstraintViolation"),
        ("Nonsense", {"x": "y" * 100_000}, "NotImplemented"),
    ],
)
async def test_a_large_message_may_be_refused(action: str, payload: Any, code: str, bench: Workbench) -> None:
    connection = await bench.connect()
    call_id = connection.call(action, payload)
    await read_again(connection)
    answer = connection.answer_to(call_id)
    assert (answer[0], answer[2]) == (4, code)
    assert (await bench.exchange(connection, "Heartbeat", {}))[0] == 3


async def test_a_bug_met_by_a_large_message_is_an_internal_error(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(request: Any, call: Any, services: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setitem(HANDLERS, "MeterValues", broken)
    connection = await bench.connect()
    call_id = connection.call("MeterValues", large_meter_values())
    await read_again(connection)
    assert connection.answer_to(call_id)[2] == "InternalError"


async def test_a_bug_of_ours_in_reading_a_large_message_closes_the_connection(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await bench.connect()
    (session,) = bench.csms._sessions
    monkeypatch.setattr(type(session._rpc), "read", lambda rpc, message: 1 / 0)
    connection.call("MeterValues", large_meter_values())
    await read_again(connection)
    assert connection.closed_with is not None
    assert connection.closed_with[0] == 1011


async def test_places_in_lists_are_one_deviation(bench: Workbench) -> None:
    connection = await bench.connect()
    for place in (0, 1):
        samples: list[dict[str, Any]] = [{"value": "1"}, {"value": "2"}]
        samples[place]["oddity"] = 1
        payload = {
            "connectorId": 1,
            "meterValue": [{"timestamp": f"2026-03-01T11:0{place}:00Z", "sampledValue": samples}],
        }
        assert (await bench.exchange(connection, "MeterValues", payload))[0] == 3
    found = await bench.rows("SELECT kind, field, count FROM deviation WHERE kind = 'unknown-field'")
    assert found == [("unknown-field", "meterValue[].sampledValue[].oddity", 2)]


@pytest.mark.parametrize(
    "action", sorted(name for name, row in ACTIONS.items() if Role.STATION in row.sent_by and name not in HANDLERS)
)
async def test_what_is_not_offered_is_not_supported(action: str, bench: Workbench) -> None:
    answer = await bench.exchange(await bench.connect(), action, {})
    assert (answer[0], answer[2]) == (4, "NotSupported")


async def test_an_action_of_the_csms_is_not_supported_from_a_station(bench: Workbench) -> None:
    answer = await bench.exchange(await bench.connect(), "Reset", {"type": "Hard"})
    assert (answer[0], answer[2]) == (4, "NotSupported")


async def test_the_end_is_written_down(bench: Workbench) -> None:
    connection = await bench.connect()
    connection.vanish(1006)
    await bench.settle()
    assert await bench.event_kinds() == ["station.connected", "station.disconnected"]
    assert await bench.rows("SELECT close_code FROM station WHERE identity = 'A1'") == [(1006,)]
    assert bench.csms.statistics()["connections"] == 0


async def test_an_end_before_the_claim_was_durable_is_written_down_too(bench: Workbench) -> None:
    connection = bench.open()
    connection.vanish(1006)
    await bench.settle()
    await bench.settle()
    assert await bench.event_kinds() == ["station.connected", "station.disconnected"]
    assert bench.csms.statistics()["stations_connected"] == 0


async def test_a_message_too_big_is_an_alarm(bench: Workbench) -> None:
    connection = await bench.connect()
    connection.vanish(1009, by_peer=False)
    await bench.settle()
    assert "alarm.message_too_big" in await bench.event_kinds()


async def test_a_commit_after_the_connection_is_gone_answers_nobody(bench: Workbench) -> None:
    connection = await bench.connect()
    connection.call("StartTransaction", START)
    connection.vanish(1006)
    await bench.settle()
    assert connection.sent == []
    assert await bench.rows("SELECT transaction_id FROM charging_transaction") == [(1,)]


async def test_the_zone_of_the_station_counts_where_it_sends_none(start_bench: Any) -> None:
    bench = await start_bench({"station": [{"identity": "A1", "time_zone": "Asia/Tokyo"}]})
    connection = await bench.connect()
    await bench.exchange(connection, "StartTransaction", START | {"timestamp": "2026-03-01T20:00:00"})
    ((instant, text),) = await bench.rows("SELECT start_instant, station_time FROM charging_transaction")
    assert instant == microseconds(datetime(2026, 3, 1, 11, tzinfo=UTC))
    assert text == "2026-03-01T20:00:00"


async def test_an_unreadable_time_is_the_time_of_receipt_and_the_repeat_is_recognised(bench: Workbench) -> None:
    connection = await bench.connect()
    first = await bench.exchange(connection, "StartTransaction", START | {"timestamp": "yesterday"})
    bench.clock.advance(90)
    second = await bench.exchange(connection, "StartTransaction", START | {"timestamp": "yesterday"})
    assert first[2]["transactionId"] == second[2]["transactionId"]
    ((instant, text),) = await bench.rows("SELECT start_instant, station_time FROM charging_transaction")
    assert instant == microseconds(datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert text == "yesterday"


async def test_messages_are_freed_without_the_garbage_collector(bench: Workbench) -> None:
    connection = await bench.connect()
    values = [{"timestamp": START["timestamp"], "sampledValue": [{"value": "1"}]}]
    calls: list[tuple[str, Any]] = [
        ("Heartbeat", {}),
        ("Authorize", {"idTag": "TAG"}),
        ("MeterValues", {"connectorId": 1, "meterValue": values}),
        ("MeterValues", {"connectorId": 1, "meterValue": []}),
        ("DataTransfer", {"vendorId": "v"}),
    ]
    for action, payload in calls:
        await bench.exchange(connection, action, payload)
    gc.collect()
    gc.disable()
    try:
        for action, payload in calls * 20:
            await bench.exchange(connection, action, payload)
        found = [thing for thing in gc.get_objects() if isinstance(thing, (Unit, CallContext))]
    finally:
        gc.enable()
    assert found == []


async def test_memory_follows_the_commit_and_is_taken_back_without_one(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def handler(request: Any, call: Any, services: Any) -> Any:
        call.add(DataTransferRecord(vendor_id="v", message_id=None, data=None, status="Accepted"))
        call.after_commit(lambda: told.append("committed"))
        call.after_failure(lambda: told.append("failed"))
        return call.when_durable(lambda: DataTransferResponse(status=DataTransferStatus.ACCEPTED))

    async def refused(units: Any) -> Any:
        raise StorageError("poison")

    assert bench.csms._ports is not None
    monkeypatch.setitem(bench.csms._ports.handlers, "DataTransfer", handler)  # type: ignore[arg-type]
    connection = await bench.connect()
    assert (await bench.exchange(connection, "DataTransfer", {"vendorId": "v"}))[0] == 3
    monkeypatch.setattr(bench.storage, "commit", refused)
    assert (await bench.exchange(connection, "DataTransfer", {"vendorId": "v"}))[0] == 4
    assert told == ["committed", "failed"]
