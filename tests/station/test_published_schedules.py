"""Composite schedules of a station, asked over the wire: the published examples first."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest
from tests.station.limits import (
    ACCEPTED,
    BOTH,
    DEFAULT,
    MAXIMUM,
    REJECTED,
    TX,
    WATTS,
    charge,
    composite,
    install,
    made,
)
from tests.station.world import DC_CABLE, SOCKET, World, live

from chargewright.station.hardware.interface import Outlet
from chargewright.station.product import SmartCharging

# The published examples, over the wire.

VECTORS = [("A", 1, SOCKET, BOTH), ("W", 1000, DC_CABLE, WATTS)]


def scaled(periods: Mapping[int, float], factor: int) -> dict[int, float]:
    return {begin: limit * factor for begin, limit in periods.items()}


@pytest.mark.parametrize(("unit", "factor", "outlet", "smart_charging"), VECTORS)
@pytest.mark.parametrize("passed", [0, 7])
def test_stacked_purposes_in_a_transaction(
    unit: str, factor: int, outlet: Outlet, smart_charging: SmartCharging, passed: int
) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await charge(world)
        until = (world.clock.now() + timedelta(seconds=401)).isoformat()
        maximum, default, own = (
            scaled(periods, factor)
            for periods in (
                {0: 10},
                {0: 6, 60: 10, 120: 8, 180: 15, 260: 8},
                {0: 8, 50: 11, 140: 16, 200: 6, 240: 12},
            )
        )
        answers = [
            await install(world, 0, MAXIMUM, maximum, number=1, unit=unit, duration=86_400),
            await install(world, 1, DEFAULT, default, number=2, unit=unit, duration=300, validTo=until),
            await install(world, 1, TX, own, number=3, unit=unit, duration=260, validTo=until),
        ]
        assert answers == [ACCEPTED] * 3
        await asyncio.sleep(passed)
        expected = scaled({0: 8, 50 - passed: 10, 200 - passed: 6, 240 - passed: 10}, factor)
        assert await composite(world, 1, 400, chargingRateUnit=unit) == expected

    live(main, made(outlet, smart_charging=smart_charging))


@pytest.mark.parametrize(("unit", "factor", "outlet", "smart_charging"), VECTORS)
def test_stacked_levels_without_a_transaction(
    unit: str, factor: int, outlet: Outlet, smart_charging: SmartCharging
) -> None:
    async def main(world: World) -> None:
        await world.boot()
        low, high = scaled({0: 6, 100: 8, 200: 10}, factor), scaled({0: 7, 100: 9}, factor)
        assert await install(world, 1, DEFAULT, low, number=1, unit=unit, duration=400) == ACCEPTED
        assert await install(world, 1, DEFAULT, high, number=2, level=1, unit=unit, duration=150) == ACCEPTED
        await asyncio.sleep(3)
        expected = scaled({0: 7, 97: 9, 147: 8, 197: 10}, factor)
        assert await composite(world, 1, 350, chargingRateUnit=unit) == expected

    live(main, made(outlet, smart_charging=smart_charging))


@pytest.mark.parametrize(("unit", "factor", "outlet", "smart_charging"), VECTORS)
def test_clearing_one_after_the_other(unit: str, factor: int, outlet: Outlet, smart_charging: SmartCharging) -> None:
    async def main(world: World) -> None:
        await world.boot()
        clear = world.csms.call
        high, low = scaled({0: 6, 60: 8, 200: 10}, factor), scaled({0: 7, 100: 9}, factor)
        maximum = scaled({0: 11, 200: 12}, factor)
        await install(world, 1, DEFAULT, high, number=1, level=1, unit=unit, duration=400)
        await install(world, 1, DEFAULT, low, number=2, level=0, unit=unit, duration=400)
        await install(world, 0, MAXIMUM, maximum, number=3, unit=unit, duration=86_400)
        assert await clear("ClearChargingProfile", id=1) == ACCEPTED
        assert await composite(world, 1, 350) == scaled({0: 7, 100: 9}, factor)
        assert await clear("ClearChargingProfile", chargingProfilePurpose=DEFAULT, stackLevel=0) == ACCEPTED
        assert await composite(world, 1, 350) == scaled({0: 11, 200: 12}, factor)
        assert await clear("ClearChargingProfile") == ACCEPTED
        most = outlet.max_current_a if unit == "A" else outlet.max_power_w
        assert await composite(world, 1, 350) == {0: most}

    live(main, made(outlet, smart_charging=smart_charging))


def test_the_composite_schedule_of_the_station_is_the_sum_under_its_maximum() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await composite(world, 0, 60) == {0: 64}
        await install(world, 0, MAXIMUM, {0: 40, 30: 80}, number=1)
        await install(world, 2, DEFAULT, {0: 10}, number=2)
        assert await composite(world, 0, 60) == {0: 40, 30: 42}
        answer = await world.csms.call("GetCompositeSchedule", connectorId=0, duration=60, chargingRateUnit="W")
        assert answer["chargingSchedule"]["chargingSchedulePeriod"][1]["limit"] == 42 * 690
        assert answer["chargingSchedule"].keys() == {"chargingRateUnit", "chargingSchedulePeriod", "duration"}
        assert (answer["connectorId"], answer["chargingSchedule"]["duration"]) == (0, 60)

    live(main, made(SOCKET, SOCKET))


def test_a_composite_schedule_tells_the_share_of_a_connector() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await install(world, 0, MAXIMUM, {0: 32, 30: 20, 60: 10, 90: 64}, number=1)
        await charge(world, 1)
        assert await composite(world, 1, 120) == {0: 32, 29: 20, 59: 10, 89: 32}
        # As if a transaction began there now.
        assert await composite(world, 2, 120) == {0: 16, 29: 10, 59: 0, 89: 32}
        await charge(world, 2)
        await install(world, 1, TX, {0: 8}, number=2)
        assert await composite(world, 1, 100) == {0: 8}
        assert await composite(world, 2, 100) == {0: 24, 28: 12, 58: 0, 88: 32}
        assert await composite(world, 0, 100) == {0: 32, 28: 20, 58: 10, 88: 40}

    live(main, made(SOCKET, SOCKET))


def test_composite_schedules_that_cannot_be_told() -> None:
    async def main(world: World) -> None:
        await world.boot()
        ask = world.csms.call
        assert await ask("GetCompositeSchedule", connectorId=2, duration=60) == REJECTED
        assert await ask("GetCompositeSchedule", connectorId=1, duration=-1) == REJECTED
        wrong = await ask("GetCompositeSchedule", connectorId=1, duration=60, chargingRateUnit="kW")
        assert wrong[0] == "PropertyConstraintViolation"

    live(main, made())
