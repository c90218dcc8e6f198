"""TLS on the station's side: whom it trusts, and that the server bears the name in the URL (A00.FR.307–315)."""

import ssl
from pathlib import Path

from chargewright.errors import ConfigurationError
from chargewright.tls.suites import SUITES

__all__ = ["client_context"]


def client_context(authorities: Path | None = None, *, authorities_pem: str | None = None) -> ssl.SSLContext:
    """A context that checks the server's chain and host name, TLS 1.2 or newer.

    `authorities` is a PEM file with the root certificates that count, `authorities_pem` its content; neither: those of
    the system count. Raises `ConfigurationError` that names the file.
    """
    try:
        context = ssl.create_default_context(
            cafile=None if authorities is None else str(authorities), cadata=authorities_pem
        )
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(
            "root certificates", "", str(authorities or "(given)"), f"a PEM file with certificates ({error})"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(SUITES))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context
