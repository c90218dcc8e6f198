"""`chargewright ctl charging-profiles`."""

from typing import Annotated

import typer

from chargewright.cli.ctl.client import ExitCode, asking, path
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_item, print_page
from chargewright.cli.ctl.payloads import Force, TimeoutSeconds, answer_seconds, is_accepted, read_payload

__all__ = ["app"]

app = typer.Typer(help="Charging profiles of stations, and the limits that follow from them.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": "id",
    "station": "station",
    "connector": "connectorId",
    "profile": "chargingProfileId",
    "purpose": "chargingProfilePurpose",
    "level": "stackLevel",
    "transaction": "transactionId",
    "state": "state",
    "answer": "answer",
    "sent": "sentAt",
}
SCHEDULE_COLUMNS: Columns = {
    "connector": "connectorId",
    "unit": "chargingRateUnit",
    "duration": "duration",
    "received": "receivedAt",
    "answer": "schedule",
}

_Station = Annotated[str, typer.Argument(help="Identity of the station.")]


@app.command("list")
def list_(
    context: typer.Context,
    station: Annotated[str | None, typer.Option(help="Only those of a station.")] = None,
    connector: Annotated[int | None, typer.Option(help="Only those of a connector.")] = None,
    purpose: Annotated[
        str | None, typer.Option(help="Only ChargePointMaxProfile, TxDefaultProfile or TxProfile.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="Only those that are sent, awaiting-start, installed, unknown, refused, not-supported, replaced, "
            "cleared, absent or ended."
        ),
    ] = None,
    transaction: Annotated[int | None, typer.Option(help="Only those for a transaction.")] = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List charging profiles that were sent, the newest first; --connector and --purpose need --station or
    --transaction."""
    with asking(context) as api:
        page = api.page(
            "/charging-profiles",
            limit=limit,
            everything=everything,
            station=station,
            connector=connector,
            purpose=purpose,
            state=state,
            transaction=transaction,
        )
        print_page(page, COLUMNS, as_json=json)


@app.command()
def show(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="Id of one sending, as `list` shows it.")],
    json: Json = False,
) -> None:
    """Show a charging profile as it was sent, and what became of it."""
    with asking(context) as api:
        print_item(api.get(path("charging-profiles", id)), as_json=json)


@app.command("set")
def set_(
    context: typer.Context,
    station: _Station,
    connector: Annotated[int, typer.Argument(help="Number of the connector; 0 for the station as a whole.")],
    profile: Annotated[
        str, typer.Argument(help="The csChargingProfiles of SetChargingProfile: @file, - for standard input, or JSON.")
    ],
    timeout_seconds: TimeoutSeconds = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Give a station a charging profile. Exit code 1 where the station does not take it."""
    with asking(context) as api:
        answer = api.ask(
            "POST",
            path("stations", station, "charging-profiles"),
            query={"timeout_seconds": timeout_seconds, "force": force or None},
            body={"connectorId": connector, "profile": read_payload(profile)},
            answer_seconds=answer_seconds(timeout_seconds),
        )
        print_item(answer, as_json=json)
    if answer["state"] in ("refused", "not-supported"):
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def clear(
    context: typer.Context,
    station: _Station,
    profile: Annotated[int | None, typer.Option(help="OCPP's id: only this profile.")] = None,
    connector: Annotated[int | None, typer.Option(help="Only those of a connector.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Only those of a purpose.")] = None,
    level: Annotated[int | None, typer.Option(help="Only those of a stack level.")] = None,
    all_profiles: Annotated[bool, typer.Option("--all", help="Every profile that the station has.")] = False,
    timeout_seconds: TimeoutSeconds = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Remove charging profiles that match all that is given. Exit code 1 where the station has none of them."""
    given = {"id": profile, "connectorId": connector, "chargingProfilePurpose": purpose, "stackLevel": level}
    payload = {name: value for name, value in given.items() if value is not None}
    if all_profiles == bool(payload):
        raise typer.BadParameter("say which profiles, or --all")
    with asking(context) as api:
        answer = api.ask(
            "POST",
            path("stations", station, "commands", "ClearChargingProfile"),
            query={"timeout_seconds": timeout_seconds, "force": force or None},
            body=payload,
            answer_seconds=answer_seconds(timeout_seconds),
        )
        print_item(answer, as_json=json)
    if not is_accepted(answer):
        raise typer.Exit(ExitCode.FAILED)


@app.command("composite-schedule")
def composite_schedule(
    context: typer.Context,
    station: _Station,
    connector: Annotated[int | None, typer.Argument(help="Ask for this connector; absent: what was told last.")] = None,
    duration: Annotated[int, typer.Option(min=1, help="Of how many seconds.")] = 3600,
    unit: Annotated[str | None, typer.Option(help="A or W; absent: the station chooses.")] = None,
    timeout_seconds: TimeoutSeconds = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Ask a station which limits will hold, or without CONNECTOR show what it told last."""
    with asking(context) as api:
        if connector is None:
            page = api.page(path("stations", station, "composite-schedules"), everything=True)
            print_page(page, SCHEDULE_COLUMNS, as_json=json)
            return
        payload = {"connectorId": connector, "duration": duration}
        answer = api.ask(
            "POST",
            path("stations", station, "commands", "GetCompositeSchedule"),
            query={"timeout_seconds": timeout_seconds, "force": force or None},
            body=payload | ({} if unit is None else {"chargingRateUnit": unit}),
            answer_seconds=answer_seconds(timeout_seconds),
        )
        print_item(answer, as_json=json)
    if not is_accepted(answer):
        raise typer.Exit(ExitCode.FAILED)
