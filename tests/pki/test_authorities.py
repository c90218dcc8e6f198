"""What our authorities make is checked by OpenSSL's command line."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chargewright.pki.authorities import KeyKind, make_authority, make_key, private_pem
from chargewright.pki.certificates import PkiError, pem
from chargewright.pki.csr import make_csr

AT = datetime.now(UTC)


def verify(folder: Path, root: str, chain: str, purpose: str, *options: str) -> str:
    (folder / "root.pem").write_text(root)
    (folder / "chain.pem").write_text(chain)
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, *options, "-CAfile", str(folder / "root.pem")]
    command += ["-untrusted", str(folder / "chain.pem"), str(folder / "chain.pem")]
    run = subprocess.run(command, capture_output=True, text=True)
    return run.stdout + run.stderr


@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_openssl_takes_what_we_make(kind: KeyKind, tmp_path: Path) -> None:
    root = make_authority("Root", AT, kind=kind)
    below = root.subordinate("Sub", AT, kind=kind)
    for authority in (root, below):
        server = authority.server(["csms.example.com", "127.0.0.1"], AT, kind=kind)
        names = ("-verify_hostname", "csms.example.com")
        assert ": OK" in verify(tmp_path, root.pem, server.chain_pem, "sslserver", *names)
        assert ": OK" in verify(tmp_path, root.pem, server.chain_pem, "sslserver", "-verify_ip", "127.0.0.1")
        client = authority.client("Acme", "SN-1", AT, kind=kind)
        assert ": OK" in verify(tmp_path, root.pem, client.chain_pem, "sslclient")
        chain = authority.answer(make_csr(make_key(kind), "Acme", "SN-2"), AT)
        assert ": OK" in verify(tmp_path, root.pem, chain, "sslclient")
        assert ": OK" not in verify(tmp_path, make_authority("Root", AT).pem, chain, "sslclient")


def test_a_root_can_replace_another(tmp_path: Path) -> None:
    old = make_authority("Old", AT)
    new = make_authority("New", AT, replaces=old)
    client = new.client("Acme", "SN", AT)
    assert ": OK" in verify(tmp_path, new.pem, client.chain_pem, "sslclient", "-partial_chain")
    assert ": OK" in verify(tmp_path, old.pem, client.chain_pem + new.pem, "sslclient")


def test_a_bad_request_is_not_answered() -> None:
    root = make_authority("Root", AT)
    with pytest.raises(PkiError, match="certificate signing request"):
        root.answer("nonsense", AT)


def test_a_certificate_lives_from_an_hour_before_for_so_many_days() -> None:
    certificate = make_authority("Root", AT).client("Acme", "SN", AT, days=2).certificate
    moment = AT.replace(microsecond=0)
    assert certificate.not_valid_before_utc == moment - timedelta(hours=1)
    assert certificate.not_valid_after_utc == moment + timedelta(days=2)
    assert pem(certificate).startswith("-----BEGIN CERTIFICATE-----")


def test_keys_are_told_without_a_passphrase() -> None:
    assert private_pem(make_key()).startswith("-----BEGIN PRIVATE KEY-----")
