"""Every database that the storage suite runs on, real ones, and a desk from which a test submits units."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from chargewright.clock import SystemClock
from chargewright.csms.storage.base import ANY_EPOCH, Record, Settlement, StationRow, Unit
from chargewright.csms.storage.database import Database
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
