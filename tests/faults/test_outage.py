"""PostgreSQL goes in the middle of load and comes back, before stations with one attempt and one second."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.csms.wire import eventually
from tests.databases import TestDatabase, new_postgresql_server
from tests.faults.peers import LibraryStation, OurStation, check_ledger
from tests.faults.storm import seed_file
from tests.nodes import StartNode

LIBRARY_STATIONS = 8
OURS = "OURS"


@pytest.fixture
def own_server() -> Iterator[Any]:
    """A PostgreSQL of the test's own: it will be stopped."""
    directory = Path(tempfile.mkdtemp(prefix="chargewright-outage-"))
    server = new_postgresql_server(directory)
    yield server
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)  # the server's own files are gone already


async def away(server: Any, how: str, seconds: float) -> None:
    """Take the server away for so long."""
    if how == "stopped":
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(seconds)  # the length of the outage, nothing is waited for
        await asyncio.to_thread(server.ensure_postgres_running)
        return
    postmaster = psutil.Process(server.get_pid())
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    for process in processes:
        process.send_signal(signal.SIGCONT)


async def load_through_outages(
    server: Any, start_node: StartNode, directory: Path, *, how: str, seconds: float, times: int, grace_seconds: float
) -> tuple[Any, list[LibraryStation]]:
    """Live through it; nothing may be lost, doubled, answered untruthfully or refused."""
    names = [f"LIB{number}" for number in range(LIBRARY_STATIONS)]
    database = TestDatabase("postgresql", server.get_uri("postgres"))
    csms = await start_node(
        db=database.url,
        seed=seed_file([*names, OURS]),
        storage_grace_seconds=grace_seconds,
        storage_probe_seconds=0.2,
    )
    url = f"ws://{csms.addresses.ocpp[0]}"
    stations = [LibraryStation(name, number) for number, name in enumerate(names)]
    lives = [asyncio.create_task(station.live(url)) for station in stations]
    ours = OurStation(OURS, url, directory, 7)
    await ours.begin()

    def answered() -> int:
        return sum(len(station.script.answered) for station in stations)

    for _ in range(times):
        before = answered()
        await eventually(lambda before=before: answered() > before + 5 * len(stations), 60)  # type: ignore[misc]
        await away(server, how, seconds)
        await eventually(lambda: csms.not_ready() is None, 60)
    before = answered()
    await eventually(lambda: answered() > before + 5 * len(stations), 120)
    for station in stations:
        station.finish()
    await asyncio.wait_for(asyncio.gather(*lives), 120)
    await ours.finish()
    assert [error for station in stations for error in station.errors] == []
    assert {code for station in stations for code in station.left_unanswered} <= {1013}
    assert {status for station in stations for status in station.refusals} <= {503}
    await check_ledger(database, stations)
    await check_ours(database, ours)
    return csms, stations


async def check_ours(database: TestDatabase, ours: OurStation) -> None:
    """Our station's one transaction is whole: its start, each sample of it, and its stop."""
    found = await database.rows(
        "SELECT t.transaction_id, t.meter_stop - t.meter_start"
        f" FROM charging_transaction t JOIN station s ON s.id = t.station_id WHERE s.identity = '{OURS}'"
    )
    ((number, energy_wh),) = found
    snapshot = ours.virtual.station.snapshot()
    assert snapshot.transactions_completed == 1
    assert energy_wh == snapshot.energy_completed_wh
    # None waits and none is parked: all that it ever had to tell is here, each once.
    assert ours.store.queue() == []
    assert (ours.store.enqueued["StartTransaction"], ours.store.enqueued["StopTransaction"]) == (1, 1)
    assert ours.store.enqueued["MeterValues"] > 0
    stored = await database.value(
        f"SELECT count(*) FROM meter_value WHERE transaction_id = {number} AND transaction_stop_id IS NULL"
    )
    assert stored == ours.store.enqueued["MeterValues"]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_promise_06_postgresql_goes_and_comes_back_under_load(
    how: str, own_server: Any, start_node: StartNode, tmp_path: Path
) -> None:
    csms, stations = await load_through_outages(
        own_server, start_node, tmp_path, how=how, seconds=5, times=1, grace_seconds=1
    )
    assert csms.statistics()["outages"] == 1
    assert sum(station.left_unanswered[1013] for station in stations) > 0
    assert sum(station.refusals[503] for station in stations) > 0


@pytest.mark.timeout(180)
async def test_promise_06_an_outage_within_the_grace_is_only_a_delay(
    own_server: Any, start_node: StartNode, tmp_path: Path
) -> None:
    csms, stations = await load_through_outages(
        own_server, start_node, tmp_path, how="stopped", seconds=5, times=1, grace_seconds=30
    )
    assert csms.statistics()["outages"] == 0
    assert sum((station.left_unanswered for station in stations), start=stations[0].left_unanswered).total() == 0


@pytest.mark.soak
@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_promise_06_postgresql_goes_for_a_minute_thirty_times(
    how: str, own_server: Any, start_node: StartNode, tmp_path: Path
) -> None:
    csms, _ = await load_through_outages(
        own_server, start_node, tmp_path, how=how, seconds=60, times=30, grace_seconds=10
    )
    assert csms.statistics()["outages"] == 30
