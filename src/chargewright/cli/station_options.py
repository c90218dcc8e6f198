"""Options that `station run`, `station play` and `station fleet` have in common."""

import enum
import os
from pathlib import Path
from typing import Annotated

import typer

from chargewright.cli.extras import needs
from chargewright.errors import ConfigurationError

__all__ = [
    "Ca",
    "ClientCertificate",
    "ClientKey",
    "Control",
    "ControlTokenFile",
    "Dialect",
    "HardwareDelay",
    "PasswordFile",
    "SecureCsms",
    "SecurityProfile",
    "Timing",
    "TimingChoice",
    "password_from",
]


class TimingChoice(enum.StrEnum):
    """How fast a station answers and acts."""

    FAST = "fast"
    CERTIFICATE = "certificate"


Control = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Serve the control API there (port 0: a free one), for `station do`, `show` and `watch`.",
    ),
]
ControlTokenFile = Annotated[
    Path | None, typer.Option(help="File that holds the token of the control API; without one, a new one is made.")
]
Timing = Annotated[
    TimingChoice, typer.Option(help="Answer and act at once, or as late as measured in the PICS's certificate.")
]
HardwareDelay = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=SECONDS",
        help="How long the hardware takes: lock, cable-check, precharge, contactor. May be given several times.",
    ),
]
PasswordFile = Annotated[Path | None, typer.Option(help="File that holds the AuthorizationKey.")]
SecureCsms = Annotated[
    str | None, typer.Option(help="wss:// URL for security profiles 2 and 3, where it is another one than --csms.")
]
SecurityProfile = Annotated[
    int | None,
    typer.Option(help="Security profile to begin with, 0 to 3; without it, that which fits URL and credentials."),
]
Ca = Annotated[Path | None, typer.Option(help="PEM file with root certificates to trust, for the first start.")]
ClientCertificate = Annotated[
    Path | None, typer.Option(help="PEM file with the station's own certificate and chain, for the first start.")
]
ClientKey = Annotated[Path | None, typer.Option(help="PEM file with its key, without a passphrase.")]
Dialect = Annotated[
    list[str] | None, typer.Option(help="Speak as others do: see `station dialects`. May be given several times.")
]


def password_from(variable: str | None, file: Path | None) -> bytes | None:
    """The password of HTTP Basic authentication: an AuthorizationKey, decoded. It is never an argument."""
    with needs("station", "station"):
        from chargewright.transport.basic_auth import is_authorization_key, password_from_key

    if variable is not None and file is not None:
        raise ConfigurationError("--password-file", "", str(file), "only one of --password-env and --password-file")
    if variable is not None:
        where, text = f"environment variable {variable}", os.environ.get(variable)
        if text is None:
            raise ConfigurationError("--password-env", "", variable, "the name of an environment variable that is set")
    elif file is not None:
        where = str(file)
        try:
            text = file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError("--password-file", "", where, f"a readable text file ({error})") from error
    else:
        return None
    if not is_authorization_key(text.strip()):
        raise ConfigurationError(where, "", "(hidden)", "an AuthorizationKey: 32 to 40 hexadecimal digits in pairs")
    return password_from_key(text.strip())
