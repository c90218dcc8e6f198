"""`chargewright ctl firmware-updates`."""

from pathlib import Path
from typing import Annotated

import typer

from chargewright.cli.ctl.client import ANSWER_SECONDS, asking, path
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_item, print_page
from chargewright.cli.ctl.payloads import KeepUntil

__all__ = ["app"]

app = typer.Typer(help="Firmware updates: ordering them, and what stations tell of them.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": "id",
    "station": "station",
    "signed": "signed",
    "state": "state",
    "problem": "problem",
    "from": "versionBefore",
    "to": "versionAfter",
    "ordered": "createdAt",
    "changed": "changedAt",
}


@app.command("list")
def list_(
    context: typer.Context,
    station: Annotated[str | None, typer.Option(help="Only those of this station.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state, such as Installed or refused.")] = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List updates, the newest first."""
    with asking(context) as api:
        page = api.page("/firmware-updates", limit=limit, everything=everything, station=station, state=state)
        print_page(page, COLUMNS, as_json=json)


@app.command()
def show(context: typer.Context, update: Annotated[str, typer.Argument(help="Its id.")], json: Json = False) -> None:
    """Show one update with what the station told of it."""
    with asking(context) as api:
        print_item(api.get(path("firmware-updates", update)), as_json=json)


@app.command()
def add(
    context: typer.Context,
    station: Annotated[str, typer.Argument(help="Identity of the station.")],
    location: Annotated[str, typer.Argument(help="URL of the file, as the station can reach it.")],
    retrieve_date: Annotated[
        str | None, typer.Option(help="From when on it may be fetched: 2031-01-01T00:00:00Z; absent: now.")
    ] = None,
    retries: Annotated[int | None, typer.Option(min=0, help="How often to try again.")] = None,
    retry_interval: Annotated[int | None, typer.Option(min=0, help="Seconds between tries.")] = None,
    signing_certificate: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="PEM file: makes it a signed update.")
    ] = None,
    signature: Annotated[str | None, typer.Option(help="Signature of the file, base64.")] = None,
    install_date: Annotated[str | None, typer.Option(help="When a signed update is to be installed.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Although it is odd: what the warnings say.")] = False,
    timeout_seconds: Annotated[float | None, typer.Option(min=0.1, help="How long the answer may take.")] = None,
    keep_until: KeepUntil = None,
    json: Json = False,
) -> None:
    """Update the firmware of a station."""
    members = {
        "station": station,
        "location": location,
        "retrieveDate": retrieve_date,
        "retries": retries,
        "retryInterval": retry_interval,
        "signingCertificate": None if signing_certificate is None else signing_certificate.read_text(),
        "signature": signature,
        "installDate": install_date,
    }
    body = {name: value for name, value in members.items() if value is not None}
    with asking(context) as api:
        query = {"force": force or None, "timeout_seconds": timeout_seconds, "keep_until": keep_until}
        seconds = ANSWER_SECONDS + (timeout_seconds or ANSWER_SECONDS)
        print_item(api.ask("POST", "/firmware-updates", query=query, body=body, answer_seconds=seconds), as_json=json)
