"""Stations that nobody registered: rows of their own, an end to it, and no way around a password."""

import asyncio
from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.wire import WireStation, eventually, seed_text
from websockets.exceptions import InvalidStatus

from chargewright.csms.storage.base import StationRow, StorageUnavailable
from chargewright.transport.basic_auth import hash_credential
from chargewright.transport.connection import Refusal, UpgradeRequest

HASH = hash_credential(bytes(16), b"k" * 32, b"s" * 16)


@pytest.fixture
async def open_house(start_bench: Any) -> Workbench:
    """A CSMS that takes on two unknown stations."""
    made: Workbench = await start_bench(unknown_stations="accept", unknown_stations_limit=2)
    return made


def is_refused(bench: Workbench, identity: str) -> bool:
    request = UpgradeRequest(f"/{identity}", {"sec-websocket-protocol": "ocpp1.6"})
    return isinstance(bench.csms.admit(request), Refusal)


async def adopted(bench: Workbench, identity: str) -> Any:
    """A connection of an unknown station, once it is read."""
    connection = bench.open(identity)
    await asyncio.wait_for(connection.is_read.wait(), 5)
    return connection


async def test_each_row_counts_and_nothing_else_does(open_house: Workbench) -> None:
    bench = open_house
    sockets = [bench.open("NEW-1"), bench.open("NEW-1")]
    await asyncio.wait_for(sockets[1].is_read.wait(), 5)
    assert sockets[0].closed_with == (1008, "another connection of this station is newer")
    sockets[1].vanish()
    await adopted(bench, "NEW-1")
    await adopted(bench, "NEW-2")
    assert is_refused(bench, "NEW-3")
    assert not is_refused(bench, "NEW-1")


async def test_those_whose_row_is_being_written_count(open_house: Workbench) -> None:
    bench = open_house
    bench.open("NEW-1"), bench.open("NEW-2")
    assert is_refused(bench, "NEW-3")


async def test_a_row_that_could_not_be_written_uses_nothing_up(
    open_house: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = open_house

    async def away(row: StationRow) -> StationRow:
        raise StorageUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(bench.storage, "add_station", away)
        for number in range(3):
            connection = bench.open(f"LOST-{number}")
            await asyncio.wait_for(connection.is_read.wait(), 5)
            assert connection.closed_with == (1013, "the database is away")
    await adopted(bench, "NEW-1")
    await adopted(bench, "NEW-2")


async def test_a_row_with_a_password_that_another_node_made_is_no_way_in(open_house: Workbench) -> None:
    bench = open_house
    row = StationRow(id=0, identity="SEEDED", security_profile=1, credential_hash=HASH)
    await bench.storage.put_station(row)
    connection = bench.open("SEEDED")
    await asyncio.wait_for(connection.is_read.wait(), 5)
    assert connection.closed_with == (1008, "this station is registered: come again with its credentials")
    assert connection.sent == []
    assert bench.csms._sessions.statistics()["connections"] == 0
    assert is_refused(bench, "SEEDED")
    await adopted(bench, "NEW-1")
    await adopted(bench, "NEW-2")


async def test_a_stop_drops_those_that_wait_for_their_row(
    open_house: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = open_house
    never = asyncio.Event()
    begun = asyncio.Event()

    async def slow(row: StationRow) -> StationRow:
        begun.set()
        await never.wait()
        return row

    monkeypatch.setattr(bench.storage, "add_station", slow)
    waiting = bench.open("NEW-1")
    await begun.wait()
    not_begun = bench.open("NEW-2")
    await bench.csms.drain()
    assert waiting.was_aborted
    assert not_begun.was_aborted


async def test_on_real_sockets_the_password_of_another_node_is_asked_for(start_csms: Any) -> None:
    csms = await start_csms(seed=seed_text("A1"), unknown_stations="accept")
    row = StationRow(id=0, identity="SEEDED", security_profile=1, credential_hash=HASH)
    await csms._storage.put_station(row)
    url = f"ws://{csms.addresses.ocpp[0]}"
    async with WireStation(url, "SEEDED", password=None) as station:
        assert await asyncio.wait_for(station.closed(), 10) == 1008
    with pytest.raises(InvalidStatus) as caught:
        await WireStation(url, "SEEDED", password=None).__aenter__()
    assert caught.value.response.status_code == 401
    await eventually(lambda: csms.statistics()["connections"] == 0)
