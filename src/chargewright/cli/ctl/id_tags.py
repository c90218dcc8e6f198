"""`chargewright ctl id-tags`."""

from typing import Annotated, Any

import typer

from chargewright.cli.ctl.client import Api, asking, path
from chargewright.cli.ctl.output import All, Columns, Json, Limit, print_done, print_item, print_page

__all__ = ["app"]

app = typer.Typer(help="Id tags: who may charge.", no_args_is_help=True)

COLUMNS: Columns = {
    "id": "id",
    "id tag": "idTag",
    "parent": "parentIdTag",
    "blocked": "blocked",
    "expires": "expiresAt",
    "transactions": "maxActiveTransactions",
    "note": "note",
}

_IdTag = Annotated[str, typer.Argument(help="What the tag says, in whatever case.")]
_Parent = Annotated[str | None, typer.Option(help="Parent id tag.")]
_Expires = Annotated[str | None, typer.Option(help="Date and time with a zone: 2031-01-01T00:00:00Z.")]
_Blocked = Annotated[bool | None, typer.Option("--blocked/--not-blocked", help="Whether it is refused.")]
_Max = Annotated[int | None, typer.Option(help="Transactions at the same time; 0: any number.")]
_Note = Annotated[str | None, typer.Option(help="Note for people.")]
_Without = Annotated[
    list[str] | None, typer.Option(help="Take away: parent, expires, max-active-transactions or note.")
]


@app.command("list")
def list_(
    context: typer.Context,
    blocked: Annotated[bool | None, typer.Option("--blocked/--not-blocked", help="Only those.")] = None,
    limit: Limit = 100,
    everything: All = False,
    json: Json = False,
) -> None:
    """List id tags."""
    with asking(context) as api:
        page = api.page("/id-tags", limit=limit, everything=everything, blocked=blocked)
        print_page(page, COLUMNS, as_json=json)


@app.command()
def show(context: typer.Context, id_tag: _IdTag, json: Json = False) -> None:
    """Show one id tag."""
    with asking(context) as api:
        print_item(_find(api, id_tag), as_json=json)


@app.command()
def add(
    context: typer.Context,
    id_tag: _IdTag,
    parent: _Parent = None,
    expires: _Expires = None,
    blocked: _Blocked = None,
    max_active_transactions: _Max = None,
    note: _Note = None,
    json: Json = False,
) -> None:
    """Register an id tag."""
    body = {"idTag": id_tag} | _members(parent, expires, blocked, max_active_transactions, note)
    with asking(context) as api:
        print_item(api.ask("POST", "/id-tags", body=body), as_json=json)


@app.command()
def change(
    context: typer.Context,
    id_tag: _IdTag,
    parent: _Parent = None,
    expires: _Expires = None,
    blocked: _Blocked = None,
    max_active_transactions: _Max = None,
    note: _Note = None,
    without: _Without = None,
    json: Json = False,
) -> None:
    """Change an id tag; what is not named stays."""
    names = {
        "parent": "parentIdTag",
        "expires": "expiresAt",
        "max-active-transactions": "maxActiveTransactions",
        "note": "note",
    }
    for word in without or ():
        if word not in names:
            raise typer.BadParameter(f"{word!r} is none of {', '.join(names)}", param_hint="--without")
    body = {names[word]: None for word in without or ()}
    body |= _members(parent, expires, blocked, max_active_transactions, note)
    with asking(context) as api:
        print_item(api.ask("PATCH", path("id-tags", _find(api, id_tag)["id"]), body=body), as_json=json)


@app.command()
def remove(context: typer.Context, id_tag: _IdTag, json: Json = False) -> None:
    """Remove an id tag: from then on it is one that nobody registered."""
    with asking(context) as api:
        api.ask("DELETE", path("id-tags", _find(api, id_tag)["id"]))
        print_done("Removed.", as_json=json)


def _find(api: Api, id_tag: str) -> dict[str, Any]:
    found: dict[str, Any] = api.ask("POST", "/id-tags/lookup", body={"idTag": id_tag})
    return found


def _members(
    parent: str | None, expires: str | None, blocked: bool | None, maximum: int | None, note: str | None
) -> dict[str, Any]:
    members = {
        "parentIdTag": parent,
        "expiresAt": expires,
        "blocked": blocked,
        "maxActiveTransactions": maximum,
        "note": note,
    }
    return {name: value for name, value in members.items() if value is not None}
