"""What names a certificate on the wire: the hashes of OCSP (whitepaper §6.1; RFC 6960 §4.1.1)."""

from collections.abc import Mapping
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.ocsp import OCSPRequestBuilder

from chargewright.pki.certificates import parse
from chargewright.protocol.v16.security import CertificateHashData, HashAlgorithm

__all__ = ["hash_data", "is_named_by"]

_HASHES: Final[Mapping[HashAlgorithm, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]]] = {
    HashAlgorithm.SHA256: hashes.SHA256,
    HashAlgorithm.SHA384: hashes.SHA384,
    HashAlgorithm.SHA512: hashes.SHA512,
}


def hash_data(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: HashAlgorithm = HashAlgorithm.SHA256
) -> CertificateHashData:
    """The name of `certificate`, whose `issuer` is itself where it is a root; raises `PkiError` for unreadable ones.

    Lower case, the serial number without leading zeros.
    """
    request = parse(
        "certificate", lambda: OCSPRequestBuilder().add_certificate(certificate, issuer, _HASHES[algorithm]()).build()
    )
    return CertificateHashData(
        hash_algorithm=algorithm,
        issuer_name_hash=request.issuer_name_hash.hex(),
        issuer_key_hash=request.issuer_key_hash.hex(),
        serial_number=f"{request.serial_number:x}",
    )


def is_named_by(certificate: x509.Certificate, issuer: x509.Certificate, name: CertificateHashData) -> bool:
    """Whether `name` is that of `certificate`, in any letter case and whatever zeros lead its serial number."""
    own = hash_data(certificate, issuer, name.hash_algorithm)
    return (
        own.issuer_name_hash == name.issuer_name_hash.lower()
        and own.issuer_key_hash == name.issuer_key_hash.lower()
        and own.serial_number == name.serial_number.lower().removeprefix("0x").lstrip("0")
    )
