"""Storage in one SQLite file: the embedded default.

One connection writes, in WAL mode with `synchronous=FULL`; reading has a connection of its own that cannot write. Only
the stdlib's `sqlite3` may touch the file: a second SQLite library in one process would drop its locks.

`writer="thread"` executes a batch's statements on the event loop's thread and gives only the COMMIT, which waits for
the disk, to a thread: a slow disk does not hold up the sockets, and epochs and ids belong to one thread (numbers in
docs/adr/0001). A statement of thousands of rows goes to that thread too. `writer="inline"` commits on the loop's thread
as well, and reads there: for simulations, whose clock cannot wait for a thread.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import Select
from sqlalchemy.dialects import sqlite as sqlite_dialect

from chargewright.clock import Clock
from chargewright.csms.storage.ageing import SQLITE_METER_VALUES, Ageing
from chargewright.csms.storage.base import StationRow, StorageError, StorageUnavailable, Unit
from chargewright.csms.storage.batch import Outcome, apply_batch
from chargewright.csms.storage.database import Database, MeterValueFilter, keep_in_quarantine
from chargewright.csms.storage.deferred_index import DeferredIndex, select_meter_values
from chargewright.csms.storage.journal import GroupCommitJournal
from chargewright.csms.storage.migration import migrate_sqlite
from chargewright.csms.storage.statements import RESERVE_NUMBERS, SQLITE_CHUNKS, Statement
from chargewright.csms.storage.transactions import Rows, TransactionIds
from chargewright.errors import ConfigurationError

__all__ = ["DirectoryLock", "SqliteStorage", "open_sqlite"]

Writer = Literal["thread", "inline"]
Result = TypeVar("Result")

MEMORY: Final = ":memory:"
# How long `close` waits for a write under way.
LAST_WRITE_SECONDS: Final = 1.0
LOCK_FILE: Final = "chargewright.lock"
# STRICT tables came with this one.
OLDEST_SQLITE: Final = (3, 37, 0)

# Rows of one statement that are written on the loop's thread: 10 to 20 ms of work. One StopTransaction may bring more.
ROWS_ON_THE_LOOP: Final = 2000

# What the committing connection must answer when asked; the rest is tuning.
REQUIRED_PRAGMAS: Final[Mapping[str, object]] = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
TUNING: Final = (
    "PRAGMA busy_timeout=100",  # ms, on the loop's thread; the journal tries again by itself
    # KiB; filled for good within hours. Four times as much made neither commits nor the index for reading any cheaper
    # with 2,000 stations and 400,000 meter values: what is not in it is in the system's cache.
    "PRAGMA cache_size=-16384",
    "PRAGMA wal_autocheckpoint=4000",  # pages; fewer, larger checkpoints
    "PRAGMA journal_size_limit=67108864",
)

# Primary result codes after which the same statements may succeed later. Any other error is about the statements'
# values.
UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_INTERRUPT,
    }
)


def storage_error(error: Exception, purpose: str) -> StorageError:
    """What an error of `sqlite3` means to us."""
    code = getattr(error, "sqlite_errorcode", None)
    kind = StorageUnavailable if code is not None and code & 0xFF in UNAVAILABLE else StorageError
    return kind(f"cannot {purpose}: {error}")


class DirectoryLock:
    """The right to use a data directory: one process at a time. Lost when the process ends, however it ends."""

    def __init__(self, directory: Path, name: str = LOCK_FILE) -> None:
        """Take the lock, a file of that name; raises `StorageError` naming the directory and the process that has
        it."""
        descriptor = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise StorageError(
                f"the data directory {directory} is in use by another chargewright (process {holder or 'unknown'}); "
                "stop that one, or choose another directory"
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give the directory free. The file stays: removing it would race with whoever waits for it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class SqliteStorage(Database):
    """`Storage` on SQLite; made by `open_sqlite`."""

    def __init__(self, path: str, clock: Clock, writer: Writer, lock: DirectoryLock | None) -> None:
        super().__init__(sqlite_dialect.dialect(), clock)
        self._directory_lock = lock
        self._connection = _connect(path)
        self._write_lock = asyncio.Lock()
        self._ids = TransactionIds()
        self._epochs: dict[int, int] = {}
        self._sequence = 0
        self._committer: ThreadPoolExecutor | None = None
        self._reader: ThreadPoolExecutor | None = None
        try:
            migrate_sqlite(self._connection)
            self._set_pragmas(path)
            self._epochs.update(self._connection.execute("SELECT id, epoch FROM station"))
            self._reading_index = DeferredIndex(self._connection)
            self._reading_index.catch_up()
            (self._sequence,) = self._connection.execute("SELECT coalesce(max(sequence), 0) FROM event").fetchone()
            # What is in memory is seen by one connection only.
            self._reading_connection = self._connection if path == MEMORY else _connect(path)
        except sqlite3.Error as error:
            self._connection.close()
            raise storage_error(error, f"open {path}") from error
        except BaseException:
            self._connection.close()
            raise
        if self._reading_connection is not self._connection:
            self._reading_connection.execute("PRAGMA query_only=1")
        if writer == "thread":
            self._committer = ThreadPoolExecutor(1, "storage commit")
            self._reader = ThreadPoolExecutor(1, "storage reader")
        self.journal = GroupCommitJournal(self, clock)
        self.journal.on_committed = self._committed

    def _set_pragmas(self, path: str) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute("PRAGMA " + pragma)
        for tuning in TUNING:
            self._connection.execute(tuning)
        for name, value in self.pragmas().items():
            if value != REQUIRED_PRAGMAS[name] and not (path == MEMORY and name == "journal_mode"):
                raise StorageError(
                    f"{path}: PRAGMA {name} is {value!r}, and would have to be {REQUIRED_PRAGMAS[name]!r}"
                )

    def pragmas(self) -> dict[str, object]:
        """What the committing connection says of its own durability."""
        return {name: self._connection.execute("PRAGMA " + name).fetchone()[0] for name in REQUIRED_PRAGMAS}

    # --- driver of the journal ---------------------------------------------------------------------------------------

    async def commit(self, units: Sequence[Unit]) -> Outcome:
        """See `journal.Driver`."""
        async with self._write_lock:
            ids = self._ids.snapshot()
            try:
                self._begin()
                outcome = await self._run(apply_batch(units, self._epochs, self._sequence, self._ids))
                added = outcome.meter_values
                indexed = await self._end("write a batch", index=self._reading_index.is_due(added))
            except BaseException:
                self._ids.restore(ids)
                self._rollback()
                raise
            self._reading_index.committed(added, indexed)
            for station_id, epoch, _node in outcome.claims:
                self._epochs[station_id] = epoch
            self._sequence = max(self._sequence, outcome.last_sequence)
            return outcome

    async def quarantine(self, unit: Unit, reason: str) -> None:
        """See `journal.Driver`."""
        async with self._write_lock:
            ids = self._ids.snapshot()
            try:
                self._begin()
                numbers = await self._run(keep_in_quarantine(unit, reason, self._ids))
                await self._end("keep a frame in quarantine")
            except BaseException:
                self._ids.restore(ids)
                self._rollback()
                raise
            for record, transaction_id in numbers:
                record.transaction_id = transaction_id

    async def _run(self, steps: Generator[tuple[Statement, Rows], Rows, Result]) -> Result:
        """Execute statement by statement; what takes long in the thread that commits."""
        try:
            statement, rows = next(steps)
            while True:
                if self._committer is not None and len(rows) > ROWS_ON_THE_LOOP:
                    answer = await self._in_committer(self._committer, self._execute, statement, rows)
                else:
                    answer = self._execute(statement, rows)
                statement, rows = steps.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result

    async def _in_committer(
        self, committer: ThreadPoolExecutor, function: Callable[..., Result], *arguments: Any
    ) -> Result:
        working = _in_thread(committer, function, *arguments)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            await asyncio.wait([working])  # nobody else may use the connection before
            raise

    def _execute(self, statement: Statement, rows: Rows) -> Rows:
        texts, execute = statement.for_sqlite, self._connection.execute
        answer: list[Any] = []
        done, count = 0, len(rows)
        try:
            for size in SQLITE_CHUNKS:
                while count - done >= size:
                    cursor = execute(texts[size], tuple(chain.from_iterable(rows[done : done + size])))
                    if statement.returns:
                        answer.extend(cursor.fetchall())
                    done += size
        except sqlite3.Error as error:
            raise storage_error(error, statement.purpose) from error
        return answer

    def _begin(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise storage_error(error, "begin a transaction") from error

    async def _end(self, purpose: str, index: bool = False) -> int | None:
        """Commit, with a step of the deferred index before it if `index`; returns how many rows that step indexed."""
        try:
            if self._committer is None:
                return self._commit(index)
            return await self._in_committer(self._committer, self._commit, index)
        except sqlite3.Error as error:
            raise storage_error(error, purpose) from error

    def _commit(self, index: bool) -> int | None:
        indexed = self._reading_index.write() if index else None
        self._connection.execute("COMMIT")
        return indexed

    def _rollback(self) -> None:
        # Some errors (a full disk) have rolled back already.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _committed(self, outcome: Outcome) -> None:
        if outcome.last_sequence:
            self._wake_event_readers()

    # --- the operator's writes, and reading --------------------------------------------------------------------------

    async def _write(self, steps: Sequence[tuple[Statement, Rows]]) -> None:
        # Shielded: a caller that is cancelled must not leave a transaction half way, in which the next batch would
        # begin.
        await self._write_answered(steps)

    async def _write_answered(self, steps: Sequence[tuple[Statement, Rows]]) -> Rows:
        return await asyncio.shield(asyncio.get_running_loop().create_task(self._write_alone(steps)))

    def _ageing(self, kind: str) -> Sequence[Ageing]:
        return (SQLITE_METER_VALUES,) if kind == "meter_values" else super()._ageing(kind)

    async def _write_alone(self, steps: Sequence[tuple[Statement, Rows]]) -> Rows:
        """Run the steps in one transaction; the answer of the last one."""
        answer: Rows = []
        async with self._write_lock:
            try:
                self._begin()
                for statement, rows in steps:
                    answer = self._execute(statement, rows)
                await self._end(steps[0][0].purpose)
            except BaseException as error:
                self._rollback()
                if isinstance(error, (StorageError, asyncio.CancelledError)) or not isinstance(error, Exception):
                    raise
                raise storage_error(error, steps[0][0].purpose) from error
        return answer

    async def reserve_numbers(self, name: str, count: int = 1) -> int:
        """The first of `count` numbers in a row that nobody has had of the series `name`."""
        answer = await self._write_answered([(RESERVE_NUMBERS, [(name, count + 1)])])
        return int(answer[0][0]) - count

    async def _fetch(self, statement: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
        try:
            if self._reader is None:
                return self._fetch_all(statement, parameters)
            return await _in_thread(self._reader, self._fetch_all, statement, parameters)
        except sqlite3.Error as error:
            raise storage_error(error, "read") from error

    def _fetch_all(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        return self._reading_connection.execute(statement, parameters).fetchall()

    def _visible_events(self, statement: Select[Any]) -> Select[Any]:
        # A single writer numbers events in the order in which it commits them.
        return statement

    def _select_meter_values(self, wanted: MeterValueFilter) -> Select[Any]:
        return select_meter_values(wanted)

    def _station_known(self, row: StationRow) -> None:
        self._epochs.setdefault(row.id, row.epoch)

    async def close(self, grace_seconds: float | None = None) -> None:
        """Close the journal first, within the grace, then every connection."""
        await self.journal.close(grace_seconds)
        try:
            async with asyncio.timeout(LAST_WRITE_SECONDS):
                await self._write_lock.acquire()
        except TimeoutError:
            # A disk that hangs: the connection is in use, and stays so until the process ends.
            return
        try:
            self._close_connections()
        finally:
            self._write_lock.release()

    def _close_connections(self) -> None:
        for executor in (self._committer, self._reader):
            if executor is not None:
                executor.shutdown(wait=True)
        if self._reading_connection is not self._connection:
            self._reading_connection.close()
        self._connection.close()
        if self._directory_lock is not None:
            self._directory_lock.release()


async def open_sqlite(path: str | Path, clock: Clock, *, writer: Writer | None = None) -> SqliteStorage:
    """Open, lock and migrate the database file at `path`, or one in memory (`:memory:`, inline only).

    The directory is made when it is missing. Raises `StorageError` when another process uses the directory, when the
    file is not a database or of a newer release; `ConfigurationError` for a writer that cannot be.
    """
    return _open(path, clock, writer)


def _open(path: str | Path, clock: Clock, writer: Writer | None) -> SqliteStorage:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StorageError(f"Python's SQLite is {sqlite3.sqlite_version}; at least {oldest} is needed")
    if str(path) == MEMORY:
        if writer == "thread":
            raise ConfigurationError("storage", "writer", writer, "'inline' for a database in memory")
        return SqliteStorage(MEMORY, clock, "inline", None)
    if writer not in (None, "thread", "inline"):
        raise ConfigurationError("storage", "writer", writer, "'thread' or 'inline'")
    file = Path(path).absolute()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = DirectoryLock(file.parent)
    except OSError as error:
        raise StorageError(f"cannot use the data directory {file.parent}: {error}") from error
    try:
        return SqliteStorage(str(file), clock, writer or "thread", lock)
    except BaseException:
        lock.release()
        raise


def _connect(path: str) -> sqlite3.Connection:
    # Not only one thread, but one at a time: the write lock sees to that.
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)


def _in_thread(
    executor: ThreadPoolExecutor, function: Callable[..., Result], *arguments: Any
) -> asyncio.Future[Result]:
    return asyncio.get_running_loop().run_in_executor(executor, function, *arguments)
