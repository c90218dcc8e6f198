"""`chargewright ctl transactions`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from chargewright.cli.ctl.client import asking, path
from chargewright.cli.ctl.meter_values import VALUES
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_item, print_page

__all__ = ["app"]

app = typer.Typer(help="Transactions: what was charged, and what somebody should look at.", no_args_is_help=True)


def _of_stop(name: str) -> Any:
    def cell(item: Mapping[str, Any]) -> Any:
        return None if item["stop"] is None else item["stop"][name]

    return cell


def _review(item: Mapping[str, Any]) -> str | None:
    review = item["review"]
    return None if review is None else f"{review['state']}: {', '.join(review['reasons'])}"


COLUMNS: Columns = {
    "id": "id",
    "transaction": "transactionId",
    "station": "station",
    "connector": "connectorId",
    "id tag": "idTag",
    "started": "startedAt",
    "stopped": _of_stop("timestamp"),
    "Wh": "energyWh",
    "reason": _of_stop("reason"),
    "review": _review,
}
STOPS: Columns = {
    "id": "id",
    "station": "station",
    "transaction": "transactionId",
    "time": "timestamp",
    "received": "receivedAt",
    "meterStop": "meterStop",
    "id tag": "idTag",
    "reason": "reason",
}

_Id = Annotated[str, typer.Argument(help="Id of the transaction, as `list` shows it.")]
_Station = Annotated[str | None, typer.Option(help="Only of this station (its identity).")]
_Note = Annotated[str | None, typer.Option(help="Note for people.")]


@app.command("list")
def list_(
    context: typer.Context,
    station: _Station = None,
    id_tag: Annotated[str | None, typer.Option(help="Only of this registered id tag.")] = None,
    is_open: Annotated[bool | None, typer.Option("--open/--stopped", help="Only those.")] = None,
    review: Annotated[str | None, typer.Option(help="Only those under review: pending or resolved.")] = None,
    started_after: Annotated[str | None, typer.Option(help="Date and time with a zone.")] = None,
    started_before: Annotated[str | None, typer.Option(help="Date and time with a zone.")] = None,
    reason: Annotated[str | None, typer.Option(help="Reason of the stop, such as Remote.")] = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List transactions, the newest first."""
    with asking(context) as api:
        tag = None if id_tag is None else api.ask("POST", "/id-tags/lookup", body={"idTag": id_tag})["id"]
        page = api.page(
            "/transactions",
            limit=limit,
            everything=everything,
            station=station,
            id_tag_id=tag,
            open=is_open,
            review=review,
            started_after=started_after,
            started_before=started_before,
            reason=reason,
        )
        print_page(page, COLUMNS, as_json=json)


@app.command()
def show(context: typer.Context, id: _Id, json: Json = False) -> None:
    """Show one transaction with every stop that was received for it."""
    with asking(context) as api:
        print_item(api.get(path("transactions", id)), as_json=json)


@app.command("meter-values")
def meter_values(
    context: typer.Context, id: _Id, limit: Limit = 100, everything: All = False, json: Json = False
) -> None:
    """List the meter values of a transaction."""
    with asking(context) as api:
        page = api.page(path("transactions", id, "meter-values"), limit=limit, everything=everything)
        print_page(page, VALUES, as_json=json)


@app.command()
def close(
    context: typer.Context,
    id: _Id,
    meter_stop: Annotated[int | None, typer.Option(help="Wh; else the last register that is known.")] = None,
    timestamp: Annotated[str | None, typer.Option(help="Date and time with a zone; else that of the register.")] = None,
    reason: Annotated[str | None, typer.Option(help="Reason of the stop, such as PowerLoss; else Other.")] = None,
    note: _Note = None,
    json: Json = False,
) -> None:
    """Close a transaction whose stop will not come; its station is not asked."""
    given = {"meterStop": meter_stop, "timestamp": timestamp, "reason": reason, "note": note}
    body = {name: value for name, value in given.items() if value is not None}
    with asking(context) as api:
        print_item(api.ask("POST", path("transactions", id, "close"), body=body), as_json=json)


@app.command()
def review(
    context: typer.Context,
    id: _Id,
    note: Annotated[str, typer.Option(help="What came out of it.")],
    json: Json = False,
) -> None:
    """Resolve the review of a transaction."""
    with asking(context) as api:
        print_item(api.ask("POST", path("transactions", id, "review"), body={"note": note}), as_json=json)


@app.command()
def orphans(
    context: typer.Context,
    station: _Station = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List stops whose transaction nobody knows, the last received first."""
    with asking(context) as api:
        page = api.page("/transaction-stops", limit=limit, everything=everything, relation="orphan", station=station)
        print_page(page, STOPS, as_json=json)


@app.command()
def link(
    context: typer.Context,
    stop: Annotated[str, typer.Argument(help="Id of the orphan, as `orphans` shows it.")],
    transaction: Annotated[str, typer.Argument(help="Id of the transaction that it belongs to.")],
    json: Json = False,
) -> None:
    """Say to which transaction an orphan stop belongs."""
    with asking(context) as api:
        answer = api.ask("POST", path("transaction-stops", stop, "link"), body={"transaction": transaction})
        print_item(answer, as_json=json)
