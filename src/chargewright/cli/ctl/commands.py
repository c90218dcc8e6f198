"""`chargewright ctl commands`."""

from typing import Annotated, Final

import typer

from chargewright.cli.ctl.client import ExitCode, asking, path
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_item, print_page
from chargewright.cli.ctl.payloads import (
    Action,
    Force,
    KeepUntil,
    Payload,
    TimeoutSeconds,
    answer_seconds,
    is_accepted,
    read_payload,
)

__all__ = ["COLUMNS", "app"]

app = typer.Typer(help="Commands to stations, and those that were kept.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": "id",
    "station": "station",
    "action": "action",
    "state": "state",
    "created": "createdAt",
    "keep until": "keepUntil",
    "finished": "finishedAt",
    "outcome": "outcome",
}
KEPT: Final = 202

_Id = Annotated[str, typer.Argument(help="Id of the command.")]


@app.command()
def send(
    context: typer.Context,
    station: Annotated[str, typer.Argument(help="Identity of the station.")],
    action: Action,
    payload: Payload = "{}",
    timeout_seconds: TimeoutSeconds = None,
    keep_until: KeepUntil = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Send one command to a station and print its response.

    Exit codes: 0 its status is Accepted, Scheduled, RebootRequired, Unlocked or AcceptedCanceled, it has none, or the
    command is kept; 1 another status, CALLERROR, no proper answer, or the queue is full; 2 a value is wrong or odd; 5
    offline, or no answer in time.
    """
    query = {"timeout_seconds": timeout_seconds, "keep_until": keep_until, "force": force or None}
    with asking(context) as api:
        status, answer = api.exchange(
            "POST",
            path("stations", station, "commands", action),
            query=query,
            body=read_payload(payload),
            answer_seconds=answer_seconds(timeout_seconds),
        )
        print_item(answer, as_json=json)
    if status != KEPT and not is_accepted(answer):
        raise typer.Exit(ExitCode.FAILED)


@app.command("list")
def list_(
    context: typer.Context,
    station: Annotated[str | None, typer.Option(help="Only those of a station.")] = None,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Only where something may still happen.")] = False,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List commands that were kept or belong to bulk commands, the newest first."""
    with asking(context) as api:
        page = api.page("/commands", limit=limit, everything=everything, station=station, unfinished=unfinished or None)
        print_page(page, COLUMNS, as_json=json)


@app.command()
def show(context: typer.Context, id: _Id, json: Json = False) -> None:
    """Show a command that was kept."""
    with asking(context) as api:
        print_item(api.get(path("commands", id)), as_json=json)


@app.command()
def cancel(context: typer.Context, id: _Id, json: Json = False) -> None:
    """Take back a command that has not left."""
    with asking(context) as api:
        print_item(api.ask("DELETE", path("commands", id)), as_json=json)
