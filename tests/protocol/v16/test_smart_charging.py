"""The words of the Smart Charging profile."""

import enum

import pytest
from tests.protocol.v16 import schemas

from chargewright.protocol.v16 import smart_charging

# Enumeration, a message that uses it, the field.
ROWS = [
    (smart_charging.ChargingProfileStatus, "SetChargingProfileResponse", "status"),
    (smart_charging.ClearChargingProfileStatus, "ClearChargingProfileResponse", "status"),
    (smart_charging.GetCompositeScheduleStatus, "GetCompositeScheduleResponse", "status"),
]


@pytest.mark.parametrize(("words", "message", "path"), ROWS)
def test_words_are_those_of_the_schema(words: type[enum.StrEnum], message: str, path: str) -> None:
    assert {word.value for word in words} == schemas.words_at(message, *path.split("."))


def test_every_enumeration_is_compared() -> None:
    defined = {
        value
        for value in vars(smart_charging).values()
        if isinstance(value, enum.EnumMeta) and value.__module__ == smart_charging.__name__
    }
    assert defined == {words for words, _, _ in ROWS}
