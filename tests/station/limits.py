"""Charging profiles as a CSMS sends them, and what a station in virtual time makes of them."""

import asyncio
from datetime import timedelta
from typing import Any

from tests.station.world import SOCKET, World, car, product

from chargewright.station.hardware.interface import Outlet
from chargewright.station.product import Product, SmartCharging

ACCEPTED, REJECTED, UNKNOWN = {"status": "Accepted"}, {"status": "Rejected"}, {"status": "Unknown"}
MAXIMUM, DEFAULT, TX = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"
BOTH = SmartCharging(units=("A", "W"), max_stack_level=5, max_periods=6, max_profiles=5)
SWITCHING = SmartCharging(
    units=("A", "W"), max_stack_level=5, max_periods=6, max_profiles=5, switches_3_to_1_phase=True
)
WATTS = SmartCharging(units=("W",), max_stack_level=5, max_periods=6, max_profiles=5)


def made(*outlets: Outlet, smart_charging: SmartCharging = BOTH, **changes: Any) -> Product:
    return product(*(outlets or (SOCKET,)), smart_charging=smart_charging, **changes)


def profile(
    world: World,
    purpose: str,
    periods: dict[int, float],
    *,
    number: int = 1,
    level: int = 0,
    unit: str = "A",
    duration: int | None = None,
    phases: int | None = None,
    start: float = 0.0,
    **changes: Any,
) -> dict[str, Any]:
    """An Absolute profile that starts now; `periods` maps startPeriod to limit."""
    more = {} if phases is None else {"numberPhases": phases}
    schedule: dict[str, Any] = {
        "startSchedule": (world.clock.now() + timedelta(seconds=start)).isoformat(),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": begin, "limit": limit, **more} for begin, limit in periods.items()],
    }
    if duration is not None:
        schedule["duration"] = duration
    return {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
        **changes,
    }


async def install(world: World, connector_id: int, *arguments: Any, **options: Any) -> Any:
    return await world.csms.call(
        "SetChargingProfile", connectorId=connector_id, csChargingProfiles=profile(world, *arguments, **options)
    )


async def composite(world: World, connector_id: int, duration: int, **more: Any) -> dict[int, float]:
    answer = await world.csms.call("GetCompositeSchedule", connectorId=connector_id, duration=duration, **more)
    assert answer["status"] == "Accepted", answer
    periods = answer["chargingSchedule"]["chargingSchedulePeriod"]
    return {period["startPeriod"]: period["limit"] for period in periods}


async def charge(world: World, connector_id: int = 1, **vehicle: Any) -> None:
    """A transaction with a vehicle that takes three phases, confirmed by the CSMS."""
    world.virtual.plug(connector_id, car(max_current_a=32.0, **vehicle))
    world.virtual.show_tag(f"TAG{connector_id}", connector_id)
    await asyncio.sleep(1)


def offered(world: World, connector_id: int = 1) -> float:
    reading = world.virtual.connectors[connector_id - 1].peek()
    assert reading.offered_a is not None
    return reading.offered_a


def power(world: World, connector_id: int = 1) -> float:
    reading = world.virtual.connectors[connector_id - 1].peek()
    assert reading.power_w is not None
    return round(reading.power_w, 6)
