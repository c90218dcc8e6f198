"""The secret under which passwords are hashed."""

import os
from pathlib import Path

import pytest

from chargewright.csms.config import Settings
from chargewright.csms.credentials import CredentialKeeper
from chargewright.errors import ConfigurationError
from chargewright.transport.basic_auth import verify_credential


def test_the_key_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    first = CredentialKeeper.of(settings, os.urandom)
    assert CredentialKeeper.of(settings, os.urandom).key == first.key
    assert len(first.key) == 32
    assert (tmp_path / "data" / "credential.key").stat().st_mode & 0o777 == 0o600


def test_the_key_of_the_environment_is_used(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, credential_key="ab" * 16)
    assert CredentialKeeper.of(settings, os.urandom).key == b"\xab" * 16
    assert list(tmp_path.iterdir()) == []


def test_a_database_in_memory_leaves_no_file(tmp_path: Path) -> None:
    CredentialKeeper.of(Settings(data=tmp_path / "data", db="sqlite://"), os.urandom)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "abc", "zz" * 16, "ab" * 15, "ab" * 65])
def test_a_wrong_key_is_refused_without_being_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        CredentialKeeper.of(Settings(data=tmp_path, credential_key=text), os.urandom)
    assert "32 to 128 hexadecimal digits" in str(caught.value)
    assert "(hidden)" in str(caught.value)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "credential.key").write_text("rubbish")
    with pytest.raises(ConfigurationError, match=r"credential\.key"):
        CredentialKeeper.of(Settings(data=tmp_path), os.urandom)


def test_a_known_hash_that_fits_is_kept() -> None:
    keeper = CredentialKeeper(b"k" * 32, os.urandom)
    stored = keeper.hash(b"p" * 16, None)
    assert verify_credential(b"p" * 16, keeper.key, stored)
    assert keeper.hash(b"p" * 16, stored) == stored
    assert keeper.hash(b"q" * 16, stored) != stored
    assert CredentialKeeper(b"l" * 32, os.urandom).hash(b"p" * 16, stored) != stored
