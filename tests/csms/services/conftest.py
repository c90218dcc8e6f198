"""Fixtures for the tests of services."""

from collections.abc import AsyncIterator

import pytest
from tests.csms.services.upkeep import UpkeepBench
from tests.databases import TestDatabase


@pytest.fixture
async def upkeep_on_each(database: TestDatabase) -> AsyncIterator[UpkeepBench]:
    """The bench for services that keep jobs, on each database in turn."""
    bench = await UpkeepBench(database.url).start()
    yield bench
    await bench.storage.close()


@pytest.fixture
async def upkeep(sqlite_database: TestDatabase) -> AsyncIterator[UpkeepBench]:
    """The same on SQLite, for what does not depend on the database."""
    bench = await UpkeepBench(sqlite_database.url).start()
    yield bench
    await bench.storage.close()
