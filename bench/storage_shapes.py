"""What a MeterValues call of three sampled values costs in storage, in CPU time: shapes of rows and ways to commit.

    python -m bench.storage_shapes

Two tables. *Shapes*: the bare SQLite statements, one row per SampledValue against one row per MeterValue, with and
without a second index for reading, single rows against many rows per statement. *Writers*: the journal as it is, units
in and settlements out, in each way of committing: all on the loop's thread; only COMMIT in a thread; statements too,
many rows each or one. CPU is that of the whole process, all threads, because a thread that fights for the
interpreter's lock costs, wherever it runs. docs/adr/0001 draws the conclusions.
"""

import asyncio
import itertools
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvloop

from chargewright.clock import SystemClock
from chargewright.csms.storage.base import ANY_EPOCH, MeterValueRecord, Settlement, StationRow, Unit
from chargewright.csms.storage.sqlite import SqliteStorage, open_sqlite

STATIONS = 500
SAMPLES = (
    ("Energy.Active.Import.Register", "Wh", "1234567"),
    ("Power.Active.Import", "W", "11000.5"),
    ("SoC", "Percent", "55"),
)
JSON = (
    '[{"value":"1234567","measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    '{"value":"11000.5","measurand":"Power.Active.Import","unit":"W"},'
    '{"value":"55","measurand":"SoC","unit":"Percent"}]'
)
PER_SAMPLE = """
CREATE TABLE sampled_value (id INTEGER PRIMARY KEY, station_id INTEGER NOT NULL, connector_id INTEGER NOT NULL,
transaction_id INTEGER NOT NULL, instant INTEGER NOT NULL, content_hash INTEGER NOT NULL, station_time TEXT NOT NULL,
received_at INTEGER NOT NULL, measurand TEXT NOT NULL, unit TEXT, value TEXT NOT NULL, phase TEXT, location TEXT,
UNIQUE (station_id, connector_id, transaction_id, instant, content_hash)) STRICT
"""
PER_METER_VALUE = """
CREATE TABLE meter_value (id INTEGER PRIMARY KEY, station_id INTEGER NOT NULL, connector_id INTEGER NOT NULL,
transaction_id INTEGER NOT NULL, instant INTEGER NOT NULL, content_hash INTEGER NOT NULL, station_time TEXT NOT NULL,
received_at INTEGER NOT NULL, samples TEXT NOT NULL, energy_wh REAL, power_w REAL, soc_percent REAL,
UNIQUE (station_id, connector_id, transaction_id, instant, content_hash)) STRICT
"""
INSTANTS = itertools.count(1_700_000_000_000_000, 1_000_000)


def sample_rows(calls: int) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for call in range(calls):
        at = next(INSTANTS)
        for measurand, unit, value in SAMPLES:
            content = hash((at, measurand))
            rows.append(
                (call % STATIONS, 1, 7, at, content, "2026-01-01T00:00:00Z", at, measurand, unit, value, None, None)
            )
    return rows


def meter_value_rows(calls: int) -> list[tuple[object, ...]]:
    return [
        (call % STATIONS, 1, 7, at, hash((at, JSON)), "2026-01-01T00:00:00Z", at, JSON, 1234567.0, 11000.5, 55.0)
        for call, at in zip(range(calls), INSTANTS, strict=False)
    ]


def insert(connection: sqlite3.Connection, table: str, rows: list[tuple[object, ...]], chunk: int) -> None:
    columns = len(rows[0])
    names = ",".join(name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})") if name != "id")
    marks = "(" + ",".join("?" * columns) + ")"

    def text(size: int) -> str:
        return f"INSERT INTO {table} ({names}) VALUES {','.join([marks] * size)} ON CONFLICT DO NOTHING"  # noqa: S608

    if chunk == 1:
        connection.executemany(text(1), rows)
        return
    for begin in range(0, len(rows), chunk):
        part = rows[begin : begin + chunk]
        connection.execute(text(len(part)), tuple(itertools.chain.from_iterable(part)))


def shape(
    directory: Path, schema: str, index: str | None, make: Callable[[int], list[tuple[object, ...]]], chunk: int
) -> float:
    """Microseconds of CPU per call, at 200 calls per commit."""
    table = schema.split()[2]
    connection = sqlite3.connect(directory / f"{next(INSTANTS)}.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=4000"):
        connection.execute("PRAGMA " + pragma)
    connection.execute(schema)
    if index is not None:
        connection.execute(f"CREATE INDEX reading ON {table} ({index})")
    results = []
    for _ in range(60):
        rows = make(200)
        began = time.process_time()
        connection.execute("BEGIN IMMEDIATE")
        insert(connection, table, rows, chunk)
        connection.execute("COMMIT")
        results.append((time.process_time() - began) / 200 * 1e6)
    connection.close()
    # The mean, without the first ones that fill the caches: checkpoints are part of the price.
    return statistics.fmean(results[10:])


class AllInThread(SqliteStorage):
    """The other way to use a thread: statements there too."""

    async def commit(self, units):  # type: ignore[no-untyped-def]  # a measurement, not a product
        loop = asyncio.get_running_loop()

        def work():  # type: ignore[no-untyped-def]
            self._begin()
            outcome = self._apply(units)
            self._connection.execute("COMMIT")
            return outcome

        assert self._committer is not None
        return await loop.run_in_executor(self._committer, work)


class RowByRow(AllInThread):
    """Statements in the thread, one row each: what `executemany` does."""

    def _execute(self, statement, rows):  # type: ignore[no-untyped-def]  # a measurement, not a product
        self._connection.executemany(statement.for_sqlite[1], rows)
        return []


def units(storage: SqliteStorage, station_ids: list[int], settle: Callable[[Unit, Settlement], None]) -> Iterator[Unit]:
    for number in itertools.count():
        at = next(INSTANTS)
        unit = Unit(station_ids[number % len(station_ids)], ANY_EPOCH, at, "MeterValues", b"x" * 400, settle)
        unit.records.append(
            MeterValueRecord(
                connector_id=1,
                transaction_id=7,
                instant=at,
                station_time="2026-01-01T00:00:00Z",
                content_hash=hash((at, JSON)),
                samples=JSON,
                energy_wh=1234567.0,
                power_w=11000.5,
                soc_percent=55.0,
            )
        )
        yield unit


OTHER_WAYS: dict[str, type[SqliteStorage]] = {"all in thread": AllInThread, "row by row": RowByRow}


async def journal(path: Path, way: str, clients: int, busy: bool) -> tuple[float, float]:
    """CPU µs and wall µs per call, with `clients` calls waiting at any time; each is replaced when it is settled.

    `busy`: the loop also does 20 µs of other work per call, as a server would; it is taken off the result.
    """
    storage = await open_sqlite(
        path / f"{next(INSTANTS)}.db", SystemClock(), writer="inline" if way == "inline" else "thread"
    )
    if way in OTHER_WAYS:
        storage.__class__ = OTHER_WAYS[way]
    station_ids = [(await storage.add_station(StationRow(id=0, identity=f"CP{n}"))).id for n in range(STATIONS)]
    storage.journal.begin()
    loop = asyncio.get_running_loop()
    calls, done, finished = 12_000, 0, loop.create_future()

    def work() -> None:
        end = time.perf_counter() + 20e-6
        while time.perf_counter() < end:
            pass

    def settled(_unit: Unit, how: Settlement) -> None:
        nonlocal done
        assert how is Settlement.DURABLE
        done += 1
        if done <= calls - clients:
            loop.call_soon(arrive)
        if done == calls:
            finished.set_result(None)

    source = units(storage, station_ids, settled)
    ready = [next(source) for _ in range(calls)]
    arrivals = iter(ready)

    def arrive() -> None:
        if busy:
            work()
        storage.journal.submit(next(arrivals))

    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(clients):
        arrive()
    await finished
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    await storage.close()
    off = calls * 20e-6 if busy else 0.0
    return (cpu - off) / calls * 1e6, wall / calls * 1e6


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as name:
        directory = Path(name)
        print(f"SQLite {sqlite3.sqlite_version}; µs of CPU per MeterValues of 3 sampled values; 200 calls per commit")
        print(f"{'shape':<24}{'second index':<34}{'rows per statement':>20}{'µs':>8}")
        for label, schema, make in (
            ("row per SampledValue", PER_SAMPLE, sample_rows),
            ("row per MeterValue", PER_METER_VALUE, meter_value_rows),
        ):
            for index in (None, "station_id, connector_id, instant"):
                for chunk in (1, 8, 32, 64):
                    result = shape(directory, schema, index, make, chunk)
                    print(f"{label:<24}{index or '-':<34}{chunk:>20}{result:>8.1f}")
        print()
        print(f"{'writer':<16}{'calls waiting':>14}{'other work':>12}{'CPU µs':>9}{'wall µs':>9}")
        for way, clients, busy in itertools.product(("inline", "thread", *OTHER_WAYS), (50, 200), (False, True)):
            results = [uvloop.run(journal(directory, way, clients, busy)) for _ in range(3)]
            cpu, wall = min(result[0] for result in results), min(result[1] for result in results)
            print(f"{way:<16}{clients:>14}{'20 µs' if busy else '-':>12}{cpu:>9.1f}{wall:>9.1f}")


if __name__ == "__main__":
    main()
