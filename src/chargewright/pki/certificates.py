"""X.509 certificates as the security extension wants them (security whitepaper §4, A00.FR.501–512).

Whatever is wrong with one is a `PkiError` that says what was looked at and why it is refused. Nothing here looks at a
clock: instants are arguments, aware of their time zone.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from chargewright.errors import ChargewrightError

__all__ = [
    "CHAIN_CHARACTERS",
    "PEM_CHARACTERS",
    "PkiError",
    "PublicKey",
    "check_chain",
    "check_issued_by",
    "check_key",
    "check_validity",
    "common_name",
    "fingerprint",
    "is_authority",
    "is_self_issued",
    "is_valid",
    "load_certificate",
    "load_chain",
    "organisation",
    "parse",
    "pem",
    "public_key",
    "same_key",
]

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
Result = TypeVar("Result")
Extension = TypeVar("Extension", bound=x509.ExtensionType)

# What the schemas of the extension allow for one certificate and for a chain.
PEM_CHARACTERS: Final = 5500
CHAIN_CHARACTERS: Final = 10_000
# A00.FR.501–503.
LEAST_RSA_BITS: Final = 2048
LEAST_EC_BITS: Final = 224
# More than any CPO's hierarchy has; a bound for what a stranger can make us compute.
MOST_CERTIFICATES: Final = 10
_WEAK_HASHES: Final = (hashes.MD5, hashes.SHA1)
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


class PkiError(ChargewrightError):
    """A certificate, request or signature is refused: `what` it was, and `why`."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what = what
        self.why = why

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


def parse(what: str, read: Callable[[], Result]) -> Result:
    """Call something of `cryptography` that reads foreign bytes; its many complaints become a `PkiError` about `what`.

    Certificates are read lazily there: asking for a key or an extension can fail long after loading.
    """
    try:
        return read()
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise PkiError(what, str(error) or type(error).__name__) from error


def load_certificate(text: str, what: str = "certificate") -> x509.Certificate:
    """The one certificate in a PEM text; raises `PkiError` for none, several, too long a text or unreadable bytes."""
    certificates = load_chain(text, what, PEM_CHARACTERS)
    if len(certificates) != 1:
        raise PkiError(what, f"one certificate is expected; there are {len(certificates)}")
    return certificates[0]


def load_chain(
    text: str, what: str = "certificate chain", most_characters: int = CHAIN_CHARACTERS
) -> list[x509.Certificate]:
    """The certificates of a PEM text in their order, at least one; raises `PkiError`."""
    if len(text) > most_characters:
        raise PkiError(what, f"it has {len(text)} characters; at most {most_characters} are taken")
    if not text.isascii():
        raise PkiError(what, "PEM is ASCII; there are other characters")
    count = text.count(_BEGIN)
    if not 1 <= count <= MOST_CERTIFICATES:
        raise PkiError(what, f"1 to {MOST_CERTIFICATES} certificates in PEM are expected; there are {count}")
    certificates = parse(what, lambda: x509.load_pem_x509_certificates(text.encode("ascii")))
    for certificate in certificates:
        check_key(certificate, what)
    return certificates


def pem(certificate: x509.Certificate) -> str:
    """A certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the DER, in hexadecimal: what tells certificates apart."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def public_key(certificate: x509.Certificate, what: str = "certificate") -> PublicKey:
    """Its key; raises `PkiError` for another kind than RSA and EC."""
    key = parse(what, certificate.public_key)
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise PkiError(what, f"its key is neither RSA nor EC but {type(key).__name__}")
    return key


def same_key(one: PublicKey, other: PublicKey) -> bool:
    """Whether two public keys are the same."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return one.public_bytes(*form) == other.public_bytes(*form)


def check_key(certificate: x509.Certificate, what: str = "certificate") -> None:
    """RSA of 2048 bits or EC of 224 at least, SHA-256 or better, a serial number (A00.FR.501–507)."""
    key = public_key(certificate, what)
    kind, least = ("RSA", LEAST_RSA_BITS) if isinstance(key, rsa.RSAPublicKey) else ("EC", LEAST_EC_BITS)
    if key.key_size < least:
        raise PkiError(what, f"its {kind} key has {key.key_size} bits; at least {least} are needed")
    algorithm = parse(what, lambda: certificate.signature_hash_algorithm)
    if algorithm is None or isinstance(algorithm, _WEAK_HASHES):
        name = "no hash" if algorithm is None else algorithm.name
        raise PkiError(what, f"it is signed with {name}; SHA-256 or better is needed")
    if parse(what, lambda: certificate.serial_number) < 1:
        raise PkiError(what, "it has no positive serial number")


def check_validity(
    certificate: x509.Certificate, at: datetime, what: str = "certificate", *, may_begin_later: bool = False
) -> None:
    """Raises `PkiError` where `at` is not within its period; `may_begin_later`: only the end counts (A02.FR.08)."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at > end:
        raise PkiError(what, f"it expired at {end.isoformat()}")
    if at < begin and not may_begin_later:
        raise PkiError(what, f"it is valid only from {begin.isoformat()}")


def is_valid(certificate: x509.Certificate, at: datetime) -> bool:
    """Whether `at` is within its period."""
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Whether it names itself as its issuer, as root certificates do."""
    return parse("certificate", lambda: certificate.issuer == certificate.subject)


def is_authority(certificate: x509.Certificate, what: str, *, is_trusted: bool = False) -> bool:
    """Whether it may sign others: by its basic constraints, and by its key usage where it has one.

    One of version 1 can say neither: it is an authority only where it `is_trusted` as a root.
    """
    if certificate.version is x509.Version.v1:
        return is_trusted
    constraints = _extension(certificate, x509.BasicConstraints, what)
    usage = _extension(certificate, x509.KeyUsage, what)
    return constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign)


def check_issued_by(
    certificate: x509.Certificate, issuer: x509.Certificate, what: str = "certificate", *, is_trusted: bool = False
) -> None:
    """Raises `PkiError` where `issuer`, which `is_trusted` as a root or not, is no authority, or has not signed it."""
    if not is_authority(issuer, what, is_trusted=is_trusted):
        raise PkiError(what, f"{_name(issuer)} is not a certificate authority")
    try:
        parse(what, lambda: certificate.verify_directly_issued_by(issuer))
    except InvalidSignature as error:
        raise PkiError(what, f"it is not signed by {_name(issuer)}") from error


def check_chain(
    chain: Sequence[x509.Certificate], roots: Iterable[x509.Certificate], at: datetime, what: str = "certificate chain"
) -> x509.Certificate:
    """Check a chain, its own certificate first, up to one of `roots`, and return that one.

    Each certificate must be signed by the next, and the last by a root or be one; a root that is no self-signed one
    ends a chain as well. Authorities must be valid at `at`, and allow as many authorities below them as there are; the
    first certificate is left to the caller. Raises `PkiError`.
    """
    if not chain:
        raise PkiError(what, "it is empty")
    trusted = list(roots)
    authorities = 0
    for below, above in itertools.pairwise(chain):
        root = _root_of(below, trusted, at, authorities)
        if root is not None:
            return root
        check_issued_by(below, above, what)
        _check_path_length(above, authorities, what)
        check_validity(above, at, f"{what}: {_name(above)}")
        # Those that name themselves as their issuer are renewals, and do not count (RFC 5280 §4.2.1.9).
        authorities += not is_self_issued(above)
    root = _root_of(chain[-1], trusted, at, authorities)
    if root is None:
        raise PkiError(what, f"none of the {len(trusted)} installed root certificates has signed {_name(chain[-1])}")
    return root


def _check_path_length(authority: x509.Certificate, below: int, what: str) -> None:
    """`below` authorities stand between it and the certificate at the beginning of the chain."""
    constraints = _extension(authority, x509.BasicConstraints, what)
    if constraints is not None and constraints.path_length is not None and below > constraints.path_length:
        raise PkiError(what, f"{_name(authority)} allows {constraints.path_length} authorities below it, not {below}")


def _extension(certificate: x509.Certificate, kind: type[Extension], what: str) -> Extension | None:
    try:
        return parse(what, lambda: certificate.extensions.get_extension_for_class(kind)).value
    except x509.ExtensionNotFound:
        return None


def _root_of(
    certificate: x509.Certificate, roots: Sequence[x509.Certificate], at: datetime, authorities: int
) -> x509.Certificate | None:
    for root in roots:
        try:
            if certificate != root:
                check_issued_by(certificate, root, is_trusted=True)
                _check_path_length(root, authorities, "certificate")
            check_validity(root, at)
        except PkiError:
            continue
        return root
    return None


def organisation(name: x509.Name) -> str | None:
    """O= of a name; None where there is none, or several."""
    return _only(name, NameOID.ORGANIZATION_NAME)


def common_name(name: x509.Name) -> str | None:
    """CN= of a name; None where there is none, or several."""
    return _only(name, NameOID.COMMON_NAME)


def _only(name: x509.Name, kind: x509.ObjectIdentifier) -> str | None:
    found = name.get_attributes_for_oid(kind)
    if len(found) != 1:
        return None
    value = found[0].value
    return value if isinstance(value, str) else None


def _name(certificate: x509.Certificate) -> str:
    return parse("certificate", lambda: certificate.subject.rfc4514_string()) or "a certificate without a name"
