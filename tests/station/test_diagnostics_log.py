"""The rolling log: bounded, in order, on disk."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from chargewright.clock import ManualClock
from chargewright.station.diagnostics_log import DiagnosticsLog, LogEntry, within
from chargewright.station.store import StationStore

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_oldest_are_overwritten_and_a_restart_goes_on() -> None:
    store, clock = StationStore(":memory:", Random(1)), ManualClock(START)
    for number in range(7):
        # Each entry by a log of its own: nothing but what is on disk counts.
        DiagnosticsLog(store, clock, entries=3).note("tick", number=number)
        clock.advance(1)
    entries = DiagnosticsLog(store, clock, entries=3).entries()
    assert [entry.detail["number"] for entry in entries] == [4, 5, 6]
    assert [entry.at for entry in entries] == [START + timedelta(seconds=number) for number in (4, 5, 6)]
    assert store.records("diagnostics_log").count() == 3


@pytest.mark.parametrize(
    ("oldest", "latest", "expected"),
    [(None, None, [0, 1, 2, 3]), (1, None, [1, 2, 3]), (None, 2, [0, 1, 2]), (1, 2, [1, 2]), (3, 1, []), (9, None, [])],
)
def test_both_bounds_count(oldest: int | None, latest: int | None, expected: list[int]) -> None:
    entries = [LogEntry(START + timedelta(hours=hour), "tick", {"hour": hour}) for hour in range(4)]
    moments = [None if hour is None else START + timedelta(hours=hour) for hour in (oldest, latest)]
    assert [entry.detail["hour"] for entry in within(entries, moments[0], moments[1])] == expected
