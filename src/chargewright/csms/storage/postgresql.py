"""Storage in PostgreSQL, which several nodes may share.

A batch is one transaction of one connection. It first locks its stations' rows, in order of id, and reads their epochs:
`FOR SHARE` where it only depends on them, exclusively where it changes them. A claim by another node therefore comes
before the whole batch or after it, never in between.

**Events** are numbered by the transaction that writes them: `sequence` = (transaction number << 16) + position. Numbers
from a sequence would be given out before the commit, in another order than that of the commits, and a reader that has
seen the later number would never see the earlier. With the transaction's own number the log up to the oldest
transaction still open is complete, and readers stop there. After a restore into a new cluster, whose transactions count
from the beginning, an offset kept in `setting` carries the numbers on.

**A commit whose answer is lost** is neither repeated nor given up blindly: before the batch is tried again, PostgreSQL
is asked what became of that transaction.
"""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import Select, literal_column
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect

from chargewright.clock import Clock
from chargewright.csms.storage.base import StationRow, StorageError, StorageUnavailable, Unit
from chargewright.csms.storage.batch import Outcome, apply_batch, changes_stations
from chargewright.csms.storage.database import Database, MeterValueFilter, keep_in_quarantine
from chargewright.csms.storage.journal import GroupCommitJournal
from chargewright.csms.storage.migration import MIGRATION_LOCK, migrate_postgresql
from chargewright.csms.storage.notifications import Notifications
from chargewright.csms.storage.statements import RESERVE_NUMBERS, Statement
from chargewright.csms.storage.tables import event
from chargewright.csms.storage.transactions import Rows, TransactionIds
from chargewright.csms.storage.url import shown_url
from chargewright.errors import ConfigurationError

__all__ = ["PostgresqlStorage", "open_postgresql"]

Result = TypeVar("Result")

CONNECT_TIMEOUT_SECONDS: Final = 5.0
COMMAND_TIMEOUT_SECONDS: Final = 30.0
POOL_CONNECTIONS: Final = 4
# Room for the position of an event in its transaction (`batch.EVENTS_PER_BATCH`).
POSITION_BITS: Final = 16
OFFSET_SETTING: Final = "event_transaction_offset"

LOCK_STATIONS: Final = (
    "SELECT id, epoch, pg_current_xact_id()::text::bigint FROM station WHERE id = ANY($1::bigint[]) ORDER BY id "
)
TRANSACTION_NUMBER: Final = "SELECT pg_current_xact_id()::text::bigint"
SHARED: Final = LOCK_STATIONS + "FOR SHARE"
EXCLUSIVE: Final = LOCK_STATIONS + "FOR NO KEY UPDATE"
READABLE_URL: Final = (
    "postgresql://user@host:port/name, reserved characters of user and password percent-encoded (/ is %2F), "
    "the password rather in PGPASSWORD or ~/.pgpass; parameters as libpq knows them"
)
NOTIFY_CLAIMS: Final = "SELECT pg_notify('chargewright_claim', payload) FROM unnest($1::text[]) AS payload"
# The transactions that are all over: everything below the oldest that is open.
OLDEST_OPEN: Final = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

# Classes of SQLSTATE (and single ones) after which the same statements may succeed later. Any other error is about the
# statements' values.
UNAVAILABLE: Final = frozenset(
    {
        "08",  # connection
        "28",  # the password is being changed, or the access file is
        "3D",  # the database is being restored
        "40",  # deadlock, serialization
        "53",  # disk full, too many connections
        "57",  # shutting down, cancelled
        "58",  # input or output
        "25006",  # read only: a standby, to be promoted
        "55P03",  # lock not available
    }
)

# An `InternalClientError` is what asyncpg raises when its connection is given up in the middle of a statement.
_ABOUT_THE_CONNECTION: Final = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def storage_error(error: Exception, purpose: str) -> StorageError:
    """What an error of asyncpg means to us."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        kind = StorageUnavailable if state[:2] in UNAVAILABLE or state in UNAVAILABLE else StorageError
    elif isinstance(error, _ABOUT_THE_CONNECTION) and not isinstance(error, ValueError):
        kind = StorageUnavailable
    else:
        kind = StorageError
    return kind(f"cannot {purpose}: {type(error).__name__}: {error}")


class _InDoubt:
    """A transaction whose commit was not answered."""

    __slots__ = ("number", "outcome", "units")

    def __init__(self, number: int, units: Sequence[Unit], outcome: Outcome) -> None:
        self.number = number
        self.units = list(units)
        self.outcome = outcome


class PostgresqlStorage(Database):
    """`Storage` on PostgreSQL; made by `open_postgresql`."""

    def __init__(self, url: str, clock: Clock, pool: Any, offset: int) -> None:
        super().__init__(asyncpg_dialect.dialect(), clock)  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
        self._url = url
        self._pool = pool
        self._offset = offset
        self._connection: Any = None
        self._commit_lock = asyncio.Lock()
        self._ids = TransactionIds()
        self._in_doubt: _InDoubt | None = None
        self._below = f"({OLDEST_OPEN} + {offset}) << {POSITION_BITS}"
        self.notifications = Notifications(
            lambda: _connect(url, "chargewright notifications"),
            f"SELECT $1::bigint < {self._below}",
            self._wake_event_readers,
            lambda station_id, epoch, node: self.on_claim(station_id, epoch, node),
        )
        self.journal = GroupCommitJournal(self, clock)
        self.journal.on_committed = self._committed

    # --- driver of the journal ---------------------------------------------------------------------------------------

    async def commit(self, units: Sequence[Unit]) -> Outcome:
        """See `journal.Driver`."""
        async with self._commit_lock:
            try:
                connection = await self._journal_connection()
                settled = await self._settle_doubt(connection, units)
            except StorageError:
                raise
            except Exception as error:
                # Whatever the reason, it is not these units.
                raise StorageUnavailable(str(storage_error(error, "reach the database"))) from error
            if settled is not None:
                return settled
            ids = self._ids.snapshot()
            try:
                await connection.execute("BEGIN")
                number, outcome = await self._apply(connection, units)
            except BaseException as error:
                self._ids.restore(ids)
                await self._abandon(connection, error)
                if isinstance(error, StorageError) or not isinstance(error, Exception):
                    raise
                raise storage_error(error, "write a batch") from error
            try:
                await connection.execute("COMMIT")
            except BaseException as error:
                # Committed or not: ask before the next attempt. The ids stay taken: they may be in the database.
                self._in_doubt = _InDoubt(number, units, outcome)
                connection.terminate()
                if not isinstance(error, Exception):
                    raise
                raise StorageUnavailable(f"the commit of a batch was not answered: {error}") from error
            return outcome

    async def quarantine(self, unit: Unit, reason: str) -> None:
        """See `journal.Driver`."""
        async with self._commit_lock:
            ids = self._ids.snapshot()
            try:
                async with self._pool.acquire(timeout=COMMAND_TIMEOUT_SECONDS) as connection, connection.transaction():
                    numbers = await _run(connection, keep_in_quarantine(unit, reason, self._ids))
            except BaseException as error:
                # Committed or not: the next attempt is for the same unit, and takes the same id.
                self._ids.restore(ids)
                if isinstance(error, StorageError) or not isinstance(error, Exception):
                    raise
                raise storage_error(error, "keep a frame in quarantine") from error
            for record, transaction_id in numbers:
                record.transaction_id = transaction_id

    async def _journal_connection(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await _connect(self._url, "chargewright journal")
            if await self._connection.fetchval("SHOW synchronous_commit") == "off":
                await self._connection.execute("SET synchronous_commit = on")
        return self._connection

    async def _settle_doubt(self, connection: Any, units: Sequence[Unit]) -> Outcome | None:
        """What an unanswered commit of these same units did, if it did."""
        doubt = self._in_doubt
        if doubt is None:
            return None
        status = await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", str(doubt.number))
        if status == "in progress":
            raise StorageUnavailable(f"transaction {doubt.number} is still being committed")
        self._in_doubt = None
        return doubt.outcome if status == "committed" and doubt.units == list(units) else None

    async def _apply(self, connection: Any, units: Sequence[Unit]) -> tuple[int, Outcome]:
        stations = sorted({unit.station_id for unit in units})
        found = await connection.fetch(EXCLUSIVE if changes_stations(units) else SHARED, stations)
        # Units of no station need a number too: their events, and whether their commit was done, hang on it.
        number = found[0][2] if found else await connection.fetchval(TRANSACTION_NUMBER)
        epochs = {row[0]: row[1] for row in found}
        sequence = (number + self._offset) << POSITION_BITS
        outcome = await _run(connection, apply_batch(units, epochs, sequence, self._ids))
        if outcome.claims:
            await connection.fetch(
                NOTIFY_CLAIMS, [f"{station}:{epoch}:{node}" for station, epoch, node in outcome.claims]
            )
        return number, outcome

    async def _abandon(self, connection: Any, error: BaseException) -> None:
        """Leave no transaction open; a connection that does not answer, or even roll back, is thrown away."""
        if connection.is_closed():
            return
        # A TimeoutError is an OSError.
        if isinstance(error.__cause__ or error, (OSError, asyncio.CancelledError, asyncpg.InternalClientError)):
            connection.terminate()
            return
        try:
            await connection.execute("ROLLBACK")
        except (*_ABOUT_THE_CONNECTION, asyncpg.PostgresError):
            connection.terminate()

    def _committed(self, outcome: Outcome) -> None:
        for station_id, epoch, _node in outcome.claims:
            self.notifications.claimed(station_id, epoch)
        if outcome.last_sequence:
            self.notifications.announce(outcome.last_sequence)

    # --- the operator's writes, and reading --------------------------------------------------------------------------

    async def _write(self, steps: Sequence[tuple[Statement, Rows]]) -> None:
        await self._write_answered(steps)

    async def _write_answered(self, steps: Sequence[tuple[Statement, Rows]]) -> Rows:
        answer: Rows = []
        try:
            async with self._pool.acquire(timeout=COMMAND_TIMEOUT_SECONDS) as connection, connection.transaction():
                for statement, rows in steps:
                    answer = await _execute(connection, statement, rows)
        except StorageError:
            raise
        except Exception as error:
            raise storage_error(error, steps[0][0].purpose) from error
        return answer

    async def reserve_numbers(self, name: str, count: int = 1) -> int:
        """The first of `count` numbers in a row that nobody has had, on any node, of the series `name`."""
        answer = await self._write_answered([(RESERVE_NUMBERS, [(name, count + 1)])])
        return int(answer[0][0]) - count

    async def _fetch(self, statement: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
        try:
            rows: Sequence[Sequence[Any]] = await self._pool.fetch(statement, *parameters)
        except Exception as error:
            raise storage_error(error, "read") from error
        return rows

    def _visible_events(self, statement: Select[Any]) -> Select[Any]:
        return statement.where(event.c.sequence < literal_column(f"({self._below})"))

    def _select_meter_values(self, wanted: MeterValueFilter) -> Select[Any]:
        return wanted.select()

    def _station_known(self, row: StationRow) -> None:
        """Epochs are read by every batch."""

    async def close(self, grace_seconds: float | None = None) -> None:
        """Close the journal first, within the grace, then every connection."""
        await self.journal.close(grace_seconds)
        await self.notifications.close()
        if self.journal.statistics()["given_up"]:
            # A database that did not take the rest will not take leave of us either.
            if self._connection is not None:
                self._connection.terminate()
            self._pool.terminate()
            return
        async with self._commit_lock:
            if self._connection is not None and not self._connection.is_closed():
                await self._connection.close(timeout=CONNECT_TIMEOUT_SECONDS)
        try:
            await asyncio.wait_for(self._pool.close(), CONNECT_TIMEOUT_SECONDS)
        except TimeoutError:
            self._pool.terminate()


async def open_postgresql(url: str, clock: Clock) -> PostgresqlStorage:
    """Connect to and migrate the database that `url` names (`postgresql://…`, as libpq writes it).

    Raises `StorageUnavailable` when it cannot be reached, `StorageError` when it is of a newer release,
    `ConfigurationError` for a URL that cannot be read. No message repeats the URL's password.
    """
    try:
        connection = await _first_connection(url)
        try:
            await migrate_postgresql(connection)
            offset = await _event_offset(connection)
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)
        pool = await asyncpg.create_pool(
            url,
            min_size=0,  # to keep one open, asyncpg would log a traceback for each attempt of an outage
            max_size=POOL_CONNECTIONS,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            server_settings={"application_name": "chargewright"},
        )
    except (StorageError, ConfigurationError):
        raise
    except Exception as error:
        raise storage_error(error, "open the database") from error
    storage = PostgresqlStorage(url, clock, pool, offset)
    try:
        await storage.notifications.begin()
    except Exception as error:
        await storage.close()
        raise storage_error(error, "listen for notifications") from error
    return storage


async def _first_connection(url: str) -> Any:
    try:
        return await _connect(url, "chargewright migration")
    except ValueError:
        # Its own message quotes the part that it could not read: a piece of the password, where that has a `/`.
        raise ConfigurationError("storage", "url", shown_url(url), READABLE_URL) from None
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        what_to_do = "give the right password in PGPASSWORD or in ~/.pgpass, or percent-encoded in the URL"
        raise StorageUnavailable(f"{storage_error(error, 'open the database')}; {what_to_do}") from error
    except asyncpg.InvalidCatalogNameError as error:
        what_to_do = "make it first, with createdb or CREATE DATABASE; its tables are made by themselves"
        raise StorageUnavailable(f"{storage_error(error, 'open the database')}; {what_to_do}") from error


async def _event_offset(connection: Any) -> int:
    """What to add to this cluster's transaction numbers so that they go on after those in the event log."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        stored = await connection.fetchval("SELECT value FROM setting WHERE name = $1", OFFSET_SETTING)
        offset = int(stored or 0)
        last: int = await connection.fetchval("SELECT coalesce(max(sequence), 0) FROM event")
        newest = last >> POSITION_BITS
        number: int = await connection.fetchval("SELECT pg_current_xact_id()::text::bigint")
        if newest < number + offset:
            return offset
        offset = newest - number + 1
        await connection.execute(
            "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            OFFSET_SETTING,
            str(offset),
        )
        return offset


async def _connect(url: str, name: str) -> Any:
    return await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        server_settings={"application_name": name},
    )


async def _run(connection: Any, steps: Generator[tuple[Statement, Rows], Rows, Result]) -> Result:
    try:
        statement, rows = next(steps)
        while True:
            statement, rows = steps.send(await _execute(connection, statement, rows))
    except StopIteration as end:
        result: Result = end.value
        return result


async def _execute(connection: Any, statement: Statement, rows: Rows) -> Rows:
    try:
        answer: Rows = await connection.fetch(statement.for_postgresql[0], *zip(*rows, strict=True))
    except Exception as error:
        raise storage_error(error, statement.purpose) from error
    return answer
