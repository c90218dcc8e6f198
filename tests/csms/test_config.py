"""Settings: where they come from, which wins, and what is said of wrong ones."""

from pathlib import Path
from typing import Any

import pytest

from chargewright.csms.config import Settings, load_settings, split_address, unknown_variables
from chargewright.csms.exposure import check_exposure
from chargewright.errors import ConfigurationError


def test_arguments_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "chargewright.toml"
    path.write_text('heartbeat_interval_seconds = 1\nboot_retry_interval_seconds = 1\nocpp = "127.0.0.1:1"\n')
    monkeypatch.setenv("CHARGEWRIGHT_BOOT_RETRY_INTERVAL_SECONDS", "2")
    monkeypatch.setenv("CHARGEWRIGHT_OCPP", "127.0.0.1:2")
    settings = load_settings({"ocpp": "127.0.0.1:3", "http": None}, path)
    assert settings.heartbeat_interval_seconds == 1
    assert settings.boot_retry_interval_seconds == 2
    assert settings.ocpp == "127.0.0.1:3"
    assert settings.http == "127.0.0.1:8080"


@pytest.mark.parametrize(
    ("argument", "value", "named"),
    [
        ("ocpp", "9000", ["--ocpp", "'9000' is not right; expected HOST:PORT"]),
        ("ocpp", "localhost:99999", ["--ocpp", "65535"]),
        ("unknown_stations", "maybe", ["--unknown-stations", "'maybe'", "one of reject, accept"]),
        ("log_level", "loud", ["--log-level", "'loud'"]),
    ],
)
def test_a_wrong_option_is_named(argument: str, value: str, named: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({argument: value})
    for part in named:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"ocpps": "127.0.0.1:0"}, "because ocpps is on"),
        ({"tls_certificates": ("a.pem", "b.pem"), "tls_keys": ("a.key",)}, "2 in tls_certificates, 1 in tls_keys"),
    ],
)
def test_tls_needs_a_key_for_each_certificate(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(arguments)
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("token", ["", " ", "\t\r\n"])
def test_an_empty_key_of_the_api_is_none(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGEWRIGHT_BOOTSTRAP_TOKEN", token)
    assert load_settings({}).bootstrap_token is None
    with pytest.raises(ConfigurationError, match="CHARGEWRIGHT_BOOTSTRAP_TOKEN"):
        check_exposure(load_settings({"http": "0.0.0.0:8080"}), [])


def test_spaces_around_the_key_of_the_api_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGEWRIGHT_BOOTSTRAP_TOKEN", " s3cret\n")
    token = load_settings({}).bootstrap_token
    assert token is not None and token.get_secret_value() == "s3cret"


def test_a_wrong_variable_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGEWRIGHT_HEARTBEAT_INTERVAL_SECONDS", "0")
    with pytest.raises(ConfigurationError, match="CHARGEWRIGHT_HEARTBEAT_INTERVAL_SECONDS"):
        load_settings({})


@pytest.mark.parametrize(
    ("text", "named"),
    [("heartbeat = 1", "heartbeat: there is no such"), ("ocpp = 1", "OCPP"), ("no toml", ": is no TOML file: ")],
)
def test_a_wrong_file_is_named(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "chargewright.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, path)
    assert named in str(caught.value)
    assert "chargewright.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="that exists"):
        load_settings({}, tmp_path / "missing.toml")


def test_secrets_are_not_shown() -> None:
    settings = load_settings({"bootstrap_token": "a secret", "credential_key": "ab" * 16})
    assert "a secret" not in repr(settings)
    assert "abab" not in repr(settings)


@pytest.mark.parametrize(
    "text", ["bootstrap_token = 12345678", "credential_key = [12345678]", "bootstrap_tokn = '12345678'"]
)
def test_a_secret_that_is_wrong_is_not_repeated(text: str, tmp_path: Path) -> None:
    path = tmp_path / "chargewright.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, path)
    assert "1234" not in str(caught.value)
    assert "(hidden)" in str(caught.value) or "there is no such setting" in str(caught.value)
    assert text.split()[0] in str(caught.value).lower()


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:9000", ("::1", 9000)), ("localhost:1", ("localhost", 1))],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert split_address(text) == expected


def test_a_variable_that_is_no_setting_is_told_with_the_nearest() -> None:
    environment = {
        "CHARGEWRIGHT_UNKNOWN_STATION": "accept",
        "chargewright_bootstrap_tokn": "a secret",
        "CHARGEWRIGHT_COLOUR": "red",
        "CHARGEWRIGHT_DB": "sqlite://",
        "chargewright_data": "somewhere",
        "CHARGEWRIGHT_URL": "http://there",
        "CHARGEWRIGHT_TOKEN": "a secret",
        "PATH": "/bin",
    }
    assert unknown_variables(environment) == [
        "CHARGEWRIGHT_COLOUR is no setting",
        "CHARGEWRIGHT_UNKNOWN_STATION is no setting; is CHARGEWRIGHT_UNKNOWN_STATIONS meant?",
        "chargewright_bootstrap_tokn is no setting; is CHARGEWRIGHT_BOOTSTRAP_TOKEN meant?",
    ]
