"""The newest authenticated socket wins, across nodes; two devices that fight over one identity are an alarm."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.csms.wire import BOOT, WireStation, eventually, seed_text
from tests.databases import TestDatabase
from tests.nodes import OnDatabase, StartNode
from tests.serving import ServeProcess, data_arguments

ALARMS = "SELECT body FROM event WHERE kind = 'alarm.identity_contested'"


@pytest.fixture
async def two_nodes(postgresql_database: TestDatabase, start_node: StartNode, tmp_path: Path) -> Any:
    """Start two nodes of one database; keyword arguments are settings of both."""

    async def start(**settings: Any) -> list[Any]:
        several = {"db": postgresql_database.url, "credential_key": "ab" * 32} | settings
        return [await start_node(node=name, data=tmp_path / name, **several) for name in ("node0", "node1")]

    return start


def urls(nodes: list[Any]) -> list[str]:
    return [f"ws://{node.addresses.ocpp[0]}" for node in nodes]


async def test_promise_07_the_newest_socket_wins_on_one_node(serve: OnDatabase, database: TestDatabase) -> None:
    csms = await serve(fight_evictions=1000)
    url = f"ws://{csms.addresses.ocpp[0]}"
    open_ones = [await WireStation(url, "A1").__aenter__()]
    for hop in range(50):
        open_ones.append(await WireStation(url, "A1").__aenter__())
        assert (await open_ones[-1].start(meterStart=hop))["transactionId"]
    for old in open_ones[:-1]:
        assert await asyncio.wait_for(old.closed(), 10) == 1008
    assert (await open_ones[-1].exchange("Heartbeat", {}))[0] == 3
    assert csms.statistics()["stations_connected"] == 1
    await open_ones[-1].__aexit__(None, None, None)
    await eventually(lambda: csms.statistics()["connections"] == 0)
    assert await database.rows("SELECT epoch FROM station WHERE identity = 'A1'") == [(51,)]


async def test_promise_07_the_end_of_an_old_socket_removes_nothing(serve: OnDatabase, database: TestDatabase) -> None:
    csms = await serve()
    url = f"ws://{csms.addresses.ocpp[0]}"
    old = await WireStation(url, "A1").__aenter__()
    await old.exchange("Heartbeat", {})
    async with WireStation(url, "A1") as new:
        await new.exchange("Heartbeat", {})
        assert await asyncio.wait_for(old.closed(), 10) == 1008
        await eventually(lambda: csms.statistics()["connections"] == 1)
        await new.start()
        assert csms.statistics()["stations_connected"] == 1
        assert await database.rows("SELECT epoch, disconnected_at FROM station WHERE identity = 'A1'") == [(2, None)]


async def test_promise_07_who_has_not_shown_credentials_evicts_nobody(serve: OnDatabase) -> None:
    url = await serve.url()
    async with WireStation(url, "A1") as station:
        await station.boot()
        for password in (None, "00" * 16):
            with pytest.raises(Exception, match="401"):
                await WireStation(url, "A1", password=password).__aenter__()
        assert (await station.exchange("Heartbeat", {}))[0] == 3


async def test_promise_07_two_devices_with_one_identity_are_an_alarm_and_a_back_off(
    serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve(fight_evictions=3)
    url = f"ws://{csms.addresses.ocpp[0]}"
    open_ones: list[WireStation] = []
    for hop in range(4):
        station = await WireStation(url, "A1").__aenter__()
        open_ones.append(station)
        await station.call("BootNotification", **BOOT, chargePointSerialNumber=f"SN{hop % 2}")
    for old in open_ones[:-1]:
        assert await asyncio.wait_for(old.closed(), 10) == 1008
    async with WireStation(url, "A1") as turned_away:
        assert await asyncio.wait_for(turned_away.closed(), 10) == 1013
    assert (await open_ones[-1].exchange("Heartbeat", {}))[0] == 3
    await csms._storage.journal.drain()
    ((body,),) = await database.rows(ALARMS)
    assert json.loads(body)["evictions"] == 3
    await open_ones[-1].__aexit__(None, None, None)
    # The holder is gone: whoever comes is let in.
    await eventually(lambda: csms.statistics()["connections"] == 0)
    async with WireStation(url, "A1") as station:
        assert (await station.exchange("Heartbeat", {}))[0] == 3


async def test_promise_07_an_identity_hops_between_two_nodes(two_nodes: Any, postgresql_database: TestDatabase) -> None:
    nodes = await two_nodes(fight_evictions=1000)
    open_ones: list[WireStation] = []
    for hop in range(100):
        open_ones.append(await WireStation(urls(nodes)[hop % 2], "A1").__aenter__())
        # Answered, so this socket holds the newest epoch: every older one is refused from now on.
        await open_ones[-1].start(meterStart=hop)
    for old in open_ones[:-1]:
        assert await asyncio.wait_for(old.closed(), 10) == 1008
    assert (await open_ones[-1].start(meterStart=99))["transactionId"]
    assert [node.statistics()["stations_connected"] for node in nodes] == [0, 1]
    assert await postgresql_database.rows("SELECT epoch FROM station WHERE identity = 'A1'") == [(100,)]
    assert await postgresql_database.value("SELECT count(*) FROM charging_transaction") == 100
    await open_ones[-1].__aexit__(None, None, None)


async def test_promise_07_two_devices_at_two_nodes_are_an_alarm(
    two_nodes: Any, postgresql_database: TestDatabase
) -> None:
    nodes = await two_nodes(fight_evictions=2)
    open_ones: list[WireStation] = []
    for hop in range(4):
        open_ones.append(await WireStation(urls(nodes)[hop % 2], "A1").__aenter__())
        await open_ones[-1].start(meterStart=hop)
    for old in open_ones[:-1]:
        assert await asyncio.wait_for(old.closed(), 10) == 1008
    # The first node has lost its station twice, and leaves the holder in peace for a while.
    async with WireStation(urls(nodes)[0], "A1") as turned_away:
        assert await asyncio.wait_for(turned_away.closed(), 10) == 1013
    assert (await open_ones[-1].exchange("Heartbeat", {}))[0] == 3
    await nodes[0]._storage.journal.drain()
    found = await postgresql_database.rows(ALARMS)
    assert [json.loads(row[0]) for row in found] == [{"evictions": 2, "node": "node1"}]
    await open_ones[-1].__aexit__(None, None, None)


async def test_promise_07_nothing_is_written_under_an_old_epoch(
    two_nodes: Any, postgresql_database: TestDatabase
) -> None:
    nodes = await two_nodes()
    nodes[0]._storage.on_claim = lambda station_id, epoch, node: None  # it does not hear of the other's claim
    async with WireStation(urls(nodes)[0], "A1") as old:
        await old.start(meterStart=1)
        async with WireStation(urls(nodes)[1], "A1") as new:
            await new.start(meterStart=2)
            start = {"connectorId": 1, "idTag": "TAG", "meterStart": 3, "timestamp": "2026-01-01T00:00:00Z"}
            await old.send(json.dumps([2, "late", "StartTransaction", start]))
            assert await asyncio.wait_for(old.closed(), 10) == 1008
            assert (await new.start(meterStart=2))["transactionId"]
    found = await postgresql_database.rows("SELECT meter_start FROM charging_transaction ORDER BY 1")
    assert found == [(1,), (2,)]


async def test_promise_07_an_identity_hops_between_two_processes(
    postgresql_database: TestDatabase, tmp_path: Path
) -> None:
    environment = {"CHARGEWRIGHT_CREDENTIAL_KEY": "ab" * 32, "CHARGEWRIGHT_DB": postgresql_database.url}
    environment["CHARGEWRIGHT_FIGHT_EVICTIONS"] = "1000"  # else it would have to wait after the fifth
    servers: list[ServeProcess] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        servers.append(await ServeProcess.start(*data_arguments(tmp_path / name, seed_text("A1")), **environment))
    stations: list[WireStation] = []
    for hop in range(40):
        stations.append(await WireStation(servers[hop % 2].ocpp_url, "A1").__aenter__())
        await stations[-1].start(meterStart=hop)
    for old in stations[:-1]:
        assert await asyncio.wait_for(old.closed(), 10) == 1008
    assert (await stations[-1].exchange("Heartbeat", {}))[0] == 3
    assert [await server.stop() for server in servers] == [0, 0]
    assert await asyncio.wait_for(stations[-1].closed(), 10) == 1001
    assert await postgresql_database.rows("SELECT epoch FROM station WHERE identity = 'A1'") == [(40,)]
    assert await postgresql_database.value("SELECT count(*) FROM charging_transaction") == 40
