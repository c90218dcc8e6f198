"""Weeks in virtual time: everything is answered, and a seed gives the same bytes under any hash seed."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.end_to_end.simulated_week import ARRIVALS, DAY_SECONDS, WEEK_SECONDS


def live(stations: int, seconds: float, hash_seed: str, timeout_seconds: float = 100) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(
        subprocess.run(
            [sys.executable, "-m", "tests.end_to_end.simulated_week", "5", str(stations), str(seconds)],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=timeout_seconds,
        ).stdout
    )
    return told


def check(week: dict[str, Any], transactions: int, seconds: float) -> None:
    assert (week["open"], week["queued"]) == (0, 0)
    assert week["transactions"] == transactions
    samples = transactions * 59
    heartbeats = (week["stations"] * seconds - transactions * 3600) / 300
    assert week["calls"] >= samples + 0.9 * heartbeats
    assert week["messages"] == 2 * week["calls"], "every CALL was answered, by either side"


def test_six_hours_of_twenty_stations_under_two_hash_seeds() -> None:
    seconds = 6 * 3600.0
    first, other = live(20, seconds, "0"), live(20, seconds, "4711")
    check(first, transactions=20 * sum(hour < 5 for hour in ARRIVALS), seconds=seconds)
    assert first["digest"] == other["digest"]


@pytest.mark.soak
def test_a_week_of_a_hundred_stations() -> None:
    week = live(100, WEEK_SECONDS, "0", timeout_seconds=1800)
    check(week, transactions=100 * 7 * len(ARRIVALS), seconds=7 * DAY_SECONDS)
    assert week["digest"] == live(100, WEEK_SECONDS, "1", timeout_seconds=1800)["digest"]
