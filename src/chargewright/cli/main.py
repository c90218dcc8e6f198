"""The command `chargewright`: nothing but its parts' commands, each loaded from its own module."""

import importlib
import importlib.util
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup, TyperOption

from chargewright import __version__
from chargewright.wording import in_plain_words

__all__ = ["app", "main"]


class _Root(TyperGroup):
    """Shows no type beside a flag in any help of the tree below, as a flag takes no value; and says what is wrong with
    an option without the words of the library that checked it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            said = error.message
            error.message = said.removeprefix("Value error, ")
            if said.startswith("Input should be"):
                error.message = f"expected {in_plain_words(said)}"
            raise

    def get_params(self, ctx: Any) -> list[Any]:
        parameters = super().get_params(ctx)
        _hide_types_of_flags(self, ctx)
        return parameters


def _hide_types_of_flags(command: Any, context: Any) -> None:
    for parameter in (*command.params, command.get_help_option(context)):
        if isinstance(parameter, TyperOption) and parameter.is_flag and parameter.metavar is None:
            parameter.metavar = ""
    for part in getattr(command, "commands", {}).values():
        _hide_types_of_flags(part, context)


app = typer.Typer(
    cls=_Root,
    name="chargewright",
    help="OCPP 1.6 for all three sides of the plug.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

# Command → module and attribute. The modules import at their top what plain `chargewright` has, and the rest when run.
COMMANDS: Final = {
    "serve": ("chargewright.cli.serve", "serve"),
    "up": ("chargewright.cli.up", "up"),
}
GROUPS: Final = {
    "ctl": ("chargewright.cli.ctl.main", "ctl_app"),
    "station": ("chargewright.cli.station", "station_app"),
}


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"chargewright {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """OCPP 1.6 for all three sides of the plug."""


def _mount() -> None:
    for name, (module, attribute) in {**COMMANDS, **GROUPS}.items():
        if importlib.util.find_spec(module) is None:
            continue
        part = getattr(importlib.import_module(module), attribute)
        if name in GROUPS:
            app.add_typer(part, name=name)
        else:
            app.command(name)(part)


_mount()


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
