"""The exception tree: what a person reads when a setting is wrong."""

import pickle

import pytest

from chargewright import errors


def test_a_configuration_error_names_file_key_value_and_what_would_be_right() -> None:
    error = errors.ConfigurationError("seed.toml", "station[2].password", "xyz", "32 to 40 hexadecimal digits")
    assert str(error) == "seed.toml: station[2].password: 'xyz' is not right; expected 32 to 40 hexadecimal digits"


def test_without_a_key_the_place_alone_is_named() -> None:
    error = errors.ConfigurationError("--ocpp", "", "9000", "HOST:PORT")
    assert str(error) == "--ocpp: '9000' is not right; expected HOST:PORT"


def test_what_is_missing_is_called_missing() -> None:
    error = errors.ConfigurationError("mine.toml", "assumed.meter_type", None, "a text of 1 to 25 characters")
    assert str(error) == "mine.toml: assumed.meter_type is missing; expected a text of 1 to 25 characters"


def test_a_problem_without_a_value_shows_none() -> None:
    problem = errors.ConfigurationProblem("mine.toml", "", "cannot be read: no such file")
    assert str(problem) == "mine.toml: cannot be read: no such file"
    assert str(pickle.loads(pickle.dumps(problem))) == str(problem)
    assert str(errors.ConfigurationProblem("a.toml", "coree", "no such section")) == "a.toml: coree: no such section"


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {"ChargewrightError"}))
def test_everything_raised_on_purpose_has_one_root(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.ChargewrightError)
