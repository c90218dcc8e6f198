"""Registration: the table, and what the station does in each state (§4.2)."""

import asyncio
import itertools

import pytest
from tests.station.bench import Bench
from tests.station.scripted_csms import SILENCE
from tests.station.world import World, car, live, product

from chargewright.errors import LocalProtocolError
from chargewright.station.boot import MAY_SEND, TRANSITIONS, Boot, BootCue, Registration
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
