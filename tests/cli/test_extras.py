"""What is said when a part is not installed."""

import pytest
import typer

from chargewright.cli.extras import needs


def test_a_missing_library_is_named_with_its_extra(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, needs("csms", "serve"):
        raise ModuleNotFoundError("No module named 'pydantic'", name="pydantic.fields")
    assert caught.value.exit_code == 2
    message = capsys.readouterr().err
    assert "pydantic" in message
    assert "chargewright[csms]" in message


def test_a_missing_module_of_our_own_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError), needs("csms", "serve"):
        raise ModuleNotFoundError("No module named 'chargewright.nowhere'", name="chargewright.nowhere")
