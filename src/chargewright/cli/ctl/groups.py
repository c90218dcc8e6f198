"""`chargewright ctl groups`."""

from typing import Annotated

import typer

from chargewright.cli.ctl.client import asking, path
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_done, print_item, print_page

__all__ = ["app"]

app = typer.Typer(help="Groups of stations.", no_args_is_help=True)

COLUMNS: Columns = {"name": "name", "stations": "stations"}
MEMBERS: Columns = {"identity": "identity"}

_Name = Annotated[str, typer.Argument(help="Name of the group.")]
_Identities = Annotated[list[str], typer.Argument(help="Identities of stations.")]


@app.command("list")
def list_(context: typer.Context, limit: Limit = 100, everything: All = False, json: Json = False) -> None:
    """List groups."""
    with asking(context) as api:
        print_page(api.page("/groups", limit=limit, everything=everything), COLUMNS, as_json=json)


@app.command()
def show(context: typer.Context, name: _Name, json: Json = False) -> None:
    """Show one group."""
    with asking(context) as api:
        print_item(api.get(path("groups", name)), as_json=json)


@app.command()
def add(context: typer.Context, name: _Name, json: Json = False) -> None:
    """Make a group."""
    with asking(context) as api:
        print_item(api.ask("POST", "/groups", body={"name": name}), as_json=json)


@app.command()
def remove(context: typer.Context, name: _Name, json: Json = False) -> None:
    """Remove a group; its stations stay."""
    with asking(context) as api:
        api.ask("DELETE", path("groups", name))
        print_done("Removed.", as_json=json)


@app.command()
def stations(
    context: typer.Context, name: _Name, limit: Limit = 100, everything: All = False, json: Json = False
) -> None:
    """List the stations of a group."""
    with asking(context) as api:
        page = api.page(path("groups", name, "stations"), limit=limit, everything=everything)
        print_page(page, MEMBERS, as_json=json)


@app.command()
def join(context: typer.Context, name: _Name, identities: _Identities, json: Json = False) -> None:
    """Put stations into a group."""
    with asking(context) as api:
        for identity in identities:
            api.ask("PUT", path("groups", name, "stations", identity))
        print_done("They are in the group.", as_json=json)


@app.command()
def leave(context: typer.Context, name: _Name, identities: _Identities, json: Json = False) -> None:
    """Take stations out of a group."""
    with asking(context) as api:
        for identity in identities:
            api.ask("DELETE", path("groups", name, "stations", identity))
        print_done("They have left the group.", as_json=json)
