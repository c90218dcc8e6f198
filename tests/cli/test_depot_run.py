"""From start to exit code: what is printed, where the log goes, which code ends it."""

import json
from pathlib import Path

import pytest

from chargewright.cli import depot_run
from chargewright.cli.depot import DepotSettings
from chargewright.cli.depot_run import LOG_FILE, run


def settings(data: Path, ocpp: str = "127.0.0.1:0") -> DepotSettings:
    return DepotSettings(data=data, ocpp=ocpp, http="127.0.0.1:0", speed=100.0, seed=5)


def test_a_short_run_ends_by_itself_with_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depot_run, "LINE_SECONDS", 1.5)
    assert run(settings(tmp_path), for_seconds=2.0, as_json=False) == 0
    printed = capsys.readouterr().out
    assert "per second" in printed and " 0.0 per second" not in printed, "the first line has a rate, too"
    assert "Drivers stop charging and leave" in printed
    assert "transactions completed" in printed
    assert "DEPOT-DC-1" in printed
    assert "event='ready'" in (tmp_path / LOG_FILE).read_text()


def test_as_json_standard_output_holds_one_object_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings(tmp_path), for_seconds=1.0, as_json=True) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["messages"] > 10


@pytest.mark.parametrize(("ocpp", "code"), [("nowhere", 2), ("192.0.2.1:9", 3)])
def test_an_address_that_cannot_be_is_named(
    tmp_path: Path, ocpp: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings(tmp_path, ocpp), for_seconds=1.0, as_json=True) == code
    assert ocpp in capsys.readouterr().err


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(settings(tmp_path / "file"), for_seconds=1.0, as_json=True) == 4
    assert str(tmp_path / "file") in capsys.readouterr().err
