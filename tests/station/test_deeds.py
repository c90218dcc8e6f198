"""Deeds as data: what may be in them, and that nothing of the lists is missing."""

import msgspec
import pytest

from chargewright.station import deeds
from chargewright.station.deeds import DEEDS, Deed, Fault, PlugIn, summary


def test_every_deed_is_in_the_table_under_its_word() -> None:
    assert set(DEEDS.values()) == set(Deed.__subclasses__())
    assert {kind.__name__ for kind in DEEDS.values()} <= set(deeds.__all__)
    assert all(word == kind.__struct_config__.tag for word, kind in DEEDS.items())


@pytest.mark.parametrize("word", DEEDS)
def test_every_deed_and_every_field_says_what_it_is(word: str) -> None:
    assert summary(DEEDS[word]).endswith(".")
    schema = msgspec.json.schema(DEEDS[word])["$defs"][DEEDS[word].__name__]
    for name, field in schema["properties"].items():
        described = "description" in field or any("description" in each for each in field.get("anyOf", ()))
        # A referenced type (an enumeration) carries its own description beside the reference.
        assert described or name == "do" or "allOf" in field or "$ref" in field, (word, name)


def test_fields_are_checked() -> None:
    assert msgspec.convert({"do": "plug-in", "connector": 1}, PlugIn) == PlugIn(connector=1)
    wrong = (
        {"do": "plug-in"},
        {"do": "plug-in", "connector": 0},
        {"do": "plug-in", "connector": 1, "soc_percent": 101},
        {"do": "plug-in", "connector": 1, "colour": "red"},
        {"do": "unplug", "connector": 1},
    )
    for fields in wrong:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(fields, PlugIn)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"do": "fault", "connector": 1, "error_code": "Tired"}, Fault)
