"""Reading scenario files: what is right is read, what is wrong is named with its step."""

from pathlib import Path

import pytest

from chargewright.errors import ConfigurationError
from chargewright.station import deeds
from chargewright.station.scenario import Condition, StationPlan, load_scenario, names, read_scenario

WAIT = b"[[step]]\nwait_for = { online = true }\n"


def test_a_file_is_read() -> None:
    scenario = read_scenario(
        b"""
        description = "Two stations."
        seed = 7
        [[station]]
        id = "ONE"
        pics = "minimal"
        [[station]]
        id = "TWO"
        password_env = "TWO_PASSWORD"
        [[step]]
        station = "TWO"
        do = "plug-in"
        connector = 1
        phases = 1
        [[step]]
        station = "ONE"
        wait_for = { message = "StopTransaction", count = 2, queue_empty = true }
        within_seconds = 5
        """,
        "folder/two.toml",
    )
    assert (scenario.name, scenario.description, scenario.seed) == ("two", "Two stations.", 7)
    assert scenario.stations["ONE"] == StationPlan(id="ONE", pics="minimal")
    first, second = scenario.steps
    assert (first.station, first.deed) == ("TWO", deeds.PlugIn(connector=1, phases=1))
    assert second.wait_for == Condition(message="StopTransaction", count=2, queue_empty=True)
    assert second.within_seconds == 5


def test_the_command_line_names_the_station_where_there_is_one() -> None:
    assert list(read_scenario(WAIT, "f", station_id="CW 1").stations) == ["CW 1"]
    file = b'[[station]]\nid = "IN-FILE"\n[[step]]\nstation = "IN-FILE"\nwait_for = { online = true }\n'
    assert read_scenario(file, "f").steps[0].station == "IN-FILE"
    assert read_scenario(file, "f", station_id="CW 1").steps[0].station == "CW 1"
    two = b'[[station]]\nid = "ONE"\n[[station]]\nid = "TWO"\n[[step]]\nstation = "ONE"\nwait_for = { online = true }\n'
    assert list(read_scenario(two, "f").stations) == ["ONE", "TWO"]
    with pytest.raises(
        ConfigurationError, match="--id: 'CW 1' is not right; expected nothing here: f names 2 stations"
    ):
        read_scenario(two, "f", station_id="CW 1")


@pytest.mark.parametrize("name", names())
def test_what_comes_with_the_package_is_right_and_says_what_it_is(name: str) -> None:
    scenario = load_scenario(name, station_id="CW 1")
    assert scenario.name == name and scenario.description.endswith(".") and scenario.steps


def test_the_scenario_in_the_documentation_is_right() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "play-a-scenario.md"
    block = page.read_text().partition("```toml\n")[2].partition("```")[0]
    assert len(read_scenario(block.encode(), "page", station_id="CW 1").steps) == 6


def test_these_come_with_the_package() -> None:
    assert set(names()) >= {"first-charge", "ev-side-disconnect", "offline-transaction-with-power-cut"}


STEP = "[[step]]\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "f.toml: step is missing; expected at least one [[step]]"),
        ("colour = 1", "f.toml: colour: 1 is not right; expected no key of this name"),
        ("seed = true", "f.toml: seed: True is not right; expected a whole number"),
        ("description = 1", "f.toml: description: 1"),
        ("step = 1", "f.toml: step: 1 is not right; expected tables, each under [[step]]"),
        ("= 1", "is no TOML file"),
        ("[[station]]\nid = 1", "f.toml: station 1: id: 1 is not right; expected a text, not a whole number"),
        ("[[station]]\nname = 'x'", "f.toml: station 1: name: 'x' is not right; expected no field of this name"),
        ("[[station]]\nid = 'a/b'", "f.toml: station 1: id: 'a/b'"),
        (
            "[[station]]\nid = 'A'\n[[station]]\nid = 'A'",
            "f.toml: station 2: id: 'A' is not right; expected an identity",
        ),
        ("[[station]]\nid = 'A'\n[[station]]", "f.toml: station 2: id is missing"),
        ("[[station]]\nid='A'\n[[station]]\nid='B'\n" + STEP + "do='cut-power'", "step 1: station is missing"),
        (STEP, "f.toml: step 1: do is missing; expected either `do` or `wait_for`"),
        (STEP + "do = 'cut-power'\nwait_for = {}", "either `do` or `wait_for`"),
        (STEP + "do = 'dance'", "f.toml: step 1: do: 'dance' is not right; expected one of plug-in"),
        (STEP + "do = 1", "f.toml: step 1: do: 1"),
        (STEP + "do = 'cut-power'\n" + STEP + "do = 'plug-in'", "f.toml: step 2: connector is missing"),
        (STEP + "do = 'cut-power'\nwithin_seconds = 1", "it belongs to wait_for"),
        (STEP + "do = 'cut-power'\nstation = 'X'", "f.toml: step 1: station: 'X' is not right; expected one of CW 1"),
        (STEP + "wait_for = 1", "f.toml: step 1: wait_for: 1"),
        (STEP + "wait_for = {}", "f.toml: step 1: wait_for: {}"),
        (STEP + "wait_for = { colour = 1 }", "f.toml: step 1: wait_for.colour: 1"),
        (STEP + "wait_for = { connector = 1 }", "a condition beside it"),
        (STEP + "wait_for = { status = 'Charging' }", "a number; status is about a connector"),
        (
            STEP + "wait_for = { connector = 1, status = 'Asleep' }",
            "wait_for.status: 'Asleep' is not right; expected one",
        ),
        (STEP + "wait_for = { message = 'Stop' }", "wait_for.message: 'Stop' is not right; expected an action of OCPP"),
        (STEP + "wait_for = { count = 2 }", "wait_for.message"),
        (STEP + "wait_for = { seconds = 1, online = true }", "no other condition beside it"),
        (STEP + "wait_for = { seconds = 0 }", "wait_for.seconds: 0 is not right; expected a number, more than 0"),
        (STEP + "wait_for = { online = true }\nwithin_seconds = 0", "step 1: within_seconds: 0"),
        (STEP + "wait_for = { online = true }\nwithin_seconds = true", "step 1: within_seconds: True"),
        (STEP + "wait_for = { online = true }\nstatus = 'Charging'", "put it inside its braces"),
    ],
)
def test_what_is_wrong_is_named(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_scenario(text.encode(), "f.toml", station_id="CW 1" if "[[station]]" not in text else "")
    assert sentence in str(caught.value)


def test_a_station_needs_an_identity() -> None:
    with pytest.raises(ConfigurationError, match="here or by --id"):
        read_scenario(WAIT, "f")


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="first-charge"):
        load_scenario(str(tmp_path / "nonesuch.toml"))
    with pytest.raises(ConfigurationError, match="first-charge"):
        load_scenario("with\0nul")
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_scenario(str(file))
    file.write_bytes(WAIT)
    assert load_scenario(str(file), station_id="A").name == "mine"
