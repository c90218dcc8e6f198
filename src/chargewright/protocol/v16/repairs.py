"""What may be repaired where: the tables behind `salvage`, by message or structure and field name on the wire."""

import enum
from typing import Final

import msgspec

from chargewright.protocol.v16 import core, datatypes, security
from chargewright.protocol.v16.base import Message

__all__ = [
    "ANY_OTHER_WORD",
    "CONNECTORS",
    "DATA",
    "FIELD_NAMES",
    "MAY_BE_CUT",
    "MEANT_BY_NOTHING",
    "METER_READINGS",
    "NO_CONNECTOR",
    "NO_TRANSACTION",
    "REPORTS",
    "STANDS_FOR",
    "TIME_OF_RECEIPT",
    "TRANSACTION_IDS",
    "TRANSACTION_MESSAGES",
    "WORDS",
    "Key",
]

Key = tuple[type[Message], str]

_START, _STOP, _METER = core.StartTransactionRequest, core.StopTransactionRequest, core.MeterValuesRequest
_STATUS, _BOOT = core.StatusNotificationRequest, core.BootNotificationRequest
_SECURITY_EVENT = security.SecurityEventNotificationRequest
DATA: Final = frozenset({(core.DataTransferRequest, "data"), (core.DataTransferResponse, "data")})

TIME_OF_RECEIPT: Final[frozenset[Key]] = frozenset(
    (owner, "timestamp") for owner in (_START, _STOP, _SECURITY_EVENT, datatypes.MeterValue)
)
METER_READINGS: Final[frozenset[Key]] = frozenset({(_START, "meterStart"), (_STOP, "meterStop")})
TRANSACTION_IDS: Final[frozenset[Key]] = frozenset({(_STOP, "transactionId"), (_METER, "transactionId")})
# Errata v4.0 §3.18: the id that stands for none.
NO_TRANSACTION: Final = -1
NO_CONNECTOR: Final = -1

# Refusing these costs a bill (§3.7.1): what stands for a field that they need and that cannot be read. Times and the
# transactionId of a stop have their own ways.
TRANSACTION_MESSAGES: Final[frozenset[type[Message]]] = frozenset({_START, _STOP, _METER})
STANDS_FOR: Final[dict[Key, int | str | tuple[()]]] = {
    (_START, "connectorId"): NO_CONNECTOR,
    (_METER, "connectorId"): NO_CONNECTOR,
    (_START, "idTag"): "",
    (_START, "meterStart"): 0,
    (_STOP, "meterStop"): 0,
    (_METER, "meterValue"): (),
}
CONNECTORS: Final = frozenset(key for key in STANDS_FOR if key[1] == "connectorId")

# Reports of a station: an optional field that cannot be read is no reason to lose the rest.
REPORTS: Final[frozenset[type[Message]]] = frozenset(
    {
        *(_START, _STOP, _METER, _STATUS, _BOOT, _SECURITY_EVENT),
        security.LogStatusNotificationRequest,
        security.SignedFirmwareStatusNotificationRequest,
    }
)

# Text that describes, and may be cut. An id tag is cut only where refusing it would lose a transaction.
MAY_BE_CUT: Final[frozenset[Key]] = frozenset(
    {
        *((_BOOT, field.encode_name) for field in msgspec.structs.fields(_BOOT)),
        *((_STATUS, name) for name in ("info", "vendorId", "vendorErrorCode")),
        *((_SECURITY_EVENT, name) for name in ("type", "techInfo")),
        *((datatypes.KeyValue, name) for name in ("key", "value")),
        *((_START, "idTag"), (_STOP, "idTag"), (core.GetConfigurationResponse, "unknownKey")),
    }
)

FIELD_NAMES: Final[dict[Key, str]] = {
    (_METER, "values"): "meterValue",
    (datatypes.MeterValue, "values"): "sampledValue",
    (datatypes.MeterValue, "value"): "sampledValue",
}
# Occupied: someone is there, and nothing is said of energy.
WORDS: Final[dict[type[enum.Enum], dict[str, str]]] = {
    core.ChargePointStatus: {"occupied": "Preparing"},
    core.ChargePointErrorCode: {"mode3error": "EVCommunicationError"},
    datatypes.UnitOfMeasure: {"amp": "A", "volt": "V", "%": "Percent"},
    # Where the text of the specification has another word than its enumeration.
    core.DataTransferStatus: {"unknownvendor": "UnknownVendorId"},  # §4.3
    security.UploadLogStatus: {"uploadfailed": "UploadFailure"},  # N01.FR.10
    security.DeleteCertificateStatus: {"success": "Accepted"},  # M04.FR.02
}
# What a required field with null, "null" or nothing in it says: no error code is no error.
MEANT_BY_NOTHING: Final[dict[Key, str]] = {(_STATUS, "errorCode"): "NoError"}
ANY_OTHER_WORD: Final[dict[Key, str]] = {(_STATUS, "errorCode"): "OtherError", (_STOP, "reason"): "Other"}
