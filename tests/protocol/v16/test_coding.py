"""Structs and official schemas agree on every message, at the boundaries and on generated values."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.protocol.v16 import cases, schemas

from chargewright.protocol.v16 import core, datatypes, smart_charging
from chargewright.protocol.v16.base import Message, Timestamp
from chargewright.protocol.v16.classification import classify
from chargewright.protocol.v16.coding import DECODE_FAILURES, ENCODER, decode, encode

# Where structs are stricter than schemas, by how the refusal begins: `format` is not checked by the schemas' validator;
# storage holds 64 bits; no database holds NUL; a rate is bounded.
NAMED_DIFFERENCES = (
    "Invalid date and time",
    "Expected `int` <= 9223372036854775807",
    "Expected `int` >= -9223372036854775808",
    "Expected `str` without NUL",
    "Expected `str` without control characters",
    "Expected `limit` within",
    "Expected `minChargingRate` within",
)


def test_there_are_78_messages_and_a_schema_for_each() -> None:
    assert len(schemas.MESSAGES) == 78
    assert len(list(schemas.folder().glob("*.json"))) == 78
    assert all(schemas.schema_of(message)["type"] == "object" for message in schemas.MESSAGES)


@pytest.mark.parametrize("message", schemas.MESSAGES)
def test_values_at_the_boundaries_are_read_and_written_back(message: str) -> None:
    kind = schemas.MESSAGES[message][0]
    for name, value in cases.valid(schemas.schema_of(message)):
        payload = schemas.dumps(value)
        assert schemas.is_valid(message, payload), f"{name}: the case itself is wrong"
        encoded = encode(decode(kind, payload))
        assert schemas.loads(encoded) == schemas.loads(payload), name


@pytest.mark.parametrize("message", schemas.MESSAGES)
def test_values_beyond_the_boundaries_are_refused_with_their_code(message: str) -> None:
    kind = schemas.MESSAGES[message][0]
    for name, value, code in cases.invalid(schemas.schema_of(message)):
        payload = schemas.dumps(value)
        assert not schemas.is_valid(message, payload), f"{name}: the case itself is wrong"
        with pytest.raises(DECODE_FAILURES) as caught:
            decode(kind, payload)
        assert classify(caught.value) is code, f"{name}: {caught.value}"


@pytest.mark.parametrize("message", schemas.MESSAGES)
@settings(max_examples=10, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_generated_values_survive(message: str, data: st.DataObject) -> None:
    value = data.draw(schemas.values(schemas.schema_of(message)))
    payload = schemas.dumps(value)
    decoded = decode(schemas.MESSAGES[message][0], payload)
    encoded = encode(decoded)
    assert schemas.is_valid(message, encoded)
    assert decode(type(decoded), encoded) == decoded


@pytest.mark.parametrize("message", schemas.MESSAGES)
@settings(max_examples=15, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_structs_and_schemas_agree_on_damaged_values(message: str, data: st.DataObject) -> None:
    schema = schemas.schema_of(message)
    whole = cases.least(schema, True)
    damage = st.one_of(schemas.JSON, schemas.EDGES)
    places = [path for path, _ in cases.places(schema)]
    if places:
        whole = cases.replaced(whole, data.draw(st.sampled_from(places)), data.draw(damage))
    else:
        whole = data.draw(st.dictionaries(st.sampled_from(["a", "b"]), damage))
    assert disagreement(message, schemas.dumps(whole)) is None


def disagreement(message: str, payload: bytes) -> str | None:
    """How struct and schema differ, but for the named differences."""
    accepted = schemas.is_valid(message, payload)
    try:
        decode(schemas.MESSAGES[message][0], payload)
    except DECODE_FAILURES as failure:
        if accepted and not str(failure).startswith(NAMED_DIFFERENCES):
            return f"only the struct refuses {payload!r}: {failure}"
        return None
    return None if accepted else f"only the schema refuses {payload!r}"


def test_every_named_difference_is_one() -> None:
    start = cases.least(schemas.schema_of("StartTransactionRequest"), True)
    profile = cases.least(schemas.schema_of("GetCompositeScheduleResponse"), True)
    schedule = profile["chargingSchedule"]
    period = schedule["chargingSchedulePeriod"][0]
    seen = set()
    for message, value in (
        ("StartTransactionRequest", {**start, "timestamp": "yesterday"}),
        ("StartTransactionRequest", {**start, "meterStart": 2**63}),
        ("StartTransactionRequest", {**start, "meterStart": -(2**63) - 1}),
        ("StartTransactionRequest", {**start, "idTag": "a\0"}),
        ("StartTransactionRequest", {**start, "idTag": "a\n"}),
        (
            "GetCompositeScheduleResponse",
            {**profile, "chargingSchedule": {**schedule, "minChargingRate": Decimal("1e10")}},
        ),
        (
            "GetCompositeScheduleResponse",
            {
                **profile,
                "chargingSchedule": {**schedule, "chargingSchedulePeriod": [{**period, "limit": Decimal("1e10")}]},
            },
        ),
    ):
        payload = schemas.dumps(value)
        assert schemas.is_valid(message, payload)
        with pytest.raises(DECODE_FAILURES) as caught:
            decode(schemas.MESSAGES[message][0], payload)
        seen |= {beginning for beginning in NAMED_DIFFERENCES if str(caught.value).startswith(beginning)}
    assert seen == set(NAMED_DIFFERENCES)


def with_times(kind: type[Message], value: Any, moment: Timestamp) -> Any:
    """The message with every time in it replaced."""
    if isinstance(value, Timestamp):
        return moment
    if isinstance(value, list):
        return [with_times(kind, item, moment) for item in value]
    if isinstance(value, Message):
        fields = {field.name: getattr(value, field.name) for field in msgspec.structs.fields(value)}
        return type(value)(**{name: with_times(kind, item, moment) for name, item in fields.items()})
    return value


@pytest.mark.parametrize("message", schemas.MESSAGES)
def test_every_message_sends_milliseconds_of_utc(message: str) -> None:
    kind = schemas.MESSAGES[message][0]
    full = decode(kind, schemas.dumps(cases.least(schemas.schema_of(message), True)))
    moment = Timestamp.of(datetime(2024, 5, 6, 7, 8, 9, 123456, UTC))
    text = encode(with_times(kind, full, moment))
    assert b"123456" not in text
    assert text.count(b'"2024-05-06T07:08:09.123Z"') == encode(full).count(b'"2024-05-06T07:08:09.123456Z"')
    assert schemas.is_valid(message, text)


def test_a_message_stands_in_a_frame() -> None:
    answer = core.StartTransactionResponse(
        id_tag_info=datatypes.IdTagInfo(status=datatypes.AuthorizationStatus.ACCEPTED), transaction_id=7
    )
    frame = ENCODER.encode((3, "id", answer))
    assert frame == b'[3,"id",{"idTagInfo":{"status":"Accepted"},"transactionId":7}]'
    assert (
        decode(core.StartTransactionResponse, msgspec.json.decode(frame, type=tuple[int, str, msgspec.Raw])[2])
        == answer
    )


def test_a_rate_keeps_its_digits() -> None:
    period = b'{"startPeriod":0,"limit":21.40}'
    decoded = decode(datatypes.ChargingSchedulePeriod, period)
    assert decoded.limit == Decimal("21.4")
    assert encode(decoded) == period
    with pytest.raises(msgspec.ValidationError, match="one decimal place"):
        decode(datatypes.ChargingSchedulePeriod, b'{"startPeriod":0,"limit":21.40000000000000001}')


@pytest.mark.parametrize("text", [b'"16"', b"true", b"1e1000000000", b"1e99999999999999999999999", b"NaN", b"0.05"])
def test_a_rate_is_a_number_within_reason(text: bytes) -> None:
    with pytest.raises(DECODE_FAILURES):
        decode(datatypes.ChargingSchedulePeriod, b'{"startPeriod":0,"limit":' + text + b"}")


def test_a_rate_is_checked_where_a_message_is_built() -> None:
    with pytest.raises(ValueError, match="one decimal place"):
        datatypes.ChargingSchedulePeriod(start_period=0, limit=Decimal("16.05"))
    with pytest.raises(ValueError, match="minChargingRate"):
        datatypes.ChargingSchedule(
            charging_rate_unit=datatypes.ChargingRateUnitType.A,
            charging_schedule_period=[],
            min_charging_rate=Decimal("Infinity"),
        )


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[" * 100_000, b'{"idTag":"\xff"}', b'{"idTag":"\\ud800"}', b"\xef\xbb\xbf{}"]
)
def test_what_is_no_json_fails_within_the_documented_failures(payload: bytes) -> None:
    with pytest.raises(DECODE_FAILURES):
        decode(core.AuthorizeRequest, payload)


def test_deep_nesting_fails_within_the_documented_failures() -> None:
    with pytest.raises(DECODE_FAILURES):
        decode(core.AuthorizeRequest, b'{"idTag":' + b"[" * 100_000)
    with pytest.raises(DECODE_FAILURES):
        decode(smart_charging.SetChargingProfileRequest, b'{"connectorId":1,"xyzzy":' + b'{"a":' * 100_000)


def test_an_escaped_letter_or_line_is_no_control_character() -> None:
    assert decode(core.AuthorizeRequest, b'{"idTag":"\\u0041\\\\u0000"}').id_tag == "A\\u0000"
    assert decode(core.DataTransferRequest, b'{"vendorId":"v","data":"a\\nb"}').data == "a\nb"
