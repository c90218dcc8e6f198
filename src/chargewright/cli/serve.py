"""`chargewright serve`: run a central system."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chargewright.cli.extras import needs
from chargewright.errors import ConfigurationError

__all__ = ["serve"]

_Config = Annotated[Path | None, typer.Option(help="TOML file with settings; environment and options win over it.")]
_Data = Annotated[Path | None, typer.Option(help="Directory of this installation.")]
_Db = Annotated[str | None, typer.Option(help="Database URL; without one, an SQLite file in the data directory.")]
_Ocpp = Annotated[str | None, typer.Option(help="host:port for stations; port 0 takes a free one.")]
_Ocpps = Annotated[str | None, typer.Option(help="host:port for stations with TLS; port 0 takes a free one; off.")]
_Certificates = Annotated[
    list[Path] | None, typer.Option("--tls-certificate", help="PEM file with a certificate and its chain; repeatable.")
]
_Keys = Annotated[list[Path] | None, typer.Option("--tls-key", help="PEM file with its key; as often, in that order.")]
_Http = Annotated[str | None, typer.Option(help="host:port for HTTP; port 0 takes a free one; off.")]
_Seed = Annotated[Path | None, typer.Option(help="TOML file with stations and id tags, applied at every start.")]
_Unknown = Annotated[str | None, typer.Option(help="reject or accept.")]
_Strict = Annotated[bool | None, typer.Option("--strict", help="Refuse what the schemas forbid, for every station.")]
_Insecure = Annotated[bool | None, typer.Option("--insecure", help="Listen beyond this machine without credentials.")]
_LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error.")]
_Json = Annotated[bool, typer.Option("--json", help="Tell the bound addresses as one line of JSON.")]


def serve(
    config: _Config = None,
    data: _Data = None,
    db: _Db = None,
    ocpp: _Ocpp = None,
    ocpps: _Ocpps = None,
    tls_certificates: _Certificates = None,
    tls_keys: _Keys = None,
    http: _Http = None,
    seed: _Seed = None,
    unknown_stations: _Unknown = None,
    unknown_id_tags: _Unknown = None,
    strict: _Strict = None,
    insecure: _Insecure = None,
    log_level: _LogLevel = None,
    json: _Json = False,
) -> None:
    """Run a central system (CSMS) until SIGTERM or Ctrl-C.

    Every option can be set in the environment, too, as CHARGEWRIGHT_ and its name. The bearer key of the REST API is
    taken from CHARGEWRIGHT_BOOTSTRAP_TOKEN.

    Without credentials the listeners stay on loopback addresses. Elsewhere every station needs a password, unknown ones
    are rejected, and HTTP needs the bearer key; --insecure waives that.

    Certificates are read again when they change, and upon SIGHUP; connections stay.

    Exit codes: 0 stopped as asked, 2 a setting or the seed file is wrong, 3 an address cannot be had, 4 the database or
    the data directory cannot be used.
    """
    with needs("csms", "serve"):
        from chargewright.csms.config import load_settings
        from chargewright.csms.serving import serve as run

    given: dict[str, Any] = {
        "data": data,
        "db": db,
        "ocpp": ocpp,
        "ocpps": ocpps,
        "tls_certificates": tls_certificates or None,
        "tls_keys": tls_keys or None,
        "http": http,
        "seed": seed,
        "unknown_stations": unknown_stations,
        "unknown_id_tags": unknown_id_tags,
        "strict": strict,
        "insecure": insecure,
        "log_level": log_level,
    }
    try:
        settings = load_settings(given, config)
    except ConfigurationError as error:
        typer.echo(f"chargewright serve: {error}", err=True)
        raise typer.Exit(2) from error
    raise typer.Exit(run(settings, as_json=json))
