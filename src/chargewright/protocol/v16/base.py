"""What every message of OCPP 1.6 is made of: struct configuration, string types, integers, rates, and time stamps.

Strict by construction: a field that the schema does not know, `null` where a field is optional, a string that is too
long are refused by decoding. An absent optional field is `UNSET`, never `None`, so that what was not sent is not
sent on. `salvage.py` is the tolerant way around this strictness.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = [
    "INT64_MAX",
    "INT64_MIN",
    "UNSET",
    "ChargingRate",
    "CiString20",
    "CiString25",
    "CiString50",
    "CiString255",
    "CiString500",
    "Integer",
    "Message",
    "Timestamp",
    "UnsetType",
    "check_charging_rate",
    "decode_hook",
    "encode_hook",
]

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1


class Message(
    msgspec.Struct,
    rename="camel",
    forbid_unknown_fields=True,
    omit_defaults=True,
    kw_only=True,
    gc=False,
):
    """A JSON object on the wire. Field names here are snake case, on the wire camel case (§6)."""


# §2.2: case-insensitive, printable ASCII; the number is the maximum length in characters (errata v4.0 §3.58–3.62).
CiString20 = Annotated[str, Meta(max_length=20)]
CiString25 = Annotated[str, Meta(max_length=25)]
CiString50 = Annotated[str, Meta(max_length=50)]
CiString255 = Annotated[str, Meta(max_length=255)]
CiString500 = Annotated[str, Meta(max_length=500)]

# JSON schemas bound no integer; nothing that stores one can hold more than 64 bits.
Integer = Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)]


if TYPE_CHECKING:
    ChargingRate: TypeAlias = Decimal
else:

    class ChargingRate(Decimal):
        """An amount of ampere or watt with at most one decimal place (§7.14); for a type checker it is `Decimal`.

        A type of its own, because msgspec would read a `Decimal` out of a JSON string too. Build messages with plain
        `Decimal` values.
        """


# No limit of any charger is near it; without a bound 1E+1000000000 is a number of a billion digits.
_CHARGING_RATE_BOUND: Final = Decimal(1_000_000_000)


def check_charging_rate(value: Decimal, field: str) -> None:
    """Raise `ValueError` unless the rate is finite, has at most one decimal place, and lies within ±10⁹."""
    if not value.is_finite() or not -_CHARGING_RATE_BOUND <= value <= _CHARGING_RATE_BOUND:
        raise ValueError(f"Expected `{field}` within ±{_CHARGING_RATE_BOUND}")
    if value != round(value, 1):
        raise ValueError(f"Expected `{field}` with at most one decimal place")


# Basic, week and ordinal dates, times without minutes or seconds, a fraction of the last part, 24:00, the leap second,
# letters in either case, a space for the T (RFC 3339 §5.6 lets it pass).
_ISO_8601: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d|\d{8}|\d{4}-W\d\d-\d|\d{4}W\d{3}|(?P<year>\d{4})-?(?P<day>\d{3}))[T ]"
    r"(?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d))?)?(?:[.,](?P<fraction>\d+))?"
    r" ?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_USUAL_FORM: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:[0-5]\d)?", re.ASCII)
_LONGEST_TIMESTAMP: Final = 64


def _moment_of_iso_8601(text: str) -> datetime:
    """Any ISO 8601 date and time; raises `ValueError` or `OverflowError`.

    A leap second is the first instant of the next minute, as in POSIX time; 24:00 is the midnight that follows.
    """
    found = _ISO_8601.fullmatch(text.upper())
    if found is None:
        raise ValueError("not an ISO 8601 date and time")
    if found["day"] is not None:
        if found["day"] == "000":
            raise ValueError("day 000")
        day = date(int(found["year"]), 1, 1) + timedelta(days=int(found["day"]) - 1)
        if day.year != int(found["year"]):
            raise ValueError("day of the year too large")
    else:
        day = date.fromisoformat(found["date"])
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    if minute > 59 or second > 60:
        raise ValueError("minute or second too large")
    digits = (found["fraction"] or "0")[:12]
    unit_seconds = 1 if found["second"] else 60 if found["minute"] else 3600
    fraction_microseconds = int(digits) * unit_seconds * 1_000_000 // 10 ** len(digits)
    since_midnight = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=fraction_microseconds)
    if hour > 24 or (hour == 24 and since_midnight > timedelta(hours=24)):
        raise ValueError("hour too large")
    zone: tzinfo | None = None
    if found["zone"] == "Z":
        zone = UTC
    elif found["zone"]:
        offset = found["zone"].replace(":", "").ljust(5, "0")
        if int(offset[3:5]) > 59:
            raise ValueError("zone offset")
        east = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5]))
        zone = timezone(east if offset[0] == "+" else -east)
    return datetime(day.year, day.month, day.day, tzinfo=zone) + since_midnight


class Timestamp(datetime):
    """A moment as a peer wrote it: a `datetime` that keeps its text.

    Received: every ISO 8601 form (§3.14, §3.15); `text` is what was sent, and a time without zone stays naive until
    `in_zone` settles it. Sent: UTC, `Z`, milliseconds. No zone can move such a moment out of the years 1 to 9999.

    The class is encoded and decoded by the two hooks below and made by its constructors `parse`, `of` and
    `unreadable`. The result of arithmetic has no text and is sent as `of` would write it.
    """

    __slots__ = ("text",)
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read any ISO 8601 date and time; raises `ValueError` naming the text when it is none."""
        # The usual form is read by the interpreter; of others it accepts too much (any separator, a NUL at the end) or
        # misreads them (12:30.5 as half a second).
        if _USUAL_FORM.fullmatch(text) is not None:
            try:
                stamp = cls.fromisoformat(text)
            except ValueError:
                stamp = cls._parse_any_form(text)
        else:
            stamp = cls._parse_any_form(text)
        if not 2 <= stamp.year <= 9998 and not stamp._stays_in_calendar():
            raise ValueError(f"Invalid date and time {text!r}: in UTC, outside the years 1 to 9999")
        stamp.text = text
        return stamp

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """The wire form of an aware moment; raises `ValueError` when it has no zone."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment!r} has no time zone")
        utc = moment.astimezone(UTC)
        millisecond = utc.microsecond // 1000
        # The moment is cut to what its text says, so that it equals what the peer will read.
        stamp = cls(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, millisecond * 1000, UTC)
        stamp.text = (
            f"{utc.year:04d}-{utc.month:02d}-{utc.day:02d}T{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d}"
            f".{millisecond:03d}Z"
        )
        return stamp

    @classmethod
    def unreadable(cls, text: str) -> Self:
        """Stands where a required time cannot be read: `text` is what was sent, the moment means nothing.

        Only `salvage` makes these; `is_readable` tells them apart. Who receives one uses the time of receipt.
        """
        stamp = cls(1, 1, 1, tzinfo=UTC)
        stamp.text = text
        return stamp

    @property
    def is_readable(self) -> bool:
        """False for what `unreadable` made: its moment must not be used."""
        return self.year > 1

    def in_zone(self, zone: tzinfo) -> datetime:
        """The moment in UTC; `zone` is the station's, used only when the text named none."""
        aware = self.replace(tzinfo=zone) if self.tzinfo is None else self
        moment = aware.astimezone(UTC)
        return datetime.combine(moment.date(), moment.timetz())

    @classmethod
    def _parse_any_form(cls, text: str) -> Self:
        if len(text) > _LONGEST_TIMESTAMP:
            raise ValueError(f"Invalid date and time of {len(text)} characters: {text[:_LONGEST_TIMESTAMP]!r}")
        try:
            moment = _moment_of_iso_8601(text)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"Invalid date and time {text!r}: {error}") from None
        return cls.combine(moment.date(), moment.timetz())

    def _stays_in_calendar(self) -> bool:
        """Whether every zone keeps the moment within the years 2 to 9999: year 1 belongs to `unreadable`."""
        offset = self.utcoffset()
        if offset is None:
            return date(2, 1, 2) <= self.date() <= date(9999, 12, 30)
        try:
            return (self.replace(tzinfo=None) - offset).year > 1
        except OverflowError:
            return False


def decode_hook(kind: type, value: Any) -> Any:
    """msgspec's `dec_hook`, for the two types that JSON does not know.

    Raises `TypeError` for the wrong JSON type and `ValueError` for a value that cannot be read; the decoder makes a
    `ValidationError` of both, with the place, and keeps them as its cause.
    """
    if kind is Timestamp:
        if not isinstance(value, str):
            raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
        return Timestamp.parse(value)
    if kind is ChargingRate:
        # The decoder hands a number with a fraction over as Decimal (see `coding`), so that no digit is lost.
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise TypeError(f"Expected `number`, got `{type(value).__name__}`")
        return ChargingRate(value)
    raise NotImplementedError(f"no decoding for {kind!r}")


def encode_hook(value: Any) -> Any:
    """msgspec's `enc_hook`; a time stamp goes out as its text, a rate as a number."""
    if isinstance(value, Timestamp):
        try:
            return value.text
        except AttributeError:
            return Timestamp.of(value).text
    if isinstance(value, ChargingRate):
        return Decimal(value)
    raise NotImplementedError(f"no encoding for {type(value)!r}")
