"""Registration: the table, and what the station does in each state (§4.2)."""

import asyncio
import itertools
import json
from typing import Any

import msgspec
import pytest
from tests.station.bench import Bench, failed
from tests.station.scripted_csms import SILENCE
from tests.station.world import World, car, live, product

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.core import BootNotificationResponse
from chargewright.simulation import simulate
from chargewright.station.boot import MAY_SEND, TRANSITIONS, Boot, BootCue, Registration
from chargewright.station.context import CallFailure
from chargewright.station.product import Bounds


def boot_in(state: Registration) -> Boot:
    bench = Bench(product())
    boot = Boot(bench.context, bench.context.call, lambda: True, lambda now: None, lambda interval: None)
    boot.registration = state
    return boot


@pytest.mark.parametrize(("state", "cue"), list(itertools.product(Registration, BootCue)))
def test_every_pair_moves_or_raises_naming_both(state: Registration, cue: BootCue) -> None:
    boot = boot_in(state)
    if cue in TRANSITIONS[state]:
        boot._move(cue)
        assert boot.registration is TRANSITIONS[state][cue]
    else:
        with pytest.raises(LocalProtocolError) as caught:
            boot._move(cue)
        assert state.value in str(caught.value) and cue.value in str(caught.value)


def test_every_state_has_a_row_a_permission_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(MAY_SEND) == set(Registration)
    reached = {Registration.UNREGISTERED}
    for _ in Registration:
        reached |= {after for state in reached for after in TRANSITIONS[state].values()}
    assert reached == set(Registration)


def answer(status: str, interval: int) -> dict[str, object]:
    return {"status": status, "currentTime": "2026-01-01T00:00:00Z", "interval": interval}


def test_pending_waits_for_the_interval_answers_and_sends_only_what_is_asked_for() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        csms.answers["BootNotification"] = answer("Pending", 100)
        world.start()
        await csms.expect("BootNotification")
        world.virtual.plug(1, car())
        await asyncio.sleep(50)
        assert csms.names() == ["BootNotification"]
        keys = await csms.call("GetConfiguration", key=["NumberOfConnectors"])
        assert keys["configurationKey"][0]["value"] == "1"
        started = await csms.call("RemoteStartTransaction", idTag="TAG", connectorId=1)
        assert started == {"status": "Rejected"}
        assert await csms.call("TriggerMessage", requestedMessage="StatusNotification", connectorId=1) == {
            "status": "Accepted"
        }
        await csms.expect("StatusNotification")
        await csms.expect("BootNotification", 2)
        assert (csms.calls[-1][0] - csms.calls[0][0]).total_seconds() == pytest.approx(100, abs=1)
        # Asked for, it comes earlier.
        assert await csms.call("TriggerMessage", requestedMessage="BootNotification") == {"status": "Accepted"}
        del csms.answers["BootNotification"]
        await csms.expect("BootNotification", 3)

    live(main)


def test_rejected_is_silent_until_the_wait_is_over() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        csms.answers["BootNotification"] = answer("Rejected", 200)
        world.start()
        await csms.expect("BootNotification")
        with pytest.raises(TimeoutError):
            await csms.call("GetConfiguration")
        assert csms.names() == ["BootNotification"]
        del csms.answers["BootNotification"]
        await csms.expect("BootNotification", 2)
        await csms.expect("StatusNotification", 2)
        assert (await csms.call("GetConfiguration", key=["HeartbeatInterval"]))["configurationKey"]

    live(main)


@pytest.mark.parametrize("bad_answer", [SILENCE, "InternalError"])
def test_without_an_answer_it_asks_again(bad_answer: str) -> None:
    async def main(world: World) -> None:
        world.csms.answers["BootNotification"] = bad_answer
        world.start()
        await world.csms.expect("BootNotification")
        await asyncio.sleep(20)
        del world.csms.answers["BootNotification"]
        await world.csms.expect("BootNotification", 2, within=200)
        await world.csms.expect("StatusNotification", 2)

    live(main)


def test_with_interval_zero_it_picks_its_own_wait_and_does_not_flood() -> None:
    async def main(world: World) -> int:
        world.csms.answers["BootNotification"] = answer("Pending", 0)
        world.start()
        await asyncio.sleep(600)
        return len(world.csms.of("BootNotification"))

    assert 8 <= live(main) <= 11


def test_a_reconnect_is_no_boot_and_acceptance_cannot_be_triggered_again() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert await csms.call("TriggerMessage", requestedMessage="BootNotification") == {"status": "Rejected"}
        csms.cut()
        await asyncio.sleep(60)
        csms.is_reachable = True
        await asyncio.sleep(60)
        assert world.virtual.station.snapshot().is_connected
        assert len(csms.of("BootNotification")) == 1

    live(main)


def test_the_interval_becomes_the_heartbeat_interval_within_the_makers_bounds() -> None:
    async def main(world: World) -> list[str]:
        seen = []
        world.csms.answers["BootNotification"] = answer("Accepted", 50)
        await world.boot()
        for interval in (0, None):
            keys = await world.csms.call("GetConfiguration", key=["HeartbeatInterval"])
            seen.append(keys["configurationKey"][0]["value"])
            if interval is not None:
                world.csms.answers["BootNotification"] = answer("Accepted", interval)
                await world.cut_power()
                await world.restart()
                await world.csms.expect("StatusNotification", 2)
        return seen

    # 0 changes nothing: it says nothing about heartbeats (§4.2).
    assert live(main) == ["50", "50"]
    assert live(main, product(bounds={"HeartbeatInterval": Bounds(60, 90)})) == ["60", "60"]


def test_it_is_remembered_that_it_was_accepted() -> None:
    async def main(world: World) -> None:
        assert not world.virtual.station.snapshot().was_accepted
        world.csms.answers["BootNotification"] = {
            "status": "Rejected",
            "currentTime": "2026-01-01T00:00:00Z",
            "interval": 30,
        }
        world.start()
        await asyncio.sleep(10)
        assert not world.virtual.station.snapshot().was_accepted
        del world.csms.answers["BootNotification"]
        await asyncio.sleep(30)
        assert world.virtual.station.snapshot().was_accepted
        world.csms.cut()
        await asyncio.sleep(1)
        snapshot = world.virtual.station.snapshot()
        assert (snapshot.is_connected, snapshot.was_accepted) == (False, True)

    live(main)


def test_an_answer_from_before_a_reset_is_not_that_of_the_new_boot() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        accepted = answer("Accepted", 600)
        replies = iter([answer("Pending", 600), SILENCE])
        csms.answers["BootNotification"] = lambda payload: next(replies, accepted)
        world.start()
        await csms.expect("BootNotification")
        await csms.call("TriggerMessage", requestedMessage="BootNotification")
        await csms.expect("BootNotification", 2)
        assert csms.wire is not None
        # Both in one read: the order, and the answer to what the station asked before it.
        csms.wire.on_message(json.dumps([2, "reset", "Reset", {"type": "Hard"}]).encode())
        csms.wire.on_message(json.dumps([3, csms.ids[-1], accepted]).encode())
        await csms.expect("BootNotification", 3, within=60)
        await csms.expect("StatusNotification", 2)
        await asyncio.sleep(1)
        assert world.virtual.station.is_online

    live(main)


@pytest.mark.parametrize("reply", ["Accepted", CallFailure.LOST])
def test_what_was_asked_before_a_restart_moves_nothing_afterwards(reply: str | CallFailure) -> None:
    async def main(clock: object) -> None:
        bench, tasks, told = Bench(product()), [], []
        answers: list[asyncio.Future[Any]] = []

        async def send(request: Any, response: Any, *, is_triggered: bool = False) -> Any:
            answers.append(asyncio.get_running_loop().create_future())
            return await answers[-1]

        context = msgspec.structs.replace(bench.context, spawn=lambda task: tasks.append(asyncio.create_task(task)))
        boot = Boot(context, send, lambda: True, told.append, told.append)
        boot.ask()
        await asyncio.sleep(1)
        boot.ask()
        boot.restart()
        boot.ask()
        boot.restart()
        boot.connected()
        await asyncio.sleep(1)
        # One for each start that got so far, and one at a time.
        assert len(answers) == 2
        if isinstance(reply, CallFailure):
            answers[0].set_exception(failed(reply))
        else:
            answers[0].set_result(decode(BootNotificationResponse, json.dumps(answer(reply, 60)).encode()))
        await asyncio.sleep(1)
        assert (boot.registration, told) == (Registration.UNREGISTERED, [])
        boot.ask()
        await asyncio.sleep(1)
        assert len(answers) == 2
        answers[1].set_result(decode(BootNotificationResponse, json.dumps(answer("Accepted", 60)).encode()))
        await asyncio.sleep(1)
        assert boot.registration is Registration.ACCEPTED and len(told) == 2
        await asyncio.gather(*tasks)

    simulate(main)


@pytest.mark.parametrize("status", ["Accepted", "Pending", "Rejected"])
def test_a_time_that_cannot_be_followed_does_not_keep_it_from_booting(status: str) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        first = answer(status, 100) | {"currentTime": "9999-12-31T23:59:59Z"}
        replies = iter([first])
        csms.answers["BootNotification"] = lambda payload: next(replies, answer("Accepted", 600))
        world.start()
        await csms.expect("StatusNotification", 2, within=300)
        assert len(csms.of("BootNotification")) == (1 if status == "Accepted" else 2)
        assert abs((world.station_clock.now() - world.clock.now()).total_seconds()) < 1000

    live(main)
