"""A whole station against a scripted central system, in virtual time."""

import asyncio

from tests.station.world import World, car, live


def test_it_boots_charges_and_stops() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert csms.names()[:3] == ["BootNotification", "StatusNotification", "StatusNotification"]
        world.virtual.plug(1, car())
        await asyncio.sleep(5)
        world.virtual.show_tag("TAG1")
        start = await csms.expect("StartTransaction")
        assert start["connectorId"] == 1
        await asyncio.sleep(600)
        world.virtual.show_tag("TAG1")
        stop = await csms.expect("StopTransaction")
        assert stop["transactionId"] == csms.transaction_id
        assert csms.statuses(1) == ["Available", "Preparing", "Charging", "Finishing"]
        world.virtual.unplug(1)
        await asyncio.sleep(1)
        assert csms.statuses(1)[-1] == "Available"

    live(main)
