"""`chargewright ctl retention`."""

import typer

from chargewright.cli.ctl.client import asking
from chargewright.cli.ctl.output import Columns, Json, print_page

__all__ = ["app"]

app = typer.Typer(help="How long each kind of data is kept.", no_args_is_help=True)

COLUMNS: Columns = {
    "kind": "kind",
    "days": lambda item: "for ever" if item["days"] == 0 else f"{item['days']:g}",
    "removed": "removed",
    "looked at": "lookedAt",
    "problem": "problem",
}


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List the kinds of data; days are set by the server's settings `keep_<kind>_days`."""
    with asking(context) as api:
        print_page(api.get("/retention") | {"next": None}, COLUMNS, as_json=json)


@app.command()
def run(context: typer.Context, json: Json = False) -> None:
    """Remove what is too old now, instead of within the hour; returns when it is done."""
    with asking(context) as api:
        done = api.ask("POST", "/retention/run", answer_seconds=3600)
        print_page(done | {"next": None}, COLUMNS, as_json=json)
