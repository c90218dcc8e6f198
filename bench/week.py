"""Virtual time: how long a week of a hundred stations and a central system takes on one core.

Heartbeats every 300 s, samples every 60 s, three one-hour charges a day at each station: about 3,000 calls each, there
and back, through both whole stacks. Two processes with different hash seeds must send the same bytes.
"""

import json
import os
import subprocess
import sys
from typing import Any

from rich.console import Console

from bench.results import Result, bounded
from bench.servers import ROOT

SECTION = "week"
STATIONS = 100
WEEK_SECONDS = 7 * 86_400
DAY_SECONDS = 86_400
MOST_SECONDS = 120.0
TIMEOUT_SECONDS = 1800
# The comparison of bytes is made with so many stations and a day.
COMPARED = 10


def live(stations: int, seconds: float, hash_seed: str) -> dict[str, Any]:
    """One run, in a process of its own."""
    command = [sys.executable, "-m", "tests.end_to_end.simulated_week", "1", str(stations), str(seconds)]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    run = subprocess.run(
        command, stdout=subprocess.PIPE, cwd=ROOT, env=environment, text=True, check=True, timeout=TIMEOUT_SECONDS
    )
    week: dict[str, Any] = json.loads(run.stdout)
    if week["open"] or week["queued"]:
        raise RuntimeError(f"{week['open']} transactions have no end and {week['queued']} messages were not answered")
    return week


def run(stations: int, console: Console) -> list[Result]:
    """The section of `make bench`."""
    week = live(stations, WEEK_SECONDS, "0")
    digests = {live(COMPARED, DAY_SECONDS, hash_seed)["digest"] for hash_seed in ("1", "4711")}
    console.print(
        f"{SECTION}: {stations} stations, {week['calls']:,} calls, {week['transactions']:,} transactions in "
        f"{week['cpu_seconds']:.1f} s of CPU"
    )
    return [
        bounded(
            SECTION, f"week of {stations} stations, CPU", week["cpu_seconds"], "s", MOST_SECONDS * stations / STATIONS
        ),
        Result(SECTION, "the same by the clock", round(week["seconds"], 3), "s"),
        Result(SECTION, "calls", week["calls"], ""),
        Result(SECTION, "CPU per call", round(week["cpu_seconds"] / week["calls"] * 1000, 4), "ms"),
        bounded(SECTION, "byte streams of two hash seeds", len(digests), "", 1),
    ]
