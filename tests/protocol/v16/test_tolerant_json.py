"""JSON read loosely, and written back as it was."""

import pytest
from hypothesis import given
from tests.protocol.v16 import schemas

from chargewright.protocol.v16.tolerant_json import Number, Object, json_text, printable, read_json


def test_numbers_keep_their_text() -> None:
    value = read_json(b'{"a":[1.50,-0,1e3,123456789012345678901234567890,NaN]}')
    assert value["a"] == ["1.50", "-0", "1e3", "123456789012345678901234567890", "NaN"]
    assert all(type(item) is Number for item in value["a"])
    assert json_text(value) == '{"a":[1.50,-0,1e3,123456789012345678901234567890,NaN]}'


def test_the_last_of_two_equal_keys_counts_and_both_are_known() -> None:
    value = read_json(b'{"a":1,"b":2,"a":3}')
    assert type(value) is Object
    assert value == {"a": "3", "b": "2"}
    assert value.duplicates == ("a",)
    assert read_json(b'{"a":1}').duplicates == ()


def test_what_nobody_can_store_is_replaced() -> None:
    assert printable(read_json(b'"a\\u0000b\\ud800c\\ud83d\\ude00"')) == "a\ufffdb\ufffdc\U0001f600"
    assert read_json(b'"a\nb"') == "a\nb"


@pytest.mark.parametrize("payload", [b"", b"{", b"{}x", b"\xff", b"'a'"])
def test_what_is_no_json_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"Expect|Extra|utf-8"):
        read_json(payload)


@given(schemas.JSON)
def test_text_says_what_was_read(value: object) -> None:
    payload = schemas.dumps(value)
    assert schemas.loads(json_text(read_json(payload))) == schemas.loads(payload)
