"""What blocks tell one another, seen from outside: each word arrives where it must."""

import asyncio

from tests.station.world import World, car, live

from chargewright.protocol.v16.core import Reason


def test_a_transaction_is_metered_from_its_begin_to_its_end() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MeterValueSampleInterval", "10")
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("MeterValues", 2)
        world.virtual.station.end_transactions(Reason.OTHER)
        await world.csms.expect("StopTransaction")
        count = len(world.csms.of("MeterValues"))
        await world.change("HeartbeatInterval", "30")
        await world.csms.expect("Heartbeat", 3)
        assert len(world.csms.of("MeterValues")) == count

    live(main)


def test_a_watcher_is_told_of_every_change() -> None:
    async def main(world: World) -> None:
        await world.boot()
        told = asyncio.Event()
        world.virtual.station.on_change = told.set
        world.virtual.plug(1, car())
        assert told.is_set()
        told.clear()
        world.csms.cut()
        async with asyncio.timeout(10):
            await told.wait()
        assert not world.virtual.station.snapshot().is_connected

    live(main)
