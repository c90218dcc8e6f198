"""`chargewright ctl security-events`."""

from typing import Annotated

import typer

from chargewright.cli.ctl.client import asking, path
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_page

__all__ = ["app"]

app = typer.Typer(help="What stations told of their security.", no_args_is_help=True)

COLUMNS: Columns = {
    "station": "station",
    "type": "type",
    "critical": "critical",
    "happened": "timestamp",
    "received": "receivedAt",
    "info": "techInfo",
}


@app.command("list")
def list_(
    context: typer.Context,
    station: Annotated[str | None, typer.Option(help="Only those of this station.")] = None,
    critical: Annotated[bool | None, typer.Option("--critical/--not-critical", help="Only those.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List security events, the last received first."""
    with asking(context) as api:
        where = "/security-events" if station is None else path("stations", station, "security-events")
        page = api.page(where, limit=limit, everything=everything, critical=critical, type=type_)
        print_page(page, COLUMNS, as_json=json)
