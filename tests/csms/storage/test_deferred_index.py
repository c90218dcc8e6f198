"""Meter values are found exactly, at any moment, by an index; SQLite's is written behind the writer."""

import random
import sqlite3
import subprocess
import sys
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargewright.clock import LoopClock, SystemClock
from chargewright.csms.storage import deferred_index
from chargewright.csms.storage.base import (
    ANY_EPOCH,
    NO_TRANSACTION,
    MeterValueRecord,
    MeterValueRow,
    Settlement,
    StationRow,
    StorageUnavailable,
    Unit,
)
from chargewright.csms.storage.database import MeterValueFilter, compile_select
from chargewright.csms.storage.deferred_index import MARK, DeferredIndex
from chargewright.csms.storage.migration import migrate_sqlite
from chargewright.csms.storage.sqlite import SqliteStorage, open_sqlite
from chargewright.simulation import simulate

COLUMNS = ", ".join(MeterValueRow.__struct_fields__)
IN_ORDER = itemgetter("instant", "id")


def value(dice: random.Random, **values: Any) -> MeterValueRecord:
    """A meter value of a small world, where keys repeat and instants go back."""
    known: dict[str, Any] = {
        "connector_id": dice.randint(0, 2),
        "transaction_id": dice.choice([NO_TRANSACTION, 1, 2, 3]),
        "instant": dice.randint(0, 200),
        "content_hash": dice.randint(0, 3),
    }
    return MeterValueRecord(**{**known, **values}, station_time="t", samples="[]", energy_wh=dice.random())


def fields(rows: Any) -> list[dict[str, Any]]:
    return [{name: getattr(row, name) for name in MeterValueRow.__struct_fields__} for row in rows]


async def every_row(storage: Any) -> list[dict[str, Any]]:
    """What a naive scan finds."""
    rows = await storage._fetch(f"SELECT {COLUMNS} FROM meter_value", [])
    return [dict(zip(MeterValueRow.__struct_fields__, row, strict=True)) for row in rows]


async def check(storage: Any, stations: Any, dice: random.Random) -> None:
    """Every kind of question is answered as a naive scan answers it."""
    rows = await every_row(storage)
    for station_id in stations:
        for transaction_id in (None, NO_TRANSACTION, 2):
            for connector_id in (None, 1):
                after = dice.choice([None, (dice.randint(0, 200), dice.randint(0, 400))])
                limit = dice.choice([1, 7, 10_000])
                expected = [
                    row
                    for row in rows
                    if row["station_id"] == station_id
                    and transaction_id in (None, row["transaction_id"])
                    and connector_id in (None, row["connector_id"])
                    and (after is None or IN_ORDER(row) > after)
                ]
                found = await storage.meter_values(
                    station_id, transaction_id=transaction_id, connector_id=connector_id, after=after, limit=limit
                )
                assert fields(found) == sorted(expected, key=IN_ORDER)[:limit]


async def mark(storage: Any) -> int:
    rows = await storage._fetch("SELECT value FROM setting WHERE name = ?", [MARK])
    return int(rows[0][0]) if rows else 0


async def entries(storage: Any) -> int:
    return int((await storage._fetch("SELECT count(*) FROM meter_value_reading", []))[0][0])


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that is written often enough to be met in all its states."""
    monkeypatch.setattr(deferred_index, "ROWS_WAITING", 16)
    monkeypatch.setattr(deferred_index, "STEP_ROWS", 24)


async def test_what_is_read_is_what_is_stored_while_batches_are_written(desk: Any, small_steps: None) -> None:
    dice = random.Random(1)
    assert await desk.storage.meter_values(desk.stations[0]) == []
    for _ in range(25):
        for _ in range(dice.randint(1, 12)):
            desk.submit(*(value(dice) for _ in range(dice.randint(1, 3))), station=dice.choice(desk.stations))
        # Readers do not wait for the batches; each question sees one state between them.
        before = {row["id"] for row in await every_row(desk.storage)}
        seen = {row.id for station in desk.stations for row in await desk.storage.meter_values(station, limit=10_000)}
        assert before <= seen
        await desk.storage.journal.drain()
        await check(desk.storage, desk.stations, dice)


async def test_reading_page_by_page_gives_every_row_once(desk: Any, small_steps: None) -> None:
    dice = random.Random(2)
    for _ in range(60):
        await desk.write(*(value(dice, connector_id=1) for _ in range(3)))
    pages: list[MeterValueRow] = []
    while page := await desk.storage.meter_values(
        desk.stations[0], connector_id=1, limit=7, after=(pages[-1].instant, pages[-1].id) if pages else None
    ):
        pages += page
    assert fields(pages) == sorted(await every_row(desk.storage), key=IN_ORDER)
    assert await desk.storage.meter_values(desk.stations[0], after=(100, 0), limit=1) == [
        next(row for row in pages if row.instant >= 100)
    ]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(1, 40)),
            st.tuples(st.sampled_from(["fail", "delete some", "delete all", "lose the mark"]), st.just(0)),
        ),
        max_size=10,
    ),
    st.integers(0, 2**32),
)
def test_no_order_of_batches_failures_and_deletions_makes_a_row_unfindable(steps: Any, seed: int) -> None:
    dice = random.Random(seed)

    async def main(clock: LoopClock) -> None:
        storage = await open_sqlite(":memory:", clock)
        stations = [(await storage.add_station(StationRow(id=0, identity=name))).id for name in ("CP1", "CP2")]
        for step, count in steps:
            if step in ("write", "fail"):
                unit = Unit(dice.choice(stations), ANY_EPOCH, 1, "A", b"", lambda unit, how: None)
                unit.records.extend(value(dice) for _ in range(count or 20))
                if step == "write":
                    await storage.commit([unit])
                else:
                    await fail_to_commit(storage, unit)
            elif step == "lose the mark":
                storage._connection.execute("DELETE FROM setting WHERE name = ?", (MARK,))
            else:
                storage._connection.execute("DELETE FROM meter_value" + " WHERE id % 3 = 0" * (step == "delete some"))
            await check(storage, stations, dice)
        await storage.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deferred_index, "ROWS_WAITING", 16)
        patch.setattr(deferred_index, "STEP_ROWS", 24)
        simulate(main)


async def fail_to_commit(storage: SqliteStorage, unit: Unit) -> None:
    """The disk is full at the COMMIT, after the step of the index."""
    real = storage._connection

    class Full:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def execute(self, sql: str, *arguments: Any) -> Any:
            if sql == "COMMIT":
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return real.execute(sql, *arguments)

    storage._connection = Full()  # type: ignore[assignment]  # stands for a disk
    try:
        with pytest.raises(StorageUnavailable, match="full"):
            await storage.commit([unit])
    finally:
        storage._connection = real


async def test_a_batch_that_is_rolled_back_moves_nothing(tmp_path: Path, sit_down: Any, small_steps: None) -> None:
    desk = await sit_down(await open_sqlite(tmp_path / "csms.db", SystemClock()))
    unit = Unit(desk.stations[0], ANY_EPOCH, 1, "A", b"", lambda unit, how: None)
    unit.records.extend(value(random.Random(3), instant=instant) for instant in range(20))
    await fail_to_commit(desk.storage, unit)
    assert (await mark(desk.storage), await entries(desk.storage)) == (0, 0)
    await desk.write(*unit.records[:15])
    assert await mark(desk.storage) == 0  # the rows that were lost do not count
    await desk.write(*unit.records[15:])
    assert (await mark(desk.storage), await entries(desk.storage)) == (20, 20)


async def test_the_index_goes_on_after_opening_again(tmp_path: Path, sit_down: Any, small_steps: None) -> None:
    dice = random.Random(4)
    desk = await sit_down(await open_sqlite(tmp_path / "csms.db", SystemClock()))
    await desk.write(*(value(dice, instant=instant) for instant in range(30)))
    # One step took 24 rows; 6 and these 8 still wait.
    await desk.write(*(value(dice, instant=instant) for instant in range(30, 38)))
    assert await mark(desk.storage) == 24
    await desk.storage.close()
    again = await sit_down(await open_sqlite(tmp_path / "csms.db", SystemClock()))
    assert await mark(again.storage) == 24
    await again.write(value(dice, instant=38))
    assert await mark(again.storage) == 24
    await again.write(value(dice, instant=39))
    assert (await mark(again.storage), await entries(again.storage)) == (40, 40)
    await check(again.storage, again.stations, dice)


async def test_what_an_import_left_is_indexed_at_opening(tmp_path: Path, sit_down: Any, small_steps: None) -> None:
    dice = random.Random(5)
    connection = sqlite3.connect(tmp_path / "csms.db", isolation_level=None)
    migrate_sqlite(connection)
    connection.executemany(
        "INSERT INTO meter_value (station_id, connector_id, transaction_id, instant, content_hash, station_time, "
        "received_at, samples) VALUES (?, 1, 2, ?, 0, 't', 1, '[]')",
        [(dice.randint(1, 3), instant) for instant in range(100)],
    )
    connection.close()
    desk = await sit_down(await open_sqlite(tmp_path / "csms.db", SystemClock()))
    assert await entries(desk.storage) == 96  # four full steps; what is left waits like any other rows
    await check(desk.storage, desk.stations, dice)


KILLED_IN_A_STEP = """
import asyncio, os, pathlib, random, sqlite3, sys
from chargewright.clock import SystemClock
from chargewright.csms.storage.base import ANY_EPOCH, MeterValueRecord, StationRow, Unit
from chargewright.csms.storage.sqlite import open_sqlite

async def main():
    storage = await open_sqlite(pathlib.Path(sys.argv[1]), SystemClock())
    storage._connection.execute("PRAGMA cache_size=10")  # dirty pages reach the file before the commit
    station = await storage.add_station(StationRow(id=0, identity="CP1"))
    for batch in range(3):
        unit = Unit(station.id, ANY_EPOCH, 1, "A", b"", lambda unit, how: None)
        for number in range(2000):
            unit.records.append(MeterValueRecord(connector_id=1, transaction_id=number % 50, content_hash=0,
                instant=2000 * batch + number, station_time="t", samples="[]"))
        if batch == 2:
            write = storage._reading_index.write
            def kill():
                print(os.path.getsize(sys.argv[1] + "-wal"), flush=True)
                os.kill(os.getpid(), 9)
            def write_and_be_killed():
                print(os.path.getsize(sys.argv[1] + "-wal"), flush=True)
                storage._connection.set_progress_handler(kill, 200_000)  # instructions of SQLite's machine
                return write()
            storage._reading_index.write = write_and_be_killed
        await storage.commit([unit])
        print("committed", flush=True)

asyncio.run(main())
"""


async def test_a_kill_in_the_middle_of_a_step_leaves_the_index_as_it_was(tmp_path: Path, sit_down: Any) -> None:
    path = tmp_path / "csms.db"
    killed = subprocess.run(  # noqa: ASYNC221  # the test has nothing else to do meanwhile
        [sys.executable, "-c", KILLED_IN_A_STEP, str(path)], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -9, killed.stderr
    first, second, size_before, size_at_kill = killed.stdout.split()
    assert (first, second) == ("committed", "committed")
    assert int(size_at_kill) > int(size_before)  # part of the step was in the file, without its commit
    desk = await sit_down(await open_sqlite(path, SystemClock()))
    assert (await mark(desk.storage), await entries(desk.storage)) == (0, 0)
    assert len(await desk.storage.meter_values(desk.stations[0], limit=10_000)) == 4000
    dice = random.Random(6)
    assert await desk.write(*(value(dice, instant=10_000 + number) for number in range(100))) is Settlement.DURABLE
    assert (await mark(desk.storage), await entries(desk.storage)) == (4100, 4100)
    await check(desk.storage, desk.stations, dice)


def test_one_step_takes_a_bounded_number_of_rows() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(connection)
    index = DeferredIndex(connection)
    index.committed(deferred_index.STEP_ROWS + deferred_index.ROWS_WAITING + 5, None)
    assert index.is_due(0)
    index.committed(0, deferred_index.STEP_ROWS)
    assert index.is_due(0)  # a full step: there may be more
    index.committed(10, deferred_index.ROWS_WAITING)
    assert not index.is_due(0)
    assert index.is_due(deferred_index.ROWS_WAITING)
    assert index.write() == 0
    connection.close()


ROWS = 20_000


async def test_rows_are_found_by_an_index(desk: Any) -> None:
    """At 20,000 rows, by the plan that the database itself tells."""
    dice = random.Random(7)
    for begin in range(0, ROWS, 500):
        instants = range(begin, begin + 500)
        values = [value(dice, instant=instant, transaction_id=instant % 200) for instant in instants]
        await desk.write(*values, station=desk.stations[begin // 500 % 3])
    storage, station_id = desk.storage, desk.stations[0]
    for after in (None, (10_000, 0)):
        for connector_id in (None, 1):
            wanted = MeterValueFilter(station_id, 2, connector_id, after, 1000)
            text, parameters = compile_select(storage._select_meter_values(wanted), storage._dialect)
            if isinstance(storage, SqliteStorage):
                plan = [row[3] for row in await storage._fetch("EXPLAIN QUERY PLAN " + text, parameters)]
                key = "station_id=? AND transaction_id=?" + " AND connector_id=?" * (connector_id is not None)
                assert any(f"SEARCH meter_value_reading USING PRIMARY KEY ({key}" in step for step in plan), plan
                assert "SEARCH meter_value USING INTEGER PRIMARY KEY (rowid=?)" in plan
                assert "SEARCH meter_value USING INTEGER PRIMARY KEY (rowid>?)" in plan
                assert not [step for step in plan if step.startswith("SCAN meter_value")]
            else:
                await storage._fetch("ANALYZE meter_value", [])
                plan = [row[0] for row in await storage._fetch("EXPLAIN " + text, parameters)]
                assert any("ix_meter_value_reading" in step for step in plan), plan
                assert not [step for step in plan if "Seq Scan" in step]
    if isinstance(storage, SqliteStorage):
        assert ROWS - await mark(storage) < deferred_index.ROWS_WAITING
        assert await entries(storage) == await mark(storage)
