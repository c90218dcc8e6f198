"""Signatures made with `cryptography` here, as a maker would: the module under test only verifies."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from chargewright.pki.authorities import Identity, make_authority
from chargewright.pki.certificates import PkiError, pem
from chargewright.pki.firmware_signatures import check_signing_certificate, verify_signature

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRMWARE = bytes(range(256)) * 40
DIGEST = hashlib.sha256(FIRMWARE).digest()
ROOT = make_authority("Maker root", AT)
OTHER = make_authority("Other root", AT)
EC_SIGNER = ROOT.signer("Maker EC", AT)
RSA_SIGNER = ROOT.signer("Maker RSA", AT, kind="RSA")


def sign(signer: Identity, content: bytes = FIRMWARE, scheme: str = "pss", salt: int = padding.PSS.MAX_LENGTH) -> str:
    if isinstance(signer.key, ec.EllipticCurvePrivateKey):
        raw = signer.key.sign(content, ec.ECDSA(hashes.SHA256()))
    else:
        assert isinstance(signer.key, rsa.RSAPrivateKey)
        chosen = padding.PKCS1v15() if scheme == "pkcs1" else padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        raw = signer.key.sign(content, chosen, hashes.SHA256())
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize("salt", [0, 32, padding.PSS.MAX_LENGTH])
def test_an_rsa_pss_signature_is_verified_with_any_salt(salt: int) -> None:
    verify_signature(RSA_SIGNER.certificate, DIGEST, sign(RSA_SIGNER, salt=salt))


def test_an_ecdsa_signature_is_verified() -> None:
    verify_signature(EC_SIGNER.certificate, DIGEST, sign(EC_SIGNER))


def test_pkcs1_is_accepted_unless_it_is_told_not_to() -> None:
    signature = sign(RSA_SIGNER, scheme="pkcs1")
    verify_signature(RSA_SIGNER.certificate, DIGEST, signature)
    with pytest.raises(PkiError, match="not one over this file"):
        verify_signature(RSA_SIGNER.certificate, DIGEST, signature, accept_pkcs1_v15=False)


def test_the_file_may_come_in_chunks() -> None:
    verify_signature(
        EC_SIGNER.certificate, (FIRMWARE[at : at + 1000] for at in range(0, len(FIRMWARE), 1000)), sign(EC_SIGNER)
    )


def test_line_breaks_in_base64_do_not_matter() -> None:
    text = sign(RSA_SIGNER)
    verify_signature(RSA_SIGNER.certificate, DIGEST, text[:64] + "\r\n" + text[64:] + "\n")


@pytest.mark.parametrize("signer", [EC_SIGNER, RSA_SIGNER], ids=["EC", "RSA"])
@pytest.mark.parametrize("position", [0, 5119, len(FIRMWARE) - 1])
def test_one_changed_byte_is_noticed(signer: Identity, position: int) -> None:
    changed = bytearray(FIRMWARE)
    changed[position] ^= 1
    with pytest.raises(PkiError, match="not one over this file"):
        verify_signature(signer.certificate, [bytes(changed)], sign(signer))


@pytest.mark.parametrize("scheme", ["pss", "pkcs1"])
def test_the_signature_of_another_key_is_refused(scheme: str) -> None:
    other = OTHER.signer("Somebody else", AT, kind="RSA")
    with pytest.raises(PkiError, match="not one over this file"):
        verify_signature(RSA_SIGNER.certificate, DIGEST, sign(other, scheme=scheme))
    with pytest.raises(PkiError, match="not one over this file"):
        verify_signature(EC_SIGNER.certificate, DIGEST, sign(other, scheme=scheme))


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        ("", "missing"),
        (" \n", "missing"),
        ("A" * 804, "804 characters; at most 800"),
        ("no base64!", "not base64"),
        ("abc", "not base64"),
        ("ä" * 8, "not base64"),
        ("AAAA", "not one over this file"),
    ],
)
@pytest.mark.parametrize("signer", [EC_SIGNER, RSA_SIGNER], ids=["EC", "RSA"])
def test_what_is_no_signature_is_refused(signer: Identity, signature: str, why: str) -> None:
    with pytest.raises(PkiError, match=why):
        verify_signature(signer.certificate, DIGEST, signature)


def test_a_digest_of_another_length_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="32 bytes; got 20"):
        verify_signature(EC_SIGNER.certificate, hashlib.sha1(FIRMWARE).digest(), sign(EC_SIGNER))


@pytest.mark.parametrize("signer", [EC_SIGNER, RSA_SIGNER], ids=["EC", "RSA"])
def test_a_certificate_that_a_manufacturer_root_has_signed_is_taken(signer: Identity) -> None:
    roots = [OTHER.certificate, ROOT.certificate]
    assert check_signing_certificate(pem(signer.certificate), roots, AT) == signer.certificate


def test_a_certificate_of_a_stranger_is_refused() -> None:
    with pytest.raises(PkiError, match="signing certificate"):
        check_signing_certificate(pem(OTHER.signer("X", AT).certificate), [ROOT.certificate], AT)


def test_a_root_with_the_same_name_and_another_key_has_not_signed_it() -> None:
    with pytest.raises(PkiError, match="not signed by"):
        check_signing_certificate(pem(EC_SIGNER.certificate), [make_authority("Maker root", AT).certificate], AT)


def test_intermediates_are_not_allowed() -> None:
    signer = ROOT.subordinate("Sub-CA", AT).signer("Y", AT)
    with pytest.raises(PkiError):
        check_signing_certificate(pem(signer.certificate), [ROOT.certificate], AT)
    with pytest.raises(PkiError, match="one certificate is expected; there are 2"):
        check_signing_certificate(signer.chain_pem, [ROOT.certificate], AT)


def test_without_a_root_nothing_is_trusted() -> None:
    with pytest.raises(PkiError, match="no ManufacturerRootCertificate is installed"):
        check_signing_certificate(pem(EC_SIGNER.certificate), [], AT)


def test_certificate_and_root_must_be_valid_now() -> None:
    text = pem(EC_SIGNER.certificate)
    with pytest.raises(PkiError, match="expired at"):
        check_signing_certificate(text, [ROOT.certificate], AT + timedelta(days=366))
    with pytest.raises(PkiError, match="valid only from"):
        check_signing_certificate(text, [ROOT.certificate], AT - timedelta(days=1))
    short = make_authority("Short root", AT, days=1)
    with pytest.raises(PkiError, match="expired at"):
        check_signing_certificate(pem(short.signer("Z", AT).certificate), [short.certificate], AT + timedelta(days=2))


def test_a_certificate_that_may_only_sign_certificates_is_refused() -> None:
    with pytest.raises(PkiError, match="does not allow signatures"):
        check_signing_certificate(pem(ROOT.subordinate("Sub", AT).certificate), [ROOT.certificate], AT)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there are 0"),
        ("no PEM", "there are 0"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "firmware signing certificate"),
        ("-----BEGIN CERTIFICATE-----\n", "firmware signing certificate"),
        ("x" * 5501, "5501 characters"),
        ("-----BEGIN CERTIFICATE-----ü", "ASCII"),
    ],
)
def test_what_is_no_certificate_is_refused(text: str, why: str) -> None:
    with pytest.raises(PkiError, match=why):
        check_signing_certificate(text, [ROOT.certificate], AT)
