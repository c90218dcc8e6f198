"""In and out of service (§5.2)."""

import asyncio

from tests.station.world import SOCKET, World, car, live, product

ACCEPTED, SCHEDULED, REJECTED = ({"status": status} for status in ("Accepted", "Scheduled", "Rejected"))


def test_an_idle_connector_changes_at_once_and_back() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert await csms.call("ChangeAvailability", connectorId=1, type="Inoperative") == ACCEPTED
        await asyncio.sleep(1)
        assert csms.statuses(1) == ["Available", "Unavailable"]
        assert await csms.call("ChangeAvailability", connectorId=1, type="Inoperative") == ACCEPTED
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        assert await csms.call("RemoteStartTransaction", idTag="APP", connectorId=1) == REJECTED
        assert await csms.call("ChangeAvailability", connectorId=1, type="Operative") == ACCEPTED
        await asyncio.sleep(1)
        assert csms.statuses(1) == ["Available", "Unavailable", "Preparing"]
        assert csms.of("StartTransaction") == []

    live(main)


def test_it_survives_a_power_cut_as_does_what_is_scheduled() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await csms.call("ChangeAvailability", connectorId=1, type="Inoperative")
        world.virtual.plug(2, car())
        world.virtual.show_tag("TAG", 2)
        await csms.expect("StartTransaction")
        assert await csms.call("ChangeAvailability", connectorId=2, type="Inoperative") == SCHEDULED
        await world.cut_power()
        await world.restart()
        await csms.expect("StatusNotification", 3)
        assert csms.statuses(0) == ["Available"]
        assert csms.statuses(1) == ["Unavailable"]
        assert csms.statuses(2) == ["Unavailable"]

    live(main, product(SOCKET, SOCKET))


def test_connector_zero_means_the_station_and_all_that_are_idle() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG", 1)
        await csms.expect("StartTransaction")
        assert await csms.call("ChangeAvailability", connectorId=0, type="Inoperative") == SCHEDULED
        await asyncio.sleep(1)
        assert [csms.statuses(number)[-1] for number in (0, 1, 2)] == ["Unavailable", "Charging", "Unavailable"]
        world.virtual.show_tag("TAG", 1)
        await asyncio.sleep(1)
        assert csms.statuses(1)[-1] == "Unavailable"
        assert await csms.call("ChangeAvailability", connectorId=0, type="Operative") == ACCEPTED
        await asyncio.sleep(1)
        assert csms.statuses(0)[-1] == "Available"

    live(main, product(SOCKET, SOCKET))


def test_an_unknown_connector_is_rejected() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await world.csms.call("ChangeAvailability", connectorId=5, type="Inoperative") == REJECTED

    live(main)
