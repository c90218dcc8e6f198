"""Commands to many stations: does anybody wait behind somebody else's, and what does a command cost?

An open loop over REST at half of the rate that was the most a moment before, so that nobody waits for the server's CPU:
the times and stations are fixed before the first command is sent, and a command's time runs from then on. First all
stations answer at once; then, at the same times, every tenth takes a second for each answer. The others should not
notice: a server that sends in one queue, or has a fixed number of senders, would let them wait for the slow ones.

Then 10,000 commands as operators send them to all: ten bulk commands for 1,000 stations, at once.
"""

import asyncio
import gc
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import uvloop
from rich.console import Console

from bench.results import Result, compared, percentile
from bench.servers import Kind, Server, chargewright_server
from bench.stations import ScriptedStation, connect_scripted, greeting, identity

SECTION = "fan-out"
STATIONS = 1000
SLOW_ONE_IN = 10
SLOW_SECONDS = 1.0
# Closed loop: so many commands at any time, for so long, after so many to warm up.
AT_ONCE = 16
MAXIMUM_SECONDS = 3.0
WARM_UP_COMMANDS = 1000
OPEN_SECONDS = 4.0
ROUNDS, MOST_ROUNDS = 2, 4
# A round in which 1 % of the commands were sent later than this tells more of the machine than of the server.
LATE_MILLISECONDS = 2.0
# At half of the most, and nobody slow, half of the commands take less; else the server did not get its CPU.
BUSY_MILLISECONDS = 10.0
BULKS = 10
BULK_SECONDS = 120
LOOK_SECONDS = 0.25
TIMEOUT_SECONDS = 60
# The server closes connections on which nothing was asked for five seconds.
FRESH_SECONDS = 3.0
TOKEN = "0123456789abcdef0123456789abcdef"
# How much longer the others' commands may take when one station in ten is slow.
MOST = 1.5


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
        self.used_at = time.monotonic()

    @classmethod
    async def open(cls, url: str) -> "RestConnection":
        """A connection to the server at `url` (http://host:port)."""
        host, _, port = url.removeprefix("http://").rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        """Status and decoded answer."""
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        content = await self._reader.readexactly(length)
        self.used_at = time.monotonic()
        return int(head.split(" ", 2)[1]), msgspec.json.decode(content)

    def close(self) -> None:
        """Drop it."""
        self._writer.close()


class RestClient:
    """As many connections as there are questions at a time; the one that was used last is used next."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: list[RestConnection] = []

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        """Status and decoded answer."""
        while self._free and time.monotonic() - self._free[0].used_at > FRESH_SECONDS:
            self._free.pop(0).close()
        connection = self._free.pop() if self._free else await RestConnection.open(self._url)
        answer = await connection.ask(method, path, body)
        self._free.append(connection)
        return answer

    def close(self) -> None:
        """Drop all of them."""
        for connection in self._free:
            connection.close()


class Cost(msgspec.Struct):
    """Some commands together."""

    commands: int
    seconds: float
    cpu_seconds: float
    database_cpu_seconds: float

    @property
    def cpu(self) -> float:
        """µs per command, of the server process."""
        return self.cpu_seconds / self.commands * 1e6

    @property
    def database_cpu(self) -> float:
        """µs per command, of the database server."""
        return self.database_cpu_seconds / self.commands * 1e6


class Open(msgspec.Struct):
    """One open loop: seconds of each command to a station that is never slow, and how late all were sent."""

    took: list[float]
    late: list[float]

    @property
    def late_milliseconds(self) -> float:
        return percentile(self.late, 0.99) * 1e3


class Measured(msgspec.Struct):
    """One server. `quick` and `mixed` are the pair of rounds in which the load kept its times best."""

    single: Cost
    rate: float
    quick: Open
    mixed: Open
    burst: Cost

    @property
    def late_milliseconds(self) -> float:
        return max(self.quick.late_milliseconds, self.mixed.late_milliseconds)


@contextmanager
def counted(server: Server, cost: Cost) -> Iterator[None]:
    """Put what the time in the context took into `cost`, except the number of commands."""
    cpu, database, began = server.cpu_seconds(), server.database_cpu_seconds(), time.perf_counter()
    yield
    cost.seconds = time.perf_counter() - began
    cost.cpu_seconds = server.cpu_seconds() - cpu
    cost.database_cpu_seconds = server.database_cpu_seconds() - database


async def command(station: CommandedStation, client: RestClient) -> None:
    """One command, and its answer."""
    path = f"/api/v1/stations/{identity(station.number)}/commands/ClearCache?timeout_seconds={TIMEOUT_SECONDS}"
    status, answer = await client.ask("POST", path, b"{}")
    if status != 200 or answer.get("status") != "Accepted":
        raise RuntimeError(f"{path}: {status} {answer}")


async def closed_loop(server: Server, stations: Sequence[CommandedStation], client: RestClient) -> Cost:
    """AT_ONCE commands at any time, for a while: the most that the server can do."""
    cost = Cost(0, 0.0, 0.0, 0.0)
    turn = 0

    async def go_on(until: float, at_least: int) -> None:
        nonlocal turn
        while turn < at_least or time.perf_counter() < until:
            turn += 1
            await command(stations[turn % len(stations)], client)
            cost.commands += 1

    await asyncio.gather(*(go_on(0.0, WARM_UP_COMMANDS) for _ in range(AT_ONCE)))
    cost.commands, until = 0, time.perf_counter() + MAXIMUM_SECONDS
    with counted(server, cost):
        await asyncio.gather(*(go_on(until, 0) for _ in range(AT_ONCE)))
    return cost


async def open_loop(stations: Sequence[CommandedStation], client: RestClient, rate: float, seed: int) -> Open:
    """Commands at times and to stations that the seed fixes."""
    chance = random.Random(seed)
    plan: list[tuple[float, CommandedStation]] = []
    at = 0.0
    while (at := at + chance.expovariate(rate)) < OPEN_SECONDS:
        plan.append((at, chance.choice(stations)))
    result = Open([], [])

    async def send(station: CommandedStation, due: float) -> None:
        result.late.append(time.perf_counter() - due)
        await command(station, client)
        if station.number % SLOW_ONE_IN:  # those that are never slow, in both rounds
            result.took.append(time.perf_counter() - due)

    gc.collect()
    gc.disable()  # the load must not stop for itself
    async with asyncio.TaskGroup() as group:
        start = time.perf_counter() + 0.1
        for offset, station in plan:
            remaining = start + offset - time.perf_counter()
            if remaining > 0:
                await asyncio.sleep(remaining)
            group.create_task(send(station, start + offset))
    gc.enable()
    return result


async def burst(server: Server, client: RestClient) -> Cost:
    """BULKS bulk commands for all stations, one right after the other, until the last station has answered."""
    cost = Cost(BULKS * STATIONS, 0.0, 0.0, 0.0)
    body = b'{"action":"ClearCache","payload":{},"selection":{"all":true}}'
    with counted(server, cost):
        ids: list[str] = []
        for _ in range(BULKS):
            status, answer = await client.ask("POST", "/api/v1/bulk-commands?force=true", body)
            if status != 202:
                raise RuntimeError(f"bulk command: {status} {answer}")
            ids.append(answer["id"])
        give_up = time.perf_counter() + BULK_SECONDS
        for bulk_id in ids:
            while True:
                status, answer = await client.ask("GET", f"/api/v1/bulk-commands/{bulk_id}")
                if status != 200 or time.perf_counter() > give_up:
                    raise RuntimeError(f"bulk command: {status} {answer}")
                if not answer["unfinished"]:
                    break
                await asyncio.sleep(LOOK_SECONDS)
            if answer["states"] != {"answered": STATIONS}:
                raise RuntimeError(f"bulk command: {answer['states']}")
    return cost


async def measure(server: Server) -> Measured:
    """The most over REST; half of it with all stations quick and with one in ten slow, in turn; then the burst."""
    stations = [CommandedStation(number) for number in range(STATIONS)]
    await connect_scripted(server.url, stations, greeting(), at_once=20)
    client = RestClient(server.http)
    await server.quiet()
    single = await closed_loop(server, stations, client)
    # Not more than slow stations can take.
    rate = min(single.commands / single.seconds / 2, STATIONS / SLOW_SECONDS / 2)
    pairs: list[tuple[Open, Open]] = []
    for number in range(MOST_ROUNDS):
        pair: list[Open] = []
        for delay in (0.0, SLOW_SECONDS):
            for station in stations[::SLOW_ONE_IN]:
                station.delay = delay
            pair.append(await open_loop(stations, client, rate, seed=number))
        pairs.append((pair[0], pair[1]))
        if number + 1 >= ROUNDS and min(map(lateness, pairs)) <= LATE_MILLISECONDS:
            break
    for station in stations:
        station.delay = 0.0
    quick, mixed = min(pairs, key=lateness)
    measured = Measured(single, rate, quick, mixed, await burst(server, client))
    lost = sum(station.lost for station in stations)
    if lost:
        raise RuntimeError(f"{lost} of {STATIONS} stations lost their connection to {server.url}")
    client.close()
    return measured


def lateness(pair: tuple[Open, Open]) -> float:
    """How late the worse of two rounds was, in milliseconds."""
    return max(one.late_milliseconds for one in pair)


def run(console: Console) -> list[Result]:
    """The section of `make bench`."""
    results: list[Result] = []
    kinds: tuple[Kind, ...] = ("SQLite", "PostgreSQL")
    for kind in kinds:
        with chargewright_server(STATIONS, kind=kind, environment={"CHARGEWRIGHT_BOOTSTRAP_TOKEN": TOKEN}) as server:
            measured = uvloop.run(measure(server))
        single, burst_cost = measured.single, measured.burst
        console.print(
            f"{SECTION}: {kind}: at most {single.commands / single.seconds:,.0f} commands/s over REST, "
            f"{single.cpu:.0f} µs CPU each; at {measured.rate:,.0f}/s sent {measured.late_milliseconds:.1f} ms late "
            f"(p99); {burst_cost.commands:,} in bulk in {burst_cost.seconds:.1f} s, {burst_cost.cpu:.0f} µs CPU each"
        )
        usual = percentile(measured.quick.took, 0.5) * 1e3
        is_judged = measured.late_milliseconds <= LATE_MILLISECONDS and usual <= BUSY_MILLISECONDS
        if not is_judged:
            console.print(
                f"{SECTION}: {kind}: not judged: the load sent {measured.late_milliseconds:.1f} ms late (p99), and "
                f"with nobody slow a command took {usual:.1f} ms (p50); the machine is busy with other work, measure "
                "again when it is not"
            )
        rate = single.commands / single.seconds
        results.append(Result(SECTION, f"commands per second over REST, {kind}", round(rate, 1), "1/s"))
        results.append(Result(SECTION, f"CPU per command over REST, {kind}", round(single.cpu, 1), "µs"))
        rate = burst_cost.commands / burst_cost.seconds
        results.append(Result(SECTION, f"commands per second in bulk, {kind}", round(rate, 1), "1/s"))
        results.append(Result(SECTION, f"CPU per command in bulk, {kind}", round(burst_cost.cpu, 1), "µs"))
        if kind == "PostgreSQL":
            for how, cost in (("over REST", single), ("in bulk", burst_cost)):
                what = f"CPU per command {how} of PostgreSQL itself"
                results.append(Result(SECTION, what, round(cost.database_cpu, 1), "µs"))
        for share, label in ((0.5, "p50"), (0.99, "p99")):
            before = percentile(measured.quick.took, share) * 1e3
            after = percentile(measured.mixed.took, share) * 1e3
            what = f"{label} of the others, {kind}"
            result = compared(SECTION, what, after, "ms", "nobody slow", after / before, MOST)
            if not is_judged:
                result.target = result.met = None
            results.append(result)
    return results
