"""`make bench`: speed as ratios, measured side by side in one run.

Absolute figures belong to the machine; ratios between servers that take turns on it do not. CPU time of the server
process per call is the steadiest of them.
"""

import argparse
import asyncio
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from bench.idle import idle_bytes_per_connection
from bench.servers import Server, chargewright_server, module_server
from bench.stations import connect_all

STATIONS = 200
WARM_UP_SECONDS = 2.0
RESULTS = Path(__file__).parent / "results" / "latest.json"


class Run(msgspec.Struct):
    """One server under load for one while."""

    calls: int
    seconds: float
    cpu_seconds: float

    @property
    def calls_per_second(self) -> float:
        return self.calls / self.seconds

    @property
    def cpu_microseconds_per_call(self) -> float:
        return self.cpu_seconds / self.calls * 1e6


class Result(msgspec.Struct, omit_defaults=True):
    """One line of the table and of `latest.json`. `ratio` is value ÷ baseline."""

    name: str
    value: float
    unit: str
    baseline: str | None = None
    ratio: float | None = None
    target: str | None = None
    met: bool | None = None


async def measure(server: Server, seconds: float) -> Run:
    """Drive one server with all stations in closed loop and count between two moments."""
    stations = await connect_all(server.url, STATIONS)
    for station in stations:
        station.load()
    await asyncio.sleep(WARM_UP_SECONDS)
    calls = sum(station.calls for station in stations)
    cpu, began = server.cpu_seconds(), time.perf_counter()
    await asyncio.sleep(seconds)
    run = Run(
        calls=sum(station.calls for station in stations) - calls,
        seconds=time.perf_counter() - began,
        cpu_seconds=server.cpu_seconds() - cpu,
    )
    lost = sum(station.lost for station in stations)
    if lost:
        raise RuntimeError(f"{lost} of {STATIONS} stations lost their connection to {server.url}")
    for station in stations:
        station.is_loading = False
        if station.transport is not None:
            station.transport.disconnect()
    return run


def compare(seconds: float, rounds: int, console: Console) -> dict[str, list[Run]]:
    """The three servers in turn, `rounds` times."""
    servers: dict[str, Callable[[], AbstractContextManager[Server]]] = {
        "bare echo": lambda: module_server("bench.echo_server"),
        "ocpp library": lambda: module_server("bench.library_server"),
        "chargewright": lambda: chargewright_server(STATIONS),
    }
    runs: dict[str, list[Run]] = {name: [] for name in servers}
    for turn in range(rounds):
        for name, start in servers.items():
            with start() as server:
                run = uvloop.run(measure(server, seconds))
            runs[name].append(run)
            console.print(
                f"round {turn + 1}/{rounds}  {name:<13} {run.calls_per_second:>9,.0f} calls/s "
                f"{run.cpu_microseconds_per_call:>8.1f} µs CPU per call"
            )
    return runs


def judge(runs: dict[str, list[Run]], idle_kib: float | None) -> list[Result]:
    """Medians, ratios, targets."""
    cpu = {name: statistics.median(run.cpu_microseconds_per_call for run in of) for name, of in runs.items()}
    rate = {name: statistics.median(run.calls_per_second for run in of) for name, of in runs.items()}
    ours = cpu["chargewright"]
    to_echo, to_library = ours / cpu["bare echo"], ours / cpu["ocpp library"]
    results = [Result(name=f"calls per second, {name}", value=round(rate[name], 1), unit="1/s") for name in runs]
    results += [Result(name=f"CPU per call, {name}", value=round(cpu[name], 2), unit="µs") for name in runs]
    results += [
        Result(
            name="CPU per durable call",
            value=round(ours, 2),
            unit="µs",
            baseline="bare echo",
            ratio=round(to_echo, 2),
            target="ratio <= 6 (aim 4)",
            met=to_echo <= 6,
        ),
        Result(
            name="CPU per durable call",
            value=round(ours, 2),
            unit="µs",
            baseline="ocpp library",
            ratio=round(to_library, 4),
            target="ratio <= 0.1",
            met=to_library <= 0.1,
        ),
    ]
    if idle_kib is not None:
        results.append(
            Result(
                name="memory per idle connection",
                value=round(idle_kib, 2),
                unit="KiB",
                target="<= 25",
                met=idle_kib <= 25,
            )
        )
    return results


def show(results: list[Result], console: Console) -> None:
    """The table a person reads."""
    table = Table(title="Chargewright bench: 200 stations in closed loop, 3 samples a call, SQLite")
    for column in ("what", "value", "unit", "baseline", "ratio", "target", "met"):
        table.add_column(column, justify="right" if column in {"value", "ratio"} else "left", no_wrap=True)
    for result in results:
        met = "" if result.met is None else ("yes" if result.met else "[bold red]NO[/]")
        ratio = "" if result.ratio is None else f"{result.ratio:g}"
        table.add_row(
            result.name, f"{result.value:,.2f}", result.unit, result.baseline or "", ratio, result.target or "", met
        )
    console.print(table)


def main() -> int:
    """Run, print, write; 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench", description="Speed as ratios, measured side by side.")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each run (default 30)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (default 3)")
    parser.add_argument("--idle", type=int, default=5000, help="idle connections to weigh; 0 leaves it out")
    parser.add_argument("--json", action="store_true", help="print the results as one JSON line at the end")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    console = console if console.is_terminal else Console(stderr=options.json, width=130)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    runs = compare(options.seconds, options.rounds, console)
    idle_kib = uvloop.run(idle_bytes_per_connection(options.idle)) / 1024 if options.idle else None
    results = judge(runs, idle_kib)
    show(results, console)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    if options.json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(results)) + "\n")
    return 0 if all(result.met is not False for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
