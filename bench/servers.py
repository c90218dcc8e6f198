"""Servers under test, each a process of its own, and what the operating system says they used."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from bench.stations import PASSWORD_HEX, identity

ROOT = Path(__file__).parent.parent


class Server(msgspec.Struct):
    """A running server: where it listens, and its process."""

    url: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """User and system time of all its threads since it began."""
        times = self.process.cpu_times()
        return times.user + times.system

    def resident_bytes(self) -> int:
        """Resident memory."""
        return int(self.process.memory_info().rss)


@contextmanager
def module_server(module: str) -> Iterator[Server]:
    """One of the two servers to compare with; it prints its port."""
    with subprocess.Popen([sys.executable, "-m", module], stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield Server(url=f"ws://127.0.0.1:{port}", process=psutil.Process(process.pid))
        finally:
            process.terminate()


def write_seed(path: Path, count: int) -> None:
    """A seed file with `count` stations and the one id tag that they use."""
    lines = ['[[id_tag]]\nid_tag = "BENCH"\n']
    lines += [f'[[station]]\nidentity = "{identity(number)}"\npassword = "{PASSWORD_HEX}"\n' for number in range(count)]
    path.write_text("\n".join(lines))


@contextmanager
def chargewright_server(stations: int, *arguments: str) -> Iterator[Server]:
    """`chargewright serve` on a fresh data directory, with that many stations seeded."""
    with tempfile.TemporaryDirectory(prefix="chargewright-bench-") as folder:
        seed = Path(folder) / "seed.toml"
        write_seed(seed, stations)
        command = [
            sys.executable,
            "-m",
            "chargewright.cli.main",
            "serve",
            "--data",
            f"{folder}/data",
            "--seed",
            str(seed),
        ]
        command += ["--ocpp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--json", "--log-level", "error", *arguments]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True, env=environment) as process:
            try:
                assert process.stdout is not None
                addresses = json.loads(process.stdout.readline())
                yield Server(url=f"ws://{addresses['ocpp'][0]}", process=psutil.Process(process.pid))
            finally:
                process.terminate()
                process.wait(30)
