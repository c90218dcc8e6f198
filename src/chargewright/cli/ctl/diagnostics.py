"""`chargewright ctl diagnostics`."""

from typing import Annotated

import typer

from chargewright.cli.ctl.client import ANSWER_SECONDS, asking, path
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_item, print_page
from chargewright.cli.ctl.payloads import KeepUntil

__all__ = ["app"]

app = typer.Typer(help="Uploads of diagnostics and logs.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": "id",
    "station": "station",
    "kind": "kind",
    "state": "state",
    "file": "fileName",
    "problem": "problem",
    "ordered": "createdAt",
    "changed": "changedAt",
}


@app.command("list")
def list_(
    context: typer.Context,
    station: Annotated[str | None, typer.Option(help="Only those of this station.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state, such as Uploaded or nothing.")] = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List uploads, the newest first."""
    with asking(context) as api:
        page = api.page("/diagnostics", limit=limit, everything=everything, station=station, state=state)
        print_page(page, COLUMNS, as_json=json)


@app.command()
def show(context: typer.Context, upload: Annotated[str, typer.Argument(help="Its id.")], json: Json = False) -> None:
    """Show one upload with what the station told of it."""
    with asking(context) as api:
        print_item(api.get(path("diagnostics", upload)), as_json=json)


@app.command()
def add(
    context: typer.Context,
    station: Annotated[str, typer.Argument(help="Identity of the station.")],
    location: Annotated[str, typer.Argument(help="URL of a directory, as the station can reach it.")],
    log_type: Annotated[
        str | None, typer.Option(help="DiagnosticsLog or SecurityLog: ask with GetLog instead of GetDiagnostics.")
    ] = None,
    start_time: Annotated[str | None, typer.Option(help="Nothing older: 2031-01-01T00:00:00Z.")] = None,
    stop_time: Annotated[str | None, typer.Option(help="Nothing newer.")] = None,
    retries: Annotated[int | None, typer.Option(min=0, help="How often to try again.")] = None,
    retry_interval: Annotated[int | None, typer.Option(min=0, help="Seconds between tries.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Although it is odd: what the warnings say.")] = False,
    timeout_seconds: Annotated[float | None, typer.Option(min=0.1, help="How long the answer may take.")] = None,
    keep_until: KeepUntil = None,
    json: Json = False,
) -> None:
    """Let a station upload diagnostics or a log."""
    members = {
        "station": station,
        "location": location,
        "logType": log_type,
        "startTime": start_time,
        "stopTime": stop_time,
        "retries": retries,
        "retryInterval": retry_interval,
    }
    body = {name: value for name, value in members.items() if value is not None}
    with asking(context) as api:
        query = {"force": force or None, "timeout_seconds": timeout_seconds, "keep_until": keep_until}
        seconds = ANSWER_SECONDS + (timeout_seconds or ANSWER_SECONDS)
        print_item(api.ask("POST", "/diagnostics", query=query, body=body, answer_seconds=seconds), as_json=json)
