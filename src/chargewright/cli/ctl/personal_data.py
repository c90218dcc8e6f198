"""`chargewright ctl personal-data`."""

from typing import Annotated

import typer

from chargewright.cli.ctl.client import asking
from chargewright.cli.ctl.output import Json, print_item, print_json

__all__ = ["app"]

app = typer.Typer(help="What is stored of an id tag, and taking the tag out of it.", no_args_is_help=True)

_IdTag = Annotated[str, typer.Argument(help="What the tag says, in whatever case.")]


@app.command()
def export(context: typer.Context, id_tag: _IdTag) -> None:
    """Print everything that is stored of an id tag, as JSON."""
    with asking(context) as api:
        print_json(api.ask("POST", "/personal-data/export", body={"idTag": id_tag}))


@app.command()
def pseudonymise(
    context: typer.Context,
    id_tag: _IdTag,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Remove an id tag and put a pseudonym in its place everywhere; it cannot be undone. Bills stay what they are."""
    if not yes:
        typer.confirm(f"Replace {id_tag!r} by a pseudonym in everything that is stored?", abort=True, err=True)
    with asking(context) as api:
        # However much there is to be rewritten.
        done = api.ask("POST", "/personal-data/pseudonymise", body={"idTag": id_tag}, answer_seconds=3600)
        print_item(done, as_json=json)
