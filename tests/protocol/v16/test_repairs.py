"""The tables of repairs name fields that there are, with values that fit them."""

import msgspec
import pytest

from chargewright.protocol.v16 import repairs
from chargewright.protocol.v16.repairs import STANDS_FOR, TRANSACTION_MESSAGES, Key

TABLES: dict[str, set[Key]] = {
    name: set(getattr(repairs, name))
    for name in repairs.__all__
    if name not in ("Key", "FIELD_NAMES", "NO_CONNECTOR", "NO_TRANSACTION", "REPORTS", "TRANSACTION_MESSAGES", "WORDS")
}


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_a_field_of_its_message(table: str) -> None:
    for owner, name in TABLES[table]:
        assert name in {field.encode_name for field in msgspec.structs.fields(owner)}, (owner, name)


def test_other_names_are_read_as_fields_that_there_are() -> None:
    for (owner, _), name in repairs.FIELD_NAMES.items():
        assert name in {field.encode_name for field in msgspec.structs.fields(owner)}


def test_every_field_that_a_transaction_message_needs_has_something_to_stand_for_it() -> None:
    needed = {
        (kind, field.encode_name)
        for kind in TRANSACTION_MESSAGES
        for field in msgspec.structs.fields(kind)
        if field.required
    }
    assert needed <= set(STANDS_FOR) | repairs.TIME_OF_RECEIPT | repairs.TRANSACTION_IDS


@pytest.mark.parametrize(("kind", "name"), STANDS_FOR)
def test_what_stands_for_a_field_fits_it(kind: type[msgspec.Struct], name: str) -> None:
    (field,) = (field for field in msgspec.structs.fields(kind) if field.encode_name == name)
    msgspec.convert(STANDS_FOR[kind, name], field.type)  # type: ignore[index]  # a key of the table


def test_other_words_are_words() -> None:
    for kind, words in repairs.WORDS.items():
        assert set(words.values()) <= {word.value for word in kind}
