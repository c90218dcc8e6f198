"""Drivers for whom the CSMS starts and stops, in virtual time."""

import asyncio
from random import Random

import pytest
from tests.station.world import DC_CABLE, SOCKET, World, live, product

from chargewright.station.ev.driver import Habits
from chargewright.station.ev.remote_driver import RemoteDriver
from chargewright.station.running import say_goodbye

HABITS = Habits(id_tags=(), plug_seconds=(5.0, 10.0))
ACCEPTED = {"status": "Accepted"}


def come(world: World, connector_id: int = 1, **changes: float) -> tuple[RemoteDriver, asyncio.Task[None]]:
    driver = RemoteDriver(world.virtual, connector_id, HABITS, Random(connector_id), **changes)
    return driver, asyncio.create_task(driver.run())


@pytest.mark.parametrize("outlet", [SOCKET, DC_CABLE], ids=["socket", "fixed cable"])
def test_a_remote_start_charges_until_the_remote_stop_again_and_again(outlet: object) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        driver, visits = come(world)
        await asyncio.sleep(3600)
        assert csms.statuses(1) == ["Available"], "nobody comes unasked"
        for count in (1, 2, 3):
            asked_at = world.clock.monotonic()
            assert await csms.call("RemoteStartTransaction", idTag="APP") == ACCEPTED
            assert (await csms.expect("StartTransaction", count))["idTag"] == "APP"
            assert 5 <= world.clock.monotonic() - asked_at < 11
            await asyncio.sleep(60)
            assert world.virtual.look(1).power_w > 0
            assert await csms.call("RemoteStopTransaction", transactionId=csms.transaction_id) == ACCEPTED
            stop = await csms.expect("StopTransaction", count)
            assert stop["reason"] == "Remote" and stop["meterStop"] > csms.of("StartTransaction")[-1]["meterStart"]
            assert await world.virtual.wait_until(lambda: world.virtual.look(1).status.value == "Available", 60)
        driver.call_off()
        await asyncio.wait_for(visits, 1)

    live(main, product(outlet))  # type: ignore[arg-type]  # parametrized


def test_a_full_vehicle_stays_until_it_is_stopped() -> None:
    async def main(world: World) -> None:
        await world.boot()
        come(world, speed=100.0)
        await world.csms.call("RemoteStartTransaction", idTag="APP")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(14_400)
        assert world.csms.of("StopTransaction") == [] and world.virtual.look(1).power_w == 0
        assert world.csms.statuses(1)[-1] == "SuspendedEV"

    live(main)


def test_unlocking_ends_it_and_frees_a_cable_that_is_held_for_a_refused_tag() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        come(world)
        await csms.call("RemoteStartTransaction", idTag="APP")
        await csms.expect("StartTransaction")
        assert await csms.call("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
        assert (await csms.expect("StopTransaction"))["reason"] == "UnlockCommand"
        await asyncio.sleep(60)
        assert csms.statuses(1)[-1] == "Available"
        csms.answers["StartTransaction"] = {"transactionId": 5, "idTagInfo": {"status": "Blocked"}}
        await csms.call("RemoteStartTransaction", idTag="APP")
        assert (await csms.expect("StopTransaction", 2))["reason"] == "DeAuthorized"
        await asyncio.sleep(3600)
        assert csms.statuses(1)[-1] == "Finishing"
        await csms.call("UnlockConnector", connectorId=1)
        await asyncio.sleep(60)
        assert csms.statuses(1)[-1] == "Available"

    live(main)


def test_who_comes_too_late_does_not_plug_in() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("ConnectionTimeOut", "3")
        come(world)
        await world.csms.call("RemoteStartTransaction", idTag="APP")
        await asyncio.sleep(600)
        assert world.csms.statuses(1) == ["Available", "Preparing", "Available"]
        assert world.virtual.connectors[0].vehicle is None

    live(main)


def test_the_end_of_the_run_stops_what_was_started_from_afar() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        drivers = [come(world, number) for number in (1, 2)]
        await csms.call("RemoteStartTransaction", idTag="APP", connectorId=2)
        await csms.expect("StartTransaction")
        await asyncio.sleep(60)
        await say_goodbye(world.virtual, [driver for driver, _ in drivers], [visits for _, visits in drivers])
        assert all(visits.done() for _, visits in drivers)
        assert [(stop["idTag"], stop["reason"]) for stop in csms.of("StopTransaction")] == [("APP", "Local")]
        assert csms.statuses(2)[-1] == "Available"

    live(main, product(SOCKET, SOCKET))


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_stands_still_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        RemoteDriver(None, 1, HABITS, Random(1), speed=speed)  # type: ignore[arg-type]  # refused before it is used
