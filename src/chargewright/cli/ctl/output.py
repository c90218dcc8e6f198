"""What `chargewright ctl` prints: tables for people, the JSON of the API for programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["All", "Columns", "Json", "Limit", "print_done", "print_item", "print_line", "print_page"]

Json = Annotated[bool, typer.Option("--json", help="Print the JSON of the API.")]
All = Annotated[bool, typer.Option("--all", help="Everything there is, instead of --limit.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]

# Where nobody looks: wide enough that nothing is folded.
UNSEEN_WIDTH: Final = 240
# Blanks between the names of members and their values.
GAP: Final = 2

# Heading → name of the member, or how to make the cell.
Columns = Mapping[str, str | Callable[[Mapping[str, Any]], Any]]


def print_page(page: Mapping[str, Any], columns: Columns, *, as_json: bool) -> None:
    """A page of a list."""
    if as_json:
        print_json(page)
        return
    items: Sequence[Mapping[str, Any]] = page["items"]
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for item in items:
        table.add_row(*(_cell(_of(item, column)) for column in columns.values()))
    console = _console()
    if not items:
        console.print(Text("None."))
        return
    console.print(table)
    if page["next"] is not None:
        console.print(Text(f"There is more; --all shows everything, --limit more than {len(items)}."))


def print_item(item: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing with all that is known of it."""
    if as_json:
        print_json(item)
        return
    console = _console()
    cells = {name: _lines(value) for name, value in item.items()}
    if not console.is_terminal:  # each line as it is, without blanks up to some width
        width = max(map(len, cells), default=0) + GAP
        for name, cell in cells.items():
            for number, line in enumerate(cell.plain.split("\n")):
                typer.echo(f"{'' if number else name:{width}}{line}".rstrip())
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, cell in cells.items():
        table.add_row(Text(name, style="bold"), cell)
    console.print(table)


def print_done(sentence: str, *, as_json: bool) -> None:
    """That something without an answer was done; programs have the exit code."""
    if not as_json:
        _console().print(Text(_printable(sentence)))


def print_line(text: str) -> None:
    """One line of something that goes on; nothing in it steers a terminal."""
    typer.echo(_printable(text))


def print_json(value: Any) -> None:
    """As the API sent it."""
    typer.echo(json.dumps(value, indent=2))


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=UNSEEN_WIDTH)


def _of(item: Mapping[str, Any], column: str | Callable[[Mapping[str, Any]], Any]) -> Any:
    return item.get(column) if isinstance(column, str) else column(item)


def _cell(value: Any) -> Text:
    if value is None:
        text = "-"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = _words(value)
    return Text(_printable(text), overflow="fold")


def _lines(value: Any) -> Text:
    """The same with a line for each of several objects, such as what an update went through."""
    if isinstance(value, list) and len(value) > 1 and all(isinstance(each, dict) for each in value):
        return Text(_printable("\n".join(map(_words, value))), overflow="fold")
    return _cell(value)


def _words(value: Any) -> str:
    """Nested values as people write them: members that say nothing are left out."""
    if isinstance(value, dict):
        said = {name: each for name, each in value.items() if each is not None and each not in ([], {})}
        return ", ".join(f"{name} {_inner(each)}" for name, each in said.items()) or "-"
    if isinstance(value, list):
        return "; ".join(_inner(each) for each in value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def _inner(value: Any) -> str:
    return f"({_words(value)})" if isinstance(value, dict) else _words(value)


def _printable(text: str) -> str:
    """What a station sent must not steer a terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)
