"""`chargewright ctl configurations`."""

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from chargewright.cli.ctl.client import ExitCode, asking, path
from chargewright.cli.ctl.output import Columns, Json, print_item, print_json, print_page

__all__ = ["app"]

app = typer.Typer(help="Configuration keys of stations: reported, and wanted.", no_args_is_help=True)

COLUMNS: Columns = {
    "key": "key",
    "value": "value",
    "read-only": "readonly",
    "wanted": "wanted",
    "wanted by": "wantedBy",
    "drift": lambda item: "yes" if item["isDrift"] else "",
    "answer": "answer",
}
# A station may have to be asked key by key.
READ_SECONDS = 600.0
# States in which a station lacks something that is wanted.
LACKING = frozenset({"drifted", "refused", "unreadable"})

_Station = Annotated[str, typer.Argument(help="Identity of the station.")]
_Group = Annotated[str | None, typer.Option(help="A group instead of a station.")]
_OptionalStation = Annotated[str | None, typer.Argument(help="Identity of the station.")]


@app.command()
def show(
    context: typer.Context,
    station: _Station,
    drift: Annotated[bool, typer.Option("--drift", help="Only keys that are not as wanted.")] = False,
    json: Json = False,
) -> None:
    """Show what a station reported last, and what is wanted of it."""
    with asking(context) as api:
        _print(api.get(path("stations", station, "configuration")), drift, json)


@app.command()
def read(context: typer.Context, station: _Station, json: Json = False) -> None:
    """Ask a station for all its keys now."""
    with asking(context) as api:
        found = api.ask("POST", path("stations", station, "configuration", "read"), answer_seconds=READ_SECONDS)
        _print(found, False, json)


@app.command()
def apply(context: typer.Context, station: _Station, json: Json = False) -> None:
    """Give a station what is wanted of it now. Exit code 1: it has not got all of it; the state says why."""
    with asking(context) as api:
        found = api.ask("POST", path("stations", station, "configuration", "apply"), answer_seconds=READ_SECONDS)
        _print(found, False, json)
    if found["state"] in LACKING:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def wanted(context: typer.Context, station: _OptionalStation = None, group: _Group = None, json: Json = False) -> None:
    """Show what is wanted of a station itself, or of a group."""
    with asking(context) as api:
        _print_wanted(api.get(_wanted(station, group)), json)


@app.command()
def want(
    context: typer.Context,
    station: _OptionalStation = None,
    group: _Group = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE; may be repeated.")] = None,
    drop: Annotated[list[str] | None, typer.Option("--drop", help="A key of which nothing is wanted any more.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="JSON object of keys and values: instead of all that was wanted.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Although the specification speaks against it.")] = False,
    json: Json = False,
) -> None:
    """Want other values of a station or group; keys that are not named stay wanted, unless --file is given."""
    target = _wanted(station, group)
    with asking(context) as api:
        values: dict[str, Any] = api.get(target)["values"] if file is None else _read(file)
        for name in drop or ():
            values = {key: value for key, value in values.items() if key.casefold() != name.casefold()}
        for pair in set_ or ():
            name, equals, value = pair.partition("=")
            if not equals or not name:
                raise typer.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--set")
            values = {key: each for key, each in values.items() if key.casefold() != name.casefold()} | {name: value}
        body = {"values": values}
        _print_wanted(api.ask("PUT", target, query={"force": force or None}, body=body), json)


def _wanted(station: str | None, group: str | None) -> str:
    if (station is None) == (group is None):
        raise typer.BadParameter("name either a station or --group")
    whose = path("groups", group) if group is not None else path("stations", station or "")
    return f"{whose}/configuration/wanted"


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json_module.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="--file") from error
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise typer.BadParameter(f"{file}: a JSON object whose values are texts is expected", param_hint="--file")
    return values


def _print(found: dict[str, Any], drift: bool, as_json: bool) -> None:
    items = [item for item in found["items"] if item["isDrift"] or not drift]
    if as_json:
        print_json(found | {"items": items})
        return
    print_page({"items": items, "next": None}, COLUMNS, as_json=False)
    print_item({"state": found["state"], "read at": found["readAt"]}, as_json=False)


def _print_wanted(found: dict[str, Any], as_json: bool) -> None:
    print_item(found if as_json else found["values"], as_json=as_json)
