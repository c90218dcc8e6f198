"""Certificates as an operator would make them: self-signed, for `localhost` and 127.0.0.1."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from chargewright.tls.server import CertificateFiles

__all__ = ["Key", "issue", "new_key", "write_key"]

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_key(kind: str, bits: int = 2048) -> Key:
    """A private key: `EC`, `RSA` or `Ed25519`."""
    if kind == "RSA":
        return rsa.generate_private_key(65537, bits)
    return ec.generate_private_key(ec.SECP256R1()) if kind == "EC" else ed25519.Ed25519PrivateKey.generate()


def write_key(key: Key, path: Path, passphrase: bytes | None = None) -> None:
    """As PEM."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))


def issue(
    folder: Path, key: Key, name: str = "server", *, serial: int = 1, days: float = 1, age_days: float = 0
) -> CertificateFiles:
    """Write `<name>.pem` and `<name>.key`; the certificate is valid for `days` and began `age_days` ago."""
    files = CertificateFiles(folder / f"{name}.pem", folder / f"{name}.key")
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
            x509.NameAttribute(NameOID.COMMON_NAME, "localhost"),
        ]
    )
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=age_days, hours=1)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=days, hours=1))
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    write_key(key, files.key)
    return files
