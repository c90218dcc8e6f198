"""The words of the Firmware Management profile."""

import enum

import pytest
from tests.protocol.v16 import schemas

from chargewright.protocol.v16 import firmware_management

# Enumeration, a message that uses it, the field.
ROWS = [
    (firmware_management.DiagnosticsStatus, "DiagnosticsStatusNotificationRequest", "status"),
    (firmware_management.FirmwareStatus, "FirmwareStatusNotificationRequest", "status"),
]


@pytest.mark.parametrize(("words", "message", "path"), ROWS)
def test_words_are_those_of_the_schema(words: type[enum.StrEnum], message: str, path: str) -> None:
    assert {word.value for word in words} == schemas.words_at(message, *path.split("."))


def test_every_enumeration_is_compared() -> None:
    defined = {
        value
        for value in vars(firmware_management).values()
        if isinstance(value, enum.EnumMeta) and value.__module__ == firmware_management.__name__
    }
    assert defined == {words for words, _, _ in ROWS}
