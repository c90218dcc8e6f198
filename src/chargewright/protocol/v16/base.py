"""What every message of OCPP 1.6 is made of: struct configuration, string types, integers, and time stamps.

Strict by construction: a field that the schema does not know, `null` where a field is optional, a string that is too
long are refused by decoding. An absent optional field is `UNSET`, never `None`, so that what was not sent is not
sent on. `salvage.py` is the tolerant way around this strictness.
"""

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Final, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = [
    "UNSET",
    "CiString20",
    "CiString25",
    "CiString50",
    "CiString255",
    "CiString500",
    "Integer",
    "Message",
    "Timestamp",
    "UnsetType",
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


class Timestamp(datetime):
    """A moment as a peer wrote it: a `datetime` that keeps its text.

    Received: every ISO 8601 form (§3.14, §3.15) that `datetime.fromisoformat` reads; `text` is what was sent, and a
    time without zone stays naive until `in_zone` settles it. Sent: UTC, `Z`, milliseconds.

    The class is encoded and decoded by the two hooks below and made by its two constructors `parse` and `of`.
    """

    __slots__ = ("text",)
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read any ISO 8601 date and time; raises `ValueError` naming the text when it is none."""
        stamp = cls.fromisoformat(text)
        stamp.text = text
        return stamp

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """The wire form of an aware moment; raises `ValueError` when it has no zone."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment!r} has no time zone")
        utc = moment.astimezone(UTC)
        stamp = cls(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, UTC)
        stamp.text = f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
        return stamp

    def in_zone(self, zone: tzinfo) -> datetime:
        """The moment in UTC; `zone` is the station's, used only when the text named none."""
        aware = self.replace(tzinfo=zone) if self.tzinfo is None else self
        moment = aware.astimezone(UTC)
        return datetime.combine(moment.date(), moment.timetz())


def decode_hook(kind: type, value: Any) -> Any:
    """msgspec's `dec_hook`: time stamps are the only type that JSON does not know."""
    if kind is Timestamp:
        if not isinstance(value, str):
            raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
        return Timestamp.parse(value)
    raise NotImplementedError(f"no decoding for {kind!r}")


def encode_hook(value: Any) -> Any:
    """msgspec's `enc_hook`; a time stamp goes out as its text."""
    if isinstance(value, Timestamp):
        return value.text
    raise NotImplementedError(f"no encoding for {type(value)!r}")
