"""`chargewright ctl connectors`."""

from typing import Annotated

import typer

from chargewright.cli.ctl.client import asking, path
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_item, print_page

__all__ = ["app"]

app = typer.Typer(help="Connectors: what stations report of each.", no_args_is_help=True)

COLUMNS: Columns = {
    "connector": "connectorId",
    "status": "status",
    "error": "errorCode",
    "since": "at",
    "received": "receivedAt",
    "info": "info",
    "vendor error": "vendorErrorCode",
}

_Identity = Annotated[str, typer.Argument(help="Identity of the station.")]
_Connector = Annotated[int, typer.Argument(min=0, help="Number of the connector; 0 is the station as a whole.")]


@app.command("list")
def list_(
    context: typer.Context, identity: _Identity, limit: Limit = 100, everything: All = False, json: Json = False
) -> None:
    """List the connectors of a station, each with its latest status."""
    with asking(context) as api:
        page = api.page(path("stations", identity, "connectors"), limit=limit, everything=everything)
        print_page(page, COLUMNS, as_json=json)


@app.command()
def show(context: typer.Context, identity: _Identity, connector: _Connector, json: Json = False) -> None:
    """Show the latest status of a connector."""
    with asking(context) as api:
        print_item(api.get(path("stations", identity, "connectors", str(connector))), as_json=json)


@app.command("list-statuses")
def list_statuses(
    context: typer.Context,
    identity: _Identity,
    connector: _Connector,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List what a connector reported, the last first."""
    with asking(context) as api:
        page = api.page(
            path("stations", identity, "connectors", str(connector), "statuses"), limit=limit, everything=everything
        )
        print_page(page, COLUMNS, as_json=json)
