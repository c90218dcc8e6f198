"""TLS on the server's side: certificates of both key types on one context, renewed without dropping a socket.

Security whitepaper A00.FR.312–322, 501–512: TLS 1.2 or newer, no compression, and suites for ECDSA and for RSA keys,
among them two with RSA key transport that Python's defaults leave out.
"""

import datetime
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from chargewright.errors import ConfigurationError
from chargewright.tls.alerts import AlertingContext
from chargewright.tls.suites import SUITES

__all__ = ["CertificateFiles", "ServerCertificates", "server_context"]

# A00.FR.501–503.
_RSA_BITS: Final = 2048
_EC_BITS: Final = 224

_CERTIFICATE: Final = "TLS certificate"
_KEY: Final = "TLS key"


class CertificateFiles(msgspec.Struct, frozen=True):
    """PEM files: the server's certificate with the rest of its chain behind it, and its key without a passphrase."""

    certificate: Path
    key: Path


class _Loaded(msgspec.Struct, frozen=True):
    """What the files held: their bytes, the kind of key, when the certificate ends, what to warn of."""

    content: tuple[bytes, bytes]
    kind: str
    warnings: tuple[str, ...]


def server_context(pairs: Sequence[CertificateFiles], now: datetime.datetime) -> tuple[ssl.SSLContext, tuple[str, ...]]:
    """A context with all of the `pairs`, and what is to be warned of: expired ones, a type of key that is missing.

    At most one pair for each type of key, because OpenSSL keeps one. Raises `ConfigurationError` that names the file
    and what is wrong with it. Reads files and checks keys: some milliseconds, not for an event loop that is busy.
    """
    context = AlertingContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(SUITES))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    kinds: dict[str, Path] = {}
    warnings: list[str] = []
    for files in pairs:
        loaded = _load(files, now)
        if loaded.kind in kinds:
            raise ConfigurationError(
                _CERTIFICATE, "", str(files.certificate), f"one certificate for {loaded.kind} keys: the other is "
                f"{kinds[loaded.kind]}"
            )  # fmt: skip
        kinds[loaded.kind] = files.certificate
        warnings += loaded.warnings
        try:
            context.load_cert_chain(files.certificate, files.key)
        except (ssl.SSLError, OSError) as error:
            raise ConfigurationError(
                _CERTIFICATE, "", str(files.certificate), f"what OpenSSL takes: {error}"
            ) from error
        if _read(files) != loaded.content:
            raise ConfigurationError(_CERTIFICATE, "", str(files.certificate), "a file that stays while it is read")
    if not kinds:
        raise ConfigurationError(_CERTIFICATE, "", None, "at least one certificate with its key")
    warnings += [
        f"there is no certificate for {kind} keys: stations that know only those suites cannot connect (A00.FR.317)"
        for kind in ("EC", "RSA")
        if kind not in kinds
    ]
    return context, tuple(warnings)


class ServerCertificates:
    """The context for the next handshake; `reload` puts a new one in its place, whole or not at all.

    Connections keep the context that they were made with, so none of them notices.
    """

    def __init__(self, pairs: Sequence[CertificateFiles], now: datetime.datetime) -> None:
        """Raises `ConfigurationError`; see `server_context`."""
        self._pairs = tuple(pairs)
        self._seen = self._stamp()
        self.context, self.warnings = server_context(self._pairs, now)

    def current(self) -> ssl.SSLContext:
        """The context to shake hands with now."""
        return self.context

    def has_changed(self) -> bool:
        """Whether a file is another one than when they were last read, successfully or not."""
        return self._stamp() != self._seen

    def reload(self, now: datetime.datetime) -> tuple[str, ...]:
        """Read the files again and return what to warn of. Raises `ConfigurationError`: what was in use stays."""
        # Before they are read: what is written meanwhile counts as a change.
        self._seen = self._stamp()
        self.context, self.warnings = server_context(self._pairs, now)
        return self.warnings

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_file_stamp(path) for files in self._pairs for path in (files.certificate, files.key))


def _file_stamp(path: Path) -> tuple[int, int, int] | None:
    """None for a file that is not there: it has changed once it is."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _read(files: CertificateFiles) -> tuple[bytes, bytes]:
    content = []
    for what, path in ((_CERTIFICATE, files.certificate), (_KEY, files.key)):
        try:
            content.append(path.read_bytes())
        except OSError as error:
            raise ConfigurationError(what, "", str(path), f"a file that can be read ({error.strerror})") from error
    return content[0], content[1]


def _load(files: CertificateFiles, now: datetime.datetime) -> _Loaded:
    content = _read(files)
    certificate_name, key_name = str(files.certificate), str(files.key)
    try:
        certificate = x509.load_pem_x509_certificates(content[0])[0]
        public_key = certificate.public_key()
    except ValueError as error:
        raise ConfigurationError(_CERTIFICATE, "", certificate_name, "X.509 certificates in PEM") from error
    try:
        key = load_pem_private_key(content[1], None)
    except TypeError as error:
        raise ConfigurationError(_KEY, "", key_name, "a key without a passphrase") from error
    except ValueError as error:
        raise ConfigurationError(_KEY, "", key_name, "a private key in PEM") from error
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*spki) != public_key.public_bytes(*spki):
        raise ConfigurationError(_KEY, "", key_name, f"the key of the certificate in {certificate_name}")
    if isinstance(public_key, rsa.RSAPublicKey):
        kind, bits, least = "RSA", public_key.key_size, _RSA_BITS
    elif isinstance(public_key, ec.EllipticCurvePublicKey):
        kind, bits, least = "EC", public_key.key_size, _EC_BITS
    else:
        raise ConfigurationError(_CERTIFICATE, "", certificate_name, "an RSA or an EC key: no suite takes another one")
    if bits < least:
        expected = f"an {kind} key of at least {least} bits (A00.FR.501); it has {bits}"
        raise ConfigurationError(_CERTIFICATE, "", certificate_name, expected)
    warnings = []
    if certificate.not_valid_after_utc <= now:
        warnings.append(f"{certificate_name} expired at {certificate.not_valid_after_utc.isoformat()}")
    if certificate.not_valid_before_utc > now:
        warnings.append(f"{certificate_name} is valid only from {certificate.not_valid_before_utc.isoformat()}")
    return _Loaded(content, kind, tuple(warnings))
