"""What bodies of requests and answers have in common.

Names are camelCase, ids strings, instants RFC 3339 texts in UTC with milliseconds; inside, instants are µs as in rows.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema, field_validator
from pydantic.alias_generators import to_camel

from chargewright.csms.errors import NotFound
from chargewright.csms.instants import microseconds, moment
from chargewright.protocol.v16.base import Timestamp

__all__ = ["ID_TAG_PATTERN", "Body", "Instant", "InstantIn", "View", "instant_text", "row_id"]

# 64-bit ids: nothing longer needs to be read as a number.
_ID_DIGITS: Final = 18
# What an id tag may be in a request (§7.28).
ID_TAG_PATTERN: Final = r"^[ -~]{1,20}$"
_DATE_TIME: Final = {"type": "string", "format": "date-time"}


def instant_text(instant: int) -> str:
    """`2031-01-01T00:00:00.000Z` for an instant in µs."""
    return Timestamp.of(moment(instant)).text


def _instant(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("a date and time with a zone, such as 2031-01-01T00:00:00Z")
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is None or len(value) < len("2031-01-01T00:00"):
            raise ValueError("no zone")
        return microseconds(parsed.astimezone(UTC))
    except (ValueError, OverflowError):
        raise ValueError("a date and time with a zone, such as 2031-01-01T00:00:00Z") from None


# An instant in an answer: µs, shown as text.
Instant = Annotated[int, PlainSerializer(instant_text, return_type=str), WithJsonSchema(_DATE_TIME)]
# An instant in a request: text, read as µs.
InstantIn = Annotated[int, BeforeValidator(_instant), WithJsonSchema(_DATE_TIME)]


class View(BaseModel):
    """Base of what is answered."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        frozen=True,
        use_attribute_docstrings=True,
    )


class Body(BaseModel):
    """Base of what is sent: no unknown fields, no conversions, no text that a database cannot hold.

    Fields of a PATCH are given a default that `model_fields_set` tells from a value.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if not _is_storable(value):
            raise ValueError("text without the characters U+0000 and U+D800 to U+DFFF")
        return value


def row_id(kind: str, text: str) -> int:
    """The row id that an opaque id stands for; raises `NotFound` where it cannot be one of ours."""
    if not (text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS):
        raise NotFound(kind, text[:40])
    return int(text)


def _is_storable(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(_is_storable(key) and _is_storable(each) for key, each in value.items())
    return not isinstance(value, list) or all(map(_is_storable, value))
