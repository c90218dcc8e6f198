"""What our own stations cost: memory while idle, messages per second, bytes and commits per transaction.

A fleet runs as a process of its own against a central system in another one, so that each pays for itself: idle, one
that only answers; under load, `chargewright serve`. Memory is resident memory, of many stations with their sockets less
that of a hundred, by the stations between.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console

from bench.results import Result, bounded
from bench.servers import ROOT, STOP_SECONDS, Server, chargewright_server, module_server
from bench.stations import PASSWORD_HEX

SECTION = "fleet"
# The first hundred pay for what is loaded and allocated once.
FIRST = 100
MOST_KIB = 75
# More than these say that stations are still booting.
QUIET_MESSAGES_PER_SECOND = 40
LOAD_STATIONS = 200
LOAD_SECONDS = 20
LOAD_SPEED = 30
NOBODY = "[arrivals]\nper_hour = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n"
BUSY = NOBODY.replace("0,", "12,").replace("0]", "12]") + "[charging]\nstay_minutes = [2, 6]\n"
ANY_TAG = ("--unknown-id-tags", "accept")
KEY_VARIABLE = "CHARGEWRIGHT_BENCH_KEY"


def idle_kib(count: int, pics: str) -> float:
    """Connect `count` stations that nobody visits, and divide the growth of their process."""
    with module_server("bench.central_system") as server, tempfile.TemporaryDirectory() as folder:
        behaviour = Path(folder) / "nobody.toml"
        behaviour.write_text(NOBODY + "[connect]\nstations_per_second = 300\n")
        resident = [
            _resident_bytes(server, stations, pics, behaviour, Path(folder) / str(stations))
            for stations in (FIRST, count)
        ]
    return (resident[1] - resident[0]) / (count - FIRST) / 1024


def _resident_bytes(server: Server, count: int, pics: str, behaviour: Path, data: Path) -> int:
    """Of a fleet's process once all its stations have been accepted and have told their statuses."""
    arguments = ["--count", str(count), "--pics", pics, "--behaviour", str(behaviour), "--data", str(data)]
    process = subprocess.Popen(
        _command(server, *arguments), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            is_there = f" {count:,} of {count:,} connected" in line
            rate = re.search(r"([\d,]+) messages/s", line)
            if is_there and rate is not None and int(rate[1].replace(",", "")) < QUIET_MESSAGES_PER_SECOND:
                break
        else:
            raise RuntimeError(f"the fleet of {count} ended with exit code {process.wait(STOP_SECONDS)}")
        return int(psutil.Process(process.pid).memory_info().rss)
    finally:
        process.terminate()
        process.communicate(timeout=STOP_SECONDS)


def load() -> dict[str, float]:
    """A fleet whose drivers come and go all the time; what it said, wrote and committed."""
    with chargewright_server(LOAD_STATIONS + 1, *ANY_TAG) as server, tempfile.TemporaryDirectory() as folder:
        behaviour = Path(folder) / "busy.toml"
        behaviour.write_text(BUSY)
        arguments = [
            "--count",
            str(LOAD_STATIONS),
            "--behaviour",
            str(behaviour),
            "--data",
            f"{folder}/data",
            "--seed",
            "1",
        ]
        arguments += ["--for", str(LOAD_SECONDS), "--speed", str(LOAD_SPEED), "--json"]
        process = subprocess.Popen(
            _command(server, *arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        watched, written, cpu_seconds = psutil.Process(process.pid), 0, 0.0
        while process.poll() is None:
            try:
                written = int(watched.io_counters().write_bytes)
                times = watched.cpu_times()
                cpu_seconds = float(times.user + times.system)
            except psutil.NoSuchProcess:
                break
            # How the figures of a process are read: again and again, as nothing tells when they change.
            time.sleep(0.25)
        output = process.communicate(timeout=STOP_SECONDS)[0]
        if process.returncode:
            raise RuntimeError(f"the fleet lost something or failed: exit code {process.returncode}; {output}")
        told = json.loads(output)
    transactions = max(1, told["transactions_completed"])
    return {
        "messages per second": told["messages_per_second"],
        "messages per CPU second": told["messages"] / cpu_seconds,
        "transactions": told["transactions_completed"],
        "KiB written per transaction": written / transactions / 1024,
        "commits per transaction": told["commits"] / transactions,
        "lost": told["lost"],
    }


def _command(server: Server, *arguments: str) -> list[str]:
    # The stations that the server's seed file names, with the password that it gives them all.
    os.environ[KEY_VARIABLE] = PASSWORD_HEX
    known = ("--prefix", "BENCH", "--password-env", KEY_VARIABLE)
    return [sys.executable, "-m", "chargewright.cli.main", "station", "fleet", "--csms", server.url, *known, *arguments]


def run(count: int, console: Console) -> list[Result]:
    """The section of `make bench`."""
    os.chdir(ROOT)
    results = []
    for pics in ("minimal", "kempower_s_series"):
        kib = idle_kib(count, pics)
        console.print(f"{SECTION}: {count:,} idle stations ({pics}), {kib:.1f} KiB each")
        results.append(bounded(SECTION, f"memory per idle station of {count:,} ({pics})", kib, "KiB", MOST_KIB))
    figures = load()
    console.print(f"{SECTION}: {', '.join(f'{name} {value:,.1f}' for name, value in figures.items())}")
    results.append(bounded(SECTION, "messages lost under load", figures.pop("lost"), "", 0))
    results += [Result(SECTION, name, round(value, 3), "") for name, value in figures.items()]
    return results
