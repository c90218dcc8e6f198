"""`chargewright ctl reservations`."""

from typing import Annotated, Any, Final

import typer

from chargewright.cli.ctl.client import ANSWER_SECONDS, ExitCode, asking, path
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_item, print_page

__all__ = ["app"]

app = typer.Typer(help="Reservations of connectors.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": "id",
    "station": "station",
    "reservation": "reservationId",
    "connector": "connectorId",
    "id tag": "idTag",
    "expires": "expiryDate",
    "state": "state",
    "transaction": "transactionId",
    "reason": "reason",
}
# What `add` and `cancel` are for; anything else is told by the exit code.
WANTED: Final = ("active", "cancelled")

_Id = Annotated[str, typer.Argument(help="Id of the reservation, as `list` shows it.")]
_Timeout = Annotated[float | None, typer.Option("--timeout-seconds", help="How long the answer may take.")]


@app.command("list")
def list_(
    context: typer.Context,
    station: Annotated[str | None, typer.Option(help="Only those of a station.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state, such as active.")] = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List reservations, the newest first."""
    with asking(context) as api:
        page = api.page("/reservations", limit=limit, everything=everything, station=station, state=state)
        print_page(page, COLUMNS, as_json=json)


@app.command()
def show(context: typer.Context, reservation: _Id, json: Json = False) -> None:
    """Show one reservation."""
    with asking(context) as api:
        print_item(api.get(path("reservations", reservation)), as_json=json)


@app.command()
def add(
    context: typer.Context,
    station: Annotated[str, typer.Argument(help="Identity of the station.")],
    connector: Annotated[int, typer.Argument(help="Connector; 0: whichever is free.")],
    id_tag: Annotated[str, typer.Argument(help="Id tag that it is kept for.")],
    expires: Annotated[str, typer.Argument(help="Date and time with a zone: 2031-01-01T00:00:00Z.")],
    parent: Annotated[str | None, typer.Option(help="Parent id tag; otherwise that of the registered tag.")] = None,
    number: Annotated[int | None, typer.Option(help="reservationId; otherwise one that nobody had.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Although it is odd.")] = False,
    timeout_seconds: _Timeout = None,
    json: Json = False,
) -> None:
    """Reserve a connector at the station."""
    body: dict[str, Any] = {"station": station, "connectorId": connector, "idTag": id_tag, "expiryDate": expires}
    body |= {} if parent is None else {"parentIdTag": parent}
    body |= {} if number is None else {"reservationId": number}
    query = {"timeout_seconds": timeout_seconds, "force": "true" if force else None}
    with asking(context) as api:
        seconds = ANSWER_SECONDS + (timeout_seconds or 0)
        _print(api.ask("POST", "/reservations", query=query, body=body, answer_seconds=seconds), as_json=json)


@app.command()
def cancel(context: typer.Context, reservation: _Id, timeout_seconds: _Timeout = None, json: Json = False) -> None:
    """Cancel a reservation at the station."""
    query = {"timeout_seconds": timeout_seconds}
    with asking(context) as api:
        seconds = ANSWER_SECONDS + (timeout_seconds or 0)
        answer = api.ask("DELETE", path("reservations", reservation), query=query, answer_seconds=seconds)
        _print(answer, as_json=json)


def _print(reservation: dict[str, Any], *, as_json: bool) -> None:
    print_item(reservation, as_json=as_json)
    if reservation["state"] not in WANTED:
        raise typer.Exit(ExitCode.FAILED)
