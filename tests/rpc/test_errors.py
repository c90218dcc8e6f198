"""CALLERRORs as exceptions: one class per code, both ways."""

import builtins

import pytest

from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.error_codes import ErrorCode
from chargewright.rpc import errors
from chargewright.rpc.errors import ERROR_OF_CODE, GenericFault, RpcError, SecurityFault, error_from_wire


@pytest.mark.parametrize("code", ErrorCode)
def test_each_code_has_one_class(code: ErrorCode) -> None:
    kind = ERROR_OF_CODE[code]
    assert kind.code is code
    error = error_from_wire(code.value, "why", {"a": 1})
    assert type(error) is kind
    assert (error.raw_code, error.description, error.details) == (code.value, "why", {"a": 1})


def test_each_class_is_in_the_table() -> None:
    assert set(RpcError.__subclasses__()) == set(ERROR_OF_CODE.values())
    assert issubclass(RpcError, ChargewrightError)


@pytest.mark.parametrize("name", errors.__all__)
def test_no_builtin_is_shadowed(name: str) -> None:
    assert not hasattr(builtins, name)


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("OccurrenceConstraintViolation", ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION),
        ("FormatViolation", ErrorCode.FORMATION_VIOLATION),
        ("MessageTypeNotSupported", ErrorCode.GENERIC_ERROR),
        ("notimplemented", ErrorCode.GENERIC_ERROR),
        ("", ErrorCode.GENERIC_ERROR),
    ],
)
def test_other_words_are_understood_and_kept(word: str, code: ErrorCode) -> None:
    error = error_from_wire(word, "", {})
    assert error.code is code
    assert error.raw_code == word


def test_the_sentence_names_code_and_description() -> None:
    assert str(SecurityFault("not accepted yet")) == "SecurityError: not accepted yet"
    assert str(SecurityFault()) == "SecurityError"
    assert str(error_from_wire("RpcFrameworkError", "no", {})) == "RpcFrameworkError: no"


def test_details_are_an_object_of_its_own() -> None:
    assert GenericFault().details == {}
    assert GenericFault("x", {"key": 1}).details == {"key": 1}
    assert GenericFault().raw_code == "GenericError"
