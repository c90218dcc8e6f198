"""Both forms of every statement take its columns, and both databases accept them."""

import sqlite3
from typing import Any

import asyncpg
import pytest

from chargewright.csms.storage import statements
from chargewright.csms.storage.migration import migrate_sqlite
from chargewright.csms.storage.statements import SQLITE_CHUNKS, Statement

STATEMENTS = {name: value for name, value in vars(statements).items() if isinstance(value, Statement)}


@pytest.mark.parametrize("name", STATEMENTS)
def test_sqlite_plans_each_statement(name: str) -> None:
    statement = STATEMENTS[name]
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(connection)
    for size in SQLITE_CHUNKS:
        text = statement.for_sqlite[size]
        assert text.count("?") == size * len(statement.columns)
        connection.execute("EXPLAIN " + text, [None] * (size * len(statement.columns)))
    connection.close()


async def test_postgresql_prepares_each_statement(postgresql_url: str) -> None:
    connection: Any = await asyncpg.connect(postgresql_url)
    for name, statement in STATEMENTS.items():
        prepared = await connection.prepare(statement.for_postgresql[0])
        kinds = [parameter.name.removesuffix("[]") for parameter in prepared.get_parameters()]
        wanted = {"bigint": "int8", "double precision": "float8", "boolean": "bool"}
        assert kinds == [wanted.get(kind, kind) for _, kind in statement.columns], name
        assert bool(prepared.get_attributes()) == statement.returns, name
    await connection.close()
