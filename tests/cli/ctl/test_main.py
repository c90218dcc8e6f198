"""The group itself."""

from typer.testing import CliRunner

from chargewright.cli.ctl.main import NOUNS
from chargewright.cli.main import app


def test_every_noun_is_a_group_with_help() -> None:
    for noun in NOUNS:
        shown = CliRunner().invoke(app, ["ctl", noun, "--help"])
        assert shown.exit_code == 0, noun
        assert "Usage" in shown.stdout


def test_without_a_noun_it_tells_what_there_is() -> None:
    shown = CliRunner().invoke(app, ["ctl"])
    assert shown.exit_code == 0
    assert all(noun in shown.stdout for noun in NOUNS)


def test_the_key_is_no_option() -> None:
    assert CliRunner().invoke(app, ["ctl", "--token", "x", "id-tags", "list"]).exit_code == 2
