"""`chargewright ctl events`."""

import json as json_module
from typing import Annotated

import typer

from chargewright.cli.ctl.client import asking
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_line, print_page

__all__ = ["app"]

app = typer.Typer(help="The event log.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": "id",
    "created": "createdAt",
    "station": "station",
    "kind": "kind",
    "body": "body",
}

_After = Annotated[int | None, typer.Option(min=0, help="Only those after the event with this id.")]


@app.command("list")
def list_(
    context: typer.Context,
    after: _After = None,
    station: Annotated[str | None, typer.Option(help="Only those of a station (its identity).")] = None,
    kind: Annotated[str | None, typer.Option(help="Only those of a kind; `transaction.` means all of these.")] = None,
    since: Annotated[str | None, typer.Option(help="Not before this date and time with a zone.")] = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List events, the newest first; with --after, the oldest first."""
    with asking(context) as api:
        page = api.page(
            "/events/history",
            limit=limit,
            everything=everything,
            after=after,
            newest=after is None,
            station=station,
            kind=kind,
            since=since,
        )
        print_page(page, COLUMNS, as_json=json)


@app.command()
def follow(context: typer.Context, after: _After = None, json: Json = False) -> None:
    """Print events as they happen, one line each, until Ctrl-C; with --json one JSON object each."""
    with asking(context) as api:
        for event in api.events(after):
            if json:
                typer.echo(json_module.dumps(event))
            else:
                body = json_module.dumps(event["body"], ensure_ascii=False)
                print_line(
                    f"{event['createdAt']}  {event['id']:>8}  {event['station'] or '-'}  {event['kind']}  {body}"
                )
