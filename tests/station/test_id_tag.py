"""What counts as an id tag, in code and in the type that files and requests are read with."""

import msgspec
import pytest

from chargewright.station.id_tag import IdTag, is_id_tag


@pytest.mark.parametrize("text", ["A", "04:A2 b~", "x" * 20, " "])
def test_what_is_one(text: str) -> None:
    assert is_id_tag(text) and msgspec.convert(text, IdTag) == text


@pytest.mark.parametrize("text", ["", "x" * 21, "A\tB", "A\0", "A\n", "\nA", "\x1f", "\x7f", "Ä", "\udc80"])
def test_what_is_none(text: str) -> None:
    assert not is_id_tag(text)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, IdTag)
