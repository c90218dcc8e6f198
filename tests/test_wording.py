"""What people read instead of what the checking libraries say."""

import enum
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from chargewright.wording import choices_at, counted, in_plain_words

M = msgspec.Meta
DATE_AND_TIME = "a date and time with its zone, such as 2031-01-01T00:00:00Z"


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(msgspec.Struct, rename="camel"):
    main_colour: Colour | msgspec.UnsetType = msgspec.UNSET


class Box(msgspec.Struct):
    name: str
    items: list[Item] = []
    lid: Colour | None = None
    kind: Annotated[Literal["big", "small"], M(description="How large.")] = "big"


class Crate(BaseModel):
    name: str


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Annotated[float, M(le=100)], 400.0, "a number, at most 100"),
        (Annotated[float, M(ge=-1.5)], -2.0, "a number, -1.5 or more"),
        (Annotated[float, M(gt=0)], 0.0, "a number, more than 0"),
        (Annotated[int, M(ge=1)], 0, "a whole number, 1 or more"),
        (Annotated[int, M(multiple_of=2)], 3, "a multiple of 2"),
        (Annotated[str, M(pattern="^(none|checking|writing)$")], "x", "one of none, checking, writing"),
        (Annotated[str, M(pattern="^(station|vehicle)?$")], "x", "one of station, vehicle, or nothing"),
        (Annotated[str, M(pattern="^[a-z]{2}$")], "x", "a text of the form ^[a-z]{2}$"),
        (Annotated[str, M(max_length=20)], "x" * 21, "a text of at most 20 characters"),
        (Annotated[str, M(min_length=1)], "", "a text of at least 1 character"),
        (Annotated[tuple[int, ...], M(min_length=24)], [1, 2], "a list of at least 24 items"),
        (tuple[float, float], [1], "a list of exactly 2 items"),
        (int, "1", "a whole number, not a text"),
        (str, True, "a text, not a yes or no"),
        (str | None, 1, "a text, not a whole number"),
        (int, None, "a whole number, not nothing"),
        (bool, 1, "true or false, not a whole number"),
        (Box, 1, "named fields, not a whole number"),
        (Box, {}, "a value; it is missing"),
        (datetime, "soon", DATE_AND_TIME),
        (Colour, "green", "one of the values that the specification lists"),
    ],
)
def test_what_msgspec_says(kind: Any, value: Any, expected: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(value, kind)
    assert in_plain_words(str(refused.value)) == expected
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert({"it": value}, dict[str, kind])
    assert in_plain_words(str(refused.value)) == expected, "the place is left out"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Annotated[str, Field(max_length=20)], "x" * 21, "at most 20 characters"),
        (Annotated[str, Field(min_length=1)], "", "at least 1 character"),
        (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "at most 2 items"),
        (Annotated[str, Field(pattern="^(a|b)$")], "x", "one of a, b"),
        (datetime, "nope", DATE_AND_TIME),
        (AwareDatetime, "2020-01-01T00:00", DATE_AND_TIME),
        (int, "x", "a whole number"),
        (int, 1.5, "a whole number"),
        (float, "x", "a number"),
        (Annotated[float, Field(allow_inf_nan=False)], float("inf"), "a finite number"),
        (bool, "x", "true or false"),
        (str, 1, "a text"),
        (list[int], "x", "a list"),
        (Crate, "x", "named fields"),
        (Crate, {}, "a value; it is missing"),
        (Annotated[int, Field(ge=1)], 0, "1 or more"),
        (Annotated[int, Field(le=3)], 9, "at most 3"),
        (Annotated[float, Field(gt=0)], 0, "more than 0"),
        (Annotated[float, Field(lt=2.5)], 3, "less than 2.5"),
        (Colour, "green", "one of red, blue"),
        (Literal["only"], "other", "only"),
    ],
)
def test_what_pydantic_says(kind: Any, value: Any, expected: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    assert in_plain_words(refused.value.errors()[0]["msg"]) == expected


def test_our_own_words_stay() -> None:
    assert in_plain_words("Value error, 32 to 40 hexadecimal digits") == "32 to 40 hexadecimal digits"
    assert in_plain_words("Expected `limit` with one decimal place") == "limit with one decimal place"
    assert in_plain_words("something else") == "something else"


def test_numbers_with_nouns() -> None:
    assert [counted(number, "message") for number in (0, 1, 2)] == ["0 messages", "1 message", "2 messages"]


@pytest.mark.parametrize(
    ("path", "choices"),
    [
        ("lid", ("red", "blue")),
        ("items[0].mainColour", ("red", "blue")),
        ("items[...].mainColour", ("red", "blue")),
        ("kind", ("big", "small")),
        ("name", ()),
        ("name.below", ()),
        ("nowhere", ()),
    ],
)
def test_the_choices_at_a_place(path: str, choices: tuple[str, ...]) -> None:
    assert choices_at(Box, path) == choices


def test_choices_are_named_where_they_are_known() -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert({"name": "x", "lid": "green"}, Box)
    assert in_plain_words(str(refused.value), choices_at(Box, "lid")) == "one of red, blue"
