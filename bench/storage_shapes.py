"""What a MeterValues call of three sampled values costs in storage, in CPU time: keys, shapes of rows, ways to commit.

    python -m bench.storage_shapes

Two tables. *Shapes*: the bare SQLite statements with each key and index that was considered. The runs are long (400
commits of one call from each of 200 stations), because an index that begins with the station looks cheap as long as
several stations share a page of it. *Writers*: the journal as it is, units in and settlements out, in each way of
committing: all on the loop's thread; only COMMIT in a thread; statements too, many rows each or one. CPU is that of the
whole process, all threads, because a thread that fights for the interpreter's lock costs, wherever it runs.
docs/adr/0001 draws the conclusions.
"""

import asyncio
import gc
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import uvloop

from chargewright.clock import SystemClock
from chargewright.csms.storage.base import ANY_EPOCH, MeterValueRecord, Settlement, StationRow, Unit
from chargewright.csms.storage.sqlite import SqliteStorage, open_sqlite

STATIONS = 200
COMMITS = 400
CALLS = STATIONS * COMMITS
ROWS_PER_STATEMENT = 32
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
KEY_COLUMNS = """station_id INTEGER NOT NULL, connector_id INTEGER NOT NULL, transaction_id INTEGER NOT NULL,
instant INTEGER NOT NULL, content_hash INTEGER NOT NULL, station_time TEXT NOT NULL, received_at INTEGER NOT NULL"""
VALUE_COLUMNS = "samples TEXT NOT NULL, energy_wh REAL, power_w REAL, soc_percent REAL"
SAMPLE_COLUMNS = "measurand TEXT NOT NULL, unit TEXT, value TEXT NOT NULL, phase TEXT, location TEXT"
ID = "id INTEGER PRIMARY KEY AUTOINCREMENT"
STATION_FIRST = "station_id, connector_id, transaction_id, instant, content_hash"
INSTANT_FIRST = "instant, station_id, connector_id, transaction_id, content_hash"
READING = "station_id, transaction_id, connector_id, instant"
INSTANTS = itertools.count(1_700_000_000_000_000, 1_000)


class Shape(msgspec.Struct):
    """One way to keep meter values in SQLite."""

    name: str
    unique: str | None = INSTANT_FIRST
    index: str | None = None
    deferred_rows: int = 0  # fill a table for reading whenever so many rows have come
    is_clustered: bool = False  # WITHOUT ROWID: the rows lie in the order of the unique key
    is_per_sample: bool = False
    page_bytes: int = 4096
    rows_per_statement: int = ROWS_PER_STATEMENT

    def schema(self) -> list[str]:
        """The statements that make the tables."""
        columns = KEY_COLUMNS + ", " + (SAMPLE_COLUMNS if self.is_per_sample else VALUE_COLUMNS)
        if self.is_clustered:
            return [f"CREATE TABLE m ({columns}, PRIMARY KEY ({self.unique})) STRICT, WITHOUT ROWID"]
        statements = [f"CREATE TABLE m ({ID}, {columns}) STRICT"]
        if self.unique is not None:
            measurand = ", measurand" if self.is_per_sample else ""
            statements.append(f"CREATE UNIQUE INDEX uq ON m ({self.unique}{measurand})")
        if self.index is not None:
            statements.append(f"CREATE INDEX ix ON m ({self.index})")
        if self.deferred_rows:
            reading = ", ".join(f"{name} INTEGER NOT NULL" for name in (*READING.split(", "), "id"))
            statements.append(f"CREATE TABLE r ({reading}, PRIMARY KEY ({READING}, id)) STRICT, WITHOUT ROWID")
        return statements


SHAPES = (
    Shape("no unique key, no index", unique=None),
    Shape("key station first", unique=STATION_FIRST),
    Shape("key station first, pages of 1024 bytes", unique=STATION_FIRST, page_bytes=1024),
    Shape("key station first, pages of 8192 bytes", unique=STATION_FIRST, page_bytes=8192),
    Shape("key station first, pages of 16384 bytes", unique=STATION_FIRST, page_bytes=16384),
    Shape("key station first, rows in its order", unique=STATION_FIRST, is_clustered=True),
    Shape("key instant first"),
    Shape("key instant first, index station first", index=READING),
    # SQLite allows no rowid in an expression: the block of rows is told by the time of receipt.
    Shape("key instant first, index by blocks of rows", index=f"received_at / {4096 * 1000}, {READING}"),
    Shape("key instant first, deferred 1024", deferred_rows=1024),
    Shape("key instant first, deferred 4096", deferred_rows=4096),
    Shape("key instant first, deferred 16384", deferred_rows=16384),
    Shape("the same (4096), pages of 8192 bytes", deferred_rows=4096, page_bytes=8192),
    Shape("the same (4096), pages of 16384 bytes", deferred_rows=4096, page_bytes=16384),
    Shape("the same (4096), 1 row per statement", deferred_rows=4096, rows_per_statement=1),
    Shape("the same (4096), 128 rows per statement", deferred_rows=4096, rows_per_statement=128),
    Shape("row per SampledValue, key instant first", is_per_sample=True),
    Shape("row per SampledValue, key station first", unique=STATION_FIRST, is_per_sample=True),
)


def rows_of(commit: int, is_per_sample: bool) -> list[tuple[object, ...]]:
    """One call of every station."""
    rows: list[tuple[object, ...]] = []
    for station, at in zip(range(STATIONS), INSTANTS, strict=False):
        key = (station, 1, 1000 + station, at)
        if is_per_sample:
            rows += [
                (*key, hash((at, measurand)), "2026-01-01T00:00:00Z", at, measurand, unit, value, None, None)
                for measurand, unit, value in SAMPLES
            ]
        else:
            rows.append((*key, hash((at, JSON)), "2026-01-01T00:00:00Z", at, JSON, float(commit), 11000.5, 55.0))
    return rows


def measure_shape(directory: Path, shape: Shape) -> tuple[float, float, float]:
    """CPU µs and bytes of the file per call, and the longest step of a deferred index in ms."""
    path = directory / f"{next(INSTANTS)}.db"
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=512)
    tuning = ("synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=4000")
    for pragma in (f"page_size={shape.page_bytes}", "journal_mode=WAL", *tuning):
        connection.execute("PRAGMA " + pragma)
    for statement in shape.schema():
        connection.execute(statement)
    names = [name for _, name, *_ in connection.execute("PRAGMA table_info(m)") if name != "id"]
    marks = "(" + ",".join("?" * len(names)) + ")"
    texts = {
        size: f"INSERT INTO m ({','.join(names)}) VALUES {','.join([marks] * size)} ON CONFLICT DO NOTHING"  # noqa: S608
        for size in {shape.rows_per_statement, 8, 1}
    }
    waiting = reached = 0
    cpu = longest = 0.0
    for commit in range(COMMITS):
        rows = rows_of(commit, shape.is_per_sample)
        began = time.process_time()
        connection.execute("BEGIN IMMEDIATE")
        done = 0
        for size in sorted(texts, reverse=True):
            while len(rows) - done >= size:
                connection.execute(texts[size], tuple(itertools.chain.from_iterable(rows[done : done + size])))
                done += size
        waiting += len(rows)
        if shape.deferred_rows and waiting >= shape.deferred_rows:
            before = time.perf_counter()
            (last,) = connection.execute("SELECT max(id) FROM m").fetchone()
            step = f"INSERT INTO r SELECT {READING}, id FROM m WHERE id > ? AND id <= ? ORDER BY 1, 2, 3, 4, 5"  # noqa: S608
            connection.execute(step, (reached, last))
            waiting, reached = 0, last
            longest = max(longest, time.perf_counter() - before)
        connection.execute("COMMIT")
        cpu += time.process_time() - began
    connection.close()
    return cpu / CALLS * 1e6, path.stat().st_size / CALLS, longest * 1e3


class AllInThread(SqliteStorage):
    """The other way to use a thread: statements there too."""

    async def commit(self, units):  # type: ignore[no-untyped-def]  # a measurement, not a product
        loop = asyncio.get_running_loop()

        def work():  # type: ignore[no-untyped-def]
            self._begin()
            outcome, added = self._apply(units)
            self._reading_index.committed(added, self._commit(self._reading_index.is_due(added)))
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
                transaction_id=1000 + number % len(station_ids),
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
    calls, done, finished = CALLS, 0, loop.create_future()

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
    gc.collect()
    gc.freeze()  # the units that are prepared would else be searched for garbage again and again

    def arrive() -> None:
        if busy:
            work()
        storage.journal.submit(next(arrivals))

    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(clients):
        arrive()
    async with asyncio.timeout(600):
        await finished
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    await storage.close()
    off = calls * 20e-6 if busy else 0.0
    return (cpu - off) / calls * 1e6, wall / calls * 1e6


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as name:
        directory = Path(name)
        print(
            f"SQLite {sqlite3.sqlite_version}; MeterValues of 3 sampled values; {COMMITS} commits of {STATIONS} calls"
        )
        print(f"{'shape':<46}{'CPU µs per call':>16}{'bytes per call':>16}{'longest step, ms':>18}")
        for shape in SHAPES:
            runs = [measure_shape(directory, shape) for _ in range(2)]
            cpu, size, longest = (min(column) for column in zip(*runs, strict=True))
            print(f"{shape.name:<46}{cpu:>16.1f}{size:>16.0f}{longest:>18.1f}", flush=True)
        print()
        print(f"{'writer':<16}{'calls waiting':>14}{'other work':>12}{'CPU µs':>9}{'wall µs':>9}")
        for way, clients, busy in itertools.product(("inline", "thread", *OTHER_WAYS), (50, 200), (False, True)):
            results = [uvloop.run(journal(directory, way, clients, busy)) for _ in range(2)]
            cpu, wall = min(result[0] for result in results), min(result[1] for result in results)
            print(f"{way:<16}{clients:>14}{'20 µs' if busy else '-':>12}{cpu:>9.1f}{wall:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
