"""The words of the Core profile."""

import enum

import pytest
from tests.protocol.v16 import schemas

from chargewright.protocol.v16 import core

# Enumeration, a message that uses it, the field.
ROWS = [
    (core.RegistrationStatus, "BootNotificationResponse", "status"),
    (core.AvailabilityType, "ChangeAvailabilityRequest", "type"),
    (core.AvailabilityStatus, "ChangeAvailabilityResponse", "status"),
    (core.ConfigurationStatus, "ChangeConfigurationResponse", "status"),
    (core.ClearCacheStatus, "ClearCacheResponse", "status"),
    (core.DataTransferStatus, "DataTransferResponse", "status"),
    (core.RemoteStartStopStatus, "RemoteStartTransactionResponse", "status"),
    (core.ResetType, "ResetRequest", "type"),
    (core.ResetStatus, "ResetResponse", "status"),
    (core.UnlockStatus, "UnlockConnectorResponse", "status"),
    (core.ChargePointStatus, "StatusNotificationRequest", "status"),
    (core.ChargePointErrorCode, "StatusNotificationRequest", "errorCode"),
    (core.Reason, "StopTransactionRequest", "reason"),
]


@pytest.mark.parametrize(("words", "message", "path"), ROWS)
def test_words_are_those_of_the_schema(words: type[enum.StrEnum], message: str, path: str) -> None:
    assert {word.value for word in words} == schemas.words_at(message, *path.split("."))


def test_every_enumeration_is_compared() -> None:
    defined = {
        value for value in vars(core).values() if isinstance(value, enum.EnumMeta) and value.__module__ == core.__name__
    }
    assert defined == {words for words, _, _ in ROWS}
