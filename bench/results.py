"""What a bench reports: figures, ratios, targets, and whether they were met."""

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

__all__ = ["RESULTS", "Result", "bounded", "compared", "failed", "median", "percentile", "show", "write"]

RESULTS = Path(__file__).parent / "results" / "latest.json"


class Result(msgspec.Struct, omit_defaults=True):
    """One line of the table and of `latest.json`. `ratio` is value ÷ baseline."""

    section: str
    name: str
    value: float
    unit: str
    baseline: str | None = None
    ratio: float | None = None
    target: str | None = None
    met: bool | None = None


def bounded(section: str, name: str, value: float, unit: str, most: float) -> Result:
    """A figure that has a bound of its own."""
    return Result(section, name, round(value, 3), unit, target=f"<= {most:g} {unit}", met=value <= most)


def compared(section: str, name: str, value: float, unit: str, baseline: str, ratio: float, most: float) -> Result:
    """A figure that is held against another one of the same run."""
    return Result(
        section,
        name,
        round(value, 3),
        unit,
        baseline=baseline,
        ratio=round(ratio, 4),
        target=f"ratio <= {most:g}",
        met=ratio <= most,
    )


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest of `values` that at least `share` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Iterable[float]) -> float:
    """The middle of several rounds."""
    return statistics.median(values)


def failed(results: Sequence[Result]) -> bool:
    """Whether any target was missed."""
    return any(result.met is False for result in results)


def show(results: Sequence[Result], console: Console, title: str) -> None:
    """The table a person reads."""
    table = Table(title=title)
    for column in ("section", "what", "value", "unit", "baseline", "ratio", "target", "met"):
        table.add_column(column, justify="right" if column in {"value", "ratio"} else "left", no_wrap=True)
    section = ""
    for result in results:
        met = "" if result.met is None else ("yes" if result.met else "[bold red]NO[/]")
        table.add_row(
            "" if result.section == section else result.section,
            result.name,
            f"{result.value:,.2f}",
            result.unit,
            result.baseline or "",
            "" if result.ratio is None else f"{result.ratio:g}",
            result.target or "",
            met,
        )
        section = result.section
    console.print(table)


def write(results: Sequence[Result], path: Path = RESULTS) -> None:
    """Keep the results of this run, in place of the last one's."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
