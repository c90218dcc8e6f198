"""`chargewright up`: a central system and three charging stations, live in the terminal."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from chargewright.cli.extras import needs

__all__ = ["up"]

_Data = Annotated[Path, typer.Option(help="Directory of the database, the stations' memories and the log.")]
_Ocpp = Annotated[str, typer.Option(help="host:port for stations; port 0 takes a free one.")]
_Http = Annotated[str, typer.Option(help="host:port for HTTP; port 0 takes a free one.")]
_Speed = Annotated[float, typer.Option(help="Divides battery sizes and the drivers' waiting times.")]
_For = Annotated[float | None, typer.Option("--for", help="End after so many seconds.")]
_Seed = Annotated[int | None, typer.Option(help="Seed of the drivers' dice; without one, a new one is drawn.")]
_Json = Annotated[bool, typer.Option("--json", help="No live view; the summary as one line of JSON at the end.")]


def up(
    data: _Data = Path("chargewright-data"),
    ocpp: _Ocpp = "127.0.0.1:9000",
    http: _Http = "127.0.0.1:8080",
    speed: _Speed = 20.0,
    for_seconds: _For = None,
    seed: _Seed = None,
    json: _Json = False,
) -> None:
    """Run a central system and three virtual charging stations, with drivers who come, charge and leave.

    Ctrl-C (or the end of --for) ends it in order: drivers stop charging and leave, every message is answered and
    stored. The log is in up.log in the data directory.

    Stations and server are one process, so all passwords go over plain ws:// there, that of the Koolsign station too,
    whose PICS wants TLS for it; `station run` refuses that.

    Exit codes: 0 ended as asked, 1 a station failed, 2 a setting is wrong, 3 an address cannot be had, 4 the database
    or the data directory cannot be used.
    """
    with needs("csms,station", "up"):
        from chargewright.cli.depot import DepotSettings
        from chargewright.cli.depot_run import run

    settings = DepotSettings(
        data=data, ocpp=ocpp, http=http, speed=speed, seed=secrets.randbits(32) if seed is None else seed
    )
    raise typer.Exit(run(settings, for_seconds=for_seconds, as_json=json))
