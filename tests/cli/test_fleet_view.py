"""The live summary of a fleet: lines where nobody sits, a table where somebody does."""

import io
from typing import Any

import pytest
from rich.console import Console

from chargewright.cli.fleet_view import FleetView, one_line, summary
from chargewright.station.fleet import FleetFigures, FleetResult


def figures(**changes: Any) -> FleetFigures:
    values: dict[str, Any] = {
        "seconds": 12.0,
        "stations": 5000,
        "connected": 4990,
        "charging": 120,
        "queued": 7,
        "completed": 33,
        "messages": 123_456,
        "messages_per_second": 1234.5,
        "p50_seconds": 0.0042,
        "p99_seconds": 0.25,
    }
    return FleetFigures(**(values | changes))


@pytest.mark.parametrize("is_terminal", [False, True])
def test_what_is_shown(is_terminal: bool) -> None:
    stream = io.StringIO()
    with FleetView(Console(file=stream, force_terminal=is_terminal, width=100)) as view:
        view.show(figures())
        view.show(figures(seconds=13.0, p50_seconds=None, p99_seconds=None))
    text = stream.getvalue()
    for shown in ("4,990 of 5,000", "120", "33", "1,234", "4.2 ms", "250 ms"):
        assert shown in text
    assert ("\x1b[" in text) is is_terminal
    if not is_terminal:
        assert len(text.splitlines()) == 2
        assert text.splitlines()[1] == one_line(figures(seconds=13.0, p50_seconds=None, p99_seconds=None))
        assert "p50 - p99 -" in text


def test_the_summary_accounts_for_every_message() -> None:
    values = dict.fromkeys(FleetResult.__struct_fields__, 1)
    values |= {"queued_messages": 100, "answered": 90, "waiting": 7, "lost": 3}
    text = summary(FleetResult(**values))
    assert "100 durable messages: 90 answered, 7 waiting on disk, 3 lost" in text
