"""Errors name the URL, the reason and what to do, and no password."""

import inspect

import pytest

from chargewright.errors import ChargewrightError
from chargewright.file_transfer import errors

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.FileTransferError) and kind is not errors.FileTransferError
]


@pytest.mark.parametrize("kind", KINDS)
def test_each_error_says_what_to_do_and_hides_the_password(kind: type[errors.FileTransferError]) -> None:
    error = kind("ftp://in:hush@host/a", "it went wrong")
    assert str(error) == f"ftp://in:***@host/a: it went wrong; {kind.advice}"
    assert kind.advice
    assert "hush" not in repr(error)


def test_the_tree_is_as_it_is_drawn() -> None:
    assert len(KINDS) == 14
    assert issubclass(errors.FileTransferError, ChargewrightError)
    assert {kind for kind in KINDS if issubclass(kind, errors.TransferBroken)} == {
        errors.TransferBroken,
        errors.CouldNotConnect,
        errors.TimedOut,
        errors.ServerTrouble,
    }


def test_what_a_store_refuses_names_the_file() -> None:
    assert str(errors.WrongOffset("a/b", "not there", 5)) == "'a/b': not there"
