"""How long an Authorize takes at half of what the server can do: an open loop.

The times at which calls are to be sent are fixed before the first is sent, and a call's time runs from then on, whether
or not it could be sent: a server that stops for a moment is charged for every call that would have come in that moment.
The figures hold the load's own delay too, so they are never too good; the bare echo, asked at the same times by the
same stations, shows how much of them that is. On a machine that does other work besides, the load is kept waiting: of
several rounds the one counts in which that was least.
"""

import asyncio
import gc
import random
import time
from collections import deque
from collections.abc import Sequence

import msgspec
import uvloop
from rich.console import Console

from bench.results import Result, bounded, percentile
from bench.servers import Kind, Server, chargewright_server, id_tag, module_server
from bench.stations import BOOT, ScriptedStation, connect_scripted

SECTION = "authorize"
STATIONS = 500
ID_TAGS = 100_000
# One in so many is asked about that nobody registered.
ONE_UNKNOWN_IN = 20
WARM_UP_SECONDS = 1.0
MAXIMUM_SECONDS = 4.0
ANSWER_SECONDS = 30
TICK_SECONDS = 0.0005
ROUNDS, MOST_ROUNDS = 3, 6
# A round in which 1 % of the calls were sent later than this tells more of the machine than of the server.
LATE_MILLISECONDS = 2.0
MOST_MILLISECONDS = 10
SHARES = (0.5, 0.99, 0.999)


class AuthorizingStation(ScriptedStation):
    """Asks in closed loop, or when it is told to; what comes while it waits for an answer is sent after it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.tags = random.Random(number)
        self.calls = 0
        self.is_loading = False
        self.plan: Plan | None = None
        self.queue: deque[int] = deque()
        self.asked: int | None = None

    def answered(self, message: bytes) -> None:
        plan = self.plan
        if plan is not None:
            if self.asked is None:
                raise RuntimeError(f"an answer to nothing: {message.decode()}")
            plan.answered(self.asked)
            self.asked = None
            if self.queue:
                self.ask(self.queue.popleft())
        elif self.is_loading:
            self.calls += 1
            self.load()
        else:
            super().answered(message)

    def load(self) -> None:
        """Begin, or go on with, the closed loop."""
        self.is_loading = True
        self.send(authorize(self.calls, self.tags))

    def ask(self, index: int) -> None:
        """Send the plan's call of that index, now or after the answer to the one before."""
        if self.asked is not None:
            self.queue.append(index)
            return
        assert self.plan is not None
        self.asked = index
        self.plan.sent_at[index] = time.perf_counter()
        self.send(self.plan.messages[index])


class Plan:
    """What is sent when, by whom, and how long it took."""

    def __init__(self, rate: float, seconds: float, seed: int) -> None:
        chance = random.Random(seed)
        self.offsets: list[float] = []
        at = 0.0
        while (at := at + chance.expovariate(rate)) < seconds:
            self.offsets.append(at)
        count = len(self.offsets)
        self.messages = [authorize(f"p{number}", chance) for number in range(count)]
        self.stations = [chance.randrange(STATIONS) for _ in range(count)]
        self.began = 0.0
        self.sent_at = [0.0] * count
        self.took = [0.0] * count
        self.open = count
        self.done = asyncio.Event()

    def answered(self, index: int) -> None:
        """The answer to that call is here."""
        self.took[index] = time.perf_counter() - self.began - self.offsets[index]
        self.open -= 1
        if not self.open:
            self.done.set()

    async def run(self, stations: Sequence[AuthorizingStation]) -> "Latencies":
        """Send everything at its time and wait for the last answer."""
        for station in stations:
            station.plan = self
        # As the server does it: what is there stays.
        gc.collect()
        gc.disable()  # the load must not stop for itself
        loop = asyncio.get_running_loop()
        position, count = 0, len(self.offsets)
        self.began = time.perf_counter() + 0.1

        def tick() -> None:
            nonlocal position
            now = time.perf_counter() - self.began
            while position < count and self.offsets[position] <= now:
                stations[self.stations[position]].ask(position)
                position += 1
            if position < count:
                loop.call_later(TICK_SECONDS, tick)

        tick()
        await asyncio.wait_for(self.done.wait(), self.offsets[-1] + ANSWER_SECONDS)
        gc.enable()
        late = [sent - self.began - offset for sent, offset in zip(self.sent_at, self.offsets, strict=True)]
        return Latencies(
            rate=count / self.offsets[-1],
            milliseconds={share: percentile(self.took, share) * 1e3 for share in SHARES},
            late_milliseconds=percentile(late, 0.99) * 1e3,
        )


class Latencies(msgspec.Struct):
    """The distribution of one plan."""

    rate: float
    milliseconds: dict[float, float]
    late_milliseconds: float  # 99th percentile of how long after its time a call was sent


class Measured(msgspec.Struct):
    """One server: its most, its latencies at half of that, and those of the bare echo."""

    most_per_second: float
    cpu_microseconds: float
    latencies: Latencies
    floor: Latencies


def authorize(call_id: object, chance: random.Random) -> bytes:
    """Ask about one of the id tags of the directory, or now and then about one that nobody registered."""
    number = chance.randrange(1, ID_TAGS + 1)
    tag = f"FF{number:08X}" if number % ONE_UNKNOWN_IN == 0 else id_tag(number)
    return f'[2,"{call_id}","Authorize",{{"idTag":"{tag}"}}]'.encode()


async def stations_at(server: Server, messages: Sequence[bytes]) -> list[AuthorizingStation]:
    """Stations that are connected, and have sent `messages`."""
    stations = [AuthorizingStation(number) for number in range(STATIONS)]
    await connect_scripted(server.url, stations, messages, at_once=10)
    return stations


async def measure(server: Server, echo: Server, seconds: float) -> Measured:
    """The most in closed loop, then half of it, in rounds of `seconds`."""
    stations = await stations_at(server, [BOOT])
    for station in stations:
        station.load()
    await asyncio.sleep(WARM_UP_SECONDS)
    calls, cpu, began = sum(station.calls for station in stations), server.cpu_seconds(), time.perf_counter()
    await asyncio.sleep(MAXIMUM_SECONDS)
    calls = sum(station.calls for station in stations) - calls
    cpu, took = server.cpu_seconds() - cpu, time.perf_counter() - began
    for station in stations:
        station.leave()
    await server.quiet()
    # On sockets of their own: the answers that were still under way belong to the closed loop.
    stations, others = await stations_at(server, [BOOT]), await stations_at(echo, [])
    most = calls / took
    ours: list[Latencies] = []
    floors: list[Latencies] = []
    for number in range(MOST_ROUNDS):
        ours.append(await Plan(most / 2, seconds, seed=number).run(stations))
        floors.append(await Plan(most / 2, seconds, seed=number).run(others))
        if number + 1 >= ROUNDS and least_late(ours).late_milliseconds <= LATE_MILLISECONDS:
            break
    check(stations, server)
    check(others, echo)
    return Measured(
        most_per_second=most,
        cpu_microseconds=cpu / calls * 1e6,
        latencies=least_late(ours),
        floor=least_late(floors),
    )


def least_late(rounds: Sequence[Latencies]) -> Latencies:
    """The round in which the load kept its times best."""
    return min(rounds, key=lambda one: one.late_milliseconds)


def check(stations: Sequence[AuthorizingStation], server: Server) -> None:
    """Nobody lost the connection."""
    lost = sum(station.lost for station in stations)
    if lost:
        raise RuntimeError(f"{lost} of {STATIONS} stations lost their connection to {server.url}")


def run(seconds: float, console: Console) -> list[Result]:
    """The section of `make bench`."""
    results: list[Result] = []
    kinds: tuple[Kind, ...] = ("SQLite", "PostgreSQL")
    for kind in kinds:
        with (
            chargewright_server(STATIONS, kind=kind, id_tags=ID_TAGS) as server,
            module_server("bench.echo_server") as echo,
        ):
            measured = uvloop.run(measure(server, echo, seconds))
        here, floor = measured.latencies, measured.floor
        console.print(
            f"{SECTION}: {kind}: at most {measured.most_per_second:,.0f} calls/s ({measured.cpu_microseconds:.1f} µs "
            f"CPU); at {here.rate:,.0f} calls/s sent {here.late_milliseconds:.1f} ms late (p99)"
        )
        # When the load is kept from its times, or the bare echo cannot be asked in time either, the figures are the
        # machine's.
        is_judged = here.late_milliseconds <= LATE_MILLISECONDS and floor.milliseconds[0.99] <= MOST_MILLISECONDS / 2
        if not is_judged:
            console.print(
                f"{SECTION}: {kind}: not judged: p99 of the bare echo is {floor.milliseconds[0.99]:.1f} ms; the "
                "machine is busy with other work, measure again when it is not"
            )
        results.append(Result(SECTION, f"calls per second, {kind}", round(measured.most_per_second, 1), "1/s"))
        results.append(Result(SECTION, f"CPU per call, {kind}", round(measured.cpu_microseconds, 2), "µs"))
        for share in SHARES:
            name = f"p{share * 100:g} at half, {kind}"
            value, bare = here.milliseconds[share], floor.milliseconds[share]
            result = (
                bounded(SECTION, name, value, "ms", MOST_MILLISECONDS)
                if share == 0.99 and is_judged
                else Result(SECTION, name, round(value, 3), "ms")
            )
            result.baseline, result.ratio = "bare echo", round(value / bare, 2)
            results.append(result)
    return results
