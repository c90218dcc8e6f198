"""What real stations do that the specification does not say: each as a frame on a real socket, and what the database
says afterwards."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.csms.wire import WireStation, seed_text
from tests.databases import TestDatabase
from tests.transport.raw_websocket import CLOSE, CONTINUATION, TEXT, raw_client
from websockets.exceptions import InvalidStatus

from chargewright.csms.app import Csms

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}

Start = Callable[..., Awaitable[Csms]]


def microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def values(*samples: Any, at: str = "2026-01-01T12:00:00Z") -> list[Any]:
    return [{"timestamp": at, "sampledValue": list(samples)}]


@pytest.fixture
async def on_database(database: TestDatabase, start_csms: Start) -> Start:
    """Start a CSMS on the database in turn."""

    async def start(**settings: Any) -> Csms:
        return await start_csms(db=database.url, **settings)

    return start


@pytest.fixture
async def url(on_database: Start) -> str:
    csms = await on_database()
    return f"ws://{csms.addresses.ocpp[0]}"


@pytest.fixture
async def station(url: str) -> AsyncIterator[WireStation]:
    async with WireStation(url, "A1") as one:
        yield one


# Message ids and the JSON around them.


async def test_message_ids_count_anew_after_a_reboot(url: str, database: TestDatabase) -> None:
    for reboot in range(3):
        # `WireStation` counts from 1 on each connection.
        async with WireStation(url, "A1") as station:
            assert (await station.boot())["status"] == "Accepted"
            await station.start(meterStart=reboot)
    assert await database.rows("SELECT meter_start FROM charging_transaction ORDER BY meter_start") == [
        (0,),
        (1,),
        (2,),
    ]


async def test_message_ids_repeat_on_one_connection(station: WireStation, database: TestDatabase) -> None:
    for connector in (1, 2):
        await station.send(json.dumps([2, "1", "StatusNotification", STATUS | {"connectorId": connector}]))
        assert await station.receive() == [3, "1", {}]
    assert await database.rows("SELECT connector_id FROM connector ORDER BY 1") == [(1,), (2,)]


@pytest.mark.parametrize("number", ["17", "1.5", "4294967296"])
@pytest.mark.parametrize("is_text", [True, False])
async def test_message_ids_are_decimal(
    number: str, is_text: bool, station: WireStation, database: TestDatabase
) -> None:
    call_id = f'"{number}"' if is_text else number
    await station.send(f'[2,{call_id},"StatusNotification",{json.dumps(STATUS)}]')
    assert await station.socket.recv() == f"[3,{call_id},{{}}]"
    assert await database.rows("SELECT status FROM connector") == [("Available",)]
    found = await database.rows("SELECT kind, field, sample FROM deviation")
    assert found == ([] if is_text else [("number-as-text", "(message id)", number)])


async def test_strict_refuses_a_message_id_that_is_a_number(on_database: Start) -> None:
    csms = await on_database(strict=True)
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        await station.send('[2,17,"Heartbeat",{}]')
        assert (await station.receive())[:3] == [4, "17", "FormationViolation"]


@pytest.mark.parametrize(
    "message",
    [
        ' [ 2 ,\t"1" , "StatusNotification" ,\r\n {"connectorId" : 1, "status":"Available","errorCode":"NoError" } ] ',
        json.dumps([2, "1", "StatusNotification", STATUS], indent=4),
        json.dumps([2, "1", "StatusNotification", STATUS], indent="\t").replace("\n", "\r\n") + "\r\n\n",
    ],
)
async def test_blanks_and_pretty_printed_json(message: str, station: WireStation, database: TestDatabase) -> None:
    await station.send(message)
    assert await station.receive() == [3, "1", {}]
    assert await database.rows("SELECT status FROM connector") == [("Available",)]


# The WebSocket.


async def test_a_text_message_in_fragments(url: str, database: TestDatabase) -> None:
    message = json.dumps([2, "ü", "StatusNotification", STATUS | {"info": "zu heiß"}], ensure_ascii=False).encode()
    headers = {"Authorization": WireStation(url, "A1").headers["Authorization"]}
    host, _, port = url.removeprefix("ws://").partition(":")
    async with raw_client((host, int(port))) as client:
        assert await client.upgrade("/A1", headers) == 101
        # One byte a frame: the cut goes through characters too.
        client.send(TEXT, message[:1], is_final=False)
        for place in range(1, len(message) - 1):
            client.send(CONTINUATION, message[place : place + 1], is_final=False)
        client.send(CONTINUATION, message[-1:])
        answer = await client.receive()
        assert json.loads(answer.payload) == [3, "ü", {}]
        client.send(CLOSE, b"\x03\xe8")
    assert await database.rows("SELECT info FROM connector") == [("zu heiß",)]


@pytest.mark.parametrize("library", ["picows", "websockets"])
async def test_compression_is_offered_and_declined(library: str, on_database: Start, database: TestDatabase) -> None:
    csms = await on_database(websocket=library)
    # The `websockets` library offers permessage-deflate unless told not to.
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as station:
        assert station.socket.request is not None
        assert "permessage-deflate" in station.socket.request.headers["Sec-WebSocket-Extensions"]
        assert station.socket.response is not None
        assert "Sec-WebSocket-Extensions" not in station.socket.response.headers
        await station.call("StatusNotification", **STATUS)
    assert await database.rows("SELECT status FROM connector") == [("Available",)]


async def test_no_subprotocol_is_offered(on_database: Start, database: TestDatabase) -> None:
    csms = await on_database(no_subprotocol_offered="assume")
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1", subprotocols=None) as station:
        assert station.socket.subprotocol is None
        await station.call("StatusNotification", **STATUS)
    assert await database.rows("SELECT status FROM connector") == [("Available",)]


async def test_no_subprotocol_is_offered_and_the_operator_does_not_assume_one(url: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await WireStation(url, "A1", subprotocols=None).__aenter__()
    assert caught.value.response.status_code == 400


@pytest.mark.parametrize("origin", ["null", "http://charger.local", "file://", "https://evil.example"])
async def test_an_origin_is_no_matter(origin: str, url: str, database: TestDatabase) -> None:
    one = WireStation(url, "A1")
    one.headers["Origin"] = origin
    async with one as station:
        await station.call("StatusNotification", **STATUS)
    assert await database.rows("SELECT status FROM connector") == [("Available",)]


async def test_calls_come_before_our_answers(station: WireStation, database: TestDatabase) -> None:
    # OCPP-J 4.1.1 forbids it; stations that come back with a queue do it all the same.
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T12:00:00Z"}
    for number in range(20):
        await station.send(json.dumps([2, f"s{number}", "StartTransaction", start | {"meterStart": number}]))
        await station.send(json.dumps([2, f"h{number}", "Heartbeat", {}]))
    answers = [await station.receive() for _ in range(40)]
    assert {answer[0] for answer in answers} == {3}
    # What needs no storage may be answered earlier; the starts keep their order.
    assert [answer[1] for answer in answers if answer[1][0] == "s"] == [f"s{number}" for number in range(20)]
    assert {answer[1] for answer in answers if answer[1][0] == "h"} == {f"h{number}" for number in range(20)}
    ids = [answer[2]["transactionId"] for answer in answers if answer[1][0] == "s"]
    found = await database.rows("SELECT transaction_id FROM charging_transaction ORDER BY meter_start")
    assert [row[0] for row in found] == ids


# Statuses.


async def test_a_status_without_time_has_the_time_of_receipt(station: WireStation, database: TestDatabase) -> None:
    before = microseconds(datetime.now(UTC))
    await station.call("StatusNotification", **STATUS)
    after = microseconds(datetime.now(UTC))
    ((instant, text, received_at),) = await database.rows("SELECT instant, station_time, received_at FROM connector")
    assert before <= instant == received_at <= after
    assert text is None


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("CablePlugFault", "OtherError"),
        ("E-217", "OtherError"),
        ("", "NoError"),
        ("Mode3Error", "EVCommunicationError"),
        ("GROUNDFAILURE", "GroundFailure"),
    ],
)
async def test_an_unknown_error_code_is_kept_with_its_word(
    word: str, kept: str, station: WireStation, database: TestDatabase
) -> None:
    await station.call("StatusNotification", **(STATUS | {"status": "Faulted", "errorCode": word}))
    for table in ("connector", "connector_status"):
        found = await database.rows(f"SELECT status, error_code, raw_error_code FROM {table}")
        assert found == [("Faulted", kept, word)]


# Optional fields that hold nothing.


@pytest.mark.parametrize("nothing", [None, "null", "NULL", ""])
async def test_an_optional_field_holds_nothing(nothing: Any, station: WireStation, database: TestDatabase) -> None:
    await station.call("StatusNotification", **STATUS, timestamp=nothing)
    started = await station.start(reservationId=nothing)
    number = started["transactionId"]
    sample = {"value": "10", "unit": nothing, "measurand": nothing, "phase": nothing, "context": nothing}
    await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=values(sample))
    await station.stop(number, reason=nothing, transactionData=nothing)
    found = await database.rows("SELECT reservation_id, stop_reason, meter_stop FROM charging_transaction")
    assert found == [(None, None, 1000)]
    assert await database.rows("SELECT samples, energy_wh FROM meter_value") == [('[{"value":"10"}]', 10.0)]
    fields = {row[0] for row in await database.rows("SELECT field FROM deviation WHERE kind = 'null'")}
    assert {"timestamp", "reservationId", "reason", "transactionData"} <= fields


@pytest.mark.parametrize("nothing", [None, []])
async def test_a_null_id_tag_of_a_stop(nothing: Any, station: WireStation, database: TestDatabase) -> None:
    number = (await station.start())["transactionId"]
    answer = await station.stop(number, idTag=nothing)
    assert "idTagInfo" not in answer
    assert await database.rows("SELECT stop_id_tag FROM charging_transaction") == [(None,)]


async def test_optional_text_says_null(station: WireStation, database: TestDatabase) -> None:
    # In a string the letters of null are a string; null itself is none.
    await station.call("StatusNotification", **STATUS, info="null", vendorId=None)
    assert await database.rows("SELECT info, vendor_id FROM connector") == [("null", None)]


@pytest.mark.parametrize("samples", [[], None, "null"])
async def test_sampled_values_are_empty(samples: Any, station: WireStation, database: TestDatabase) -> None:
    meter_value = [{"timestamp": "2026-01-01T12:00:00Z", "sampledValue": samples}, *values({"value": "7"})]
    await station.call("MeterValues", connectorId=1, meterValue=meter_value)
    found = await database.rows("SELECT energy_wh FROM meter_value WHERE energy_wh IS NOT NULL")
    assert found == [(7.0,)]


# Numbers and words.


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("0.0", 0), ('"12"', 12), ("12.0", 12), ("1.2e3", 1200), ('" 12 "', 12), ("12.9", 12), ('"12.0"', 12), ("-3", -3)],
)
async def test_a_meter_reading_is_no_integer(
    sent: str, stored: int, station: WireStation, database: TestDatabase
) -> None:
    head = '"connectorId":1,"idTag":"TAG","timestamp":"2026-01-01T12:00:00Z"'
    await station.send(f'[2,"1","StartTransaction",{{{head},"meterStart":{sent}}}]')
    started = await station.receive()
    assert started[0] == 3
    number = started[2]["transactionId"]
    await station.send(
        f'[2,"2","StopTransaction",{{"transactionId":"{number}","timestamp":"2026-01-01T13:00:00Z","meterStop":{sent}}}]'
    )
    assert (await station.receive())[0] == 3
    found = await database.rows("SELECT transaction_id, meter_start, meter_stop FROM charging_transaction")
    assert found == [(number, stored, stored)]


async def test_an_id_tag_is_echoed_with_control_bytes(station: WireStation, database: TestDatabase) -> None:
    # Read over a serial line, with what ends the line there: escaped, raw, and with a NUL.
    for tag in ("TAG\\u0000", "TAG\\r\\n", "\\u0002TAG\\u0003", "TAG\r\n"):
        await station.send(f'[2,"1","Authorize",{{"idTag":"{tag}"}}]')
        answer = await station.receive()
        assert answer[:2] == [3, "1"]
        assert answer[2]["idTagInfo"]["status"] == "Accepted"
    await station.send(
        '[2,"2","StartTransaction",{"connectorId":1,"idTag":"TAG\\u0000\\u0000","meterStart":0,'
        '"timestamp":"2026-01-01T12:00:00Z"}]'
    )
    started = await station.receive()
    assert started[2]["idTagInfo"]["status"] == "Accepted"
    assert await database.rows("SELECT id_tag FROM charging_transaction") == [("TAG",)]
    kinds = {row[0] for row in await database.rows("SELECT kind FROM deviation WHERE field = 'idTag'")}
    assert kinds == {"control-characters"}


@pytest.mark.parametrize("unit", ["Celsius", "Celcius", "celsius"])
async def test_degrees_in_either_spelling(unit: str, station: WireStation, database: TestDatabase) -> None:
    sample = {"value": "41.5", "measurand": "Temperature", "unit": unit}
    await station.call("MeterValues", connectorId=1, meterValue=values(sample))
    ((samples,),) = await database.rows("SELECT samples FROM meter_value")
    ((stored,),) = [json.loads(samples)]
    assert stored["unit"].casefold() == unit.casefold()
    assert (stored["value"], stored["measurand"]) == ("41.5", "Temperature")


# Histories.

WEEKS = 6
TRANSACTIONS_A_DAY = 4
SAMPLES_A_TRANSACTION = 15


async def test_a_history_of_weeks_is_replayed_at_once(station: WireStation, database: TestDatabase) -> None:
    began = datetime(2025, 11, 1, tzinfo=UTC)
    register = 0
    numbers = []
    for place in range(WEEKS * 7 * TRANSACTIONS_A_DAY):
        moment = began + timedelta(days=1) * place / TRANSACTIONS_A_DAY
        started = await station.start(timestamp=moment.isoformat(), meterStart=register)
        numbers.append(started["transactionId"])
        # A station that comes back does not wait: all of one transaction at once.
        for minute in range(SAMPLES_A_TRANSACTION):
            register += 100
            payload = {
                "connectorId": 1,
                "transactionId": numbers[-1],
                "meterValue": values({"value": str(register)}, at=(moment + timedelta(minutes=minute)).isoformat()),
            }
            await station.send(json.dumps([2, f"m{minute}", "MeterValues", payload]))
        answers = [await station.receive() for _ in range(SAMPLES_A_TRANSACTION)]
        assert [answer[:2] for answer in answers] == [[3, f"m{minute}"] for minute in range(SAMPLES_A_TRANSACTION)]
        await station.stop(numbers[-1], timestamp=(moment + timedelta(hours=1)).isoformat(), meterStop=register)
    count = len(numbers)
    assert len(set(numbers)) == count
    assert await database.value("SELECT count(*) FROM meter_value") == count * SAMPLES_A_TRANSACTION
    found = await database.rows(
        "SELECT transaction_id, start_instant, meter_stop - meter_start FROM charging_transaction ORDER BY id"
    )
    assert found == [
        (number, microseconds(began + timedelta(days=1) * place / TRANSACTIONS_A_DAY), SAMPLES_A_TRANSACTION * 100)
        for place, number in enumerate(numbers)
    ]
    assert await database.value("SELECT count(*) FROM transaction_stop WHERE relation <> 'stop'") == 0


async def test_a_register_steps_back(station: WireStation, database: TestDatabase) -> None:
    number = (await station.start(meterStart=10_000))["transactionId"]
    for minute, register in enumerate(("10100", "10200", "40", "90")):
        at = f"2026-01-01T00:{minute:02d}:00Z"
        meter_value = values({"value": register}, at=at)
        await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=meter_value)
    await station.stop(number, meterStop=90)
    found = await database.rows("SELECT energy_wh FROM meter_value ORDER BY instant")
    assert found == [(10100.0,), (10200.0,), (40.0,), (90.0,)]
    assert await database.rows("SELECT meter_start, meter_stop FROM charging_transaction") == [(10_000, 90)]


async def test_a_register_changes_its_series(station: WireStation, database: TestDatabase) -> None:
    # First the meter of the whole connector, then one register for each phase, then in another unit.
    number = (await station.start(meterStart=1000))["transactionId"]
    series = [
        [{"value": "1500"}],
        [
            {"value": value, "phase": phase, "unit": "Wh"}
            for phase, value in zip(("L1", "L2", "L3"), "789", strict=True)
        ],
        [{"value": "1.75", "unit": "kWh", "measurand": "Energy.Active.Import.Register"}],
        [{"value": "250", "measurand": "Energy.Active.Import.Interval"}],
    ]
    for minute, samples in enumerate(series):
        meter_value = values(*samples, at=f"2026-01-01T00:{minute:02d}:00Z")
        await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=meter_value)
    found = await database.rows("SELECT energy_wh FROM meter_value ORDER BY instant")
    assert found == [(1500.0,), (24.0,), (1750.0,), (None,)]


# Registration.


async def test_acceptance_outlives_the_csms_and_its_connection(on_database: Start, database: TestDatabase) -> None:
    first = await on_database()
    async with WireStation(f"ws://{first.addresses.ocpp[0]}", "A1") as station:
        assert (await station.boot())["status"] == "Accepted"
    await first.stop()
    second = await on_database()
    async with WireStation(f"ws://{second.addresses.ocpp[0]}", "A1") as station:
        await station.start()
        assert (await station.exchange("Heartbeat", {}))[0] == 3
    assert await database.rows("SELECT * FROM deviation") == []
    assert await database.rows("SELECT booted FROM station WHERE identity = 'A1'") == [(1,)]


async def test_a_registered_station_that_never_booted_keeps_its_bills(
    station: WireStation, database: TestDatabase
) -> None:
    number = (await station.start())["transactionId"]
    await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=values({"value": "5"}))
    await station.stop(number)
    assert await database.rows("SELECT meter_stop FROM charging_transaction") == [(1000,)]
    assert await database.rows("SELECT count(*) FROM meter_value") == [(1,)]
    found = await database.rows("SELECT action, kind FROM deviation ORDER BY action")
    expected = ["MeterValues", "StartTransaction", "StopTransaction"]
    assert found == [(action, "before-boot") for action in expected]


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
async def test_the_operator_keeps_a_station_waiting(
    registration: str, start_csms: Start, database: TestDatabase
) -> None:
    def seed(word: str) -> str:
        return seed_text("A1").replace("[[id_tag]]", f'registration = "{word}"\n[[id_tag]]')

    first = await start_csms(db=database.url, seed=seed(registration))
    async with WireStation(f"ws://{first.addresses.ocpp[0]}", "A1") as station:
        assert (await station.boot())["status"] == registration
        start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T12:00:00Z"}
        for action, payload in (("StartTransaction", start), ("Heartbeat", {}), ("StatusNotification", STATUS)):
            assert (await station.exchange(action, payload))[2] == "SecurityError"
    assert await database.rows("SELECT count(*) FROM charging_transaction") == [(0,)]
    await first.stop()
    second = await start_csms(db=database.url, seed=seed("Accepted"))
    async with WireStation(f"ws://{second.addresses.ocpp[0]}", "A1") as station:
        await station.start()
        assert (await station.boot())["status"] == "Accepted"
    assert await database.rows("SELECT count(*) FROM charging_transaction") == [(1,)]
