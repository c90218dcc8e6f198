"""The words of the Local Auth List Management profile."""

import enum

import pytest
from tests.protocol.v16 import schemas

from chargewright.protocol.v16 import local_auth_list_management

# Enumeration, a message that uses it, the field.
ROWS = [
    (local_auth_list_management.UpdateType, "SendLocalListRequest", "updateType"),
    (local_auth_list_management.UpdateStatus, "SendLocalListResponse", "status"),
]


@pytest.mark.parametrize(("words", "message", "path"), ROWS)
def test_words_are_those_of_the_schema(words: type[enum.StrEnum], message: str, path: str) -> None:
    assert {word.value for word in words} == schemas.words_at(message, *path.split("."))


def test_every_enumeration_is_compared() -> None:
    defined = {
        value
        for value in vars(local_auth_list_management).values()
        if isinstance(value, enum.EnumMeta) and value.__module__ == local_auth_list_management.__name__
    }
    assert defined == {words for words, _, _ in ROWS}
