"""From a failed decoding to the error code that the peer is told (OCPP-J §4.2.3).

msgspec says what is wrong in English sentences only. They are read here, off the hot path, and nowhere else.
"""

import re
from typing import Final

import msgspec

from chargewright.protocol.v16.error_codes import ErrorCode

__all__ = ["classify"]

# Beginnings of sentences, the first that fits counts. What a peer sent stands behind the beginning, if at all, so that
# no payload can choose its own code.
_CODE_OF_SENTENCE: Final = tuple(
    (re.compile(beginning), code)
    for beginning, code in (
        (r"Object missing required field `", ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION),
        (r"Object contains unknown field `", ErrorCode.FORMATION_VIOLATION),
        (r"Expected `array` of (at least )?length ", ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION),
        (r"Expected `object`, got `[a-z]+`$", ErrorCode.FORMATION_VIOLATION),  # without a place: the payload itself
        (r"Expected `[^`]+`, got `", ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        (r"Invalid enum value ", ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (r"Expected `str` (of length|without) ", ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (r"Expected `int` [<>]= ", ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (r"(Integer value|Number) out of range", ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
    )
)


def classify(failure: Exception) -> ErrorCode:
    """The error code for one of `coding.DECODE_FAILURES`.

    Not JSON, not an object, nested too deeply, not UTF-8, or a field that the schema does not know: FormationViolation
    (OCPP-J errata v1.0 §3.1). A required field or list item that is missing: OccurenceConstraintViolation. Another JSON
    type: TypeConstraintViolation. The right type with a wrong value: PropertyConstraintViolation (errata v4.0 §3.24,
    §3.38).
    """
    if isinstance(failure, OverflowError):
        return ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    if not isinstance(failure, msgspec.ValidationError):
        return ErrorCode.FORMATION_VIOLATION
    # Raised by a hook or a check of ours, and wrapped.
    if isinstance(failure.__cause__, TypeError):
        return ErrorCode.TYPE_CONSTRAINT_VIOLATION
    if isinstance(failure.__cause__, ValueError):
        return ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    sentence = str(failure)
    for beginning, code in _CODE_OF_SENTENCE:
        if beginning.match(sentence):
            return code
    return ErrorCode.GENERIC_ERROR
