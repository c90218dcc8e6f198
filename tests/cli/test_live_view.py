"""What a person sees: every station and connector, power as a bar, and one line where there is no terminal."""

import io

import pytest
from rich.console import Console

from chargewright.cli.live_view import COLOURS, COLUMNS, MessageRate, draw, one_line, visible_columns
from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.station.snapshot import ConnectorSnapshot, StationSnapshot


def connector(number: int, status: ChargePointStatus, power_w: float = 0.0, **more: object) -> ConnectorSnapshot:
    facts: dict[str, object] = {
        "register_wh": 12_345,
        "soc_percent": None,
        "has_transaction": False,
        "transaction_id": None,
        "transaction_energy_wh": None,
        "id_tag": None,
    }
    return ConnectorSnapshot(connector_id=number, status=status, power_w=power_w, **(facts | more))  # type: ignore[arg-type]


def station(name: str, *connectors: ConnectorSnapshot, is_connected: bool = True) -> StationSnapshot:
    return StationSnapshot(
        station_id=name,
        is_connected=is_connected,
        is_accepted=is_connected,
        connectors=connectors,
        transactions_completed=3,
        energy_completed_wh=4200,
        energy_running_wh=100,
        messages_sent=10,
        messages_received=9,
        messages_queued=0,
    )


CHARGING = connector(
    2,
    ChargePointStatus.CHARGING,
    40_000.0,
    soc_percent=61.7,
    has_transaction=True,
    transaction_id=17,
    transaction_energy_wh=1_250,
    id_tag="…ER-1",
)
STATIONS = {
    "ONE": station("ONE", connector(1, ChargePointStatus.AVAILABLE), CHARGING),
    "TWO": station("TWO", connector(1, ChargePointStatus.FAULTED), is_connected=False),
}


def shown(width: int = 130) -> str:
    console = Console(file=io.StringIO(), width=width, record=True)
    models = {"ONE": "kempower_s_series", "TWO": "minimal"}
    rated_w = {"ONE": (80_000.0, 80_000.0), "TWO": (11_000.0,)}
    console.print(draw(STATIONS, models, rated_w, "heading", "7 messages", width))
    return console.export_text()


@pytest.mark.parametrize(
    "text", ["heading", "ONE", "kempower_s_series", "TWO  offline", "minimal", "7 messages", "Ctrl-C", "Faulted"]
)
def test_the_picture_names_everything(text: str) -> None:
    assert text in shown()


def test_a_charging_connector_shows_its_transaction_and_half_a_bar_at_half_power() -> None:
    line = next(line for line in shown().splitlines() if "Charging" in line)
    assert " ".join(line.split()) == "kempower_s_series 2 Charging 40.0 kW ███ 62 % 17 1.250 kWh …ER-1"


def test_a_transaction_without_its_number_yet_shows_dots() -> None:
    waiting = connector(1, ChargePointStatus.CHARGING, 1.0, has_transaction=True, transaction_energy_wh=0)
    console = Console(file=io.StringIO(), width=130, record=True)
    console.print(draw({"X": station("X", waiting)}, {"X": "m"}, {"X": (0.0,)}, "", "", 130))
    line = next(line for line in console.export_text().splitlines() if "Charging" in line)
    assert " ".join(line.split()) == "X 1 Charging 0.0 kW … 0.000 kWh 3"


@pytest.mark.parametrize("width", [66, 80, 100, 110, 125, 200])
def test_no_terminal_cuts_a_column_it_shows(width: int) -> None:
    lines = shown(width).splitlines()
    head = next(line for line in lines if "station" in line)
    assert " ".join(head.split()) == " ".join(visible_columns(width))
    assert max(map(len, lines)) <= width
    assert not any("…" in line.replace("…ER-1", "") for line in lines)


def test_a_narrow_terminal_keeps_what_matters_most() -> None:
    assert visible_columns(66) == ("station", "connector", "status", "power")
    assert visible_columns(200) == tuple(name for name, _, _ in COLUMNS)


def test_every_status_has_a_colour() -> None:
    assert set(COLOURS) == set(ChargePointStatus)


def test_the_line_for_logs_sums_power_and_counts() -> None:
    line = one_line(STATIONS, "7 messages")
    assert line == ("ONE Available/Charging 40.0 kW, 3 completed; TWO Faulted 0.0 kW, 3 completed; 7 messages")


def test_the_rate_is_taken_over_the_last_seconds_only() -> None:
    rate = MessageRate()
    assert rate.update(100.0, 5) == 0.0
    assert rate.update(101.0, 15) == 10.0
    for second in range(2, 20):
        rate.update(100.0 + second, 15)
    assert rate.update(120.0, 15) == 0.0
