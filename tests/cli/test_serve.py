"""The options of `chargewright serve`."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chargewright.cli.main import app


def test_help_tells_the_options_and_the_rules() -> None:
    shown = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    assert shown.exit_code == 0
    options = "--data --db --ocpp --http --seed --unknown-stations --unknown-id-tags --strict --insecure"
    for part in [*options.split(), "CHARGEWRIGHT_BOOTSTRAP_TOKEN", "loopback", "Exit codes", "--json", "--config"]:
        assert part in shown.output


@pytest.mark.parametrize(
    "words", [[], ["serve"], ["station", "play"], ["station", "do", "plug-in"], ["ctl", "stations", "list"]]
)
def test_help_shows_no_type_beside_a_flag(words: list[str]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    assert shown.exit_code == 0
    assert "--help" in shown.output
    assert "bool" not in shown.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--connector", "1", "--error-code", "Tired"], "'--error-code': 'Tired' is not one of 'Connector"),
        (["--connector", "one", "--error-code", "OverVoltage"], "'--connector': expected a whole number"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(options: list[str], said: str) -> None:
    environment = {"COLUMNS": "400", "NO_COLOR": "1", "TERM": "dumb"}
    refused = CliRunner().invoke(app, ["station", "do", "CW 1", "fault", *options], env=environment)
    assert refused.exit_code == 2
    assert said in refused.output


def test_help_of_station_begins_with_run() -> None:
    shown = CliRunner().invoke(app, ["station", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    commands = shown.output.partition("Commands")[2]
    assert 0 < commands.index("run") < commands.index("fleet")


def test_a_wrong_option_ends_with_2_and_its_name() -> None:
    shown = CliRunner().invoke(app, ["serve", "--unknown-stations", "maybe"])
    assert shown.exit_code == 2
    assert "--unknown-stations" in shown.output


def test_help_and_version_without_arguments() -> None:
    assert "serve" in CliRunner().invoke(app, ["--help"]).output
    assert CliRunner().invoke(app, ["--version"]).output.startswith("chargewright ")


def test_one_line_tells_the_addresses_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chargewright.cli.main", "serve", "--json", "--data", str(tmp_path)]
    command += ["--ocpp", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert list(addresses) == ["ocpp", "http"]
    assert all(address.startswith("127.0.0.1:") for (address,) in addresses.values())
