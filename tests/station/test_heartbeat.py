"""Heartbeat: when nothing else was said, and the time at least once a day (§4.6)."""

import asyncio

from tests.station.world import World, car, live, product

from chargewright.station.product import Bounds


def beats(world: World) -> list[float]:
    start = world.csms.calls[0][0]
    return [round((moment - start).total_seconds()) for moment, name, _ in world.csms.calls if name == "Heartbeat"]


def test_an_idle_station_beats_every_interval_and_follows_a_change_at_once() -> None:
    async def main(world: World) -> list[float]:
        await world.boot()
        await world.change("HeartbeatInterval", "100")
        await asyncio.sleep(350)
        await world.change("HeartbeatInterval", "10")
        await asyncio.sleep(25)
        return beats(world)

    assert live(main) == [100, 200, 300, 360, 370]


def test_other_messages_take_its_place() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("HeartbeatInterval", "100")
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(1000)
        assert len(world.csms.of("MeterValues")) >= 15
        assert beats(world) == []

    live(main)


def test_but_the_time_is_asked_for_once_a_day() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("ClockAlignedDataInterval", "900")
        await asyncio.sleep(3 * 86_400)
        assert len(beats(world)) == 2 or len(beats(world)) == 3

    live(main)


def test_it_is_quiet_while_the_line_is_down() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("HeartbeatInterval", "10")
        world.csms.cut()
        await asyncio.sleep(100)
        assert beats(world) == []
        world.csms.is_reachable = True
        await asyncio.sleep(40)
        assert len(beats(world)) >= 2

    live(main)


def test_a_product_whose_least_interval_is_0_takes_it_and_beats_once_a_day_only() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await world.change("HeartbeatInterval", "0") == "Accepted"
        await asyncio.sleep(3 * 86_400 + 10)
        assert len(beats(world)) == 3
        await world.change("HeartbeatInterval", "1000")
        await asyncio.sleep(3500)
        assert len(beats(world)) == 6

    live(main, product(bounds={"HeartbeatInterval": Bounds(0, None)}))
