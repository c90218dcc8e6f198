"""Playing as a process, without one: settings, exit codes, and what is told."""

import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog

import chargewright.station.play_running
from chargewright.errors import ConfigurationError
from chargewright.station.play_running import PlaySettings, password_of, run_scenario
from chargewright.station.store import StationStore
from chargewright.station.transaction import TransactionState
from chargewright.station.upkeep import DiskShelf, Shelf
from chargewright.station.virtual import VirtualStation, store_path

KEY = "00112233445566778899aabbccddeeff"


@pytest.fixture(autouse=True)
def _as_before() -> object:
    yield
    structlog.reset_defaults()


def settings(folder: Path, text: str, **changes: Any) -> PlaySettings:
    file = folder / "story.toml"
    file.write_text(text)
    values: dict[str, Any] = {
        "scenario": str(file),
        "csms_url": "ws://127.0.0.1:1/ocpp",
        "pics": "minimal",
        "station_id": "CW 1",
        "log_level": "error",
    }
    return PlaySettings(**(values | changes))


PLUG_IN = "seed = 5\n[[step]]\ndo = 'plug-in'\nconnector = 1\n"
TOO_LATE = PLUG_IN + "[[step]]\nwait_for = { online = true }\nwithin_seconds = 0.2\n[[step]]\ndo = 'cut-power'\n"


def test_a_play_that_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_scenario(settings(tmp_path, PLUG_IN), as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["is_done"] and told["seed"] == 5 and told["stations"][0]["statuses"] == ["Preparing"]
    assert run_scenario(settings(tmp_path, PLUG_IN, seed=9), as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 9


def test_a_play_that_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_scenario(settings(tmp_path, TOO_LATE), as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "plug-in connector=1: done at" in lines[0] and "wait_for online=True: timed-out at" in lines[1]
    assert lines[2].strip() == "CW 1: not within 0.2 s: online should be true and is false"
    assert lines[3].endswith("cut-power: not-reached")
    assert lines[4] == "CW 1: 0 transactions completed, 0.000 kWh, 0 messages wait"


@pytest.mark.parametrize(
    ("text", "changes", "named"),
    [
        ("colour = 1", {}, "story.toml: colour"),
        (PLUG_IN, {"pics": ""}, "--pics"),
        (PLUG_IN, {"pics": "nonesuch"}, "nonesuch"),
        (PLUG_IN, {"station_id": ""}, "--id"),
        (PLUG_IN, {"transport": "pigeon"}, "pigeon"),
        ("[[station]]\npassword_env = 'CW_NOT_SET'\n" + PLUG_IN.removeprefix("seed = 5\n"), {}, "CW_NOT_SET"),
    ],
)
def test_wrong_settings_are_named(
    text: str, changes: dict[str, Any], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_scenario(settings(tmp_path, text, **changes), as_json=False) == 2
    assert named in capsys.readouterr().err


def test_a_url_that_cannot_be_used_ends_the_play(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "[[step]]\nwait_for = { online = true }\n"
    assert run_scenario(settings(tmp_path, text, csms_url="http://127.0.0.1:1"), as_json=False) == 2
    assert "http://127.0.0.1:1" in capsys.readouterr().err


def test_a_directory_that_is_kept_or_of_no_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "kept"
    assert run_scenario(settings(tmp_path, PLUG_IN, data=data), as_json=True) == 0
    assert store_path(data, "CW 1").exists()
    with StationStore(store_path(data, "CW 1"), Random(1)):
        assert run_scenario(settings(tmp_path, PLUG_IN, data=data), as_json=True) == 4
    assert "another process runs this station" in capsys.readouterr().err
    file = tmp_path / "file"
    file.write_text("")
    assert run_scenario(settings(tmp_path, PLUG_IN, data=file), as_json=True) == 4
    assert "--data" in capsys.readouterr().err


def test_what_an_earlier_run_left_open_is_not_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "kept"
    assert run_scenario(settings(tmp_path, PLUG_IN, data=data), as_json=True) == 0
    with StationStore(store_path(data, "CW 1"), Random(1)) as store:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        store.add_transaction(1, "TAG", None, TransactionState.STARTED.value, at, 0)
        store.set_register(1, 500.0, at)
    capsys.readouterr()
    text = PLUG_IN + "[[step]]\nwait_for = { connector = 1, status = 'Preparing' }\n"
    assert run_scenario(settings(tmp_path, text, data=data), as_json=True) == 0
    station = json.loads(capsys.readouterr().out)["stations"][0]
    assert (station["transactions_completed"], station["energy_completed_wh"]) == (0, 0)
    assert station["messages_queued"] == 1


def test_passwords_come_from_the_environment_and_are_not_shown() -> None:
    assert password_of("P", {"P": KEY + "\n"}) == bytes.fromhex(KEY)
    for environment, named in (({}, "P"), ({"P": "short secret"}, "32 to 40")):
        with pytest.raises(ConfigurationError) as caught:
            password_of("P", environment)
        assert named in str(caught.value) and "short secret" not in str(caught.value)


def test_a_firmware_image_lies_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelves: list[Shelf] = []

    class Watched(VirtualStation):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            shelves.append(self.shelf)

    monkeypatch.setattr(chargewright.station.play_running, "VirtualStation", Watched)
    assert run_scenario(settings(tmp_path, PLUG_IN, data=tmp_path / "data"), as_json=True) == 0
    (shelf,) = shelves
    assert isinstance(shelf, DiskShelf) and shelf.path == tmp_path / "data" / "CW%201.firmware"
