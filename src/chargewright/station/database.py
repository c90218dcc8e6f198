"""The file in which stations remember: one station's own, or one that a whole fleet shares.

WAL, synchronous=FULL. Alone, every change is committed before the method that makes it returns, unless several are put
into one commit with `atomically`. Shared, the changes of many stations are committed together a moment later, and
`when_durable` tells when: nothing that speaks of a change may leave before. A second process on one file is refused.

Where the disk fails, a change of a file of one's own is refused, and has not happened. Changes of a shared file, which
others build upon already, are kept and written as soon as the disk takes them.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import structlog

from chargewright.errors import ChargewrightError
from chargewright.station.database_schema import CARRIED_OVER, OLD_TABLES, SCHEMA, SCHEMA_VERSION
from chargewright.station.hardware.interface import Timer

__all__ = ["PROCESS_FILE", "StationDatabase", "StationStoreError"]

# What is appended to the path of the file that names the process.
PROCESS_FILE: Final = ".pid"
# How long changes of a shared file are gathered before they are committed together.
GATHER_SECONDS: Final = 0.01
# How long after a failed commit it is tried again, and how many changes may wait for a disk that takes none.
RETRY_SECONDS: Final = 1.0
MOST_CHANGES: Final = 100_000


class StationStoreError(ChargewrightError):
    """The station's file cannot be used; names the file and the reason."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class StationDatabase:
    """An open file. `path` `":memory:"` is for simulations, and lives as long as this object.

    With `call_later`, that of the event loop, it is shared: changes are gathered for `GATHER_SECONDS` and committed
    together; in memory, where that gains nothing, only when `gathers_in_memory`. Raises `StationStoreError` when the
    file cannot be used, and so do all methods that read or write it.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        call_later: Callable[[float, Callable[[], None]], Timer] | None = None,
        gathers_in_memory: bool = False,
    ) -> None:
        self.path = str(path)
        self.commits = 0
        # In memory nothing is ever more durable than it is at once: to gather changes would only cost time.
        self._call_later = None if self.path == ":memory:" and not gathers_in_memory else call_later
        self._depth = 0
        self._timer: Timer | None = None
        self._waiting: list[Callable[[], None]] = []
        self._counting: list[Callable[[], None]] = []
        # What a shared file does not hold yet. SQLite takes back the whole of a commit that fails; it is repeated then,
        # and gives the same keys again.
        self._changes: list[tuple[str, Sequence[object]]] = []
        self._undo: list[Callable[[], None]] = []
        self._failures = 0
        self._is_closed = False
        # Opened and used on the event loop's thread; commits are short and ordered, which a thread would only blur.
        try:
            _make_private(self.path)
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=0.0)
        except sqlite3.Error as error:
            reason = f"{error}; is {Path(self.path).parent} a directory that can be written?"
            raise StationStoreError(self.path, reason) from error
        try:
            self._prepare()
            self._sign()
        except sqlite3.Error as error:
            self._db.close()
            raise StationStoreError(self.path, self._in_use() if "locked" in str(error) else str(error)) from error
        except StationStoreError:
            self._db.close()
            raise
        except OSError as error:
            self._db.close()
            raise StationStoreError(f"{self.path}{PROCESS_FILE}", f"cannot be written: {error.strerror}") from error

    def _prepare(self) -> None:
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        journal = self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        self._db.execute("PRAGMA synchronous=FULL")
        synchronous = self._db.execute("PRAGMA synchronous").fetchone()[0]
        if self.path != ":memory:" and (journal, synchronous) != ("wal", 2):
            raise StationStoreError(self.path, f"cannot be made durable: journal {journal}, synchronous {synchronous}")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StationStoreError(self.path, f"written by a newer version (schema {version}, known {SCHEMA_VERSION})")
        if version < SCHEMA_VERSION:
            before = after = ""
            if version == 1:
                before = "DROP INDEX sample_of_transaction;" + "".join(
                    f"ALTER TABLE {name} RENAME TO old_{name};" for name in OLD_TABLES
                )
                after = CARRIED_OVER + "".join(f"DROP TABLE old_{name};" for name in OLD_TABLES)
            self._db.executescript(
                f"BEGIN IMMEDIATE; {before} {SCHEMA} {after} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
            )

    def _sign(self) -> None:
        """Leave our process id beside the file, for whoever is refused; SQLite's lock lets nobody look inside."""
        if self.path != ":memory:":
            Path(self.path + PROCESS_FILE).write_text(f"{os.getpid()}\n", encoding="ascii")

    def _in_use(self) -> str:
        try:
            holder = Path(self.path + PROCESS_FILE).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            holder = "unknown"
        return (
            f"another process runs this station (process {holder}); "
            "stop that one, or choose another identity or data directory (--id, --data)"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def is_shared(self) -> bool:
        """Whether changes become durable a moment after they were made."""
        return self._call_later is not None

    @property
    def bytes_written(self) -> int:
        """How many bytes SQLite has written for changes so far: pages of its log, 0 in memory."""
        wal = Path(f"{self.path}-wal")
        return wal.stat().st_size if self.path != ":memory:" and wal.exists() else 0

    def close(self) -> None:
        """Commit what was gathered, and release the file, also when that cannot be written. Idempotent."""
        if self._is_closed:
            return
        try:
            self.commit()
        finally:
            self._is_closed = True
            self._cancel_timer()
            self._db.close()

    # Changes.

    @contextmanager
    def atomically(self) -> Iterator[None]:
        """All changes made inside, or none when the body raises; nests."""
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        self._begin()
        mark, counting_mark = len(self._changes), len(self._counting)
        if self.is_shared:
            # A part of what is gathered, which may go on without it.
            self._execute("SAVEPOINT change")
        self._depth = 1
        try:
            try:
                yield
                self._check_whole()
            finally:
                self._depth = 0
            if self.is_shared:
                self._execute("RELEASE change")
            else:
                self.commit()
        except BaseException:
            self._take_back(mark, counting_mark)
            raise
        finally:
            self._undo.clear()

    def if_taken_back(self, undo: Callable[[], None]) -> None:
        """Call it if the changes of the `atomically` that is open now do not come about; forget it if they do."""
        if self._depth:
            self._undo.append(undo)

    def write(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """One change; returns the row id of what was inserted."""
        if not self._depth and not self.is_shared:
            # By itself a statement is a transaction of its own, without two more that say so.
            cursor = self._execute(statement, parameters)
            self.commits += 1
            return cursor.lastrowid or 0
        self._begin()
        row_id = self._execute(statement, parameters).lastrowid or 0
        if self.is_shared:
            self._changes.append((statement, parameters))
        return row_id

    def write_many(self, statement: str, parameters: Iterator[Sequence[object]]) -> None:
        """One statement for many rows, all or none."""
        with self.atomically():
            if self.is_shared:
                for row in parameters:
                    self.write(statement, row)
            else:
                self._execute(statement, parameters, many=True)

    def read(self, query: str, parameters: Sequence[object] = ()) -> list[Any]:
        """All rows; changes that are not committed yet are seen."""
        if self._changes:
            self._check_whole()
            self._reopen()
        cursor = self._execute(query, parameters)
        try:
            return cursor.fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def when_durable(self, callback: Callable[[], None]) -> None:
        """Call it once everything that was changed so far is on disk: at once, or after the commit to come."""
        if self._waiting or (self.is_shared and (self._changes or self._db.in_transaction)):
            self._waiting.append(callback)
        else:
            callback()

    def when_kept(self, callback: Callable[[], None]) -> None:
        """Call it once what was changed just now is on disk; not at all when it is taken back."""
        if self._depth or self._changes:
            self._counting.append(callback)
        else:
            callback()

    def give_up(self) -> None:
        """Forget what the disk has not taken, and those who wait for it, as a power cut does."""
        self._cancel_timer()
        for gathered in (self._changes, self._counting, self._waiting):
            gathered.clear()
        self._failures = 0
        self._roll_back()

    def commit(self) -> None:
        """Make durable what was gathered, and tell those who wait for it. Does nothing where nothing was changed.

        When that fails, a file of one's own is as before; what a shared one should hold is tried again by itself.
        """
        self._cancel_timer()
        if self._changes or self._db.in_transaction:
            try:
                self._reopen()
                self._execute("COMMIT")
            except StationStoreError:
                self._failures += 1
                if self._call_later is None:
                    self._roll_back()
                else:
                    self._timer = self._call_later(RETRY_SECONDS, self._time_has_come)
                raise
            self._changes.clear()
            self.commits += 1
            if self._failures:
                _log().warning("the file can be written again", file=self.path, failed_commits=self._failures)
                self._failures = 0
        waiting = [*self._counting, *self._waiting]
        self._counting, self._waiting = [], []
        for callback in waiting:
            try:
                callback()
            except Exception:  # one station's failure is no other's, and each has something of its own to say here
                _log().exception("what waited for a commit failed", file=self.path)

    # Inside.

    def _execute(self, statement: str, parameters: Any = (), *, many: bool = False) -> sqlite3.Cursor:
        try:
            return self._db.executemany(statement, parameters) if many else self._db.execute(statement, parameters)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> StationStoreError:
        return StationStoreError(self.path, f"{error}; does the disk have room, and is it sound?")

    def _begin(self) -> None:
        """Have a transaction open for the next change."""
        self._check_whole()
        if self._failures and len(self._changes) >= MOST_CHANGES:
            raise StationStoreError(self.path, f"cannot be written, and {len(self._changes)} changes wait for it")
        if self._call_later is not None and self._timer is None:
            self._timer = self._call_later(GATHER_SECONDS, self._time_has_come)
        self._reopen()

    def _reopen(self) -> None:
        """Have a transaction open that holds all that was gathered."""
        if self._db.in_transaction:
            return
        self._execute("BEGIN IMMEDIATE")
        try:
            for statement, parameters in self._changes:
                self._execute(statement, parameters)
        except BaseException:
            self._roll_back()
            raise

    def _check_whole(self) -> None:
        """Some failures make SQLite give up a transaction in its middle: what follows must not be kept without it."""
        if self._depth and not self._db.in_transaction:
            raise StationStoreError(self.path, "an earlier change that belongs to this one could not be written")

    def _take_back(self, mark: int, counting_mark: int) -> None:
        """Forget what was changed since there were `mark` changes, here and in the memory of those who changed it."""
        del self._changes[mark:]
        del self._counting[counting_mark:]
        for undo in reversed(self._undo):
            undo()
        if not self.is_shared:
            self._roll_back()
        elif self._db.in_transaction:
            self._execute("ROLLBACK TO change")
            self._execute("RELEASE change")

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._execute("ROLLBACK")

    def _time_has_come(self) -> None:
        self._timer = None
        try:
            self.commit()
        except StationStoreError as error:
            if self._failures == 1:
                _log().error("nothing can be written; it is tried again until it can", reason=str(error))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _log() -> structlog.typing.FilteringBoundLogger:
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("chargewright.station")
    return logger


def _make_private(path: str) -> None:
    """Passwords and private keys lie in the file: only its owner may read it. SQLite's files beside it follow suit."""
    if path == ":memory:":
        return
    with suppress(OSError):  # what is wrong with the path is told by who opens the database
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        Path(path).chmod(0o600)
