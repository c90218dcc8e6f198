"""Commands to all stations at once, one station in ten slow to answer: does anybody wait behind somebody else's?

Every station gets a command each EVERY_SECONDS over REST, the stations in turn: at once they would only wait for the
server's CPU. First all answer at once, that is the measure; then a tenth of them takes two seconds for each answer.
The others should not notice: a server that sends in one queue, or has a fixed number of senders, would let them wait
for the slow ones.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import uvloop
from rich.console import Console

from bench.results import Result, compared, percentile
from bench.servers import Kind, Server, chargewright_server
from bench.stations import ScriptedStation, connect_scripted, greeting, identity

SECTION = "fan-out"
STATIONS = 1000
COMMANDS_EACH = 10
SLOW_ONE_IN = 10
SLOW_SECONDS = 2.0
EVERY_SECONDS = 2.5
TIMEOUT_SECONDS = 60
TOKEN = "0123456789abcdef0123456789abcdef"
# How much longer the others' commands may take when one station in ten is slow.
MOST = 2.0


class CommandedStation(ScriptedStation):
    """Accepts every CALL of the CSMS, at once or after `delay` seconds."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.delay = 0.0

    def answered(self, message: bytes) -> None:
        if not message.startswith(b"[2,"):
            super().answered(message)
            return
        call_id = msgspec.json.decode(message)[1]
        answer = b'[3,%b,{"status":"Accepted"}]' % msgspec.json.encode(call_id)
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self.send, answer)
        else:
            self.send(answer)


class RestConnection:
    """One connection to the REST API that is kept open. A library would take more CPU here than the server there."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, url: str) -> "RestConnection":
        """A connection to the server at `url` (http://host:port)."""
        host, _, port = url.removeprefix("http://").rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def post(self, path: str, body: bytes) -> tuple[int, Any]:
        """Status and decoded answer."""
        self._writer.write(
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        content = await self._reader.readexactly(length)
        return int(head.split(" ", 2)[1]), msgspec.json.decode(content)

    def close(self) -> None:
        """Drop it."""
        self._writer.close()


class Round(msgspec.Struct):
    """One fan-out: seconds of each command to a station that answers at once, and the server's CPU for all."""

    took: list[float]
    seconds: float
    cpu_seconds: float
    database_cpu_seconds: float


async def fan_out(server: Server, stations: Sequence[CommandedStation]) -> Round:
    """COMMANDS_EACH commands to each station, all stations at once."""
    took: list[float] = []
    connections = [await RestConnection.open(server.http) for _ in stations]

    async def command(station: CommandedStation, connection: RestConnection) -> None:
        path = f"/api/v1/stations/{identity(station.number)}/commands/ClearCache?timeout_seconds={TIMEOUT_SECONDS}"
        for number in range(COMMANDS_EACH):
            due = start + (number + station.number / len(stations)) * EVERY_SECONDS
            await asyncio.sleep(due - time.perf_counter())
            began = time.perf_counter()
            status, answer = await connection.post(path, b"{}")
            if status != 200 or answer.get("status") != "Accepted":
                raise RuntimeError(f"{path}: {status} {answer}")
            if not station.delay:
                took.append(time.perf_counter() - began)

    cpu, database, start = server.cpu_seconds(), server.database_cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(command(*pair) for pair in zip(stations, connections, strict=True)))
    result = Round(
        took=took,
        seconds=time.perf_counter() - start,
        cpu_seconds=server.cpu_seconds() - cpu,
        database_cpu_seconds=server.database_cpu_seconds() - database,
    )
    for connection in connections:
        connection.close()
    return result


async def measure(server: Server) -> tuple[Round, Round]:
    """All stations quick, then one in ten slow."""
    stations = [CommandedStation(number) for number in range(STATIONS)]
    await connect_scripted(server.url, stations, greeting(), at_once=20)
    await server.quiet()
    quick = await fan_out(server, stations)
    for station in stations[::SLOW_ONE_IN]:
        station.delay = SLOW_SECONDS
    mixed = await fan_out(server, stations)
    lost = sum(station.lost for station in stations)
    if lost:
        raise RuntimeError(f"{lost} of {STATIONS} stations lost their connection to {server.url}")
    return quick, mixed


def run(console: Console) -> list[Result]:
    """The section of `make bench`."""
    results: list[Result] = []
    kinds: tuple[Kind, ...] = ("SQLite", "PostgreSQL")
    count = STATIONS * COMMANDS_EACH
    for kind in kinds:
        with chargewright_server(STATIONS, kind=kind, environment={"CHARGEWRIGHT_BOOTSTRAP_TOKEN": TOKEN}) as server:
            quick, mixed = uvloop.run(measure(server))
        cpu = quick.cpu_seconds / count * 1e6
        console.print(
            f"{SECTION}: {kind}: {count:,} commands in {quick.seconds:.1f} s, {cpu:.0f} µs CPU each; "
            f"{mixed.seconds:.1f} s with one station in {SLOW_ONE_IN} slow"
        )
        results.append(Result(SECTION, f"CPU per command, {kind}", round(cpu, 1), "µs"))
        if kind == "PostgreSQL":
            beside = quick.database_cpu_seconds / count * 1e6
            results.append(Result(SECTION, "CPU per command of PostgreSQL itself", round(beside, 1), "µs"))
        for share, label in ((0.5, "p50"), (0.99, "p99")):
            before, after = percentile(quick.took, share) * 1e3, percentile(mixed.took, share) * 1e3
            what = f"{label} of the others, {kind}"
            results.append(compared(SECTION, what, after, "ms", "nobody slow", after / before, MOST))
    return results
