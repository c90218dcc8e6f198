"""What a person sees of a fleet while it runs, and at its end."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from chargewright.station.fleet import FleetFigures, FleetResult

__all__ = ["FleetView", "one_line", "summary"]


class FleetView:
    """Shows figures on `console`: a table that changes on a terminal, a line each time elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, figures: FleetFigures) -> None:
        """The figures of now."""
        if self._live is None:
            self._console.print(one_line(figures), soft_wrap=True, highlight=False)
        else:
            self._live.update(table(figures), refresh=True)


def one_line(figures: FleetFigures) -> str:
    """The figures of a second, in at most some hundred characters."""
    return (
        f"{figures.seconds:6.0f} s  {figures.connected:,} of {figures.stations:,} connected, "
        f"{figures.charging:,} charging, {figures.completed:,} completed, "
        f"{figures.messages_per_second:,.0f} messages/s, "
        f"answers p50 {_time(figures.p50_seconds)} p99 {_time(figures.p99_seconds)}, {figures.queued:,} queued"
    )


def table(figures: FleetFigures) -> Table:
    """The figures of a second, one below the other."""
    rows = {
        "connected": f"{figures.connected:,} of {figures.stations:,}",
        "charging": f"{figures.charging:,}",
        "transactions completed": f"{figures.completed:,}",
        "messages": f"{figures.messages:,}",
        "messages per second": f"{figures.messages_per_second:,.0f}",
        "answers p50 / p99": f"{_time(figures.p50_seconds)} / {_time(figures.p99_seconds)}",
        "messages queued": f"{figures.queued:,}",
    }
    drawn = Table(title=f"fleet, {figures.seconds:,.0f} s", show_header=False)
    for name, value in rows.items():
        drawn.add_row(name, value)
    return drawn


def summary(result: FleetResult) -> str:
    """The result, in some lines."""
    lines = [
        f"{result.stations:,} stations, {result.accepted:,} accepted; {result.transactions_started:,} transactions "
        f"started, {result.transactions_completed:,} completed, {result.transactions_running:,} running",
        f"{result.messages:,} messages, {result.messages_per_second:,.0f} per second; answers took "
        f"{_milliseconds(result.p50_milliseconds)} (p50), {_milliseconds(result.p99_milliseconds)} (p99)",
        f"{result.queued_messages:,} durable messages: {result.answered:,} answered, "
        f"{result.waiting:,} waiting on disk, {result.lost:,} lost",
        f"{result.visits:,} visits, {result.turned_away:,} found no free connector; {result.network_drops:,} network "
        f"drops, {result.power_cuts:,} power cuts; seed {result.seed}",
    ]
    if result.hindrance is not None:
        lines.append(f"not accepted: {result.hindrance}")
    return "\n".join(lines)


def _time(seconds: float | None) -> str:
    return _milliseconds(None if seconds is None else seconds * 1000)


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} ms" if value < 100 else f"{value:,.0f} ms"
