"""Every command that the CSMS sends, with a valid payload and each answer that a station may give."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["ANSWERS", "PAYLOADS", "cases"]

_HASHES: Final = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "ab" * 32,
    "issuerKeyHash": "cd" * 32,
    "serialNumber": "0102",
}
_PROFILE: Final = {
    "chargingProfileId": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "startSchedule": "2026-03-01T12:00:00Z",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
    },
}
_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n"

# Nothing is odd about any of them at a station that has told of connectors 0 and 1 only, but where another state of the
# station is needed (a reservation, a transaction).
PAYLOADS: Final[Mapping[str, Mapping[str, Any]]] = {
    "CancelReservation": {"reservationId": 5},
    "CertificateSigned": {"certificateChain": _CERTIFICATE},
    "ChangeAvailability": {"connectorId": 1, "type": "Inoperative"},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "600"},
    "ClearCache": {},
    "ClearChargingProfile": {"id": 7},
    "DataTransfer": {"vendorId": "org.example", "messageId": "hello", "data": "world"},
    "DeleteCertificate": {"certificateHashData": _HASHES},
    "ExtendedTriggerMessage": {"requestedMessage": "Heartbeat"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 3600, "chargingRateUnit": "A"},
    "GetConfiguration": {"key": ["HeartbeatInterval"]},
    "GetDiagnostics": {"location": "ftp://files.example/up", "retries": 1, "retryInterval": 10},
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "GetLocalListVersion": {},
    "GetLog": {"log": {"remoteLocation": "ftp://files.example/up"}, "logType": "DiagnosticsLog", "requestId": 3},
    "InstallCertificate": {"certificateType": "CentralSystemRootCertificate", "certificate": _CERTIFICATE},
    "RemoteStartTransaction": {"connectorId": 1, "idTag": "TAG"},
    "RemoteStopTransaction": {"transactionId": 1},
    "ReserveNow": {"connectorId": 1, "expiryDate": "2036-03-01T12:00:00Z", "idTag": "TAG", "reservationId": 5},
    "Reset": {"type": "Soft"},
    "SendLocalList": {
        "listVersion": 2,
        "updateType": "Full",
        "localAuthorizationList": [{"idTag": "TAG", "idTagInfo": {"status": "Accepted"}}],
    },
    "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": _PROFILE},
    "SignedUpdateFirmware": {
        "requestId": 4,
        "firmware": {
            "location": "https://files.example/firmware",
            "retrieveDateTime": "2036-03-01T12:00:00Z",
            "signingCertificate": _CERTIFICATE,
            "signature": "c2lnbmF0dXJl",
        },
    },
    "TriggerMessage": {"requestedMessage": "Heartbeat"},
    "UnlockConnector": {"connectorId": 1},
    "UpdateFirmware": {"location": "ftp://files.example/firmware", "retrieveDate": "2036-03-01T12:00:00Z"},
}


def _statuses(*words: str) -> list[dict[str, Any]]:
    return [{"status": word} for word in words]


# The payloads of CALLRESULTs: each status, and of messages without one each shape.
ANSWERS: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "CancelReservation": _statuses("Accepted", "Rejected"),
    "CertificateSigned": _statuses("Accepted", "Rejected"),
    "ChangeAvailability": _statuses("Accepted", "Rejected", "Scheduled"),
    "ChangeConfiguration": _statuses("Accepted", "Rejected", "RebootRequired", "NotSupported"),
    "ClearCache": _statuses("Accepted", "Rejected"),
    "ClearChargingProfile": _statuses("Accepted", "Unknown"),
    "DataTransfer": [
        *_statuses("Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"),
        {"status": "Accepted", "data": "answer"},
    ],
    "DeleteCertificate": _statuses("Accepted", "Failed", "NotFound"),
    "ExtendedTriggerMessage": _statuses("Accepted", "Rejected", "NotImplemented"),
    "GetCompositeSchedule": [
        *_statuses("Accepted", "Rejected"),
        {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": "2026-03-01T12:00:00Z",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
            },
        },
    ],
    "GetConfiguration": [
        {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "600"}], "unknownKey": []},
        {"unknownKey": ["HeartbeatInterval"]},
        {},
    ],
    "GetDiagnostics": [{"fileName": "diagnostics.zip"}, {}],
    "GetInstalledCertificateIds": [*_statuses("NotFound"), {"status": "Accepted", "certificateHashData": [_HASHES]}],
    "GetLocalListVersion": [{"listVersion": 2}, {"listVersion": -1}],
    "GetLog": [{"status": "Accepted", "filename": "log.zip"}, *_statuses("Rejected", "AcceptedCanceled")],
    "InstallCertificate": _statuses("Accepted", "Failed", "Rejected"),
    "RemoteStartTransaction": _statuses("Accepted", "Rejected"),
    "RemoteStopTransaction": _statuses("Accepted", "Rejected"),
    "ReserveNow": _statuses("Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"),
    "Reset": _statuses("Accepted", "Rejected"),
    "SendLocalList": _statuses("Accepted", "Failed", "NotSupported", "VersionMismatch"),
    "SetChargingProfile": _statuses("Accepted", "Rejected", "NotSupported"),
    "SignedUpdateFirmware": _statuses(
        "Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate"
    ),
    "TriggerMessage": _statuses("Accepted", "Rejected", "NotImplemented"),
    "UnlockConnector": _statuses("Unlocked", "UnlockFailed", "NotSupported"),
    "UpdateFirmware": [{}],
}


def cases() -> list[tuple[str, Mapping[str, Any]]]:
    """Each command with each answer."""
    return [(action, answer) for action, answers in ANSWERS.items() for answer in answers]
