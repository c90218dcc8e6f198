"""Certificate authorities of our own making, for simulations and tests; no substitute for a CPO's."""

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final, Literal, TypeAlias

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chargewright.pki.certificates import PkiError, PublicKey, parse, pem

__all__ = [
    "Authority",
    "Identity",
    "KeyKind",
    "PrivateKey",
    "make_authority",
    "make_key",
    "private_pem",
]

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
KeyKind: TypeAlias = Literal["EC", "RSA"]

_HOUR: Final = timedelta(hours=1)


def make_key(kind: KeyKind = "EC") -> PrivateKey:
    """A new key: P-256, or RSA with 2048 bits (some 100 ms)."""
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: PrivateKey) -> str:
    """A private key as PEM, without a passphrase."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


class Identity(msgspec.Struct, frozen=True):
    """A certificate, its key, and the certificates between it and the root, nearest first."""

    certificate: x509.Certificate
    key: PrivateKey
    between: tuple[x509.Certificate, ...] = ()

    @property
    def chain_pem(self) -> str:
        """The certificate and what is between it and the root."""
        return "".join(pem(item) for item in (self.certificate, *self.between))

    @property
    def key_pem(self) -> str:
        """The key."""
        return private_pem(self.key)


class Authority(msgspec.Struct, frozen=True):
    """Signs certificates; `between` as in `Identity`, itself first unless it is a root."""

    certificate: x509.Certificate
    key: PrivateKey
    between: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> str:
        """Its own certificate."""
        return pem(self.certificate)

    def subordinate(self, name: str, at: datetime, days: float = 365, kind: KeyKind = "EC") -> "Authority":
        """An authority that this one answers for."""
        key = make_key(kind)
        certificate = _sign(self, key.public_key(), _name("Chargewright", name), at, days, _CA)
        return Authority(certificate, key, (certificate, *self.between))

    def server(
        self, names: list[str], at: datetime, days: float = 90, kind: KeyKind = "EC", company: str = "Chargewright"
    ) -> Identity:
        """A certificate of a central system with these host names or addresses, the first one as its CN."""
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        key = make_key(kind)
        usage: _Extensions = (*_usages(ExtendedKeyUsageOID.SERVER_AUTH, kind), (alternatives, False))
        return Identity(_sign(self, key.public_key(), _name(company, names[0]), at, days, usage), key, self.between)

    def client(
        self, company: str, serial_number: str, at: datetime, days: float = 365, kind: KeyKind = "EC"
    ) -> Identity:
        """A certificate of a station: O is the CPO, CN the station's serial number (A00.FR.511)."""
        key = make_key(kind)
        usage = _usages(ExtendedKeyUsageOID.CLIENT_AUTH, kind)
        return Identity(
            _sign(self, key.public_key(), _name(company, serial_number), at, days, usage), key, self.between
        )

    def signer(self, name: str, at: datetime, days: float = 365, kind: KeyKind = "EC") -> Identity:
        """A certificate to sign firmware with (L01)."""
        key = make_key(kind)
        usage = _usages(ExtendedKeyUsageOID.CODE_SIGNING, kind)
        return Identity(_sign(self, key.public_key(), _name("Chargewright", name), at, days, usage), key, self.between)

    def answer(self, csr_pem: str, at: datetime, days: float = 365) -> str:
        """The chain in PEM that answers a station's PKCS#10 request; raises `PkiError` for a bad request."""
        what = "certificate signing request"
        request = parse(what, lambda: x509.load_pem_x509_csr(csr_pem.encode()))
        key = parse(what, request.public_key)
        if not request.is_signature_valid or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise PkiError(what, "its signature is not good, or its key neither RSA nor EC")
        usage = _usages(ExtendedKeyUsageOID.CLIENT_AUTH, "EC" if isinstance(key, ec.EllipticCurvePublicKey) else "RSA")
        certificate = _sign(self, key, request.subject, at, days, usage)
        return "".join(pem(item) for item in (certificate, *self.between))


def make_authority(
    name: str, at: datetime, days: float = 3650, kind: KeyKind = "EC", replaces: Authority | None = None
) -> Authority:
    """A root, signed by itself, or by the one that it `replaces` (then no longer a self-signed one).

    Valid from an hour before `at`, for so many days after it.
    """
    key = make_key(kind)
    subject = _name("Chargewright", name)
    signer = replaces
    certificate = (
        _build(subject, subject, key, key.public_key(), at, days, _CA)
        if signer is None
        else _sign(signer, key.public_key(), subject, at, days, _CA)
    )
    return Authority(certificate, key)


_Extensions: TypeAlias = tuple[tuple[x509.ExtensionType, bool], ...]


def _key_usage(*, is_authority: bool, encrypts: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=encrypts,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


_CA: Final[_Extensions] = (
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (_key_usage(is_authority=True), True),
)


def _usages(purpose: x509.ObjectIdentifier, kind: KeyKind) -> _Extensions:
    # The suites TLS_RSA_WITH_… have the client encrypt with the server's RSA key.
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(is_authority=False, encrypts=kind == "RSA"), True),
        (x509.ExtendedKeyUsage([purpose]), False),
    )


def _sign(
    authority: Authority, key: PublicKey, subject: x509.Name, at: datetime, days: float, extensions: _Extensions
) -> x509.Certificate:
    return _build(subject, authority.certificate.subject, authority.key, key, at, days, extensions)


def _build(
    subject: x509.Name,
    issuer: x509.Name,
    signing_key: PrivateKey,
    key: PublicKey,
    at: datetime,
    days: float,
    extensions: _Extensions,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _HOUR)
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(signing_key, hashes.SHA256())


def _name(company: str, name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, company), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
