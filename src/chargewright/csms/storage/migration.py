"""Bringing a database to the tables of this release: Alembic, forward only, run by code.

Both databases change in one transaction and under a lock, so two nodes that start at once do not meet half a schema,
and a step that fails leaves the database as it was. A database with steps that this release does not know is newer: it
is refused.

SQLite steps run online, where Alembic's batch mode may read and rebuild a table. For PostgreSQL, Alembic writes the SQL
of the missing steps and asyncpg executes it: steps are therefore statements, never Python that reads rows.
"""

import io
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from chargewright.csms.storage import migrations
from chargewright.csms.storage.base import StorageError
from chargewright.csms.storage.tables import metadata

__all__ = ["head_revision", "migrate_postgresql", "migrate_sqlite"]

# PostgreSQL's advisory locks are numbers; this one is ours ("chargewr" in ASCII).
MIGRATION_LOCK: Final = 0x6368617267657772


def head_revision() -> str:
    """The number of the newest step that this release knows."""
    head = _scripts().get_current_head()
    if head is None:
        raise StorageError("the package has no migrations: its installation is incomplete")
    return head


def migrate_sqlite(connection: sqlite3.Connection, *, to: str = "head") -> None:
    """Bring the database to this release's tables, or to the step `to`.

    `connection` must be in autocommit mode (`isolation_level=None`) and have foreign keys off, which batch mode needs.
    Raises `StorageError` when the database is newer, or a step fails.
    """
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    # The driver would begin before INSERT only, and tables would be changed outside any transaction.
    event.listen(engine, "begin", _begin_immediate)
    scripts = _scripts()
    try:
        with engine.connect() as database, database.begin():
            context = EnvironmentContext(Config(), scripts, fn=_upgrade(scripts, "this SQLite database", to))
            with context:
                context.configure(
                    connection=database, target_metadata=metadata, render_as_batch=True, transactional_ddl=True
                )
                context.run_migrations()
            broken = database.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise StorageError(f"migrating left rows that refer to nothing: {broken[:5]}")
    except (sqlite3.Error, SQLAlchemyError) as error:
        raise StorageError(f"migrating the SQLite database failed: {error}") from error


async def migrate_postgresql(connection: Any, *, to: str = "head") -> None:
    """Bring the database to this release's tables, or to the step `to`.

    Raises `StorageError` when the database is newer, or a step fails.
    """
    scripts = _scripts()
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
            current = None
            if await connection.fetchval("SELECT to_regclass('alembic_version')") is not None:
                current = await connection.fetchval("SELECT version_num FROM alembic_version")
            sql = _offline_sql(scripts, current, to)
            if sql:
                await connection.execute(sql)
    except (asyncpg.PostgresError, OSError) as error:
        raise StorageError(f"migrating the PostgreSQL database failed: {error}") from error


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(migrations.__file__).parent))


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _upgrade(scripts: ScriptDirectory, database: str, to: str) -> Callable[[Any, Any], Any]:
    """What Alembic calls to learn which steps to run."""

    def steps(current: Any, _context: Any) -> Any:
        known = {script.revision for script in scripts.walk_revisions()}
        for revision in [current] if isinstance(current, str) else current:
            if revision not in known:
                raise StorageError(
                    f"{database} is at step {revision}, this release knows steps up to {scripts.get_current_head()}: "
                    "it was used by a newer release; run that one, or restore a backup"
                )
        return scripts._upgrade_revs(to, current)

    return steps


def _offline_sql(scripts: ScriptDirectory, current: str | None, to: str) -> str:
    steps = _upgrade(scripts, "this PostgreSQL database", to)
    if current is not None and not steps(current, None):
        return ""
    buffer = io.StringIO()
    context = EnvironmentContext(Config(), scripts, fn=steps, as_sql=True, starting_rev=current, destination_rev=to)
    with context:
        context.configure(
            dialect_name="postgresql", target_metadata=metadata, output_buffer=buffer, transactional_ddl=False
        )
        context.run_migrations()
    return buffer.getvalue()
