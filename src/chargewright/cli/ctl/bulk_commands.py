"""`chargewright ctl bulk-commands`."""

from typing import Annotated

import typer

from chargewright.cli.ctl.client import asking, path
from chargewright.cli.ctl.commands import COLUMNS
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_item, print_page
from chargewright.cli.ctl.payloads import (
    Action,
    Force,
    KeepUntil,
    Payload,
    TimeoutSeconds,
    answer_seconds,
    read_payload,
)

__all__ = ["app"]

app = typer.Typer(help="One command for many stations.", no_args_is_help=True)

BULK: Columns = {
    "id": "id",
    "action": "action",
    "stations": "stations",
    "created": "createdAt",
    "selection": "selection",
}

_Id = Annotated[str, typer.Argument(help="Id of the bulk command.")]


@app.command()
def send(
    context: typer.Context,
    action: Action,
    payload: Payload = "{}",
    station: Annotated[list[str] | None, typer.Option(help="Identity of a station; may be repeated.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Name of a group; may be repeated.")] = None,
    all_stations: Annotated[bool, typer.Option("--all-stations", help="Every station.")] = False,
    vendor: Annotated[str | None, typer.Option(help="Of these, only those of a vendor.")] = None,
    model: Annotated[str | None, typer.Option(help="Of these, only those of a model.")] = None,
    firmware: Annotated[str | None, typer.Option(help="Of these, only those with a firmware version.")] = None,
    timeout_seconds: TimeoutSeconds = None,
    keep_until: KeepUntil = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Send one command to many stations. Returns when it is written down; `show` tells how far it is."""
    if not (station or group or all_stations or vendor or model or firmware):
        raise typer.BadParameter("say to which: --station, --group, --all-stations, --vendor, --model or --firmware")
    selection = {
        "identities": station or [],
        "groups": group or [],
        "all": all_stations,
        "vendor": vendor,
        "model": model,
        "firmwareVersion": firmware,
    }
    query = {"timeout_seconds": timeout_seconds, "keep_until": keep_until, "force": force or None}
    with asking(context) as api:
        body = {"action": action, "payload": read_payload(payload), "selection": selection}
        answer = api.ask(
            "POST", "/bulk-commands", query=query, body=body, answer_seconds=answer_seconds(timeout_seconds)
        )
        print_item(answer, as_json=json)


@app.command("list")
def list_(context: typer.Context, limit: Limit = 100, everything: All = False, json: Json = False) -> None:
    """List bulk commands, the newest first."""
    with asking(context) as api:
        print_page(api.page("/bulk-commands", limit=limit, everything=everything), BULK, as_json=json)


@app.command()
def show(context: typer.Context, id: _Id, json: Json = False) -> None:
    """Show a bulk command and how far it is."""
    with asking(context) as api:
        print_item(api.get(path("bulk-commands", id)), as_json=json)


@app.command("list-results")
def list_results(
    context: typer.Context,
    id: _Id,
    state: Annotated[str | None, typer.Option(help="Only those in a state: answered, not-sent …")] = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List what became of it, station by station."""
    with asking(context) as api:
        page = api.page(path("bulk-commands", id, "commands"), limit=limit, everything=everything, state=state)
        print_page(page, COLUMNS, as_json=json)


@app.command()
def cancel(context: typer.Context, id: _Id, json: Json = False) -> None:
    """Take back what has not left of it."""
    with asking(context) as api:
        print_item(api.ask("DELETE", path("bulk-commands", id)), as_json=json)
