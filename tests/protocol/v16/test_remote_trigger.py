"""The words of the Remote Trigger profile."""

import enum

import pytest
from tests.protocol.v16 import schemas

from chargewright.protocol.v16 import remote_trigger

# Enumeration, a message that uses it, the field.
ROWS = [
    (remote_trigger.MessageTrigger, "TriggerMessageRequest", "requestedMessage"),
    (remote_trigger.TriggerMessageStatus, "TriggerMessageResponse", "status"),
]


@pytest.mark.parametrize(("words", "message", "path"), ROWS)
def test_words_are_those_of_the_schema(words: type[enum.StrEnum], message: str, path: str) -> None:
    assert {word.value for word in words} == schemas.words_at(message, *path.split("."))


def test_every_enumeration_is_compared() -> None:
    defined = {
        value
        for value in vars(remote_trigger).values()
        if isinstance(value, enum.EnumMeta) and value.__module__ == remote_trigger.__name__
    }
    assert defined == {words for words, _, _ in ROWS}


def test_the_extension_shares_the_status_but_not_the_list_of_messages() -> None:
    assert schemas.words_at("ExtendedTriggerMessageResponse", "status") == set(remote_trigger.TriggerMessageStatus)
    assert schemas.words_at("ExtendedTriggerMessageRequest", "requestedMessage") != set(remote_trigger.MessageTrigger)
