"""Crowds at the door: half-open sockets by the thousand, and ten devices with one identity."""

import asyncio
import json
import resource
import socket
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.csms.wire import BOOT, WireStation, eventually
from tests.databases import TestDatabase
from tests.nodes import OnDatabase
from tests.transport.raw_websocket import upgrade_bytes
from websockets.exceptions import ConnectionClosed

HALF_OPEN = 1000
DEVICES = 10


@pytest.fixture
def many_files() -> None:
    """Both ends of each socket are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * HALF_OPEN
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.fail(f"this machine allows {hard} open files, and {wanted} are needed: ulimit -n {wanted}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("websocket", ["picows", "websockets"])
async def test_promise_09_a_thousand_half_open_sockets_hurt_nobody(websocket: str, serve: OnDatabase) -> None:
    csms = await serve(websocket=websocket)
    host, _, port = csms.addresses.ocpp[0].partition(":")
    url = f"ws://{csms.addresses.ocpp[0]}"
    half = upgrade_bytes("/A1", {})[:120]
    loop = asyncio.get_running_loop()
    async with WireStation(url, "A2") as control, AsyncExitStack() as crowd:
        await control.boot()
        for number in range(HALF_OPEN):
            one = socket.socket()
            crowd.callback(one.close)
            one.setblocking(False)
            await loop.sock_connect(one, (host, int(port)))
            if number % 2:
                await loop.sock_sendall(one, half)
            if number % 50 == 0:
                assert (await control.exchange("Heartbeat", {}))[0] == 3
        # They are there, they have no station's connection, and others still get in and are served.
        assert csms.statistics()["connections"] == 1
        async with WireStation(url, "A3") as newcomer:
            assert (await newcomer.boot())["status"] == "Accepted"
            assert (await newcomer.start())["transactionId"] > 0
        assert (await control.start())["transactionId"] > 0


class Device:
    """One of those that share an identity: comes back at once, whatever it is told."""

    def __init__(self, url: str, number: int) -> None:
        self.url = url
        self.serial_number = f"SN{number}"
        self.closed: Counter[int] = Counter()

    async def live(self) -> None:
        while True:
            station = await WireStation(self.url, "A1").__aenter__()
            try:
                await station.call("BootNotification", **BOOT, chargePointSerialNumber=self.serial_number)
                while True:
                    await station.exchange("Heartbeat", {})
                    await asyncio.sleep(0.02)  # else this one would have the loop to itself
            except ConnectionClosed:
                self.closed[await station.closed()] += 1
            finally:
                await station.__aexit__(None, None, None)


async def test_promise_07_ten_stations_with_one_identity_are_an_alarm_and_one_stays(
    serve: OnDatabase, database: TestDatabase
) -> None:
    csms = await serve(fight_evictions=5, fight_backoff_seconds=600)
    url = f"ws://{csms.addresses.ocpp[0]}"
    devices = [Device(url, number) for number in range(DEVICES)]
    async with WireStation(url, "A2") as control:
        lives = [asyncio.create_task(device.live()) for device in devices]

        def closed(code: int) -> int:
            return sum(device.closed[code] for device in devices)

        try:
            await eventually(lambda: closed(1013) > 5 * DEVICES, 60)
            # From now on nobody is evicted any more: one holds the identity, the others are turned away.
            evicted, holder = csms.statistics()["connections_evicted"], csms._sessions.of_station(1)
            before = closed(1013)
            await eventually(lambda: closed(1013) > before + 5 * DEVICES, 60)
            assert csms.statistics()["connections_evicted"] == evicted
            assert csms._sessions.of_station(1) is holder
            assert holder is not None
            assert holder.connection.is_open
            assert (await control.start())["transactionId"] > 0
        finally:
            for life in lives:
                life.cancel()
            ended: list[Any] = await asyncio.gather(*lives, return_exceptions=True)
        assert [error for error in ended if not isinstance(error, asyncio.CancelledError)] == []
        await csms._storage.journal.drain()
    found = await database.rows("SELECT body FROM event WHERE kind = 'alarm.identity_contested'")
    # By their serial numbers, or where they do not even get to boot, because it happens so often.
    assert [json.loads(row[0])["evictions"] in (5, 50) for row in found] == [True]
