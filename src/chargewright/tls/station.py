"""TLS of a station with the security extension: exactly its suites, exactly its roots, and its own certificate.

Security whitepaper A00.FR.307–322, 411–426. Unlike `client`, nothing comes from files: roots and keys are in the
station's memory.
"""

import ssl
import tempfile
from collections.abc import Sequence
from typing import Final

from chargewright.errors import ConfigurationError, ConfigurationProblem

__all__ = ["station_context"]

# The RFC's words to OpenSSL's.
_NAMES: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
}


def station_context(
    roots_pem: str, cipher_suites: Sequence[str], certificate_pem: str = "", key_pem: str = ""
) -> ssl.SSLContext:
    """A context that offers `cipher_suites` (in the RFC's words) on TLS 1.2 and nothing else.

    TLS 1.3 has other suites, of which a PICS says nothing. Only `roots_pem` counts, and verification ends at any of
    them, self-signed or not (whitepaper §7.1). `certificate_pem` is the station's own with its chain, empty for none.
    Raises `ConfigurationError`.
    """
    unknown = [suite for suite in cipher_suites if suite not in _NAMES]
    if unknown or not cipher_suites:
        raise ConfigurationError("cipher suites", "", unknown or None, f"some of {', '.join(_NAMES)}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(_NAMES[suite] for suite in cipher_suites))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=roots_pem)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationProblem("root certificates", "", f"those that are installed are no PEM: {error}") from error
    if certificate_pem:
        _load(context, certificate_pem, key_pem)
    return context


def _load(context: ssl.SSLContext, certificate_pem: str, key_pem: str) -> None:
    # Python reads keys from files only. This one is readable for its owner alone, and gone at once.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(key_pem + certificate_pem)
        file.flush()
        try:
            context.load_cert_chain(file.name)
        except (ssl.SSLError, OSError) as error:
            raise ConfigurationProblem("station certificate", "", f"OpenSSL does not take it: {error}") from error
