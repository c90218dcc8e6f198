"""A certificate authority for one test run, and TLS contexts of both sides."""

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Authority"]


class Authority:
    """Issues certificates for the organisation Acme into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Acme Root")
        certificate = self._sign(self._name, self._key, is_authority=True)
        self._path = folder / "root.pem"
        self._path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(self) -> ssl.SSLContext:
        """For `localhost`; asks for a client certificate without insisting on one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._issue("localhost"))
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(self._path)
        return context

    def client_context(self, common_name: str | None) -> ssl.SSLContext:
        """Trusts this authority, and shows a certificate with `common_name` where that is not None."""
        context = ssl.create_default_context(cafile=self._path)
        if common_name is not None:
            context.load_cert_chain(self._issue(common_name))
        return context

    def _issue(self, common_name: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name(common_name), key, is_authority=False)
        path = self._folder / f"{common_name}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return path

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
