"""The data directory and the database of one run."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from chargewright.clock import SystemClock
from chargewright.csms.installation import close_database, lock_directory, open_database
from chargewright.csms.storage.base import Settlement, StationRow, StorageError, Unit

HOLDER = """
import pathlib, sys
from chargewright.csms.installation import lock_directory
lock = lock_directory(pathlib.Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def test_another_process_is_named_and_its_end_frees_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(StorageError, match=f"{directory} is in use .*process {holder.pid}"):
            lock_directory(directory)
        holder.communicate()
    lock_directory(directory).release()


async def test_the_lock_of_sqlite_in_the_same_directory_is_another(tmp_path: Path) -> None:
    lock = lock_directory(tmp_path)
    storage = await open_database(f"sqlite:///{tmp_path / 'database'}", SystemClock())
    await close_database(storage, 5)
    lock.release()


async def test_a_password_in_the_url_is_not_told() -> None:
    with pytest.raises(StorageError) as caught:
        await open_database("postgresql://somebody:secret@127.0.0.1:1/name", SystemClock())
    assert "127.0.0.1:1/name" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_database_that_takes_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "database"
    storage = await open_database(f"sqlite:///{path}", SystemClock())
    station = await storage.add_station(StationRow(id=0, identity="A1"))
    storage.journal.begin()
    settled: list[Settlement] = []
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    storage.journal.submit(Unit(station.id, 1, 0, "Test", b"", lambda unit, settlement: settled.append(settlement)))
    with capture_logs() as entries:
        await close_database(storage, 0.05)
    assert settled == [Settlement.UNAVAILABLE]
    assert [entry["units"] for entry in entries] == [1]
    blocker.close()
