"""CALLERROR as exceptions (OCPP-J 4.2.3).

::

    RpcError                            has .code; becomes a CALLERROR, and is what a CALLERROR becomes
    ├── NotImplementedAction            the action is unknown
    ├── NotSupportedAction              the action is known, but not offered by this side
    ├── InternalFault                   a bug or an outage of ours kept the CALL from being processed
    ├── ProtocolFault                   the payload is incomplete, or the CALL is out of place
    ├── SecurityFault                   refused for security
    ├── FormationViolation              not formed as the message's schema says
    ├── PropertyConstraintViolation     a field has a value that it may not have
    ├── OccurenceConstraintViolation    a field is missing or too often there (errata OCPP-J 5.1 keep the spelling)
    ├── TypeConstraintViolation         a field has the wrong JSON type
    └── GenericFault                    anything else; a peer's unknown code keeps its word in .raw_code
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.error_codes import OTHER_SPELLINGS, ErrorCode

__all__ = [
    "DESCRIPTION_LENGTH",
    "ERROR_OF_CODE",
    "FormationViolation",
    "GenericFault",
    "InternalFault",
    "NotImplementedAction",
    "NotSupportedAction",
    "OccurenceConstraintViolation",
    "PropertyConstraintViolation",
    "ProtocolFault",
    "RpcError",
    "SecurityFault",
    "TypeConstraintViolation",
    "error_from_wire",
]

# OCPP-J 4.2.3: the longest error description, in characters.
DESCRIPTION_LENGTH: Final = 255


class RpcError(ChargewrightError):
    """A CALL is refused. Raise one of the subclasses; catch this.

    `code` is the error code, `description` a sentence for people (sent cut to 255 characters; never put a secret into
    it), `details` a JSON object. `raw_code` is the word on the wire, which differs from `code` only for what a peer
    sent.
    """

    code: ClassVar[ErrorCode]

    def __init__(
        self, description: str = "", details: Mapping[str, Any] | None = None, *, raw_code: str | None = None
    ) -> None:
        super().__init__(description)
        self.description = description
        self.details: Mapping[str, Any] = {} if details is None else details
        self.raw_code = self.code.value if raw_code is None else raw_code

    def __str__(self) -> str:
        return f"{self.raw_code}: {self.description}" if self.description else self.raw_code


class NotImplementedAction(RpcError):
    """The action is not known."""

    code = ErrorCode.NOT_IMPLEMENTED


class NotSupportedAction(RpcError):
    """The action is known, but this side does not offer it."""

    code = ErrorCode.NOT_SUPPORTED


class InternalFault(RpcError):
    """Something broke on the side that answers."""

    code = ErrorCode.INTERNAL_ERROR


class ProtocolFault(RpcError):
    """The payload is incomplete, or the CALL must not come now."""

    code = ErrorCode.PROTOCOL_ERROR


class SecurityFault(RpcError):
    """Refused for security: not authorized, or not yet accepted."""

    code = ErrorCode.SECURITY_ERROR


class FormationViolation(RpcError):
    """Not formed as the schema says: broken JSON, wrong number of elements, an undefined field."""

    code = ErrorCode.FORMATION_VIOLATION


class PropertyConstraintViolation(RpcError):
    """A field of the right type has a value that it may not have."""

    code = ErrorCode.PROPERTY_CONSTRAINT_VIOLATION


class OccurenceConstraintViolation(RpcError):
    """A required field is missing, or a list has too few or too many elements."""

    code = ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION


class TypeConstraintViolation(RpcError):
    """A field has the wrong JSON type."""

    code = ErrorCode.TYPE_CONSTRAINT_VIOLATION


class GenericFault(RpcError):
    """Any other error, and every code that we do not know."""

    code = ErrorCode.GENERIC_ERROR


ERROR_OF_CODE: Final[Mapping[ErrorCode, type[RpcError]]] = {
    kind.code: kind
    for kind in (
        NotImplementedAction,
        NotSupportedAction,
        InternalFault,
        ProtocolFault,
        SecurityFault,
        FormationViolation,
        PropertyConstraintViolation,
        OccurenceConstraintViolation,
        TypeConstraintViolation,
        GenericFault,
    )
}

# The words that peers use: those of the specification, and their tidied spellings.
_CODE_OF_WORD: Final[Mapping[str, ErrorCode]] = {**{code.value: code for code in ErrorCode}, **OTHER_SPELLINGS}


def error_from_wire(word: str, description: str, details: Mapping[str, Any]) -> RpcError:
    """What a peer's CALLERROR becomes; `raw_code` keeps its word, an unknown one becomes a `GenericFault`."""
    return ERROR_OF_CODE[_CODE_OF_WORD.get(word, ErrorCode.GENERIC_ERROR)](description, details, raw_code=word)
