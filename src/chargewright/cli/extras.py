"""What to say when a part of Chargewright is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

__all__ = ["needs"]


@contextmanager
def needs(extra: str, command: str) -> Iterator[None]:
    """Around the imports of a command: a missing library ends it with the name of the extra that brings it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "chargewright":
            raise
        typer.echo(
            f"chargewright {command} needs {error.name!r}, which is not installed; it comes with\n"
            f"  pip install 'chargewright[{extra}]'",
            err=True,
        )
        raise typer.Exit(2) from error
