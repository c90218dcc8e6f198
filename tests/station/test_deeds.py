"""Deeds as data: what may be in them, and that nothing of the lists is missing."""

import msgspec
import pytest

from chargewright.station import deeds
from chargewright.station.deeds import DEEDS, Deed, Fault, PlugIn, WrongField, read_deed, summary


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


@pytest.mark.parametrize(
    ("word", "fields", "sentence"),
    [
        ("dance", {}, "do: 'dance' is not right; expected one of plug-in, change-vehicle"),
        ("plug-in", {}, "connector is missing; expected a value"),
        ("plug-in", {"connector": 0}, "connector: 0 is not right; expected a whole number, 1 or more"),
        ("plug-in", {"connector": "1"}, "connector: '1' is not right; expected a whole number, not a text"),
        (
            "cut-power",
            {"colour": "red"},
            "colour: 'red' is not right; expected no field of this name; known here: none",
        ),
        (
            "fault",
            {"connector": 1, "error_code": "Tired"},
            "'Tired' is not right; expected one of ConnectorLockFailure,",
        ),
        ("change-vehicle", {"connector": 1, "phases": 4}, "phases: 4 is not right; expected a whole number, at most 3"),
        ("present-tag", {"id_tag": "a\0b"}, "id_tag: 'a\\x00b' is not right; expected 1 to 20 printable ASCII"),
        ("present-tag", {"id_tag": ""}, "id_tag: '' is not right; expected 1 to 20 printable ASCII"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_would_be_right(
    word: str, fields: dict[str, object], sentence: str
) -> None:
    with pytest.raises(WrongField) as caught:
        read_deed(word, fields)
    assert sentence in str(caught.value)


def test_a_deed_is_read() -> None:
    assert read_deed("plug-in", {"connector": 2, "phases": 1}) == PlugIn(connector=2, phases=1)
