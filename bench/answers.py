"""How soon a station of ours answers and acts, over real sockets, beside what three certificates print of real ones.

The station is a process of its own, `chargewright station run reference`, and has every command of the CSMS sent to it,
those with consequences by themselves: a vehicle that somebody plugged in is started and stopped from afar. Nothing is
slow in simulated hardware unless it is told to be, so the same starts are made once more with a contactor that takes
its time, and that time is shown apart. Each time begins when the CALL is sent.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import uvloop
from rich.console import Console
from tests.commands_catalogue import PAYLOADS

from bench.central_system import CentralSystem, Line
from bench.results import Result, bounded, percentile
from bench.servers import ROOT, STOP_SECONDS
from chargewright.pics.loading import load
from chargewright.pics.station import StationPics

SECTION = "answers"
IDENTITY = "BENCH"
CERTIFIED = ("kempower_s_series", "koolsign_kcap7pg_cl5g", "xcharge_c6")
# Of connectors 1 and 2 that which has its cable fixed, and therefore no lock.
CONNECTOR = 2
ROUNDS = 20  # even, as some commands undo each other in turn
STARTS = 10
RESETS = 3
CONTACTOR_SECONDS = 0.2
START_SECONDS = 60.0
# What has consequences, which are waited for.
BY_THEMSELVES = frozenset(
    {"RemoteStartTransaction", "RemoteStopTransaction", "Reset", "TriggerMessage", "ExtendedTriggerMessage"}
)
# The reference station takes firmware that is signed, and no other.
NOT_SERVED = frozenset({"UpdateFirmware"})
TRIGGERED, STARTED, CHARGING, STOPPED = (
    "TriggerMessage to Heartbeat",
    "remote start to StartTransaction",
    "remote start to Charging",
    "remote stop to StopTransaction",
)
# The rows of a certificate.
ROWS = {
    "response_timeout": "response",
    "triggered_function_timeout": "triggered function",
    "remote_start_time": "remote start",
    "remote_stop_time": "remote stop",
}


class Times(msgspec.Struct):
    """Seconds: of the answers by command, and until what a command leads to."""

    answers: dict[str, list[float]]
    effects: dict[str, list[float]]


class Station:
    """The process, its line, and hands at it."""

    def __init__(self, system: CentralSystem, line: Line, hands: httpx.AsyncClient) -> None:
        self.system, self.line, self._hands = system, line, hands
        self.times = Times({}, {})

    async def ask(self, action: str, payload: object) -> float:
        """Send a command, keep how long its answer took; returns when it was sent."""
        self.system.came.clear()
        began = time.perf_counter()
        seconds, answer = await self.line.call(action, payload)
        self.times.answers.setdefault(action, []).append(seconds)
        if action in BY_THEMSELVES and answer["status"] != "Accepted":
            raise RuntimeError(f"{action} was answered with {answer}")
        return began

    async def effect(self, name: str, began: float, action: str, **fields: object) -> None:
        """Keep how long it took until that call came."""
        self.times.effects.setdefault(name, []).append(await self.system.expect(action, **fields) - began)

    async def do(self, word: str, **fields: object) -> None:
        """By hand."""
        self.system.came.clear()
        answer = await self._hands.post(f"/api/v1/stations/{IDENTITY}/{word}", json=fields)
        if answer.status_code != 200:
            raise RuntimeError(f"{word}: {answer.text}")

    async def ready(self) -> None:
        """Wait until it has said that its connectors are free."""
        await self.system.expect("StatusNotification", connectorId=CONNECTOR, status="Available")


@asynccontextmanager
async def station(*options: str) -> AsyncIterator[Station]:
    """A reference station that has booted."""
    system = CentralSystem(watches=True)
    await system.start()
    with tempfile.TemporaryDirectory(prefix="chargewright-bench-") as folder:
        command = ("station", "run", "reference", "--csms", system.url, "--id", IDENTITY, "--data", folder)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chargewright.cli.main", *command, "--log-level", "error", *options),
            *("--control", "127.0.0.1:0"),
            stdout=asyncio.subprocess.DEVNULL,
            cwd=ROOT,
        )
        try:
            line = await asyncio.wait_for(system.lines.get(), START_SECONDS)
            notice = json.loads((Path(folder) / f"{IDENTITY}.control.json").read_bytes())
            headers = {"Authorization": f"Bearer {notice['token']}"}
            async with httpx.AsyncClient(base_url=notice["url"], headers=headers) as hands:
                there = Station(system, line, hands)
                await there.ready()
                yield there
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
            system.close()


async def every_command(there: Station) -> None:
    """All that have no consequences, one after another."""
    for number in range(ROUNDS):
        for action, usual in PAYLOADS.items():
            if action in BY_THEMSELVES | NOT_SERVED:
                continue
            payload = dict(usual)
            if action == "ChangeAvailability" and number % 2:
                payload["type"] = "Operative"
            elif action == "SendLocalList":
                payload["listVersion"] = number + 1
            await there.ask(action, payload)


async def triggers(there: Station) -> None:
    """A heartbeat each."""
    for _ in range(ROUNDS):
        for action in ("TriggerMessage", "ExtendedTriggerMessage"):
            began = await there.ask(action, PAYLOADS[action])
            await there.effect(TRIGGERED, began, "Heartbeat")


async def charges(there: Station, contactor_seconds: float = 0.0) -> None:
    """Somebody plugs in; start and stop come from afar."""
    for number in range(STARTS):
        await there.do("plug-in", connector=CONNECTOR, soc_percent=20)
        await there.system.expect("StatusNotification", connectorId=CONNECTOR, status="Preparing")
        began = await there.ask("RemoteStartTransaction", {"connectorId": CONNECTOR, "idTag": "TAG"})
        await there.effect(STARTED, began, "StartTransaction")
        await there.effect(CHARGING, began, "StatusNotification", connectorId=CONNECTOR, status="Charging")
        began = await there.ask("RemoteStopTransaction", {"transactionId": number + 1})
        await there.effect(STOPPED, began, "StopTransaction")
        await there.do("unplug", connector=CONNECTOR)
        await there.ready()
        # The contactor still opens, which no message tells, and would make the next start wait.
        await asyncio.sleep(contactor_seconds)


async def resets(there: Station) -> None:
    """Each time it goes and comes back."""
    for number in range(RESETS):
        await there.ask("Reset", {"type": "Hard" if number % 2 else "Soft"})
        there.line = await asyncio.wait_for(there.system.lines.get(), START_SECONDS)
        await there.ready()


async def measure() -> tuple[Times, Times]:
    """A station whose hardware takes no time, and the starts of one whose contactor takes some."""
    async with station() as quick:
        await triggers(quick)
        await charges(quick)
        await every_command(quick)
        await resets(quick)
    async with station("--hardware-delay", f"contactor={CONTACTOR_SECONDS}") as slow:
        await charges(slow, CONTACTOR_SECONDS)
    return quick.times, slow.times


def printed() -> dict[str, dict[str, tuple[float, float]]]:
    """Seconds that certificates print, by row and PICS: least and mean."""
    rows: dict[str, dict[str, tuple[float, float]]] = {row: {} for row in ROWS}
    for name in CERTIFIED:
        pics = load(name)
        if not isinstance(pics, StationPics) or pics.performance is None:
            raise RuntimeError(f"{name} has no measured times")
        for row in ROWS:
            duration = getattr(pics.performance, row)
            rows[row][name] = (duration.measured_minimum, duration.measured_average)
    return rows


def judge(quick: Times, slow: Times) -> list[Result]:
    """What took how long; all of it has to be quicker than the quickest that any certificate prints."""
    certificates = printed()
    results = []

    def add(name: str, seconds: list[float], row: str) -> None:
        usual, most = percentile(seconds, 0.5), percentile(seconds, 0.99)
        least = min(times[0] for times in certificates[row].values())
        results.append(Result(SECTION, f"{name}, 50 %", round(usual * 1e3, 2), "ms"))
        results.append(bounded(SECTION, f"{name}, 99 %", most * 1e3, "ms", least * 1e3))

    for action in sorted(quick.answers):
        seconds = quick.answers[action]
        results.append(Result(SECTION, f"answer to {action}", round(percentile(seconds, 0.5) * 1e3, 2), "ms"))
    add("any answer", [seconds for times in quick.answers.values() for seconds in times], "response_timeout")
    add(TRIGGERED, quick.effects[TRIGGERED], "triggered_function_timeout")
    add(STARTED, quick.effects[STARTED], "remote_start_time")
    add(CHARGING, quick.effects[CHARGING], "remote_start_time")
    add(STOPPED, quick.effects[STOPPED], "remote_stop_time")
    for name in (STARTED, CHARGING, STOPPED):
        more = percentile(slow.effects[name], 0.5) - percentile(quick.effects[name], 0.5)
        what = f"{name}, more with a contactor of {CONTACTOR_SECONDS * 1e3:.0f} ms"
        results.append(Result(SECTION, what, round(more * 1e3, 2), "ms"))
    for row, of in certificates.items():
        for name, (_, mean) in of.items():
            what = f"certificate of {name}, mean {ROWS[row]}"
            results.append(Result(SECTION, what, round(mean * 1e3, 2), "ms"))
    return results


def run(console: Console) -> list[Result]:
    """The section of `make bench`."""
    results = judge(*uvloop.run(measure()))
    for result in results:
        if result.target is not None:
            console.print(f"{SECTION}: {result.name} {result.value:.2f} ms (the quickest certificate {result.target})")
    return results
