"""The words of the security extension."""

import enum

import pytest
from tests.protocol.v16 import schemas

from chargewright.protocol.v16 import security

# Enumeration, a message that uses it, the field.
ROWS = [
    (security.CertificateSignedStatus, "CertificateSignedResponse", "status"),
    (security.CertificateUse, "InstallCertificateRequest", "certificateType"),
    (security.DeleteCertificateStatus, "DeleteCertificateResponse", "status"),
    (security.ExtendedMessageTrigger, "ExtendedTriggerMessageRequest", "requestedMessage"),
    (security.GenericStatus, "SignCertificateResponse", "status"),
    (security.GetInstalledCertificateStatus, "GetInstalledCertificateIdsResponse", "status"),
    (security.HashAlgorithm, "DeleteCertificateRequest", "certificateHashData.hashAlgorithm"),
    (security.InstallCertificateStatus, "InstallCertificateResponse", "status"),
    (security.LogType, "GetLogRequest", "logType"),
    (security.LogStatus, "GetLogResponse", "status"),
    (security.UploadLogStatus, "LogStatusNotificationRequest", "status"),
    (security.UpdateFirmwareStatus, "SignedUpdateFirmwareResponse", "status"),
    (security.SignedFirmwareStatus, "SignedFirmwareStatusNotificationRequest", "status"),
]


@pytest.mark.parametrize(("words", "message", "path"), ROWS)
def test_words_are_those_of_the_schema(words: type[enum.StrEnum], message: str, path: str) -> None:
    assert {word.value for word in words} == schemas.words_at(message, *path.split("."))


def test_every_enumeration_is_compared() -> None:
    defined = {
        value
        for value in vars(security).values()
        if isinstance(value, enum.EnumMeta) and value.__module__ == security.__name__
    }
    assert defined == {words for words, _, _ in ROWS}
