"""Why a handshake did not succeed, as the client sees it: what the security events tell apart (whitepaper §8)."""

import enum
import ssl
from collections.abc import Mapping
from typing import Final

__all__ = ["TlsFailure", "tls_failure"]


class TlsFailure(enum.Enum):
    """What was wrong."""

    SERVER_CERTIFICATE = "the server's certificate is not one that is trusted for this name"
    CLIENT_CERTIFICATE = "the server does not take our certificate"
    VERSION = "there is no TLS version that both speak"
    CIPHER_SUITE = "there is no cipher suite that both may use"
    OTHER = "the handshake failed"


# OpenSSL's words. An alert names what the peer said, the others what this side found.
_REASONS: Final[Mapping[str, TlsFailure]] = {
    "CERTIFICATE_VERIFY_FAILED": TlsFailure.SERVER_CERTIFICATE,
    "EE_KEY_TOO_SMALL": TlsFailure.SERVER_CERTIFICATE,
    "CA_KEY_TOO_SMALL": TlsFailure.SERVER_CERTIFICATE,
    "WRONG_CERTIFICATE_TYPE": TlsFailure.SERVER_CERTIFICATE,
    "DH_KEY_TOO_SMALL": TlsFailure.CIPHER_SUITE,
    "TLSV1_ALERT_PROTOCOL_VERSION": TlsFailure.VERSION,
    "UNSUPPORTED_PROTOCOL": TlsFailure.VERSION,
    "WRONG_SSL_VERSION": TlsFailure.VERSION,
    "VERSION_TOO_LOW": TlsFailure.VERSION,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": TlsFailure.CIPHER_SUITE,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": TlsFailure.CIPHER_SUITE,
    "NO_SHARED_CIPHER": TlsFailure.CIPHER_SUITE,
    "WRONG_CIPHER_RETURNED": TlsFailure.CIPHER_SUITE,
    "UNKNOWN_CIPHER_RETURNED": TlsFailure.CIPHER_SUITE,
    "UNSUPPORTED_COMPRESSION_ALGORITHM": TlsFailure.CIPHER_SUITE,
    "TLSV1_ALERT_UNKNOWN_CA": TlsFailure.CLIENT_CERTIFICATE,
    "TLSV1_ALERT_ACCESS_DENIED": TlsFailure.CLIENT_CERTIFICATE,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": TlsFailure.CLIENT_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": TlsFailure.CLIENT_CERTIFICATE,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": TlsFailure.CLIENT_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": TlsFailure.CLIENT_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": TlsFailure.CLIENT_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": TlsFailure.CLIENT_CERTIFICATE,
}


def tls_failure(error: BaseException | None) -> TlsFailure | None:
    """Which of them `error`, or what caused it, is; None where TLS had no part in it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ssl.SSLCertVerificationError):
            return TlsFailure.SERVER_CERTIFICATE
        if isinstance(error, ssl.SSLError):
            return _REASONS.get(error.reason or "", TlsFailure.OTHER)
        error = error.__cause__ or error.__context__
    return None
