"""Tables grow from the first release's to this one's and then are what `tables.py` says."""

import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from chargewright.clock import SystemClock
from chargewright.csms.storage.base import EventRecord, StorageError
from chargewright.csms.storage.migration import head_revision, migrate_postgresql, migrate_sqlite
from chargewright.csms.storage.postgresql import open_postgresql
from chargewright.csms.storage.sqlite import open_sqlite
from chargewright.csms.storage.tables import ONLY, metadata

# A small database as release 0001 left it. Written as text: later changes of the code do not change it.
RELEASE_0001 = """
INSERT INTO station (id, identity, security_profile, registration, tolerance, time_zone, ocpp_version, epoch, booted)
VALUES (1, 'CP1', 1, 'Accepted', 'tolerant', 'Europe/Berlin', '1.6', 5, {true});
INSERT INTO charging_transaction (id, transaction_id, station_id, connector_id, id_tag, id_tag_key, id_tag_status,
start_instant, station_time, received_at, meter_start, flags, stop_arrived_first)
VALUES (1, 17, 1, 1, 'Tag', 'tag', 'Accepted', 1000, 't', 1, 0, '', {false});
INSERT INTO meter_value (id, station_id, connector_id, transaction_id, instant, content_hash, station_time, received_at,
samples) VALUES (1, 1, 1, 17, 1000, 1, 't', 1, '[]');
UPDATE id_block SET next_value = 18 WHERE name = 'transaction';
"""


def statements(dialect: Any) -> list[str]:
    result = []
    for table in metadata.sorted_tables:
        if not belongs(table, dialect.name):
            continue
        result.append(str(CreateTable(table).compile(dialect=dialect)))
        result += [
            str(CreateIndex(index).compile(dialect=dialect))
            for index in sorted(table.indexes, key=lambda i: str(i.name))
            if belongs(index, dialect.name)
        ]
    return result


def belongs(item: Any, database: str) -> bool:
    return bool(item.info.get(ONLY, database) == database)


def sqlite_schema(connection: sqlite3.Connection) -> list[Any]:
    sql = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' ORDER BY 1, 2"
    return [
        (kind, name, table, parts(text) if text else None)
        for kind, name, table, text in connection.execute(sql)
        if not table.startswith("alembic")
    ]


def parts(sql: str) -> list[str]:
    """What stands between the outer commas, sorted: a column that was added later stands after the constraints."""
    found, depth = [""], 0
    for character in "".join(sql.split()):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character in ",()" and depth <= 1:
            found.append("")
        else:
            found[-1] += character
    return sorted(found)


def test_sqlite_has_the_tables_of_the_metadata() -> None:
    migrated = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(migrated)
    migrate_sqlite(migrated)  # a second time changes nothing
    fresh = sqlite3.connect(":memory:")
    for statement in statements(sqlite_dialect.dialect()):
        fresh.execute(statement)
    assert sqlite_schema(migrated) == sqlite_schema(fresh)
    engine = create_engine("sqlite://", creator=lambda: migrated)
    with engine.connect() as connection:
        options = {"include_object": lambda item, *_: belongs(item, "sqlite")}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    migrated.close()
    fresh.close()


POSTGRESQL_SCHEMA = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND c.relname <> 'alembic_version'
UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), true, ''
FROM pg_constraint WHERE connamespace = $1::text::regnamespace AND contype <> 'n' AND conname NOT LIKE 'alembic%'
UNION ALL SELECT tablename, indexname, indexdef, true, '' FROM pg_indexes
WHERE schemaname = $1 AND indexname NOT LIKE 'alembic%'
ORDER BY 1, 2, 3
"""


async def test_postgresql_has_the_tables_of_the_metadata(empty_postgresql_url: str) -> None:
    connection = await asyncpg.connect(empty_postgresql_url)
    await migrate_postgresql(connection)
    await migrate_postgresql(connection)
    await connection.execute("CREATE SCHEMA fresh; SET search_path TO fresh")
    for statement in statements(asyncpg_dialect.dialect()):
        await connection.execute(statement)
    fresh = [tuple(str(value) for value in row) for row in await connection.fetch(POSTGRESQL_SCHEMA, "fresh")]
    await connection.execute("SET search_path TO public")
    migrated = [tuple(str(value) for value in row) for row in await connection.fetch(POSTGRESQL_SCHEMA, "public")]
    await connection.close()
    assert [tuple(value.replace("fresh.", "public.") for value in row) for row in fresh] == [
        tuple(value.replace("public.", "public.") for value in row) for row in migrated
    ]
    assert len(migrated) > 100


async def test_a_sqlite_database_of_the_first_release_is_brought_up(tmp_path: Path, sit_down: Any) -> None:
    connection = sqlite3.connect(tmp_path / "csms.db", isolation_level=None)
    migrate_sqlite(connection, to="0001")
    connection.executescript(RELEASE_0001.format(true=1, false=0))
    connection.close()
    desk = await sit_down(await open_sqlite(tmp_path / "csms.db", SystemClock()))
    await check_first_release(desk)


async def test_a_postgresql_database_of_the_first_release_is_brought_up(
    empty_postgresql_url: str, sit_down: Any
) -> None:
    connection = await asyncpg.connect(empty_postgresql_url)
    await migrate_postgresql(connection, to="0001")
    await connection.execute(RELEASE_0001.format(true="true", false="false"))
    await connection.execute("SELECT setval(pg_get_serial_sequence('station', 'id'), 1)")
    await connection.close()
    desk = await sit_down(await open_postgresql(empty_postgresql_url, SystemClock()))
    await check_first_release(desk)


async def check_first_release(desk: Any) -> None:
    station = (await desk.storage.stations())[0]
    assert (station.identity, station.time_zone, station.epoch, station.booted) == ("CP1", "Europe/Berlin", 5, True)
    assert await desk.rows("SELECT transaction_id, flags FROM charging_transaction") == [(17, "")]
    assert await desk.rows("SELECT transaction_id, samples FROM meter_value") == [(17, "[]")]
    assert await desk.rows("SELECT version_num FROM alembic_version") == [(head_revision(),)]
    await desk.write(EventRecord(kind="x", body={}))
    assert len(await desk.storage.events_after(0, 10)) == 1


async def test_a_newer_sqlite_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "csms.db", isolation_level=None)
    migrate_sqlite(connection)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match=r"at step 9999.*newer release"):
        await open_sqlite(tmp_path / "csms.db", SystemClock())
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.close()


async def test_a_newer_postgresql_database_is_refused(postgresql_url: str) -> None:
    connection = await asyncpg.connect(postgresql_url)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(StorageError, match=r"at step 9999.*newer release"):
        await open_postgresql(postgresql_url, SystemClock())


async def test_nodes_that_start_at_once_migrate_once(empty_postgresql_url: str) -> None:
    connections = [await asyncpg.connect(empty_postgresql_url) for _ in range(3)]
    import asyncio

    await asyncio.gather(*map(migrate_postgresql, connections))
    assert await connections[0].fetchval("SELECT count(*) FROM id_block") == 1
    for connection in connections:
        await connection.close()


def test_a_step_that_fails_leaves_the_database_as_it_was() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE site (something TEXT)")  # in the way of the first step
    with pytest.raises(StorageError, match="site already exists"):
        migrate_sqlite(connection)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("site",)]
    connection.close()
