"""What a person gives a station before its first connection, read from files."""

from pathlib import Path

from chargewright.errors import ConfigurationError
from chargewright.station.security_profile import Provisioning
from chargewright.transport.client_request import check_endpoint

__all__ = ["provisioning_from"]


def provisioning_from(
    url: str,
    *,
    secure_url: str | None = None,
    profile: int | None = None,
    password: bytes | None = None,
    ca: Path | None = None,
    client_certificate: Path | None = None,
    client_key: Path | None = None,
) -> Provisioning:
    """Read the files: root certificates, the station's certificate with its chain, and its key, all in PEM.

    Raises `ConfigurationError` that names the option, and file or URL. Whether they fit together is seen when a station
    is made.
    """
    check_endpoint(url, "--csms")
    if (client_certificate is None) != (client_key is None):
        given = client_certificate or client_key
        raise ConfigurationError("--client-certificate", "", str(given), "both --client-certificate and --client-key")
    if secure_url is not None and check_endpoint(secure_url, "--secure-csms").scheme != "wss":
        raise ConfigurationError("--secure-csms", "", secure_url, "a wss:// URL, for security profiles 2 and 3")
    return Provisioning(
        url=url,
        secure_url=secure_url,
        profile=profile,
        password=password,
        roots_pem=_text("--ca", ca),
        certificate_pem=_text("--client-certificate", client_certificate),
        key_pem=_text("--client-key", client_key),
    )


def _text(option: str, path: Path | None) -> str:
    if path is None:
        return ""
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(option, "", str(path), f"a PEM file that can be read ({error})") from error
    if "-----BEGIN" not in text:
        raise ConfigurationError(option, "", str(path), "a PEM file")
    return text
