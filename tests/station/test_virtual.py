"""A station with its surroundings."""

import asyncio
from pathlib import Path
from random import Random

import pytest
from tests.station.world import World, car, live, product

from chargewright.errors import LocalProtocolError
from chargewright.station.ev.driver import Driver, Habits
from chargewright.station.store import StationStore
from chargewright.station.virtual import store_path


def test_every_identity_has_a_file_name_of_its_own() -> None:
    names = [store_path(Path("d"), identity).name for identity in ("A B", "A:B", "a", "A", "ä")]
    assert len(set(names)) == 5
    assert all("/" not in name and ":" not in name for name in names)


def test_waiting_ends_when_it_is_true_or_the_time_is_over() -> None:
    async def main(world: World) -> None:
        await world.boot()
        waiting = asyncio.create_task(
            world.virtual.wait_until(lambda: world.virtual.look(1).status.value == "Preparing", 100)
        )
        await asyncio.sleep(10)
        world.virtual.plug(1, car())
        assert await waiting
        began = world.clock.monotonic()
        assert not await world.virtual.wait_until(lambda: world.virtual.look(1).has_transaction, 100)
        assert round(world.clock.monotonic() - began) == 100

    live(main)


def test_the_meter_goes_on_where_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite3"

    async def first(world: World) -> int:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(1000)
        await world.close()
        return world.virtual.station.meter_readings()[1]

    async def second(world: World) -> int:
        return world.virtual.station.meter_readings()[1]

    with StationStore(path, Random(1)) as store:
        stood_at = live(first, store=store)
    with StationStore(path, Random(1)) as store:
        assert live(second, store=store) == stood_at > 0


def test_a_life_goes_on_over_power_cuts_until_it_is_closed() -> None:
    async def main(world: World) -> None:
        virtual = world.virtual
        life = asyncio.create_task(virtual.run())
        await world.csms.expect("StatusNotification", 2)
        virtual.plug(1, car())
        virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(100)
        before = virtual.station
        virtual.cut_power()
        virtual.cut_power()
        assert not virtual.has_power and not virtual.is_online()
        register_wh = virtual.connectors[0].peek().register_wh
        await asyncio.sleep(500)
        assert world.csms.of("StopTransaction") == [] and len(world.csms.of("BootNotification")) == 1
        virtual.return_power()
        virtual.return_power()
        assert virtual.station is not before
        stop = await world.csms.expect("StopTransaction")
        assert (stop["reason"], stop["meterStop"]) == ("PowerLoss", register_wh)
        assert len(world.csms.of("BootNotification")) == 2
        assert virtual.opening.transactions_completed == 0
        await virtual.close()
        await asyncio.wait_for(life, 10)
        virtual.cut_power()
        assert virtual.has_power, "what has ended is not cut"

    live(main)


def test_power_that_returns_while_the_server_does_not_answer_starts_it_anew() -> None:
    async def main(world: World) -> None:
        virtual = world.virtual
        virtual.network.mend(3600.0)  # so long takes the upgrade
        life = asyncio.create_task(virtual.run())
        await asyncio.sleep(1)
        virtual.cut_power()
        await asyncio.sleep(1)
        virtual.network.mend()
        virtual.return_power()
        await world.csms.expect("BootNotification", within=60)
        await virtual.close()
        await asyncio.wait_for(life, 10)

    live(main)


def test_a_station_without_power_can_be_closed() -> None:
    async def main(world: World) -> None:
        life = asyncio.create_task(world.virtual.run())
        await world.csms.expect("StatusNotification", 2)
        world.virtual.cut_power()
        await world.virtual.close()
        await asyncio.wait_for(life, 10)

    live(main)


def test_an_outlet_that_is_locked_takes_no_plug_before_somebody_is_let_in() -> None:
    async def main(world: World) -> None:
        await world.boot()
        with pytest.raises(LocalProtocolError, match="connector 1 opens when somebody is let in"):
            world.virtual.plug(1, car())
        assert world.csms.statuses(1) == ["Available"]
        world.virtual.show_tag("TAG")
        await world.csms.expect("StatusNotification", 3)
        world.virtual.plug(1, car())
        await world.csms.expect("StartTransaction")

    live(main, product(locks_before_authorization=True))


def test_drivers_show_their_tag_first_where_the_outlet_is_locked() -> None:
    async def main(world: World) -> None:
        await world.boot()
        driver = Driver(world.virtual, 1, Habits(id_tags=("TAG",), tag_first_share=0.0), Random(1), speed=10.0)
        await driver.visit()
        await world.csms.expect("StopTransaction")

    live(main, product(locks_before_authorization=True))
