"""Charging rate units, SC-1.1 and SC-1.2: what is claimed is obeyed, what is not is refused and has no effect."""

import pytest
from tests.certified.claims import Claim, Scenario, shown_by
from tests.certified.wire import charged_wh, told_value
from tests.station.world import World

# §9.4 has words of its own for the units (errata v4.0 §3.86).
WORDS = {"A": "Current", "W": "Power"}
# A limit of 6 A on three phases, and one in watt; on DC an ampere is one of each phase that feeds the outlet.
LIMITS = {"A": (6.0, 6.0 * 3 * 230), "W": (5000.0, 5000.0)}


async def _unit(claim: Claim, world: World, unit: str) -> None:
    await world.boot()
    limit, expected_w = LIMITS[unit]
    free_wh = await charged_wh(world)
    assert free_wh > expected_w * 1.2, "the limit would not be felt"
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
    }
    answer = await world.csms.call("SetChargingProfile", connectorId=1, csChargingProfiles=profile)
    assert answer == {"status": "Accepted" if claim.is_yes else "Rejected"}
    expected_wh = expected_w if claim.is_yes else free_wh
    assert await charged_wh(world) == pytest.approx(expected_wh, rel=0.01)
    units = (await told_value(world, "ChargingScheduleAllowedChargingRateUnit") or "").split(",")
    assert (WORDS[unit] in units) is claim.is_yes
    composite = await world.csms.call("GetCompositeSchedule", connectorId=1, duration=600, chargingRateUnit=unit)
    if claim.is_yes:
        assert composite["status"] == "Accepted"
        assert composite["chargingSchedule"]["chargingRateUnit"] == unit
    else:
        assert composite["status"] == "Rejected"


async def amperes(claim: Claim, world: World) -> None:
    await _unit(claim, world, "A")


async def watts(claim: Claim, world: World) -> None:
    await _unit(claim, world, "W")


SCENARIOS: dict[str, Scenario] = {"SC-1.1": amperes, "SC-1.2": watts}


@shown_by(SCENARIOS)
def test_row(claim: Claim) -> None:
    claim.live(SCENARIOS[claim.row])
