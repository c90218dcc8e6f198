from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from chargewright.pki.authorities import make_authority
from chargewright.pki.certificates import (
    PkiError,
    check_chain,
    check_key,
    check_validity,
    common_name,
    fingerprint,
    is_self_issued,
    load_certificate,
    load_chain,
    organisation,
    pem,
    public_key,
    same_key,
)

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROOT = make_authority("Root", AT)
SUB = ROOT.subordinate("Sub", AT)
LEAF = SUB.client("Acme", "SN-4711", AT)


def self_signed(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weak")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(AT)
        .not_valid_after(AT + timedelta(days=1))
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )


def test_a_certificate_goes_to_pem_and_back() -> None:
    assert load_certificate(pem(LEAF.certificate)) == LEAF.certificate
    assert load_chain(LEAF.chain_pem) == [LEAF.certificate, SUB.certificate]
    assert fingerprint(LEAF.certificate) != fingerprint(SUB.certificate)
    assert same_key(public_key(LEAF.certificate), LEAF.key.public_key())
    assert not same_key(public_key(LEAF.certificate), SUB.key.public_key())
    assert organisation(LEAF.certificate.subject) == "Acme"
    assert common_name(LEAF.certificate.subject) == "SN-4711"
    assert common_name(x509.Name([])) is None
    assert is_self_issued(ROOT.certificate) and not is_self_issued(LEAF.certificate)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (rsa.generate_private_key(65537, 1024), "RSA key has 1024 bits; at least 2048"),
        (ec.generate_private_key(ec.SECP192R1()), "EC key has 192 bits; at least 224"),
        (ed25519.Ed25519PrivateKey.generate(), "neither RSA nor EC"),
    ],
    ids=["RSA", "EC", "Ed25519"],
)
def test_weak_and_odd_keys_are_refused(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, why: str
) -> None:
    certificate = self_signed(key)
    with pytest.raises(PkiError, match=why):
        check_key(certificate)
    with pytest.raises(PkiError, match=why):
        load_certificate(pem(certificate))


def test_the_period_counts() -> None:
    begin, end = LEAF.certificate.not_valid_before_utc, LEAF.certificate.not_valid_after_utc
    check_validity(LEAF.certificate, begin)
    check_validity(LEAF.certificate, end)
    check_validity(LEAF.certificate, begin - timedelta(days=9), may_begin_later=True)
    with pytest.raises(PkiError, match="valid only from"):
        check_validity(LEAF.certificate, begin - timedelta(seconds=1))
    for may_begin_later in (False, True):
        with pytest.raises(PkiError, match="expired"):
            check_validity(LEAF.certificate, end + timedelta(seconds=1), may_begin_later=may_begin_later)


def test_a_chain_ends_at_an_installed_root() -> None:
    other = make_authority("Other", AT)
    whole = [LEAF.certificate, SUB.certificate]
    assert check_chain(whole, [other.certificate, ROOT.certificate], AT) == ROOT.certificate
    assert check_chain([*whole, ROOT.certificate], [ROOT.certificate], AT) == ROOT.certificate
    assert check_chain([LEAF.certificate], [SUB.certificate], AT) == SUB.certificate, "a partial chain"
    for chain, roots in (
        ([LEAF.certificate], [ROOT.certificate]),
        (whole, [other.certificate]),
        (whole, []),
        ([SUB.certificate, LEAF.certificate], [other.certificate]),
        ([], [ROOT.certificate]),
    ):
        with pytest.raises(PkiError):
            check_chain(chain, roots, AT)


def test_who_is_no_authority_cannot_sign() -> None:
    forged = x509.CertificateBuilder().subject_name(LEAF.certificate.subject).issuer_name(LEAF.certificate.subject)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        forged.public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(AT)
        .not_valid_after(AT + timedelta(days=1))
        .sign(LEAF.key, hashes.SHA256())
    )
    with pytest.raises(PkiError, match="not a certificate authority"):
        check_chain([certificate, LEAF.certificate, SUB.certificate], [ROOT.certificate], AT)


def certificate_of(
    name: str,
    signer: ec.EllipticCurvePrivateKey,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
) -> x509.Certificate:
    subject, above = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer))
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(above).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(AT).not_valid_after(AT + timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(signer, hashes.SHA256())


def usage(*, signs_certificates: bool) -> x509.KeyUsage:
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    others = dict.fromkeys((*names, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=True, key_cert_sign=signs_certificates, **others)


CA = x509.BasicConstraints(ca=True, path_length=None)
LAST = x509.BasicConstraints(ca=True, path_length=0)


@pytest.mark.parametrize(
    ("root", "upper", "lower", "why"),
    [
        ((CA,), (CA,), (CA,), None),
        ((CA,), (CA, usage(signs_certificates=True)), (LAST,), None),
        ((CA,), (CA, usage(signs_certificates=False)), (CA,), "upper is not a certificate authority"),
        ((CA,), (CA,), (CA, usage(signs_certificates=False)), "lower is not a certificate authority"),
        ((CA,), (LAST,), (CA,), "CN=upper allows 0 authorities below it, not 1"),
        ((LAST,), (CA,), (CA,), "none of the 1"),
        ((x509.BasicConstraints(ca=True, path_length=1),), (CA,), (CA,), "none of the 1"),
        ((x509.BasicConstraints(ca=True, path_length=2),), (CA,), (CA,), None),
        ((CA, usage(signs_certificates=False)), (CA,), (CA,), "none of the 1"),
    ],
)
def test_authorities_keep_to_what_their_certificates_allow(
    root: tuple[x509.ExtensionType, ...],
    upper: tuple[x509.ExtensionType, ...],
    lower: tuple[x509.ExtensionType, ...],
    why: str | None,
) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]
    trusted = certificate_of("root", keys[0], "root", keys[0], *root)
    chain = [
        certificate_of("leaf", keys[2], "lower", keys[3]),
        certificate_of("lower", keys[1], "upper", keys[2], *lower),
        certificate_of("upper", keys[0], "root", keys[1], *upper),
    ]
    if why is None:
        assert check_chain(chain, [trusted], AT) == trusted
    else:
        with pytest.raises(PkiError, match=why):
            check_chain(chain, [trusted], AT)


def of_version_1(certificate: x509.Certificate, signer: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """The same without a version, which means 1, and without extensions; signed anew."""

    def tlv(tag: int, content: bytes) -> bytes:
        size = len(content)
        digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
        return bytes([tag]) + (digits if size < 128 else bytes([0x80 + len(digits)]) + digits) + content

    der = certificate.tbs_certificate_bytes
    begin = 2 + (der[1] & 0x7F if der[1] > 127 else 0)
    version = bytes.fromhex("a003020102")
    assert der[begin : begin + 5] == version and not certificate.extensions
    body = tlv(0x30, der[begin + 5 :])
    signature = signer.sign(body, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    return x509.load_der_x509_certificate(tlv(0x30, body + algorithm + tlv(0x03, b"\0" + signature)))


def test_a_certificate_of_version_1_is_an_authority_only_as_a_root() -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    old_root = of_version_1(certificate_of("root", keys[0], "root", keys[0]), keys[0])
    assert old_root.version is x509.Version.v1
    device = certificate_of("device", keys[0], "root", keys[1])
    assert check_chain([device], [old_root], AT) == old_root
    old_device = of_version_1(device, keys[0])
    forged = certificate_of("another device", keys[1], "device", keys[2])
    with pytest.raises(PkiError, match="CN=device is not a certificate authority"):
        check_chain([forged, old_device], [old_root], AT)


@pytest.mark.parametrize("algorithm", [hashes.MD5(), hashes.SHA1()])
def test_weak_hashes_are_refused(algorithm: hashes.MD5 | hashes.SHA1) -> None:
    class Weak:
        """OpenSSL signs nothing with these any more; what says so of itself is enough."""

        signature_hash_algorithm = algorithm
        serial_number = 1
        public_key = LEAF.certificate.public_key

    with pytest.raises(PkiError, match=f"signed with {algorithm.name}"):
        check_key(Weak())  # type: ignore[arg-type]  # as much of a certificate as is looked at


def test_authorities_must_be_valid_themselves() -> None:
    short = ROOT.subordinate("Short", AT, days=1)
    chain = [short.client("Acme", "SN", AT).certificate, short.certificate]
    check_chain(chain, [ROOT.certificate], AT)
    with pytest.raises(PkiError, match="expired"):
        check_chain(chain, [ROOT.certificate], AT + timedelta(days=2))
    brief = make_authority("Brief", AT, days=1)
    with pytest.raises(PkiError, match="none of the 1"):
        check_chain([brief.client("Acme", "SN", AT).certificate], [brief.certificate], AT + timedelta(days=2))


@given(st.integers(0, len(pem(LEAF.certificate)) - 1), st.characters(codec="ascii"))
def test_damage_is_a_pki_error_or_another_certificate(position: int, character: str) -> None:
    text = pem(LEAF.certificate)
    damaged = text[:position] + character + text[position + 1 :]
    try:
        certificate = load_certificate(damaged)
        check_validity(certificate, AT)
        check_chain([certificate], [SUB.certificate], AT)
    except PkiError as error:
        assert error.why
    else:
        assert certificate == LEAF.certificate, "damage that a signature did not show"


@given(st.text())
def test_no_text_at_all_does_harm(text: str) -> None:
    with pytest.raises(PkiError):
        load_chain(text)


def test_many_certificates_are_not_even_read() -> None:
    with pytest.raises(PkiError, match="there are 11"):
        load_chain("-----BEGIN CERTIFICATE-----\n" * 11)
