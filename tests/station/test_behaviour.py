"""Behaviour files: those that are shipped, and how a wrong one is refused."""

from pathlib import Path

import pytest

from chargewright.errors import ConfigurationError
from chargewright.station.behaviour import Behaviour, Drivers, behaviours, load_behaviour


def test_those_that_are_shipped_can_be_had_by_name() -> None:
    assert behaviours() == ("depot", "nobody", "public", "storm")
    for name in behaviours():
        behaviour = load_behaviour(name)
        assert len(behaviour.arrivals.per_hour) == 24
        assert len(set(behaviour.id_tags(1_000_000))) == behaviour.drivers.id_tag_count
        assert all(len(id_tag) <= 20 for id_tag in behaviour.id_tags(1_000_000))
        assert len(behaviour.id_tags(10)) == 20
    assert load_behaviour("storm").failures.network_drops_per_hour > load_behaviour("depot").failures.power_cuts_per_day


def test_a_file_of_ones_own_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[charging]\nstay_minutes = [5, 10]\n[drivers]\nid_tags = ["ANNA", "BERT"]\ntag_first_share = 1\n')
    behaviour = load_behaviour(str(path))
    habits = behaviour.habits(1)
    assert habits.id_tags == ("ANNA", "BERT")
    assert habits.stay_seconds == (300.0, 600.0)
    assert habits.capacity_wh == (40_000.0, 90_000.0)
    assert habits.tag_first_share == 1.0
    assert behaviour.failures == Behaviour().failures


def test_a_pattern_makes_as_many_tags_as_are_asked_for() -> None:
    behaviour = Behaviour(drivers=Drivers(id_tag_pattern="A-##-B", id_tag_count=3))
    assert behaviour.id_tags(10) == ("A-01-B", "A-02-B", "A-03-B")


@pytest.mark.parametrize(
    ("content", "field", "value", "expected"),
    [
        ("[arrivals]\nper_hour = [1, 2]", "arrivals.per_hour", [1, 2], "a list of at least 24 items"),
        ("[arrivals]\nper_hour = [" + "1," * 23 + "-1]", "arrivals.per_hour[23]", -1, "a number, 0 or more"),
        ("[charging]\nac_phases = [4]", "charging.ac_phases[0]", 4, "a whole number, at most 3"),
        ("[charging]\narrival_soc = [0.5, 1.5]", "charging.arrival_soc[1]", 1.5, "a number, at most 1"),
        ("[charging]\nstay_minutes = [9, 3]", "charging.stay_minutes", [9.0, 3.0], "smaller one first"),
        ("[charging]\nstay = 3", "charging.stay", 3, "one of stay_minutes"),
        ("[weather]\nrain = 1", "weather", {"rain": 1}, "one of arrivals"),
        ("[drivers]\ntag_first_share = 'half'", "drivers.tag_first_share", "half", "a number, not a text"),
        ("[drivers]\nid_tags = ['A', 'a']", "drivers.id_tags", "a", "letter case"),
        ("[drivers]\nid_tag_pattern = 'A'", "drivers.id_tag_pattern", "A", "one run of"),
        ("[drivers]\nid_tag_pattern = '#'\nid_tag_count = 10", "drivers.id_tag_count", 10, "at most 9"),
        ('[drivers]\nid_tags = ["B\\t"]', "drivers.id_tags[0]", "B\t", "printable ASCII"),
        ('[drivers]\nid_tag_pattern = "\\u0007#"', "drivers.id_tag_pattern", "\x07#", "printable ASCII"),
        ("[connect]\nstations_per_second = 0", "connect.stations_per_second", 0, "a number, more than 0"),
    ],
)
def test_a_wrong_file_is_refused_with_file_field_and_value(
    content: str, field: str, value: object, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load_behaviour(str(path))
    assert (caught.value.where, caught.value.key, caught.value.value) == (str(path), field, value)
    assert expected in caught.value.expected


@pytest.mark.parametrize("content", [b"[arrivals", b"\xff"])
def test_what_is_no_toml_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"broken\.toml"):
        load_behaviour(str(path))


def test_a_missing_file_is_refused_with_the_names_of_those_that_are_shipped() -> None:
    with pytest.raises(ConfigurationError, match="depot, nobody, public, storm"):
        load_behaviour("nowhere")
