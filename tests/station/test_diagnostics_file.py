"""The technician's file."""

import json
from datetime import UTC, datetime

import pytest

from chargewright.file_transfer.locations import checked_file_name
from chargewright.station.diagnostics_file import document, file_name
from chargewright.station.diagnostics_log import LogEntry

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_sections_and_log_stand_in_one_document() -> None:
    entry = LogEntry(NOW, "status", {"connector": 1})
    made = json.loads(document("CW 1", NOW, {"queue": lambda: [1, 2]}, [entry]))
    assert made == {
        "station": "CW 1",
        "madeAt": "2026-01-02T03:04:05Z",
        "queue": [1, 2],
        "log": [{"at": "2026-01-02T03:04:05Z", "event": "status", "connector": 1}],
    }


@pytest.mark.parametrize("station_id", ["CW 1", "..", "A:B*|<>", "x" * 48, "ä", ""])
def test_every_server_takes_the_name(station_id: str) -> None:
    name = file_name(station_id, "diagnostics", NOW)
    assert name.endswith("-diagnostics-20260102T030405Z.json")
    assert not name.startswith(".")
    assert checked_file_name("ftp://h/", name) == name
