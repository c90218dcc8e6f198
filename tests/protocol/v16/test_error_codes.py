"""The spelling of error codes on the wire."""

from chargewright.protocol.v16.error_codes import OTHER_SPELLINGS, ErrorCode


def test_codes_are_spelled_as_in_1_6() -> None:
    assert {code.value for code in ErrorCode} == {
        *("NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "FormationViolation"),
        *("PropertyConstraintViolation", "OccurenceConstraintViolation", "TypeConstraintViolation", "GenericError"),
    }


def test_other_spellings_are_not_ours() -> None:
    assert set(OTHER_SPELLINGS) == {"FormatViolation", "OccurrenceConstraintViolation"}
    assert not set(OTHER_SPELLINGS) & {code.value for code in ErrorCode}
