"""The error codes of a CALLERROR (OCPP-J §4.2.3), spelled as OCPP 1.6 spells them on the wire."""

import enum
from collections.abc import Mapping
from typing import Final

__all__ = ["OTHER_SPELLINGS", "ErrorCode"]


class ErrorCode(enum.StrEnum):
    """Two of the words are misspelled; the errata (OCPP-J errata v1.0 §5.1, §5.2) keep them so for 1.6."""

    NOT_IMPLEMENTED = "NotImplemented"  # the action is not known
    NOT_SUPPORTED = "NotSupported"  # the action is known but not offered here
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMATION_VIOLATION = "FormationViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    OCCURENCE_CONSTRAINT_VIOLATION = "OccurenceConstraintViolation"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"


# What peers send for the misspelled two; any other unknown word counts as GenericError.
OTHER_SPELLINGS: Final[Mapping[str, ErrorCode]] = {
    "FormatViolation": ErrorCode.FORMATION_VIOLATION,
    "OccurrenceConstraintViolation": ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
}
