"""Certificate signing requests of a station (A02.FR.03, A02.FR.13, A00.FR.511; RFC 2986)."""

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from chargewright.pki.authorities import PrivateKey
from chargewright.pki.certificates import PEM_CHARACTERS, PkiError

__all__ = ["ORGANISATION_CHARACTERS", "make_csr"]

# RFC 5280, Appendix A: ub-organization-name, ub-common-name.
ORGANISATION_CHARACTERS: Final = 64
COMMON_NAME_CHARACTERS: Final = 64
_WHAT: Final = "certificate signing request"


def make_csr(key: PrivateKey, organisation: str, serial_number: str) -> str:
    """A PKCS#10 request in PEM: O is the CPO (configuration key CpoName), CN the station's serial number.

    Raises `PkiError` for names that do not fit into a certificate.
    """
    for name, value, most in (
        ("O (CpoName)", organisation, ORGANISATION_CHARACTERS),
        ("CN (serial number)", serial_number, COMMON_NAME_CHARACTERS),
    ):
        if not 1 <= len(value) <= most:
            raise PkiError(_WHAT, f"{name} has 1 to {most} characters; it has {len(value)}")
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, serial_number),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    text = request.public_bytes(Encoding.PEM).decode("ascii")
    if len(text) > PEM_CHARACTERS:
        raise PkiError(_WHAT, f"it has {len(text)} characters; at most {PEM_CHARACTERS} can be sent")
    return text
