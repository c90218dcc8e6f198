"""Names, instants and texts of bodies."""

import pytest
from pydantic import ValidationError

from chargewright.csms.api.models import Body, Instant, InstantIn, View, row_id
from chargewright.csms.errors import NotFound


class Asked(Body):
    some_name: str = ""
    expires_at: InstantIn | None = None
    nested: dict[str, list[str]] | None = None


class Told(View):
    some_name: str
    seen_at: Instant | None


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T01:00:01.5+01:00", 1_500_000),
        ("9999-12-31T23:59:59Z", 253402300799000000),
    ],
)
def test_instants_are_read(text: str, instant: int) -> None:
    assert Asked.model_validate({"expiresAt": text}).expires_at == instant


@pytest.mark.parametrize(
    "wrong", [1, 1.5, True, "", "1970-01-01", "1970-01-01T00:00:01", "0001-01-01T00:00:00+14:00", "tomorrow", []]
)
def test_what_is_no_instant_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError, match="with a zone"):
        Asked.model_validate({"expiresAt": wrong})


def test_instants_are_told_in_utc_with_milliseconds() -> None:
    assert Told(some_name="x", seen_at=1_500_999).model_dump_json() == (
        '{"someName":"x","seenAt":"1970-01-01T00:00:01.500Z"}'
    )
    assert Told(some_name="x", seen_at=None).model_dump() == {"someName": "x", "seenAt": None}


@pytest.mark.parametrize(
    "wrong", [{"some_name": "x"}, {"other": 1}, {"someName": 1}, {"someName": "a\0"}, {"nested": {"a": ["\0"]}}]
)
def test_what_is_not_asked_for_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Asked.model_validate(wrong)


def test_an_id_of_ours_is_a_number_and_another_is_unknown() -> None:
    assert row_id("id tag", "17") == 17
    for text in ("", "x", "-1", "1.0", "١", "9" * 19):
        with pytest.raises(NotFound):
            row_id("id tag", text)
