"""What is repaired, what is told of it, and what is refused all the same."""

import itertools
import json
import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.protocol.v16 import cases, schemas

from chargewright.protocol.v16 import core, security, smart_charging
from chargewright.protocol.v16.actions import ACTIONS, Role
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.classification import classify
from chargewright.protocol.v16.coding import DECODE_FAILURES, decode, encode
from chargewright.protocol.v16.deviations import DeviationKind
from chargewright.protocol.v16.error_codes import ErrorCode
from chargewright.protocol.v16.salvage import SALVAGE_BYTES, Salvaged, salvage

START_REQUEST, STATUS_REQUEST = core.StartTransactionRequest, core.StatusNotificationRequest
BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
START = {"connectorId": 1, "idTag": "TAG", "meterStart": 100, "timestamp": "2024-05-06T07:08:09Z"}
STOP = {"transactionId": 7, "meterStop": 200, "timestamp": "2024-05-06T07:08:09Z"}
STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
TIME = {"timestamp": "2024-05-06T07:08:09Z"}


def meter_values(*samples: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{**TIME, "sampledValue": list(samples)}]}


def samples_of(salvaged: Salvaged) -> Any:
    return json.loads(encode(salvaged.message))["meterValue"][0]["sampledValue"]


def told(salvaged: Salvaged) -> list[tuple[str, str, str]]:
    return [(deviation.kind, deviation.field, deviation.sample) for deviation in salvaged.deviations]


@pytest.mark.parametrize(
    ("kind", "given_fields", "repaired", "deviation"),
    [
        # Fields
        (core.BootNotificationRequest, {**BOOT, "x": [1]}, BOOT, ("unknown-field", "x", "[1]")),
        (core.HeartbeatRequest, {"x": None}, {}, ("unknown-field", "x", "null")),
        (core.AuthorizeRequest, {"IdTag": "a"}, {"idTag": "a"}, ("field-name", "IdTag", "a")),
        (core.BootNotificationRequest, {**BOOT, "imsi": None}, BOOT, ("null", "imsi", "null")),
        (core.StatusNotificationRequest, {**STATUS, "timestamp": "null"}, STATUS, ("null", "timestamp", "null")),
        (core.StatusNotificationRequest, {**STATUS, "timestamp": ""}, STATUS, ("null", "timestamp", "")),
        (core.StatusNotificationRequest, {**STATUS, "info": {}}, STATUS, ("unreadable-field", "info", "{}")),
        (core.StatusNotificationRequest, {**STATUS, "timestamp": "?"}, STATUS, ("unreadable-field", "timestamp", "?")),
        (
            core.StartTransactionRequest,
            {**START, "reservationId": "r"},
            START,
            ("unreadable-field", "reservationId", "r"),
        ),
        (
            security.GetInstalledCertificateIdsResponse,
            {"status": "NotFound", "certificateHashData": []},
            {"status": "NotFound"},
            ("null", "certificateHashData", "[]"),
        ),
        # Text
        (
            core.StatusNotificationRequest,
            {**STATUS, "info": "i" * 51},
            {**STATUS, "info": "i" * 50},
            ("too-long", "info", "i" * 51),
        ),
        (
            core.BootNotificationRequest,
            {**BOOT, "firmwareVersion": "ü" * 300},
            {**BOOT, "firmwareVersion": "ü" * 50},
            ("too-long", "firmwareVersion", "ü" * 200),
        ),
        (core.StartTransactionRequest, {**START, "idTag": "t" * 21}, {**START, "idTag": "t" * 20}, None),
        (
            core.GetConfigurationResponse,
            {"configurationKey": [{"key": "k", "readonly": "True", "value": 60}]},
            {"configurationKey": [{"key": "k", "readonly": True, "value": "60"}]},
            None,
        ),
        (
            core.StatusNotificationRequest,
            {**STATUS, "info": "a\0b"},
            {**STATUS, "info": "a\ufffdb"},
            ("control-characters", "info", "a\ufffdb"),
        ),
        (
            core.StatusNotificationRequest,
            {**STATUS, "info": "a\ud800b"},
            {**STATUS, "info": "a\ufffdb"},
            ("control-characters", "info", "a\ufffdb"),
        ),
        (core.AuthorizeRequest, {"idTag": "\x02A\0B\r\n"}, {"idTag": "AB"}, None),
        (
            core.BootNotificationRequest,
            {**BOOT, "iccid": 8949000012345678901},
            {**BOOT, "iccid": "8949000012345678901"},
            ("number-as-text", "iccid", "8949000012345678901"),
        ),
        (
            core.DataTransferRequest,
            {"vendorId": "v", "data": {"a": [Decimal("1.50"), None]}},
            {"vendorId": "v", "data": '{"a":[1.50,null]}'},
            ("object-as-text", "data", '{"a":[1.50,null]}'),
        ),
        # Words
        (
            core.StatusNotificationRequest,
            {**STATUS, "status": "AVAILABLE"},
            STATUS,
            ("letter-case", "status", "AVAILABLE"),
        ),
        (
            core.StatusNotificationRequest,
            {**STATUS, "status": "Occupied"},
            {**STATUS, "status": "Preparing"},
            ("other-word", "status", "Occupied"),
        ),
        (
            core.StatusNotificationRequest,
            {**STATUS, "errorCode": "Mode3Error"},
            {**STATUS, "errorCode": "EVCommunicationError"},
            ("other-word", "errorCode", "Mode3Error"),
        ),
        (
            security.LogStatusNotificationRequest,
            {"status": "UploadFailed", "requestId": 4},
            {"status": "UploadFailure", "requestId": 4},
            ("other-word", "status", "UploadFailed"),
        ),
        (
            core.DataTransferResponse,
            {"status": "UnknownVendor"},
            {"status": "UnknownVendorId"},
            ("other-word", "status", "UnknownVendor"),
        ),
        (
            security.DeleteCertificateResponse,
            {"status": "Success"},
            {"status": "Accepted"},
            ("other-word", "status", "Success"),
        ),
        (
            core.StatusNotificationRequest,
            {**STATUS, "errorCode": None},
            STATUS,
            ("null", "errorCode", "null"),
        ),
        (
            core.StatusNotificationRequest,
            {**STATUS, "errorCode": "E42"},
            {**STATUS, "errorCode": "OtherError"},
            ("unknown-word", "errorCode", "E42"),
        ),
        (
            core.StopTransactionRequest,
            {**STOP, "reason": "UserRequest"},
            {**STOP, "reason": "Other"},
            ("unknown-word", "reason", "UserRequest"),
        ),
        # Numbers
        (core.StartTransactionRequest, {**START, "meterStart": "100"}, START, ("text-as-number", "meterStart", "100")),
        (
            core.StartTransactionRequest,
            {**START, "meterStart": Decimal("100.0")},
            START,
            ("number-form", "meterStart", "100.0"),
        ),
        (
            core.StartTransactionRequest,
            {**START, "meterStart": Decimal("100.7")},
            START,
            ("fraction", "meterStart", "100.7"),
        ),
        (
            core.StartTransactionRequest,
            {**START, "connectorId": Decimal("1.0")},
            START,
            ("number-form", "connectorId", "1.0"),
        ),
        (
            core.StartTransactionRequest,
            {**START, "meterStart": 2**64},
            {**START, "meterStart": 2**63 - 1},
            ("too-large", "meterStart", "18446744073709551616"),
        ),
        (
            core.StopTransactionRequest,
            {**STOP, "transactionId": 2**64},
            {**STOP, "transactionId": -1},
            ("too-large", "transactionId", "18446744073709551616"),
        ),
        (
            core.StopTransactionRequest,
            {**STOP, "transactionId": "unknown"},
            {**STOP, "transactionId": -1},
            ("unreadable-transaction", "transactionId", "unknown"),
        ),
        (
            core.StopTransactionRequest,
            {**STOP, "transactionId": None},
            {**STOP, "transactionId": -1},
            ("unreadable-transaction", "transactionId", "null"),
        ),
        (
            core.StopTransactionRequest,
            {"meterStop": 200, **TIME},
            {**STOP, "transactionId": -1},
            ("unreadable-transaction", "transactionId", "null"),
        ),
        (
            core.MeterValuesRequest,
            {"connectorId": 1, "transactionId": None, "meterValue": []},
            {"connectorId": 1, "meterValue": []},
            ("null", "transactionId", "null"),
        ),
        # Times
        (core.StartTransactionRequest, {**START, "timestamp": " 2024-05-06T07:08:09Z"}, START, None),
        # OCPP 1.5
        (
            core.MeterValuesRequest,
            {"connectorId": 1, "values": [{**TIME, "value": {"value": "1", "unit": "Amp"}}]},
            meter_values({"value": "1", "unit": "A"}),
            None,
        ),
        (
            core.StopTransactionRequest,
            {**STOP, "transactionData": [{"values": [{**TIME, "values": ["1"]}, {**TIME, "value": ["2"]}]}]},
            {**STOP, "transactionData": [{**TIME, "sampledValue": [{"value": v}]} for v in ("1", "2")]},
            None,
        ),
    ],
)
def test_harmless_deviations_are_repaired_and_told(
    kind: type[Message], given_fields: Any, repaired: Any, deviation: tuple[str, str, str] | None
) -> None:
    payload = schemas.dumps(given_fields)
    with pytest.raises(DECODE_FAILURES):
        decode(kind, payload)
    salvaged = salvage(kind, payload)
    assert schemas.loads(encode(salvaged.message)) == repaired
    assert salvaged.deviations
    if deviation is not None:
        assert deviation in told(salvaged)


@pytest.mark.parametrize(
    ("sample", "repaired"),
    [
        ({"value": Decimal("12.50")}, {"value": "12.50"}),
        ({"value": "1", "unit": "KWH"}, {"value": "1", "unit": "kWh"}),
        ({"value": "1", "unit": "Volt", "measurand": "voltage"}, {"value": "1", "unit": "V", "measurand": "Voltage"}),
        ({"value": "50", "unit": "Hertz", "measurand": "Frequency"}, {"value": "50", "measurand": "Frequency"}),
        ({"value": "50", "unit": "Hz", "measurand": "Frequency"}, {"value": "50", "measurand": "Frequency"}),
        ({"value": "1", "context": "Sample"}, {"value": "1"}),
        ({"value": "1", "unit": None, "phase": "", "location": "null"}, {"value": "1"}),
        ({"value": "1", "measurand": "SoC", "phase": "L9"}, {"value": "1", "measurand": "SoC"}),
        ({"value": "1", "measurand": "SoC", "location": "Roof"}, {"value": "1", "measurand": "SoC"}),
        ({"value": "1", "x": 1}, {"value": "1"}),
        ("1", {"value": "1"}),
    ],
)
def test_a_sample_is_kept_without_its_odd_word(sample: Any, repaired: Any) -> None:
    salvaged = salvage(core.MeterValuesRequest, schemas.dumps(meter_values(sample, {"value": "2"})))
    assert samples_of(salvaged) == [repaired, {"value": "2"}]
    assert salvaged.deviations


@pytest.mark.parametrize(
    "sample",
    [
        # Without its word each of these would count as imported energy in Wh of the whole connector.
        {"value": "230", "measurand": "Voltage.RMS"},
        {"value": "5", "unit": "MWh"},
        {"value": "5", "measurand": "Energy.Active.Import.Register", "phase": "L1-PE"},
        {"value": "5", "location": "Grid"},
        {"value": "4142", "format": "Encrypted"},
        # No value to keep.
        {"value": None, "measurand": "SoC"},
        {"value": {}},
        {},
        None,
        True,
    ],
)
def test_a_sample_that_would_be_misread_is_left_out_and_told(sample: Any) -> None:
    salvaged = salvage(core.MeterValuesRequest, schemas.dumps(meter_values(sample, {"value": "2"})))
    assert samples_of(salvaged) == [{"value": "2"}]
    left_out = ("item-left-out", "meterValue[0].sampledValue[0]", schemas.dumps(sample).decode().replace(": ", ":"))
    assert left_out in told(salvaged)


@pytest.mark.parametrize(
    ("kind", "fields", "path"),
    [
        (core.StartTransactionRequest, START, "timestamp"),
        (core.StopTransactionRequest, STOP, "timestamp"),
        (core.MeterValuesRequest, meter_values({"value": "1"})["meterValue"][0], "meterValue[0].timestamp"),
        (security.SecurityEventNotificationRequest, {"type": "t", **TIME}, "timestamp"),
    ],
)
@pytest.mark.parametrize(
    "time", ["soon", "", "0000-00-00T00:00:00Z", "2024-05-06", "9999-12-31T23:59:59-02:00", "a\0", None, 1714979289, []]
)
def test_no_report_is_refused_for_its_time(kind: type[Message], fields: Any, path: str, time: Any) -> None:
    for broken in ({**fields, "timestamp": time}, {key: item for key, item in fields.items() if key != "timestamp"}):
        payload = {"connectorId": 1, "meterValue": [broken]} if kind is core.MeterValuesRequest else broken
        salvaged = salvage(kind, schemas.dumps(payload))
        holder: Any = salvaged.message
        if isinstance(holder, core.MeterValuesRequest):
            holder = holder.meter_value[0]
        assert not holder.timestamp.is_readable
        assert "\0" not in holder.timestamp.text
        assert ("time-unreadable", path) in {(deviation.kind, deviation.field) for deviation in salvaged.deviations}


def test_the_text_of_an_unreadable_time_is_kept() -> None:
    message = salvage(core.StartTransactionRequest, schemas.dumps({**START, "timestamp": "tomorrow"})).message
    assert isinstance(message, core.StartTransactionRequest)
    assert message.timestamp.text == "tomorrow"


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        (core.StatusNotificationRequest, {**STATUS, "status": "Parked"}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (core.StatusNotificationRequest, {"connectorId": 1}, ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION),
        (core.StatusNotificationRequest, {**STATUS, "connectorId": 2**64}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (core.StatusNotificationRequest, {**STATUS, "connectorId": "one"}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        # A cut id tag would be another one.
        (core.AuthorizeRequest, {"idTag": "t" * 21}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        # What expires must not become what does not.
        (
            core.AuthorizeResponse,
            {"idTagInfo": {"status": "Accepted", "expiryDate": "soon"}},
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        ),
        (core.HeartbeatResponse, {"currentTime": "noon"}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (core.MeterValuesRequest, [meter_values({"value": "1"})], ErrorCode.FORMATION_VIOLATION),
        (core.MeterValuesRequest, [], ErrorCode.FORMATION_VIOLATION),
    ],
)
def test_what_is_not_harmless_fails_as_it_would_have(kind: type[Message], fields: Any, code: ErrorCode) -> None:
    payload = schemas.dumps(fields)
    with pytest.raises(DECODE_FAILURES) as strict:
        decode(kind, payload)
    with pytest.raises(DECODE_FAILURES) as caught:
        salvage(kind, payload)
    assert str(caught.value) == str(strict.value)
    assert classify(caught.value) is code


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.sent_by == {Role.CSMS}])
def test_an_order_is_understood_as_a_whole_or_refused(name: str) -> None:
    whole = cases.least(schemas.schema_of(f"{name}Request"), True)
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        salvage(ACTIONS[name].request, schemas.dumps({**whole, "xyzzy": 1}))


def test_rates_of_a_composite_schedule_may_have_noise() -> None:
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": Decimal("21.400000000000002")}],
        "minChargingRate": "6.0",
    }
    salvaged = salvage(
        smart_charging.GetCompositeScheduleResponse,
        schemas.dumps({"status": "Accepted", "chargingSchedule": schedule}),
    )
    assert b'"limit":21.4}' in encode(salvaged.message)
    assert b'"minChargingRate":6.0' in encode(salvaged.message)


def test_of_equal_keys_the_last_counts() -> None:
    salvaged = salvage(core.AuthorizeRequest, b'{"idTag":"a","idTag":"b","x":1,"x":2}')
    assert salvaged.message == core.AuthorizeRequest(id_tag="b")
    assert ("duplicate-field", "idTag", "b") in told(salvaged)


def test_each_kind_at_each_field_is_told_once_with_its_first_place() -> None:
    samples = [{"value": "50", "unit": "Hertz", "measurand": "Frequency"}] * 3
    salvaged = salvage(core.MeterValuesRequest, schemas.dumps(meter_values({"value": "1"}, *samples)))
    assert told(salvaged) == [("unknown-word", "meterValue[0].sampledValue[1].unit", "Hertz")]


def test_work_and_report_are_bounded() -> None:
    many = {f"x{number}": number for number in range(1000)}
    assert len(salvage(core.HeartbeatRequest, schemas.dumps(many)).deviations) == 100
    salvage(core.HeartbeatRequest, b'{"x":' + b"[" * 100 + b"]" * 100 + b"}")
    for deep in (b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}", b'{"x":' + b'{"x":' * 50_000):
        with pytest.raises(DECODE_FAILURES):
            salvage(core.HeartbeatRequest, deep)
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        salvage(core.HeartbeatRequest, b'{"x":"' + b"x" * SALVAGE_BYTES + b'"}')
    name = "x" * 5000
    (deviation,) = salvage(core.HeartbeatRequest, schemas.dumps({name: name})).deviations
    assert len(deviation.field) <= 60
    assert len(deviation.sample) == 200


def test_a_transaction_message_is_repaired_whatever_its_size() -> None:
    sample = {"value": "1", "context": "x"}
    salvaged = salvage(core.MeterValuesRequest, schemas.dumps(meter_values(*[sample] * 150_000)))
    assert len(samples_of(salvaged)) == 150_000
    long_text = "x" * (5 * 2**20)
    salvaged = salvage(core.StopTransactionRequest, schemas.dumps({**STOP, "timestamp": long_text}))
    assert [kind for kind, _, _ in told(salvaged)] == ["time-unreadable", "time-too-long"]


GARBAGE: list[Any] = [None, {}, [], "x", "", True, Decimal("1.5"), 10**30, -(10**400), [[1]], {"a": {"b": None}}]
TRANSACTION_FIELDS: list[tuple[type[Message], dict[str, Any], dict[str, Any]]] = [
    (core.StartTransactionRequest, START, {"connectorId": -1, "idTag": "", "meterStart": 0}),
    (core.StopTransactionRequest, STOP, {"meterStop": 0, "transactionId": -1}),
    (core.MeterValuesRequest, meter_values({"value": "1"}), {"connectorId": -1, "meterValue": []}),
]


@pytest.mark.parametrize(
    ("kind", "whole", "name", "instead"),
    [(kind, whole, name, value) for kind, whole, fields in TRANSACTION_FIELDS for name, value in fields.items()],
)
def test_a_transaction_message_is_read_whatever_a_field_holds(
    kind: type[Message], whole: dict[str, Any], name: str, instead: Any
) -> None:
    missing = {key: value for key, value in whole.items() if key != name}
    for fields in [missing, *({**whole, name: garbage} for garbage in GARBAGE)]:
        payload = schemas.dumps(fields)
        salvaged = salvage(kind, payload)
        readable = json.loads(encode(salvaged.message))
        assert {key: value for key, value in readable.items() if key != name} == {
            key: value for key, value in whole.items() if key != name
        }
        if readable[name] == instead and not _is_valid(kind, payload):
            assert any(deviation.is_lossy for deviation in salvaged.deviations), fields
    assert json.loads(encode(salvage(kind, schemas.dumps(missing)).message))[name] == instead


def _is_valid(kind: type[Message], payload: bytes) -> bool:
    try:
        decode(kind, payload)
    except DECODE_FAILURES:
        return False
    return True


@pytest.mark.parametrize(("kind", "whole", "fields"), TRANSACTION_FIELDS)
def test_an_empty_transaction_message_is_read_too(
    kind: type[Message], whole: dict[str, Any], fields: dict[str, Any]
) -> None:
    told_fields = {field for _, field, _ in told(salvage(kind, b"{}"))}
    assert set(fields) <= told_fields


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (core.StartTransactionRequest, {**START, "x": 1}),
        (core.StartTransactionRequest, {**START, "idTag": "t" * 21}),
        (core.StartTransactionRequest, {**START, "idTag": "a\n"}),
        (core.StartTransactionRequest, {**START, "reservationId": "r"}),
        (core.StartTransactionRequest, {**START, "meterStart": Decimal("1.5")}),
        (core.StopTransactionRequest, {**STOP, "meterStop": 2**70}),
        (core.StopTransactionRequest, {**STOP, "transactionId": 2**70}),
        (core.StopTransactionRequest, {**STOP, "reason": "Bored"}),
        (core.MeterValuesRequest, meter_values({"value": "1", "unit": "MWh"})),
        (core.MeterValuesRequest, meter_values({"value": "1", "measurand": "SoC", "phase": "L9"})),
    ],
)
def test_what_loses_something_is_told_as_lossy(kind: type[Message], fields: Any) -> None:
    assert any(deviation.is_lossy for deviation in salvage(kind, schemas.dumps(fields)).deviations)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (core.StartTransactionRequest, {**START, "meterStart": "100", "idTag": 4711, "timestamp": "soon"}),
        (
            core.StopTransactionRequest,
            {**STOP, "meterStop": Decimal("200.0"), "idTag": None, "reason": "emergencystop"},
        ),
        (core.MeterValuesRequest, meter_values({"Value": 1, "unit": "wh"})),
    ],
)
def test_what_loses_nothing_is_not_lossy(kind: type[Message], fields: Any) -> None:
    salvaged = salvage(kind, schemas.dumps(fields))
    assert salvaged.deviations
    assert not any(deviation.is_lossy for deviation in salvaged.deviations)


def test_a_loss_is_told_however_many_deviations_came_before() -> None:
    """Spellings of one name are many, and none of them loses anything."""
    spellings = ["".join(pair) for pair in itertools.product("mM", "eE", "aA", "sS", "uU", "rR", "aA", ("nd",))]
    samples = [{"value": "1", name: "Frequency"} for name in spellings if name != "measurand"]
    salvaged = salvage(core.MeterValuesRequest, schemas.dumps(meter_values(*samples, {"value": "1", "unit": "MWh"})))
    assert len(salvaged.deviations) == 101
    assert [deviation.is_lossy for deviation in salvaged.deviations].count(True) == 1


def test_every_kind_of_deviation_is_made() -> None:
    """The table of kinds holds no word that nothing uses."""
    odd_things = [
        (core.StopTransactionRequest, {**STOP, "transactionId": 2**64, "meterStop": "1.5", "reason": "x", "y": 1}),
        (core.StopTransactionRequest, {**STOP, "transactionId": "x", "idTag": "a\n" + "b" * 20, "transactiondata": {}}),
        (core.StatusNotificationRequest, {**STATUS, "info": "i" * 51, "vendorId": {}, "errorCode": "noerror"}),
        (core.MeterValuesRequest, {**meter_values({"value": 1, "context": "x"}, None), "transactionId": None}),
        (core.StartTransactionRequest, {**START, "timestamp": "x" * 201, "connectorId": None}),
        (core.StartTransactionRequest, {**START, "timestamp": " 2024-05-06T07:08:09Z"}),
        (core.DataTransferRequest, {"vendorId": "v", "data": {}}),
        (core.StatusNotificationRequest, {**STATUS, "connectorId": Decimal("1.0"), "status": "Occupied"}),
        (core.GetConfigurationResponse, {"configurationKey": [{"key": "k", "readonly": "true"}]}),
    ]
    made = {item.kind for kind, odd in odd_things for item in salvage(kind, schemas.dumps(odd)).deviations}
    made |= {item.kind for item in salvage(core.HeartbeatRequest, b'{"x":1,"x":1}').deviations}
    assert made == {kind.value for kind in DeviationKind}


@pytest.mark.parametrize("message", schemas.MESSAGES)
@settings(max_examples=15, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_salvage_fails_only_as_documented_and_what_it_makes_is_valid(message: str, data: st.DataObject) -> None:
    kind = schemas.MESSAGES[message][0]
    schema = schemas.schema_of(message)
    value = cases.least(schema, True)
    for path in data.draw(
        st.lists(st.sampled_from([path for path, _ in cases.places(schema)] or [("x",)]), max_size=4)
    ):
        try:
            value = cases.replaced(value, path, data.draw(st.one_of(schemas.EDGES, schemas.JSON)))
        except (LookupError, TypeError):
            continue  # an earlier replacement took the place away
    check_salvage(message, kind, schemas.dumps(value))


@settings(max_examples=300, deadline=None, database=None)
@given(st.sampled_from(sorted(schemas.MESSAGES)), st.one_of(schemas.JSON.map(schemas.dumps), st.binary(max_size=40)))
def test_anything_may_come(message: str, payload: bytes) -> None:
    check_salvage(message, schemas.MESSAGES[message][0], payload)


def check_salvage(message: str, kind: type[Message], payload: bytes) -> None:
    try:
        strict: Message | None = decode(kind, payload)
    except DECODE_FAILURES:
        strict = None
    try:
        salvaged = salvage(kind, payload)
    except DECODE_FAILURES:
        assert strict is None
        return
    encoded = encode(salvaged.message)
    assert schemas.is_valid(message, encoded)
    assert "\\u0000" not in encoded.decode()
    if strict is not None:
        assert (salvaged.message, salvaged.deviations) == (strict, ())
    else:
        assert salvaged.deviations
        assert all(
            len(item.sample) <= 200 and not re.search("[\0\ud800-\udfff]", item.sample) for item in salvaged.deviations
        )
