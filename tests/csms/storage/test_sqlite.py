"""What only SQLite has: one process per directory, pragmas, a busy file, two ways to commit."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from chargewright.clock import LoopClock, SystemClock
from chargewright.csms.storage.base import (
    ANY_EPOCH,
    EventRecord,
    MeterValueRecord,
    Settlement,
    StationRow,
    StatusRecord,
    StopRecord,
    StorageError,
    StorageUnavailable,
    Unit,
)
from chargewright.csms.storage.sqlite import ROWS_ON_THE_LOOP, UNAVAILABLE, DirectoryLock, open_sqlite, storage_error
from chargewright.errors import ConfigurationError
from chargewright.simulation import simulate

STATUS = StatusRecord(connector_id=1, status="Available", error_code="NoError", instant=1)


@pytest.mark.parametrize("writer", ["thread", "inline"])
async def test_the_committing_connection_says_that_it_is_durable(tmp_path: Path, sit_down: Any, writer: Any) -> None:
    storage = await open_sqlite(tmp_path / "csms.db", SystemClock(), writer=writer)
    desk = await sit_down(storage)
    asked: list[str] = []
    storage._connection.set_trace_callback(asked.append)
    await desk.write(STATUS)
    storage._connection.set_trace_callback(None)
    assert asked[-1] == "COMMIT"  # this is the connection that commits
    assert storage._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert storage._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert storage._connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


async def test_a_connection_that_is_not_durable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargewright.csms.storage.sqlite.TUNING", ("PRAGMA synchronous=OFF",))
    with pytest.raises(StorageError, match="PRAGMA synchronous is 0"):
        await open_sqlite(tmp_path / "csms.db", SystemClock())
    DirectoryLock(tmp_path).release()  # nothing was left locked


async def test_a_second_process_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    holder = subprocess.Popen(  # noqa: ASYNC220  # the test has nothing else to do meanwhile
        [sys.executable, "-c", HOLD_LOCK, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(StorageError, match=rf"{tmp_path} is in use.*process {holder.pid}\b"):
        await open_sqlite(tmp_path / "csms.db", SystemClock())
    holder.communicate("")
    storage = await open_sqlite(tmp_path / "csms.db", SystemClock())
    with pytest.raises(StorageError, match=rf"process {os.getpid()}\b"):
        await open_sqlite(tmp_path / "other.db", SystemClock())
    await storage.close()


HOLD_LOCK = """
import sys, pathlib
from chargewright.csms.storage.sqlite import DirectoryLock
lock = DirectoryLock(pathlib.Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("writer", ["thread", "inline"])
async def test_a_busy_file_delays_and_loses_nothing(tmp_path: Path, sit_down: Any, writer: Any) -> None:
    storage = await open_sqlite(tmp_path / "csms.db", SystemClock(), writer=writer)
    desk = await sit_down(storage)
    storage._connection.execute("PRAGMA busy_timeout=1")
    other = sqlite3.connect(tmp_path / "csms.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    units = [desk.submit(STATUS, EventRecord(kind="x", body={})) for _ in range(3)]
    while storage.journal.statistics()["retries"] < 2:  # noqa: ASYNC110  # a counter, not an event
        await asyncio.sleep(0)
    assert desk.settled == []
    with pytest.raises(StorageUnavailable, match="locked"):
        await storage.probe()
    other.execute("ROLLBACK")
    other.close()
    await storage.journal.drain()
    assert [desk.settlement(unit) for unit in units] == [Settlement.DURABLE] * 3
    assert await desk.rows("SELECT count(*) FROM event") == [(3,)]
    assert storage.journal.statistics()["failing_seconds"] == 0


async def test_what_was_committed_is_there_after_opening_again(tmp_path: Path, sit_down: Any) -> None:
    storage = await open_sqlite(tmp_path / "csms.db", SystemClock())
    station = await storage.add_station(StationRow(id=0, identity="CP1"))
    storage.journal.begin()
    storage.journal.submit(unit := Unit(station.id, ANY_EPOCH, 1, "A", b"", lambda unit, how: None))
    unit.records.append(EventRecord(kind="first", body={}))
    await storage.close()
    desk = await sit_down(await open_sqlite(tmp_path / "csms.db", SystemClock()))
    await desk.write(EventRecord(kind="second", body={}))
    events = await desk.storage.events_after(0, 10)
    assert [(event.sequence, event.kind) for event in events] == [(1, "first"), (2, "second")]


async def test_a_huge_unit_does_not_hold_up_the_loop(tmp_path: Path, sit_down: Any) -> None:
    desk = await sit_down(await open_sqlite(tmp_path / "csms.db", SystemClock()))
    threads: dict[int, set[str]] = {}
    execute = desk.storage._execute

    def noted(statement: Any, rows: Any) -> Any:
        threads.setdefault(len(rows), set()).add(threading.current_thread().name)
        return execute(statement, rows)

    desk.storage._execute = noted
    values: dict[str, Any] = {"connector_id": 1, "transaction_id": 1, "station_time": "", "samples": "[]"}
    for count in (ROWS_ON_THE_LOOP, ROWS_ON_THE_LOOP + 1):
        data = [MeterValueRecord(instant=instant, content_hash=0, **values) for instant in range(count)]
        stop = StopRecord(transaction_id=1, instant=count, station_time="", meter_stop=0, transaction_data=data)
        assert await desk.write(stop) is Settlement.DURABLE
    assert await desk.rows("SELECT count(*) FROM meter_value") == [(ROWS_ON_THE_LOOP + 1,)]
    assert threads[ROWS_ON_THE_LOOP] == {threading.main_thread().name}
    (elsewhere,) = threads[ROWS_ON_THE_LOOP + 1]
    assert elsewhere.startswith("storage commit")


async def test_a_disk_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    storage = await open_sqlite(tmp_path / "csms.db", SystemClock())
    station = await storage.add_station(StationRow(id=0, identity="CP1"))
    storage.journal.begin()
    commit, answers, is_reached = storage._commit, threading.Event(), threading.Event()

    def hang(index: bool) -> int | None:
        is_reached.set()
        answers.wait()
        return commit(index)

    storage._commit = hang  # type: ignore[method-assign]  # as a disk would
    settled: list[Settlement] = []
    storage.journal.submit(unit := Unit(station.id, ANY_EPOCH, 1, "A", b"", lambda unit, how: settled.append(how)))
    unit.records.append(EventRecord(kind="first", body={}))
    await asyncio.to_thread(is_reached.wait)
    async with asyncio.timeout(10):
        await storage.close(0.1)
    assert settled == [Settlement.UNAVAILABLE]
    answers.set()
    async with asyncio.timeout(10):
        await storage.close(0.1)  # it answers again
    DirectoryLock(tmp_path).release()


async def test_readers_cannot_write(tmp_path: Path, sit_down: Any) -> None:
    desk = await sit_down(await open_sqlite(tmp_path / "csms.db", SystemClock()))
    with pytest.raises(StorageError, match="readonly"):
        await desk.rows("DELETE FROM station")


async def test_a_cancelled_write_leaves_no_transaction_half_way(tmp_path: Path, sit_down: Any) -> None:
    desk = await sit_down(await open_sqlite(tmp_path / "csms.db", SystemClock()))
    for _ in range(20):
        writing = asyncio.ensure_future(desk.storage.probe())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writing.cancel()
        assert await desk.write(STATUS) is Settlement.DURABLE
    await asyncio.gather(writing, return_exceptions=True)
    assert not desk.storage._connection.in_transaction


def test_it_lives_in_virtual_time() -> None:
    """No thread: what one iteration of the loop brought is one commit."""

    async def main(clock: LoopClock) -> tuple[list[Settlement], float]:
        storage = await open_sqlite(":memory:", clock)
        station = await storage.add_station(StationRow(id=0, identity="CP1"))
        storage.journal.begin()
        settled: list[Settlement] = []
        for instant in range(100):
            unit = Unit(station.id, ANY_EPOCH, 1, "A", b"", lambda unit, how: settled.append(how))
            value = {"connector_id": 1, "transaction_id": 1, "station_time": "", "content_hash": 0, "samples": "[]"}
            unit.records.append(MeterValueRecord(instant=instant, **value))  # type: ignore[arg-type]  # as in the dict
            storage.journal.submit(unit)
        await storage.journal.drain()
        batches = storage.journal.statistics()["batches"]
        await storage.close()
        return settled, batches

    assert simulate(main) == ([Settlement.DURABLE] * 100, 1)


async def test_writers_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="inline"):
        await open_sqlite(":memory:", SystemClock(), writer="thread")
    with pytest.raises(ConfigurationError, match="'process'"):
        await open_sqlite(tmp_path / "x.db", SystemClock(), writer="process")  # type: ignore[arg-type]  # on purpose


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "csms.db").write_text("this is a letter, not a database\n" * 100)
    with pytest.raises(StorageError, match="not a database"):
        await open_sqlite(tmp_path / "csms.db", SystemClock())
    with pytest.raises(StorageError, match="cannot use the data directory"):
        await open_sqlite(tmp_path / "csms.db" / "below" / "a file.db", SystemClock())


@pytest.mark.parametrize("code", sorted(UNAVAILABLE))
def test_errors_of_the_machine_are_told_from_errors_of_the_values(code: int) -> None:
    error = sqlite3.OperationalError("words")
    error.sqlite_errorcode = code | (2 << 8)  # an extended code of that class
    assert isinstance(storage_error(error, "do it"), StorageUnavailable)
    error.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_CHECK
    assert type(storage_error(error, "do it")) is StorageError
    assert type(storage_error(OverflowError("too large"), "do it")) is StorageError
