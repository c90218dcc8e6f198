"""`chargewright ctl local-lists`."""

import json as json_library
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from chargewright.cli.ctl.client import ExitCode, asking, path
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_done, print_item, print_page

__all__ = ["app"]

app = typer.Typer(help="Local lists: what is wanted of stations and groups.", no_args_is_help=True)

ENTRIES: Columns = {
    "id tag": "idTag",
    "status": "status",
    "expires": "expiresAt",
    "parent": "parentIdTag",
    "follows": "follows",
}
# Half a million entries take the server a while.
PUT_SECONDS: Final = 900.0
# How often it is asked how far a station is.
POLL_SECONDS: Final = 0.5

_Name = Annotated[str, typer.Argument(help="Identity of the station, or with --group the name of a group.")]
_Group = Annotated[bool, typer.Option("--group", help="The name is that of a group.")]


@app.command()
def show(context: typer.Context, name: _Name, group: _Group = False, json: Json = False) -> None:
    """Show the wanted list, and how far stations are in step with it."""
    with asking(context) as api:
        print_item(api.get(_path(name, group)), as_json=json)


@app.command()
def entries(
    context: typer.Context,
    name: _Name,
    group: _Group = False,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List the entries of the wanted list."""
    with asking(context) as api:
        page = api.page(f"{_path(name, group)}/entries", limit=limit, everything=everything)
        print_page(page, ENTRIES, as_json=json)


@app.command()
def put(
    context: typer.Context,
    name: _Name,
    file: Annotated[Path, typer.Argument(help="Id tags one a line, or JSON objects with idTag; `-`: standard input.")],
    group: _Group = False,
    selection: Annotated[
        str, typer.Option(help="Which entries first where a station holds fewer: first or recently-used.")
    ] = "first",
    json: Json = False,
) -> None:
    """Want the entries of a file, in this order, and no others."""
    try:
        if str(file) == "-":
            text = typer.get_text_stream("stdin").read()
        else:
            text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="FILE") from error
    with asking(context) as api:
        answer = api.ask(
            "PUT",
            _path(name, group),
            query={"selection": selection},
            lines=_lines(text.splitlines()),
            answer_seconds=PUT_SECONDS,
        )
        print_item(answer, as_json=json)


@app.command()
def remove(
    context: typer.Context,
    name: _Name,
    group: _Group = False,
    empty: Annotated[bool, typer.Option("--empty", help="Want the empty list instead: stations lose theirs.")] = (
        False
    ),
    json: Json = False,
) -> None:
    """Want no list any more: stations keep what they have."""
    with asking(context) as api:
        api.ask("DELETE", _path(name, group), query={"empty": "true" if empty else None})
        print_done("The empty list is wanted." if empty else "No list is wanted.", as_json=json)


@app.command()
def sync(
    context: typer.Context,
    station: Annotated[str, typer.Argument(help="Identity of the station.")],
    json: Json = False,
) -> None:
    """Bring a station in step now, and wait for it; an interrupt ends the waiting, and not the sending."""
    with asking(context) as api:
        answer: dict[str, Any] = api.ask("POST", f"{_path(station, False)}/sync")
        while answer["progress"] is not None:
            time.sleep(POLL_SECONDS)  # the API is asked anew: it has no request that waits for the end
            answer = api.get(_path(station, False))
        print_item(answer, as_json=json)
        if answer["state"] != "in-step":
            raise typer.Exit(ExitCode.FAILED)


def _path(name: str, group: bool) -> str:
    return path("groups" if group else "stations", name, "local-list")


def _lines(lines: Iterable[str]) -> bytes:
    """Entries one a line; a line that is no JSON object is an id tag."""
    kept = (line.strip() for line in lines)
    made = (line if line.startswith("{") else json_library.dumps({"idTag": line}) for line in kept if line)
    return "\n".join(made).encode()
