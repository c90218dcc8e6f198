"""Drivers without a tag come, charge and leave, a day long."""

import asyncio
from random import Random

from tests.station.world import DC_CABLE, SOCKET, World, live, product

from chargewright.protocol.v16.core import Reason
from chargewright.station.ev.driver import Driver, Habits
from chargewright.station.ev.vending import VendingHands

HABITS = Habits(id_tags=("NOBODY",), tag_first_share=0.0)


def test_a_day_of_free_vending_charges_everybody_with_one_tag() -> None:
    async def main(world: World) -> None:
        await world.boot()
        station = world.virtual.station
        hands = VendingHands(world.virtual, lambda number: station.end_transactions(Reason.LOCAL, number))
        visits = [asyncio.create_task(Driver(hands, number, HABITS, Random(number)).run()) for number in (1, 2)]
        await asyncio.sleep(86_400)
        for visit in visits:
            assert not visit.done()
            visit.cancel()
        starts, stops = world.csms.of("StartTransaction"), world.csms.of("StopTransaction")
        assert len(stops) > 10
        assert {start["connectorId"] for start in starts} == {1, 2}
        assert {start["idTag"] for start in starts} == {"FREE"}
        assert {stop["reason"] for stop in stops} == {"Local"}
        assert world.csms.of("Authorize") == []

    live(main, product(SOCKET, DC_CABLE, free_vending_tag="FREE"))
