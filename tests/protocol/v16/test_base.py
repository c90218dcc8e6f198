"""Time stamps in every form that stations send, and what messages have in common."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargewright.protocol.v16.base import (
    INT64_MAX,
    ChargingRate,
    Timestamp,
    check_charging_rate,
    decode_hook,
    encode_hook,
)

MOMENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-06T07:08:09Z", MOMENT),
        ("2024-05-06T07:08:09z", MOMENT),
        ("2024-05-06t07:08:09z", MOMENT),
        ("2024-05-06 07:08:09Z", MOMENT),
        ("2024-05-06T09:08:09+02:00", MOMENT),
        ("2024-05-06T09:08:09+0200", MOMENT),
        ("2024-05-06T09:08:09+02", MOMENT),
        ("2024-05-06T03:38:09-03:30", MOMENT),
        ("2024-05-06T07:08:09-00:00", MOMENT),
        ("2024-05-06T07:08:09", MOMENT.replace(tzinfo=None)),
        ("2024-05-06T07:08", MOMENT.replace(second=0, tzinfo=None)),
        ("2024-05-06T07:08Z", MOMENT.replace(second=0)),
        ("2024-05-06T09:08+02", MOMENT.replace(second=0)),
        ("2024-05-06T07Z", MOMENT.replace(minute=0, second=0)),
        ("2024-05-06T07:08:09.5Z", MOMENT.replace(microsecond=500_000)),
        ("2024-05-06T07:08:09,5Z", MOMENT.replace(microsecond=500_000)),
        ("2024-05-06T07:08:09.5z", MOMENT.replace(microsecond=500_000)),
        ("2024-05-06T07:08:09.123456789Z", MOMENT.replace(microsecond=123_456)),
        ("2024-05-06T07:08:09.12345678901234567890+00:00", MOMENT.replace(microsecond=123_456)),
        # A fraction belongs to the last part that is written.
        ("2024-05-06T07:08.5Z", MOMENT.replace(second=30)),
        ("2024-05-06T07,25Z", MOMENT.replace(minute=15, second=0)),
        ("20240506T070809Z", MOMENT),
        ("20240506T0708Z", MOMENT.replace(second=0)),
        ("2024-W19-1T07:08:09Z", MOMENT),
        ("2024W191T070809Z", MOMENT),
        ("2024-127T07:08:09Z", MOMENT),
        ("2024127T070809Z", MOMENT),
        ("2024-05-06T24:00:00Z", datetime(2024, 5, 7, tzinfo=UTC)),
        ("2024-05-06T24:00Z", datetime(2024, 5, 7, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60.5Z", datetime(2017, 1, 1, microsecond=500_000, tzinfo=UTC)),
        ("9998-12-31T23:59:59Z", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_every_form_of_iso_8601_is_read_and_its_text_kept(text: str, moment: datetime) -> None:
    stamp = Timestamp.parse(text)
    assert stamp == moment
    assert (stamp.tzinfo is None) == (moment.tzinfo is None)
    assert stamp.text == text
    assert stamp.is_readable
    assert encode_hook(stamp) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2024-05-06", "20240506", "07:08:09", "2024-05-06T", "2024-05-06T07:08:09 UTC", "1714979289"),
        *("2024-13-06T07:08:09Z", "2024-02-30T07:08:09Z", "2024-05-06T25:00:00Z", "2024-05-06T24:00:01Z"),
        *("2024-05-06T07:60:09Z", "2024-05-06T07:08:61Z", "2024-05-06T07:08:09+24:00", "2024-05-06T07:08+02:60"),
        *("2023-366T07:08:09Z", "2024-000T07:08:09Z", "2024-W54-1T07:08:09Z", "2024-05-06x07:08:09Z"),
        *(" 2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z ", "2024-05-06T07:08:09ZZ", "+2024-05-06T07:08:09Z"),
        *("٢٠٢٤-05-06T07:08:09Z", "\ud800", "2024-05-06T07:08:09\0", "2024-05-06T07:08:09." + "1" * 100 + "Z"),
        # In UTC, or in the zone of some station, outside the years that storage and Python know.
        *("0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00", "0001-01-01T00:00:00", "9999-12-31T24:00:00Z"),
        *("9999-12-31T20:00:00", "0000-01-01T00:00:00Z", "0001-06-01T00:00:00Z"),
    ],
)
def test_what_is_no_moment_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid date and time"):
        Timestamp.parse(text)


@given(st.text(max_size=70))
def test_parsing_raises_nothing_else(text: str) -> None:
    try:
        stamp = Timestamp.parse(text)
    except ValueError:
        return
    stamp.in_zone(ZoneInfo("Pacific/Kiritimati"))
    stamp.in_zone(ZoneInfo("Pacific/Pago_Pago"))


OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=200)
@given(st.datetimes(timezones=st.one_of(st.none(), OFFSETS)))
def test_what_is_read_lies_in_the_calendar_in_every_zone(moment: datetime) -> None:
    try:
        stamp = Timestamp.parse(moment.isoformat())
    except ValueError:
        assert not 3 <= moment.year <= 9997
        return
    assert stamp == moment
    for hours in (-14, 14):
        assert 1 <= stamp.in_zone(timezone(timedelta(hours=hours))).year <= 9999


def test_a_time_without_zone_is_in_the_zone_of_the_station() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert Timestamp.parse("2024-05-06T09:08:09").in_zone(berlin) == MOMENT
    assert Timestamp.parse("2024-05-06T07:08:09Z").in_zone(berlin) == MOMENT
    assert type(Timestamp.parse("2024-05-06T07:08:09Z").in_zone(berlin)) is datetime


def test_sent_is_utc_with_milliseconds() -> None:
    stamp = Timestamp.of(datetime(2024, 5, 6, 9, 8, 9, 123_999, timezone(timedelta(hours=2))))
    assert stamp.text == "2024-05-06T07:08:09.123Z"
    assert stamp == Timestamp.parse(stamp.text)
    assert Timestamp.of(datetime(33, 1, 1, tzinfo=UTC)).text == "0033-01-01T00:00:00.000Z"
    with pytest.raises(ValueError, match="no time zone"):
        Timestamp.of(datetime(2024, 5, 6))  # noqa: DTZ001  # what is refused


def test_arithmetic_is_sent_in_the_same_form() -> None:
    later = Timestamp.parse("2024-05-06T09:08:09+02:00") + timedelta(microseconds=1500)
    assert encode_hook(later) == "2024-05-06T07:08:09.001Z"


def test_the_marker_of_an_unreadable_time_is_recognised_and_keeps_the_text() -> None:
    marker = Timestamp.unreadable("soon")
    assert not marker.is_readable
    assert encode_hook(marker) == "soon"


def test_other_types_are_neither_read_nor_written() -> None:
    with pytest.raises(NotImplementedError, match="complex"):
        decode_hook(complex, 1)
    with pytest.raises(NotImplementedError, match="complex"):
        encode_hook(1j)
    with pytest.raises(TypeError, match="got `int`"):
        decode_hook(Timestamp, 1)


@pytest.mark.parametrize("text", ["0", "16", "16.0", "16.10", "-0.1", "1E+9", "1000000000.0"])
def test_rates_with_one_decimal_place_are_good(text: str) -> None:
    check_charging_rate(Decimal(text), "limit")
    assert decode_hook(ChargingRate, Decimal(text)) == Decimal(text)
    assert type(encode_hook(decode_hook(ChargingRate, Decimal(text)))) is Decimal


@pytest.mark.parametrize(
    "text", ["0.05", "16.11", "NaN", "sNaN", "Infinity", "-Infinity", "1E+1000000000", "1000000000.1"]
)
def test_other_rates_are_not(text: str) -> None:
    with pytest.raises(ValueError, match="`limit`"):
        check_charging_rate(Decimal(text), "limit")


def test_integers_end_where_storage_ends() -> None:
    assert msgspec.json.decode(b"9223372036854775807") == INT64_MAX
