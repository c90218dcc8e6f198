"""Tables filled by the database itself, many rows at a time: for what is measured or planned, not for what it means."""

import sqlite3
from collections.abc import Mapping, Sequence

import asyncpg
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, Table
from sqlalchemy.dialects.sqlite import INTEGER, REAL

__all__ = ["execute", "fill", "is_postgresql"]

SQLITE_PREFIX = "sqlite:///"


def is_postgresql(url: str) -> bool:
    """Which of the two databases a URL names."""
    return not url.startswith(SQLITE_PREFIX)


def fill(url: str, table: Table, count: int, expressions: Mapping[str, str]) -> str:
    """The statement that adds `count` rows to `table`.

    `expressions` gives columns their SQL, in which `n` counts from 1. Of the others those that may be NULL are NULL,
    numbers are n, texts and bytes hold it; identities come from the database.
    """
    missing = set(expressions) - set(table.c.keys())
    if missing:
        raise ValueError(f"{table.name} has no column {', '.join(sorted(missing))}")
    values = {column.name: expressions.get(column.name, _expression(column, is_postgresql(url))) for column in table.c}
    wanted = {name: value for name, value in values.items() if value is not None}
    columns, selected = ", ".join(wanted), ", ".join(wanted.values())
    if is_postgresql(url):
        source = f"generate_series(1::bigint, {count}) AS series (n)"
        return f"INSERT INTO {table.name} ({columns}) SELECT {selected} FROM {source}"  # noqa: S608  # our own tables
    series = f"WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {count}) "  # noqa: S608
    return f"INSERT INTO {table.name} ({columns}) {series}SELECT {selected} FROM series"  # noqa: S608  # as above


def _expression(column: Column[object], on_postgresql: bool) -> str | None:
    if column.nullable or column.identity is not None:
        return None
    if isinstance(column.type, Boolean):
        return "(n < 0)"
    if isinstance(column.type, (BigInteger, Integer, INTEGER, Double, REAL)):
        return "n"
    if isinstance(column.type, LargeBinary):
        return "CAST('x' AS BLOB)" if not on_postgresql else "'x'::bytea"
    return "'' || n"


async def execute(url: str, statements: Sequence[str]) -> None:
    """Run statements beside the storage, without foreign keys, and let the database count what it has."""
    if is_postgresql(url):
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("SET session_replication_role = replica")
            for statement in statements:
                await connection.execute(statement)
            await connection.execute("ANALYZE")
        finally:
            await connection.close()
        return
    database = sqlite3.connect(url.removeprefix(SQLITE_PREFIX), isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        for statement in statements:
            database.execute(statement)
        database.execute("COMMIT")
    finally:
        database.close()
