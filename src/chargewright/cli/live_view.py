"""The live view of `chargewright up`: stations, connectors, power, energy, messages per second."""

from collections import deque
from collections.abc import Mapping
from typing import Final

from rich import box
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.station.snapshot import ConnectorSnapshot, StationSnapshot

__all__ = ["MessageRate", "draw", "one_line", "visible_columns"]

COLOURS: Final[Mapping[ChargePointStatus, str]] = {
    ChargePointStatus.AVAILABLE: "green",
    ChargePointStatus.PREPARING: "cyan",
    ChargePointStatus.CHARGING: "bold bright_blue",
    ChargePointStatus.SUSPENDED_EV: "yellow",
    ChargePointStatus.SUSPENDED_EVSE: "yellow",
    ChargePointStatus.FINISHING: "magenta",
    ChargePointStatus.RESERVED: "magenta",
    ChargePointStatus.UNAVAILABLE: "bright_black",
    ChargePointStatus.FAULTED: "bold red",
}
POWER_BAR: Final = 6  # characters
# Name, least width, side; in the order of display.
COLUMNS: Final[tuple[tuple[str, int, JustifyMethod], ...]] = (
    ("station", 21, "left"),
    ("connector", 9, "right"),
    ("status", 13, "left"),
    ("power", 8, "right"),
    ("of rated", 8, "left"),
    ("SoC", 5, "right"),
    ("transaction", 11, "right"),
    ("energy", 9, "right"),
    ("id tag", 6, "left"),
    ("done", 4, "right"),
)
# What a narrow terminal does without, first to last, and what a column needs beside its text.
DISPENSABLE: Final = ("of rated", "id tag", "SoC", "transaction", "done", "energy")
COLUMN_MARGIN: Final = 3
WINDOW_SECONDS: Final = 5.0


class MessageRate:
    """Messages per second over the last few seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def update(self, now: float, count: int) -> float:
        """The rate, given the total `count` at `now` (monotonic seconds)."""
        samples = self._samples
        samples.append((now, count))
        while len(samples) > 2 and now - samples[1][0] >= WINDOW_SECONDS:
            samples.popleft()
        began, first = samples[0]
        return (count - first) / (now - began) if now > began else 0.0


def visible_columns(width: int) -> tuple[str, ...]:
    """The columns that a terminal of so many characters can show."""
    widths = {name: least + COLUMN_MARGIN for name, least, _ in COLUMNS}
    for name in DISPENSABLE:
        if sum(widths.values()) <= width:
            break
        del widths[name]
    return tuple(widths)


def draw(
    stations: Mapping[str, StationSnapshot],
    models: Mapping[str, str],
    rated_w: Mapping[str, tuple[float, ...]],
    heading: str,
    counters: str,
    width: int,
) -> RenderableType:
    """The whole picture for a terminal of `width` characters; `models` and `rated_w` (per connector) by station id."""
    shown = visible_columns(width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name, least, justify in COLUMNS:
        if name in shown:
            table.add_column(name, min_width=least, justify=justify, no_wrap=True)
    for identity, station in stations.items():
        for connector, rated in zip(station.connectors, rated_w[identity], strict=True):
            cells = _cells(station, connector, models[identity], rated)
            table.add_row(*(cells[name] for name in shown))
        if len(station.connectors) == 1:
            table.add_row(Text(models[identity], style="dim"))
    return Group(Text(heading, style="bold"), table, Text(counters), Text("Ctrl-C ends it in order.", style="dim"))


def _cells(
    station: StationSnapshot, connector: ConnectorSnapshot, model: str, rated_w: float
) -> dict[str, RenderableType]:
    is_first = connector.connector_id == 1
    name = Text()
    if is_first:
        name.append(station.station_id, style="bold" if station.is_accepted else "red")
        if not station.is_connected:
            name.append("  offline", style="red")
    elif connector.connector_id == 2:
        name.append(model, style="dim")
    bar = round(POWER_BAR * min(1.0, connector.power_w / rated_w)) if rated_w else 0
    number, energy = _transaction(connector)
    return {
        "station": name,
        "connector": str(connector.connector_id),
        "status": Text(str(connector.status.value), style=COLOURS[connector.status]),
        "power": f"{connector.power_w / 1000:.1f} kW" if connector.power_w else "",
        "of rated": Text("█" * bar, style="bright_blue"),
        "SoC": "" if connector.soc_percent is None else f"{connector.soc_percent:.0f} %",
        "transaction": number,
        "energy": energy,
        "id tag": connector.id_tag or "",
        "done": f"{station.transactions_completed}" if is_first else "",
    }


def _transaction(connector: ConnectorSnapshot) -> tuple[str, str]:
    if not connector.has_transaction:
        return "", ""
    number = "…" if connector.transaction_id is None else f"{connector.transaction_id}"
    return number, f"{(connector.transaction_energy_wh or 0) / 1000:.3f} kWh"


def one_line(stations: Mapping[str, StationSnapshot], counters: str) -> str:
    """The same for a log that is not a terminal."""
    parts = []
    for identity, station in stations.items():
        statuses = "/".join(str(connector.status.value) for connector in station.connectors)
        power_kw = sum(connector.power_w for connector in station.connectors) / 1000
        parts.append(f"{identity} {statuses} {power_kw:.1f} kW, {station.transactions_completed} completed")
    return "; ".join([*parts, counters])
