"""A reconnect storm: all stations come back at once, each with Basic credentials, BootNotification and three statuses.

Their calls cost what they cost at any other time, so that share is measured by itself: the same calls once more, on the
connections that are there. What is left is the reconnecting, and that is held against bare upgrades, on a server that
asks for nothing and keeps nothing.
"""

import asyncio
import time
from collections.abc import Sequence

import msgspec
import uvloop
from rich.console import Console

from bench.results import Result, compared
from bench.servers import Kind, Server, chargewright_server, module_server
from bench.stations import ScriptedStation, connect_scripted, greeting

SECTION = "storm"
AT_ONCE = 500
MOST = 4.0


class Cost(msgspec.Struct):
    """What something took, per station."""

    cpu: float  # µs of the server
    database_cpu: float  # µs of the database server
    seconds: float  # of all stations together


class Storm(msgspec.Struct):
    """One server's storm and, where it has calls, their share of it."""

    whole: Cost
    calls: Cost | None = None


class _Meter:
    def __init__(self, server: Server, count: int) -> None:
        self._server, self._count = server, count
        self._cpu, self._database_cpu = server.cpu_seconds(), server.database_cpu_seconds()
        self._began = time.perf_counter()

    def read(self) -> Cost:
        """Since it was made."""
        return Cost(
            cpu=(self._server.cpu_seconds() - self._cpu) / self._count * 1e6,
            database_cpu=(self._server.database_cpu_seconds() - self._database_cpu) / self._count * 1e6,
            seconds=time.perf_counter() - self._began,
        )


async def measure(server: Server, count: int, has_calls: bool) -> Storm:
    """Let `count` stations come, go, and come back; count the coming back."""
    for number in range(2):
        stations = [ScriptedStation(one) for one in range(count)]
        meter = _Meter(server, count)
        await connect_scripted(server.url, stations, greeting(number) if has_calls else [], AT_ONCE)
        storm = Storm(meter.read())
        lost = sum(station.lost for station in stations)
        if lost:
            raise RuntimeError(f"{lost} of {count} stations lost their connection to {server.url}")
        if number == 0:
            # All of it was here before: rows, code, memory.
            for station in stations:
                station.leave()
            await server.quiet()
    if has_calls:
        await server.quiet()
        meter = _Meter(server, count)
        await send_again(stations)
        storm.calls = meter.read()
    for station in stations:
        station.leave()
    return storm


async def send_again(stations: Sequence[ScriptedStation]) -> None:
    """The same calls on the connections that are there, as many at once as in the storm."""
    waiting = iter(stations)

    async def go_on() -> None:
        for station in waiting:
            await station.run(greeting(2))

    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))


def run(count: int, console: Console) -> list[Result]:
    """The section of `make bench`."""
    with module_server("bench.echo_server") as server:
        bare = uvloop.run(measure(server, count, has_calls=False)).whole
    console.print(f"{SECTION}: bare upgrades {bare.cpu:.0f} µs CPU each, {bare.seconds:.1f} s for {count:,}")
    results = [Result(SECTION, "CPU per bare upgrade", round(bare.cpu, 1), "µs")]
    kinds: tuple[Kind, ...] = ("SQLite", "PostgreSQL")
    for kind in kinds:
        with chargewright_server(count, kind=kind) as server:
            storm = uvloop.run(measure(server, count, has_calls=True))
        assert storm.calls is not None
        whole, calls = storm.whole, storm.calls
        console.print(
            f"{SECTION}: {kind}: {whole.seconds:.1f} s for {count:,} stations, {whole.cpu:.0f} µs CPU each, "
            f"{calls.cpu:.0f} µs of it their calls; PostgreSQL's own {whole.database_cpu:.0f} µs"
        )
        results.append(Result(SECTION, f"stations per second, {kind}", round(count / whole.seconds, 1), "1/s"))
        results.append(Result(SECTION, f"CPU per station, {kind}", round(whole.cpu, 1), "µs"))
        results.append(Result(SECTION, f"CPU per station for its calls, {kind}", round(calls.cpu, 1), "µs"))
        rest = whole.cpu - calls.cpu
        what = f"CPU per reconnect, {kind}"
        results.append(compared(SECTION, what, rest, "µs", "bare upgrade", rest / bare.cpu, MOST))
        if kind == "PostgreSQL":
            what = "CPU per station of PostgreSQL itself"
            results.append(Result(SECTION, what, round(whole.database_cpu, 1), "µs"))
    return results
