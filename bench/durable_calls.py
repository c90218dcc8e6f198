"""What a durable MeterValues call costs: the bare echo, the `ocpp` library and chargewright in turn."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec
import uvloop
from rich.console import Console

from bench.results import Result, compared, median
from bench.servers import Server, chargewright_server, module_server
from bench.stations import connect_all

SECTION = "durable"
STATIONS = 200
WARM_UP_SECONDS = 2.0
ECHO, LIBRARY = "bare echo", "ocpp library"
# Most of CPU per call against the bare echo (4 is the aim), and against a server on the `ocpp` library.
TO_ECHO, TO_LIBRARY = 8.0, 0.1


class Run(msgspec.Struct):
    """One server under load for one while."""

    calls: int
    seconds: float
    cpu_seconds: float
    database_cpu_seconds: float

    @property
    def calls_per_second(self) -> float:
        return self.calls / self.seconds

    @property
    def cpu(self) -> float:
        """µs per call, of the server process."""
        return self.cpu_seconds / self.calls * 1e6

    @property
    def database_cpu(self) -> float:
        """µs per call, of the database server."""
        return self.database_cpu_seconds / self.calls * 1e6


async def measure(server: Server, seconds: float) -> Run:
    """Drive one server with all stations in closed loop and count between two moments."""
    stations = await connect_all(server.url, STATIONS)
    for station in stations:
        station.load()
    await asyncio.sleep(WARM_UP_SECONDS)
    calls = sum(station.calls for station in stations)
    cpu, database, began = server.cpu_seconds(), server.database_cpu_seconds(), time.perf_counter()
    await asyncio.sleep(seconds)
    run = Run(
        calls=sum(station.calls for station in stations) - calls,
        seconds=time.perf_counter() - began,
        cpu_seconds=server.cpu_seconds() - cpu,
        database_cpu_seconds=server.database_cpu_seconds() - database,
    )
    lost = sum(station.lost for station in stations)
    if lost:
        raise RuntimeError(f"{lost} of {STATIONS} stations lost their connection to {server.url}")
    for station in stations:
        station.is_loading = False
        station.leave()
    return run


def run(seconds: float, rounds: int, console: Console) -> list[Result]:
    """The servers in turn, `rounds` times."""
    servers: dict[str, Callable[[], AbstractContextManager[Server]]] = {
        ECHO: lambda: module_server("bench.echo_server"),
        LIBRARY: lambda: module_server("bench.library_server"),
        "SQLite": lambda: chargewright_server(STATIONS),
        "PostgreSQL": lambda: chargewright_server(STATIONS, kind="PostgreSQL"),
    }
    runs: dict[str, list[Run]] = {name: [] for name in servers}
    for turn in range(rounds):
        for name, start in servers.items():
            with start() as server:
                one = uvloop.run(measure(server, seconds))
            runs[name].append(one)
            beside = f", PostgreSQL's own {one.database_cpu:.1f} µs" if one.database_cpu_seconds else ""
            console.print(
                f"{SECTION}: round {turn + 1}/{rounds}  {name:<13} {one.calls_per_second:>9,.0f} calls/s "
                f"{one.cpu:>8.1f} µs CPU per call{beside}"
            )
    return judge(runs)


def judge(runs: dict[str, list[Run]]) -> list[Result]:
    """Medians, ratios, targets."""
    cpu = {name: median(run.cpu for run in of) for name, of in runs.items()}
    rate = {name: median(run.calls_per_second for run in of) for name, of in runs.items()}
    results = [Result(SECTION, f"calls per second, {name}", round(rate[name], 1), "1/s") for name in runs]
    results += [Result(SECTION, f"CPU per call, {name}", round(cpu[name], 2), "µs") for name in (ECHO, LIBRARY)]
    for name in ("SQLite", "PostgreSQL"):
        ours, what = cpu[name], f"CPU per call, {name}"
        results.append(compared(SECTION, what, ours, "µs", ECHO, ours / cpu[ECHO], TO_ECHO))
        results.append(compared(SECTION, what, ours, "µs", LIBRARY, ours / cpu[LIBRARY], TO_LIBRARY))
    beside = median(run.database_cpu for run in runs["PostgreSQL"])
    results.append(Result(SECTION, "CPU per call of PostgreSQL itself", round(beside, 2), "µs"))
    return results
