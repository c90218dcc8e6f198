"""Nothing is sent unasked before a station is accepted and has been silent for the settle time; then one at a time; and
with `automatic` off nothing at all."""

import asyncio
import json
import time
from typing import Any

import pytest
from tests.csms.bench import FakeConnection, Workbench
from tests.csms.commands.asking import commanding, next_call, station
from tests.csms.wire import WireStation
from tests.databases import TestDatabase
from tests.nodes import OnDatabase

from chargewright.clock import LoopClock
from chargewright.csms.app import Csms
from chargewright.csms.config import Settings
from chargewright.csms.outcomes import Answered
from chargewright.csms.ports import CommandSender
from chargewright.csms.seed import Seed
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.sqlite import open_sqlite
from chargewright.protocol.v16.core import ClearCacheRequest
from chargewright.simulation import simulate

BOOT = {"chargePointVendor": "Quiet", "chargePointModel": "Test"}
STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}


def in_virtual_time(play: Any, **columns: Any) -> None:
    """Run `play(bench)` with one station in virtual time; its settle time is 10 s."""

    async def main(clock: LoopClock) -> None:
        storage = await open_sqlite(":memory:", clock)  # type: ignore[arg-type]
        seed = Seed.model_validate({"station": [{"identity": "A1"}]})
        settings = Settings(db="sqlite://", ocpp="off", http="off", settle_seconds=10)
        csms = Csms(settings, clock=clock, storage=storage, seed=seed)
        await csms.start()
        bench = Workbench(csms, storage, clock)  # type: ignore[arg-type]
        for column, value in columns.items():
            setattr(station(bench), column, value)
        try:
            await play(bench, clock)
        finally:
            for session in csms._sessions:
                session.connection.abort()
            await csms.stop()

    simulate(main)


def clear_on_wake(bench: Workbench, *names: str) -> None:
    """Chores that each send one command, woken for the station."""
    automation = commanding(bench).automation
    for name in names:

        async def run(row: StationRow, sender: CommandSender) -> None:
            outcome = await sender.send(row.id, ClearCacheRequest())
            assert isinstance(outcome, Answered)

        automation.register(name, run)
        automation.wake(station(bench).id, name)


def commands(connection: FakeConnection) -> list[str]:
    return [message[2] for message in connection.sent if message[0] == 2]


def test_promise_13_nothing_before_it_was_silent_and_then_one_at_a_time() -> None:
    async def play(bench: Workbench, clock: LoopClock) -> None:
        clear_on_wake(bench, "first", "second")
        connection = await bench.connect()
        await bench.exchange(connection, "BootNotification", BOOT)
        for _ in range(6):
            await asyncio.sleep(5)
            await bench.exchange(connection, "StatusNotification", STATUS)
        last_heard = clock.monotonic()
        assert commands(connection) == []
        first = await next_call(connection)
        assert clock.monotonic() - last_heard == pytest.approx(10, abs=0.1)
        await asyncio.sleep(5)
        assert commands(connection) == [], "one at a time"
        connection.deliver([3, first[1], {"status": "Accepted"}])
        second = await next_call(connection)
        connection.deliver([3, second[1], {"status": "Accepted"}])
        await asyncio.sleep(600)
        assert commands(connection) == []

    in_virtual_time(play)


def test_promise_13_a_station_that_is_never_silent_is_waited_for_two_minutes() -> None:
    async def play(bench: Workbench, clock: LoopClock) -> None:
        clear_on_wake(bench, "only")
        connection = await bench.connect()
        await bench.exchange(connection, "BootNotification", BOOT)
        began = clock.monotonic()
        while not commands(connection):
            await asyncio.sleep(3)
            await bench.exchange(connection, "Heartbeat", {})
        assert clock.monotonic() - began == pytest.approx(120, abs=4)

    in_virtual_time(play)


def test_promise_13_a_boot_begins_the_silence_anew() -> None:
    async def play(bench: Workbench, clock: LoopClock) -> None:
        connection = await bench.connect()
        await bench.exchange(connection, "BootNotification", BOOT)
        await asyncio.sleep(30)
        await bench.exchange(connection, "BootNotification", BOOT)
        clear_on_wake(bench, "only")
        await asyncio.sleep(9.5)
        assert commands(connection) == []
        await next_call(connection)

    in_virtual_time(play)


@pytest.mark.parametrize("columns", [{"automatic": False}, {"registration": "Pending"}, {"registration": "Rejected"}])
def test_promise_13_nothing_at_all_where_it_is_not_welcome(columns: dict[str, Any]) -> None:
    async def play(bench: Workbench, clock: LoopClock) -> None:
        clear_on_wake(bench, "only")
        connection = await bench.connect()
        await bench.exchange(connection, "BootNotification", BOOT)
        await asyncio.sleep(3600)
        assert commands(connection) == []
        # What somebody asks for is sent all the same, but to the rejected one.
        if columns.get("registration") != "Rejected":
            sending = asyncio.get_running_loop().create_task(
                commanding(bench).commander.send(station(bench).id, ClearCacheRequest())
            )
            call = await next_call(connection)
            connection.deliver([3, call[1], {"status": "Accepted"}])
            assert isinstance(await sending, Answered)

    in_virtual_time(play, **columns)


def test_promise_13_switched_on_again_it_goes_on() -> None:
    async def play(bench: Workbench, clock: LoopClock) -> None:
        clear_on_wake(bench, "only")
        connection = await bench.connect()
        await bench.exchange(connection, "BootNotification", BOOT)
        await asyncio.sleep(3600)
        assert bench.csms._services is not None
        await bench.csms._services.station_admin.change("A1", {"automatic": True}, None)
        assert (await next_call(connection))[2] == "ClearCache"

    in_virtual_time(play, automatic=False)


@pytest.mark.parametrize("automatic", [True, False])
def test_promise_13_a_station_that_never_booted_is_asked_to_by_the_same_rules(automatic: bool) -> None:
    async def play(bench: Workbench, clock: LoopClock) -> None:
        # Registered by an operator, moved here from elsewhere: it does not boot for that.
        bench.csms._directory.invite(station(bench))
        connection = await bench.connect()
        await asyncio.sleep(60)
        assert commands(connection) == [], "it has said nothing yet"
        await bench.exchange(connection, "Heartbeat", {})
        if not automatic:
            await asyncio.sleep(3600)
            assert commands(connection) == []
            return
        call = await next_call(connection)
        assert call[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
        connection.deliver([3, call[1], {"status": "NotImplemented"}])
        for _ in range(10):
            await asyncio.sleep(300)
            await bench.exchange(connection, "Heartbeat", {})
        assert commands(connection) == [], "a trigger that was refused is not sent again"

    in_virtual_time(play, automatic=automatic)


@pytest.mark.parametrize("automatic", [True, False])
async def test_promise_13_on_each_database(automatic: bool, serve: OnDatabase, database: TestDatabase) -> None:
    csms = await serve(settle_seconds=0.5)
    row = csms._directory.station("A1")
    row.automatic = automatic
    parts = csms._commanding
    woken, settled = asyncio.Event(), asyncio.Event()

    async def run(station: StationRow, sender: CommandSender) -> None:
        woken.set()
        await sender.send(station.id, ClearCacheRequest())

    parts.automation.register("test", run)
    parts.automation.wake(row.id, "test")
    # Behind the automation in the list: whatever it begins has begun when this is called.
    parts.settling.on_settled.append(lambda station_id: settled.set())
    async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as wire:
        await wire.boot()
        spoke = time.monotonic()
        await wire.exchange("StatusNotification", STATUS)
        if automatic:
            # The services have chores of their own; whichever comes first, none came too early.
            call = await asyncio.wait_for(wire.receive(), 20)
            assert call[0] == 2
            assert time.monotonic() - spoke >= 0.5
            await wire.send(json.dumps([4, call[1], "NotSupported", "", {}]))
        else:
            await asyncio.wait_for(settled.wait(), 20)
            assert parts.automation._running == {}
            assert (await wire.exchange("Heartbeat", {}))[0] == 3, "and nothing came before its answer"
            assert not woken.is_set()
