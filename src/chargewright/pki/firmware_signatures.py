"""Who signed a firmware file, and whether it is the file that was signed (L01.FR.02–04, L01.FR.12).

The whitepaper asks for SHA-256 with RSA-PSS or "ECSchnorr". No library signs with the latter, and those who have EC
keys use ECDSA; those who have RSA keys often sign as `openssl dgst -sign` does, with PKCS#1 v1.5. Both are accepted.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from chargewright.pki.certificates import (
    PkiError,
    check_issued_by,
    check_key,
    check_validity,
    load_certificate,
    parse,
    public_key,
)

__all__ = ["check_signing_certificate", "verify_signature"]

# What the schema allows.
SIGNATURE_CHARACTERS: Final = 800
_DIGEST_BYTES: Final = 32
_CERTIFICATE: Final = "firmware signing certificate"
_SIGNATURE: Final = "firmware signature"


def check_signing_certificate(
    pem: str, manufacturer_roots: Iterable[x509.Certificate], at: datetime
) -> x509.Certificate:
    """The signing certificate in `pem`, where one of the manufacturer's roots has signed it itself (L01.FR.02).

    Intermediates are not allowed; certificate and root must be valid at `at`, and the key usage, where it is stated,
    must include signatures. Raises `PkiError`.
    """
    certificate = load_certificate(pem, _CERTIFICATE)
    check_validity(certificate, at, _CERTIFICATE)
    _check_usage(certificate)
    reasons = []
    for root in manufacturer_roots:
        try:
            check_key(root, "manufacturer root certificate")
            check_validity(root, at, "manufacturer root certificate")
            check_issued_by(certificate, root, _CERTIFICATE)
        except PkiError as error:
            reasons.append(error.why)
            continue
        return certificate
    if not reasons:
        raise PkiError(_CERTIFICATE, "no ManufacturerRootCertificate is installed that could have signed it")
    raise PkiError(_CERTIFICATE, "; ".join(dict.fromkeys(reasons)))


def _check_usage(certificate: x509.Certificate) -> None:
    try:
        usage = parse(_CERTIFICATE, lambda: certificate.extensions.get_extension_for_class(x509.KeyUsage))
    except x509.ExtensionNotFound:
        return
    if not usage.value.digital_signature:
        raise PkiError(_CERTIFICATE, "its key usage does not allow signatures")


def verify_signature(
    certificate: x509.Certificate,
    content: bytes | Iterable[bytes],
    signature: str,
    *,
    accept_pkcs1_v15: bool = True,
) -> None:
    """Raises `PkiError` where `signature` (base64) is not one over the file by the key of `certificate`.

    `content` is the SHA-256 digest of the whole file (32 bytes), or the file itself in chunks.
    """
    key = public_key(certificate, _CERTIFICATE)
    raw = _decoded(signature)
    digest = _digest(content)
    algorithm = Prehashed(hashes.SHA256())
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, digest, ec.ECDSA(algorithm))
        else:
            _verify_rsa(key, raw, digest, algorithm, accept_pkcs1_v15=accept_pkcs1_v15)
    except InvalidSignature as error:
        raise PkiError(_SIGNATURE, "it is not one over this file by the key of the signing certificate") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PkiError(_SIGNATURE, f"it cannot be verified: {error}") from error


def _verify_rsa(
    key: rsa.RSAPublicKey, raw: bytes, digest: bytes, algorithm: Prehashed, *, accept_pkcs1_v15: bool
) -> None:
    # Whoever signs chooses the length of the salt.
    probabilistic = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
    try:
        key.verify(raw, digest, probabilistic, algorithm)
    except InvalidSignature:
        if not accept_pkcs1_v15:
            raise
        key.verify(raw, digest, padding.PKCS1v15(), algorithm)


def _decoded(signature: str) -> bytes:
    # Some encoders break lines.
    text = "".join(signature.split())
    if not text:
        raise PkiError(_SIGNATURE, "it is missing")
    if len(text) > SIGNATURE_CHARACTERS:
        raise PkiError(_SIGNATURE, f"it has {len(text)} characters; at most {SIGNATURE_CHARACTERS} are allowed")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PkiError(_SIGNATURE, "it is not base64") from error


def _digest(content: bytes | Iterable[bytes]) -> bytes:
    if isinstance(content, bytes):
        if len(content) != _DIGEST_BYTES:
            raise ValueError(f"a SHA-256 digest has {_DIGEST_BYTES} bytes; got {len(content)}")
        return content
    digest = hashlib.sha256()
    for chunk in content:
        digest.update(chunk)
    return digest.digest()
