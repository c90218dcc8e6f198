"""The most that one process of stations can say, and what a transaction of theirs writes.

All of it against a central system that answers at once, in a process of its own. First a bare client that sends bytes
made beforehand, a client on the `ocpp` library that keeps nothing, and a fleet of ours, each message of which is on
disk before it is sent. Then transactions of stations on files of their own and on a shared one, with the calls of
`fsync` and `fdatasync` as `strace` sees them; where there is no strace, that is said, and the commits have to do.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
from rich.console import Console

from bench.originators import Originated
from bench.results import Result, compared
from bench.servers import ROOT, module_server
from bench.transaction_cost import Written

SECTION = "originate"
BARE, LIBRARY, FLEET = "bare client", "ocpp library", "fleet"
KINDS = {BARE: ("bare", 200), LIBRARY: ("library", 200)}
SECONDS = 4
# A fleet that keeps everything costs no more than a client that keeps nothing.
TO_LIBRARY = 1.0
LONE_STATIONS, SHARED_STATIONS = 20, 200
TIMEOUT_SECONDS = 300


def originated(url: str, kind: str, count: int) -> Originated:
    """One run."""
    command = [sys.executable, "-m", "bench.originators", kind, url, str(count), str(SECONDS)]
    run = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True, timeout=TIMEOUT_SECONDS)
    return msgspec.json.decode(run.stdout.splitlines()[-1], type=Originated)


def transactions(url: str, kind: str, count: int) -> tuple[Written, int | None]:
    """What they wrote, and how often the disk was told to keep it; None without strace."""
    command = [sys.executable, "-m", "bench.transaction_cost", kind, url, str(count)]
    strace = shutil.which("strace")
    with tempfile.TemporaryDirectory(prefix="chargewright-bench-") as folder:
        seen = Path(folder) / "strace"
        if strace is not None:
            only = ("-f", "--seccomp-bpf", "-e", "trace=fdatasync,fsync", "-ttt", "-o", str(seen))
            command = [strace, *only, *command]
        run = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True, timeout=TIMEOUT_SECONDS)
        written = msgspec.json.decode(run.stdout.splitlines()[-1], type=Written)
        if strace is None:
            return written, None
        # Lines are `process seconds call`; a call that took a while comes back in a line of its own, `resumed`.
        calls = [line.split(maxsplit=2) for line in seen.read_text().splitlines() if "sync(" in line]
        return written, sum(written.began <= float(when) <= written.ended for _, when, _ in calls)


def most(url: str, stations: int, console: Console) -> list[Result]:
    """Calls per second and CPU per call of the three."""
    runs = {name: originated(url, kind, count) for name, (kind, count) in KINDS.items()}
    runs[FLEET] = originated(url, "fleet", stations)
    results, cpu = [], {name: run.cpu_seconds / run.calls * 1e6 for name, run in runs.items()}
    for name, run in runs.items():
        rate, share = run.calls / run.seconds, run.cpu_seconds / run.seconds
        console.print(
            f"{SECTION}: {name:<13} {rate:>8,.0f} calls/s {cpu[name]:>7.1f} µs CPU per call, {share:.0%} of one core"
        )
        results.append(Result(SECTION, f"calls per second, {name}", round(rate, 1), "1/s"))
        results.append(Result(SECTION, f"share of one core, {name}", round(share * 100, 1), "%"))
    results.append(Result(SECTION, f"CPU per call, {BARE}", round(cpu[BARE], 2), "µs"))
    results.append(Result(SECTION, f"CPU per call, {LIBRARY}", round(cpu[LIBRARY], 2), "µs"))
    what, ours = f"CPU per call, {FLEET} of {stations:,}", cpu[FLEET]
    results.append(Result(SECTION, what, round(ours, 2), "µs", baseline=BARE, ratio=round(ours / cpu[BARE], 3)))
    results.append(compared(SECTION, what, ours, "µs", LIBRARY, ours / cpu[LIBRARY], TO_LIBRARY))
    return results


def costs(url: str, console: Console) -> list[Result]:
    """Of a transaction, on both kinds of file."""
    results = []
    for kind, count, what in (
        ("own", LONE_STATIONS, "on a file of its own"),
        ("shared", SHARED_STATIONS, f"of {SHARED_STATIONS} on a shared file"),
    ):
        written, syncs = transactions(url, kind, count)
        if written.transactions != count:
            raise RuntimeError(f"{written.transactions} of {count} transactions were completed")
        figures = {
            "KiB written": written.written_bytes / count / 1024,
            "commits": written.commits / count,
        }
        if syncs is None:
            console.print(f"{SECTION}: no strace here, so fsync is not counted; each commit has one at least")
        else:
            figures["fsync and fdatasync"] = syncs / count
        told = ", ".join(f"{name} {value:,.2f}" for name, value in figures.items())
        console.print(f"{SECTION}: a transaction {what}: {told}")
        results += [
            Result(SECTION, f"{name}, transaction {what}", round(value, 3), "") for name, value in figures.items()
        ]
    return results


def run(stations: int, console: Console) -> list[Result]:
    """The section of `make bench`."""
    with module_server("bench.central_system") as server:
        return [*most(server.url, stations, console), *costs(server.url, console)]
