"""Server contexts: which files are taken, what is said of others, and that a reload is whole or not at all."""

import datetime
import os
import ssl
from pathlib import Path

import pytest
from tests.tls.certificates import Key, issue, new_key, write_key

from chargewright.errors import ConfigurationError
from chargewright.tls.server import CertificateFiles, ServerCertificates, server_context
from chargewright.tls.suites import SUITES


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def ec_key() -> Key:
    return new_key("EC")


@pytest.fixture(scope="module")
def rsa_key() -> Key:
    return new_key("RSA")


def test_both_types_of_key_on_one_context(tmp_path: Path, ec_key: Key, rsa_key: Key) -> None:
    context, warnings = server_context([issue(tmp_path, ec_key, "ec"), issue(tmp_path, rsa_key, "rsa")], now())
    assert warnings == ()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    for option in (ssl.OP_NO_COMPRESSION, ssl.OP_NO_RENEGOTIATION, ssl.OP_CIPHER_SERVER_PREFERENCE):
        assert context.options & option
    old = [cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"]
    assert tuple(old) == SUITES


def test_a_missing_type_of_key_is_warned_of(tmp_path: Path, ec_key: Key) -> None:
    _, (warning,) = server_context([issue(tmp_path, ec_key)], now())
    assert "RSA" in warning


@pytest.mark.parametrize(("begin", "said"), [(5.0, "expired"), (-5.0, "valid only from")])
def test_a_certificate_out_of_its_time_is_warned_of(begin: float, said: str, tmp_path: Path, ec_key: Key) -> None:
    _, warnings = server_context([issue(tmp_path, ec_key, age_days=begin)], now())
    assert said in warnings[0]
    assert str(tmp_path / "server.pem") in warnings[0]


def wrong_files(problem: str, folder: Path, ec_key: Key) -> list[CertificateFiles]:
    """Files with one thing wrong, in `folder`."""
    files = issue(folder, ec_key)
    if problem == "certificate missing":
        files.certificate.unlink()
    elif problem == "key missing":
        files.key.unlink()
    elif problem == "no certificate":
        files.certificate.write_text("-----BEGIN NONSENSE-----")
    elif problem == "no key":
        files.key.write_text("nothing")
    elif problem == "passphrase":
        write_key(ec_key, files.key, b"secret")
    elif problem == "another key":
        write_key(new_key("EC"), files.key)
    elif problem == "another type of key":
        write_key(new_key("Ed25519"), files.key)
    elif problem == "short":
        return [issue(folder, new_key("RSA", 1024))]
    elif problem == "Ed25519":
        return [issue(folder, new_key("Ed25519"))]
    elif problem == "twice":
        return [files, issue(folder, ec_key, "second")]
    elif problem == "none":
        return []
    return [files]


@pytest.mark.parametrize(
    ("problem", "file", "said"),
    [
        ("certificate missing", "server.pem", "No such file"),
        ("key missing", "server.key", "No such file"),
        ("no certificate", "server.pem", "X.509 certificates in PEM"),
        ("no key", "server.key", "a private key in PEM"),
        ("passphrase", "server.key", "without a passphrase"),
        ("another key", "server.key", "the key of the certificate in"),
        ("another type of key", "server.key", "the key of the certificate in"),
        ("short", "server.pem", "2048 bits (A00.FR.501); it has 1024"),
        ("Ed25519", "server.pem", "an RSA or an EC key"),
        ("twice", "second.pem", "one certificate for EC keys"),
        ("none", "", "at least one certificate"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(problem: str, file: str, said: str, tmp_path: Path, ec_key: Key) -> None:
    pairs = wrong_files(problem, tmp_path, ec_key)
    with pytest.raises(ConfigurationError) as caught:
        server_context(pairs, now())
    assert file in str(caught.value)
    assert said in str(caught.value)
    assert "PRIVATE" not in str(caught.value)


def test_a_reload_takes_all_or_nothing(tmp_path: Path, ec_key: Key, rsa_key: Key) -> None:
    pairs = [issue(tmp_path, ec_key, "ec"), issue(tmp_path, rsa_key, "rsa")]
    certificates = ServerCertificates(pairs, now())
    first = certificates.current()
    assert not certificates.has_changed()
    issue(tmp_path, ec_key, "ec", serial=2)
    pairs[1].key.write_text("half written")
    assert certificates.has_changed()
    with pytest.raises(ConfigurationError, match=r"rsa\.key"):
        certificates.reload(now())
    assert certificates.current() is first, "the good half alone is not taken"
    assert not certificates.has_changed(), "the same mistake is not told again and again"
    write_key(rsa_key, pairs[1].key)
    assert certificates.has_changed()
    assert certificates.reload(now()) == ()
    assert certificates.current() is not first


def test_a_file_that_goes_and_comes_back_is_noticed(tmp_path: Path, ec_key: Key) -> None:
    files = issue(tmp_path, ec_key)
    certificates = ServerCertificates([files], now())
    os.rename(files.key, tmp_path / "away")
    assert certificates.has_changed()
    with pytest.raises(ConfigurationError):
        certificates.reload(now())
    os.rename(tmp_path / "away", files.key)
    assert certificates.has_changed()
