"""Drivers: a week of visits in virtual time, and whatever happens, nobody stays for ever."""

import asyncio
from random import Random

import pytest
from tests.station.world import DC_CABLE, SOCKET, World, live, product

from chargewright.station.ev.driver import Driver, Habits

HABITS = Habits(id_tags=("A", "B"))


def drivers(world: World, *, speed: float = 1.0, habits: Habits = HABITS) -> list[asyncio.Task[None]]:
    return [
        asyncio.create_task(Driver(world.virtual, number, habits, Random(number), speed=speed).run())
        for number in range(1, len(world.virtual.connectors) + 1)
    ]


def test_a_week_of_charging_adds_up() -> None:
    async def main(world: World) -> None:
        await world.boot()
        visits = drivers(world)
        await asyncio.sleep(7 * 86_400)
        for visit in visits:
            assert not visit.done()
            visit.cancel()
        csms = world.csms
        snapshot = world.virtual.station.snapshot()
        assert snapshot.transactions_completed == len(csms.of("StopTransaction")) > 50
        total = sum(world.virtual.station.meter_readings().values())
        assert snapshot.energy_completed_wh + snapshot.energy_running_wh == pytest.approx(total, abs=2)
        starts, stops = csms.of("StartTransaction"), csms.of("StopTransaction")
        assert snapshot.energy_completed_wh == sum(stop["meterStop"] for stop in stops) - sum(
            start["meterStart"] for start in starts[: len(starts) - snapshot_running(world)]
        )
        assert {start["idTag"] for start in starts} == {"A", "B"}
        # Tag first and plug first both happen.
        assert {payload["reason"] for payload in stops} <= {"Local"}

    live(main, product(SOCKET))


def snapshot_running(world: World) -> int:
    return sum(connector.has_transaction for connector in world.virtual.station.snapshot().connectors)


def test_speed_makes_visits_short_but_power_stays_physical() -> None:
    async def main(world: World) -> tuple[int, float]:
        await world.boot()
        visits = drivers(world, speed=60)
        peak_w = 0.0
        for _ in range(600):
            await asyncio.sleep(1)
            peak_w = max(peak_w, world.virtual.look(1).power_w)
        for visit in visits:
            visit.cancel()
        return world.virtual.station.snapshot().transactions_completed, peak_w

    completed, peak_w = live(main, product(DC_CABLE))
    assert completed >= 4
    assert 50_000 <= peak_w <= 150_000


def test_the_same_seed_gives_the_same_life() -> None:
    async def main(world: World) -> list[object]:
        await world.boot()
        visits = drivers(world)
        await asyncio.sleep(86_400)
        for visit in visits:
            visit.cancel()
        return world.csms.calls

    assert live(main, product(SOCKET, DC_CABLE)) == live(main, product(SOCKET, DC_CABLE))


def test_a_driver_whose_tag_is_refused_leaves() -> None:
    async def main(world: World) -> None:
        world.csms.answers["Authorize"] = {"idTagInfo": {"status": "Invalid"}}
        await world.boot()
        await Driver(world.virtual, 1, HABITS, Random(5)).visit()
        assert world.virtual.connectors[0].vehicle is None
        assert world.csms.of("StartTransaction") == []
        await asyncio.sleep(1)
        assert world.virtual.look(1).status.value == "Available"

    live(main)


def test_a_driver_who_was_deauthorized_gets_the_cable_back() -> None:
    async def main(world: World) -> None:
        world.csms.answers["StartTransaction"] = {"transactionId": 5, "idTagInfo": {"status": "Blocked"}}
        await world.boot()
        await Driver(world.virtual, 1, HABITS, Random(5)).visit()
        assert world.virtual.connectors[0].vehicle is None
        assert world.csms.of("StopTransaction")[0]["reason"] == "DeAuthorized"

    live(main)


def test_a_stopped_station_does_not_stop_the_clock() -> None:
    with pytest.raises(ValueError, match="speed"):
        Driver(None, 1, HABITS, Random(1), speed=0)  # type: ignore[arg-type]  # refused before it is used
