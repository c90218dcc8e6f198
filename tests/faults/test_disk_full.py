"""The disk is full in the middle of load, and has room again later. On SQLite, whose file is bounded in pages."""

import asyncio
from typing import Any

import pytest
from tests.csms.wire import eventually
from tests.databases import TestDatabase
from tests.faults.peers import LibraryStation, check_ledger
from tests.faults.storm import seed_file
from tests.nodes import StartNode

STATIONS = 8
PLENTY = 2**30


def bound_pages(csms: Any, spare: int | None) -> None:
    """Let the database grow by so many pages and no more; None: as it likes."""
    connection = csms._storage._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    limit = PLENTY if spare is None else pages + spare
    (now,) = connection.execute(f"PRAGMA max_page_count={limit}").fetchone()
    assert now == limit


@pytest.mark.timeout(180)
@pytest.mark.parametrize("grace_seconds", [1, 60])
async def test_promise_06_a_full_disk_costs_nobody_a_bill(
    grace_seconds: int, sqlite_database: TestDatabase, start_node: StartNode
) -> None:
    names = [f"LIB{number}" for number in range(STATIONS)]
    csms = await start_node(
        db=sqlite_database.url,
        seed=seed_file(names),
        storage_grace_seconds=grace_seconds,
        storage_probe_seconds=0.2,
    )
    url = f"ws://{csms.addresses.ocpp[0]}"
    stations = [LibraryStation(name, number) for number, name in enumerate(names)]
    lives = [asyncio.create_task(station.live(url)) for station in stations]

    def answered() -> int:
        return sum(len(station.script.answered) for station in stations)

    await eventually(lambda: answered() > 5 * STATIONS, 60)
    bound_pages(csms, spare=2)
    await eventually(lambda: csms.statistics()["failing_seconds"] > 0.5, 60)
    stuck_at = answered()
    assert "full" in csms._storage.journal.last_failure
    if grace_seconds == 1:
        await eventually(lambda: sum(station.refusals[503] for station in stations) > STATIONS, 60)
        assert answered() == stuck_at, "nothing was answered that could not be stored"
    bound_pages(csms, spare=None)
    await eventually(lambda: csms.not_ready() is None and answered() > stuck_at + 5 * STATIONS, 120)
    for station in stations:
        station.finish()
    await asyncio.wait_for(asyncio.gather(*lives), 120)
    assert [error for station in stations for error in station.errors] == []
    assert {code for station in stations for code in station.left_unanswered} <= {1013}
    assert csms.statistics()["outages"] == int(grace_seconds == 1)
    await check_ledger(sqlite_database, stations)
    assert await sqlite_database.rows("PRAGMA integrity_check") == [("ok",)]
