"""The exception tree: what a person reads when a setting is wrong."""

import pytest

from chargewright import errors


def test_a_configuration_error_names_file_key_value_and_what_would_be_right() -> None:
    error = errors.ConfigurationError("seed.toml", "station[2].password", "xyz", "32 to 40 hexadecimal digits")
    assert str(error) == "seed.toml: station[2].password: 'xyz' is not right; expected 32 to 40 hexadecimal digits"


def test_without_a_key_the_place_alone_is_named() -> None:
    error = errors.ConfigurationError("--ocpp", "", "9000", "HOST:PORT")
    assert str(error) == "--ocpp: '9000' is not right; expected HOST:PORT"


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {"ChargewrightError"}))
def test_everything_raised_on_purpose_has_one_root(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.ChargewrightError)
