"""What runs unasked ends as soon as it is not welcome any more, and is done when it is welcome again: over real sockets
and on each database."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.csms.wire import WireStation, eventually
from tests.databases import TestDatabase
from tests.nodes import OnDatabase

from chargewright.csms.app import Csms
from chargewright.csms.outcomes import Answered, NotSent, Outcome
from chargewright.csms.ports import CommandSender
from chargewright.csms.services.groups import scope_of
from chargewright.csms.services.registry import Services
from chargewright.csms.services.wanted_lists import WantedEntry
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.core import ClearCacheRequest

WANTED = {"HeartbeatInterval": "600", "MeterValueSampleInterval": "60"}
REPORTED = {"HeartbeatInterval": "5", "MeterValueSampleInterval": "5"}
STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}


class Desk:
    """One node whose station A1 is to get another configuration; it settles in a moment."""

    def __init__(self, csms: Csms) -> None:
        self.csms = csms
        services, row = csms._services, csms._directory.station("A1")
        assert services is not None and row is not None and csms._commanding is not None
        self.services: Services = services
        self.row: StationRow = row
        self.parts = csms._commanding

    @classmethod
    async def on(cls, serve: OnDatabase, **settings: Any) -> "Desk":
        return cls(await serve(**({"settle_seconds": 0.2} | settings)))

    async def want(self) -> None:
        await self.services.configuration_sync.want(scope_of(self.row.id), WANTED)

    async def decide(self, **changes: Any) -> None:
        await self.services.station_admin.change("A1", changes, None)

    @asynccontextmanager
    async def station(self) -> AsyncIterator[WireStation]:
        async with WireStation(f"ws://{self.csms.addresses.ocpp[0]}", "A1") as wire:
            yield wire

    def is_in_step(self) -> bool:
        return self.services.local_lists.state_of(self.row.id).state == "in-step"

    async def quiet(self, wire: WireStation) -> None:
        """No chore runs, and none has sent anything: the next that comes is the answer to a Heartbeat."""
        await eventually(lambda: self.row.id not in self.parts.automation._running)
        assert (await wire.exchange("Heartbeat", {}))[0] == 3


async def called(wire: WireStation, action: str) -> str:
    """The id of the next CALL, which is of that action."""
    call = await asyncio.wait_for(wire.receive(), 20)
    assert (call[0], call[2]) == (2, action), call
    found: str = call[1]
    return found


async def answer(wire: WireStation, call_id: str, payload: dict[str, Any]) -> None:
    await wire.send(json.dumps([3, call_id, payload]))


def listed() -> dict[str, Any]:
    return {"configurationKey": [{"key": key, "readonly": False, "value": value} for key, value in REPORTED.items()]}


async def take_configuration(wire: WireStation) -> None:
    """Be read, and take both values."""
    await answer(wire, await called(wire, "GetConfiguration"), listed())
    for _ in WANTED:
        await answer(wire, await called(wire, "ChangeConfiguration"), {"status": "Accepted"})


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({"automatic": False}, {"automatic": True}),
        ({"registration": "Pending"}, {"registration": "Accepted"}),
        ({"registration": "Rejected"}, {"registration": "Accepted"}),
    ],
    ids=["automatic-off", "pending", "rejected"],
)
async def test_promise_13_a_decision_ends_what_runs_and_another_one_goes_on_with_it(
    changes: dict[str, Any], again: dict[str, Any], serve: OnDatabase
) -> None:
    desk = await Desk.on(serve)
    await desk.want()
    async with desk.station() as wire:
        await wire.boot()
        call_id = await called(wire, "GetConfiguration")
        await desk.decide(**changes)
        await answer(wire, call_id, listed())
        await eventually(lambda: desk.row.id not in desk.parts.automation._running)
        if "automatic" in changes:
            await desk.quiet(wire)
        else:
            # All that such a station is told of its Heartbeat is an error (§4.2); nothing came before that.
            assert (await wire.exchange("Heartbeat", {}))[0] == 4
        await desk.decide(**again)
        await take_configuration(wire)
        await eventually(lambda: desk.services.configuration.state(desk.row.id).state == "as-wanted")


async def test_promise_13_a_boot_in_the_middle_begins_it_anew_after_the_silence(serve: OnDatabase) -> None:
    desk = await Desk.on(serve, settle_seconds=1)
    await desk.want()
    settled: list[bool] = []
    desk.parts.settling.on_settled.append(lambda station_id: settled.append(True))
    async with desk.station() as wire:
        await wire.boot()
        call_id = await called(wire, "GetConfiguration")
        await wire.boot()
        settled.clear()
        await answer(wire, call_id, listed())
        await desk.quiet(wire)
        assert settled == [], "it was quiet because it had not been silent for long enough"
        call_id = await called(wire, "GetConfiguration")
        assert settled == [True]
        await answer(wire, call_id, listed())
        for _ in WANTED:
            await answer(wire, await called(wire, "ChangeConfiguration"), {"status": "Accepted"})


async def test_promise_13_what_a_lost_connection_interrupted_is_done_without_a_boot(serve: OnDatabase) -> None:
    desk = await Desk.on(serve)
    await desk.want()
    async with desk.station() as wire:
        await wire.boot()
        await answer(wire, await called(wire, "GetConfiguration"), listed())
        await called(wire, "ChangeConfiguration")
    async with desk.station() as wire:
        await take_configuration(wire)
        await eventually(lambda: desk.services.configuration.state(desk.row.id).state == "as-wanted")


async def test_promise_13_a_local_list_that_was_interrupted_is_sent_without_a_boot(serve: OnDatabase) -> None:
    desk = await Desk.on(serve)

    async def entries() -> AsyncIterator[list[WantedEntry]]:
        yield [WantedEntry(id_tag=f"T{number}") for number in range(60)]

    await desk.services.local_lists.wanted.put(scope_of(desk.row.id), "first", entries)
    async with desk.station() as wire:
        await wire.boot()
        await answer(wire, await called(wire, "GetConfiguration"), {})
        await answer(wire, await called(wire, "GetLocalListVersion"), {"listVersion": 0})
        await answer(wire, await called(wire, "SendLocalList"), {"status": "Accepted"})
        await called(wire, "SendLocalList")
        assert desk.services.local_lists.progress(desk.row.id) == (50, 60)
        assert desk.services.local_lists.state_of(desk.row.id).state == "sending"
    await eventually(lambda: desk.services.local_lists.state_of(desk.row.id).state == "behind")
    async with desk.station() as wire:
        await answer(wire, await called(wire, "GetConfiguration"), {})
        await answer(wire, await called(wire, "GetLocalListVersion"), {"listVersion": 1})
        for kind, number in (("Full", 50), ("Differential", 10)):
            call = await asyncio.wait_for(wire.receive(), 20)
            assert (call[3]["updateType"], len(call[3]["localAuthorizationList"])) == (kind, number)
            await answer(wire, call[1], {"status": "Accepted"})
        await eventually(desk.is_in_step)


async def test_promise_13_a_chore_s_command_that_waits_its_turn_is_taken_back(serve: OnDatabase) -> None:
    desk = await Desk.on(serve)
    outcomes: list[Outcome] = []
    ended = asyncio.Event()

    async def run(station: StationRow, sender: CommandSender) -> None:
        outcomes.append(await sender.send(station.id, ClearCacheRequest()))
        ended.set()

    desk.parts.automation.register("test", run)
    async with desk.station() as wire:
        await wire.boot()
        await eventually(lambda: desk.parts.settling.is_settled(desk.row.id))
        by_hand = asyncio.create_task(desk.parts.commander.send(desk.row.id, ClearCacheRequest()))
        call_id = await called(wire, "ClearCache")
        desk.parts.automation.wake(desk.row.id, "test")
        await eventually(lambda: desk.parts.commander.queued(desk.row.id) == 2)
        await desk.decide(automatic=False)
        await answer(wire, call_id, {"status": "Accepted"})
        assert isinstance(await by_hand, Answered)
        await asyncio.wait_for(ended.wait(), 20)
        assert isinstance(outcomes[0], NotSent)
        await desk.quiet(wire)


async def test_promise_13_one_at_a_time_and_not_before_it_was_silent(serve: OnDatabase) -> None:
    desk = await Desk.on(serve, settle_seconds=0.5)
    for name in ("first", "second"):

        async def run(station: StationRow, sender: CommandSender) -> None:
            assert isinstance(await sender.send(station.id, ClearCacheRequest()), Answered)

        desk.parts.automation.register(name, run)
        desk.parts.automation.wake(desk.row.id, name)
    settled = asyncio.Event()
    desk.parts.settling.on_settled.append(lambda station_id: settled.set())
    async with desk.station() as wire:
        await wire.boot()
        await wire.exchange("StatusNotification", STATUS)
        assert not settled.is_set(), "nothing came, since it has not been silent"
        for _ in range(2):
            call_id = await called(wire, "ClearCache")
            assert settled.is_set()
            assert (await wire.exchange("Heartbeat", {}))[0] == 3, "the second one waits for the first one's answer"
            await answer(wire, call_id, {"status": "Accepted"})
        await desk.quiet(wire)


async def test_promise_13_what_an_outage_interrupted_is_done_when_it_is_over(
    serve: OnDatabase, database: TestDatabase
) -> None:
    desk = await Desk.on(serve, storage_grace_seconds=0.5, storage_probe_seconds=0.1, readmission_per_second=50)
    desk.services.local_lists._ledger._confirm_seconds = 0.5  # type: ignore[attr-defined]

    async def entries() -> AsyncIterator[list[WantedEntry]]:
        yield [WantedEntry(id_tag=f"T{number}") for number in range(60)]

    await desk.services.local_lists.wanted.put(scope_of(desk.row.id), "first", entries)
    async with desk.station() as wire:
        await wire.boot()
        await answer(wire, await called(wire, "GetConfiguration"), {})
        await answer(wire, await called(wire, "GetLocalListVersion"), {"listVersion": 0})
        await answer(wire, await called(wire, "SendLocalList"), {"status": "Accepted"})
        await called(wire, "SendLocalList")
        async with database.blocked():
            await wire.send(json.dumps([2, "status", "StatusNotification", STATUS]))
            assert await asyncio.wait_for(wire.closed(), 30) == 1013
            await eventually(lambda: desk.row.id not in desk.parts.automation._running, 30)
            assert desk.services.local_lists._states[desk.row.id].state == "sending", "it could not be noted"
            assert desk.services.local_lists.state_of(desk.row.id).state == "behind"
    await eventually(lambda: desk.csms.not_ready() is None, 60)
    async with desk.station() as wire:
        await answer(wire, await called(wire, "GetConfiguration"), {})
        await answer(wire, await called(wire, "GetLocalListVersion"), {"listVersion": 1})
        for _ in range(2):
            await answer(wire, await called(wire, "SendLocalList"), {"status": "Accepted"})
        await eventually(desk.is_in_step)
