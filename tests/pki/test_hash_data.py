"""The hashes against DER taken apart by OpenSSL's command line, which shares no code with what is tested."""

import hashlib
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from chargewright.pki.authorities import KeyKind, make_authority
from chargewright.pki.certificates import pem
from chargewright.pki.hash_data import hash_data, is_named_by
from chargewright.protocol.v16.security import HashAlgorithm

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_the_hashes_are_those_of_openssl(kind: KeyKind, tmp_path: Path) -> None:
    root = make_authority("Hash root", AT, kind=kind)
    child = root.subordinate("Child", AT, kind=kind)
    (tmp_path / "root.pem").write_text(root.pem)
    (tmp_path / "child.pem").write_text(pem(child.certificate))
    for digest in ("sha256", "sha384", "sha512"):
        text = openssl(
            *("ocsp", "-issuer", str(tmp_path / "root.pem"), f"-{digest}", "-cert", str(tmp_path / "child.pem")),
            *("-req_text", "-no_nonce"),
        )
        text = re.sub(r"\\\n\s*", "", text)  # long hashes are broken
        fields = dict(line.strip().split(": ", 1) for line in text.splitlines() if ": " in line)
        own = hash_data(child.certificate, root.certificate, HashAlgorithm(digest.upper()))
        assert own.issuer_name_hash.upper() == fields["Issuer Name Hash"]
        assert own.issuer_key_hash.upper() == fields["Issuer Key Hash"]
        assert own.serial_number.upper() == fields["Serial Number"].lstrip("0")
        assert len(own.issuer_name_hash) == 2 * hashlib.new(digest).digest_size


def test_names_are_compared_in_any_case_and_without_leading_zeros() -> None:
    root = make_authority("Root", AT)
    other = make_authority("Root", AT)
    name = hash_data(root.certificate, root.certificate, HashAlgorithm.SHA384)
    shouted = msgspec.structs.replace(
        name,
        issuer_name_hash=name.issuer_name_hash.upper(),
        issuer_key_hash=name.issuer_key_hash.upper(),
        serial_number=f"00{name.serial_number.upper()}"[:40],
    )
    assert is_named_by(root.certificate, root.certificate, name)
    if len(name.serial_number) <= 38:
        assert is_named_by(root.certificate, root.certificate, shouted)
    assert not is_named_by(other.certificate, other.certificate, name)
    assert not is_named_by(
        root.certificate, root.certificate, msgspec.structs.replace(name, hash_algorithm=HashAlgorithm.SHA256)
    )
