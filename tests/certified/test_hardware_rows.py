"""The hardware feature set, HFS-1 to HFS-10, and the connector table."""

import asyncio
from typing import Any

import pytest
from tests.certified.claims import CERTIFIED, Claim, Scenario, shown_by
from tests.certified.wire import begin, charged_wh, end, told_key, told_value
from tests.station.world import World, car

from chargewright.pics.enumerations import Cable, Current, RfidReaders

# What an onboard charger with one phase and 10 A takes in an hour. Direct current goes past it, into the battery.
ONBOARD_WH = 2300
DC_AT_LEAST_WH = 20_000


def _numbers(world: World) -> range:
    return range(1, len(world.product.outlets) + 1)


def _weak_onboard_charger() -> Any:
    return car(capacity_wh=200_000.0, phases=1, max_current_a=10.0)


async def _unlocked(world: World) -> list[str]:
    """What UnlockConnector answers for each connector."""
    return [(await world.csms.call("UnlockConnector", connectorId=number))["status"] for number in _numbers(world)]


async def detachable_cable(claim: Claim, world: World) -> None:
    await world.boot()
    # A cable that can be taken out is held by a lock; a fixed one has none to open (§5.18).
    assert ("Unlocked" in await _unlocked(world)) is claim.is_yes


async def fixed_cable(claim: Claim, world: World) -> None:
    await world.boot()
    assert ("NotSupported" in await _unlocked(world)) is claim.is_yes
    key = await told_key(world, "UnlockConnectorOnEVSideDisconnect")
    assert key is not None
    # Errata v4.0 §3.83: with fixed cables only, it is false for ever.
    if all(outlet.has_fixed_cable for outlet in world.product.outlets):
        assert (key["readonly"], key["value"]) == (True, "false")
        assert await world.change("UnlockConnectorOnEVSideDisconnect", "true") == "Rejected"


async def _in_an_hour(world: World) -> list[int]:
    return [await charged_wh(world, number, _weak_onboard_charger()) for number in _numbers(world)]


async def ac_support(claim: Claim, world: World) -> None:
    await world.boot()
    energies = await _in_an_hour(world)
    assert any(energy_wh == pytest.approx(ONBOARD_WH, abs=2) for energy_wh in energies) is claim.is_yes


async def dc_support(claim: Claim, world: World) -> None:
    await world.boot()
    assert any(energy_wh > DC_AT_LEAST_WH for energy_wh in await _in_an_hour(world)) is claim.is_yes


async def _hours_on_phases(world: World, connector: int = 1) -> list[int]:
    """Energy of an hour at a connector under a limit for 1, 2 and 3 phases: 10 A on AC, 6 kW on DC."""
    is_dc = world.product.outlets[connector - 1].is_dc
    energies = []
    for phases in (1, 2, 3):
        period = {"startPeriod": 0, "limit": 6000.0 if is_dc else 10.0, "numberPhases": phases}
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "W" if is_dc else "A", "chargingSchedulePeriod": [period]},
        }
        answer = await world.csms.call("SetChargingProfile", connectorId=connector, csChargingProfiles=profile)
        assert answer == {"status": "Accepted"}
        energies.append(await charged_wh(world, connector))
    return energies


async def _phases(claim: Claim, world: World, phases: int) -> None:
    await world.boot()
    energies = await _hours_on_phases(world)
    if world.product.outlets[0].is_dc:
        assert not claim.is_yes
        # Direct current has no phases: to name some changes nothing.
        assert energies == [pytest.approx(6000, abs=10)] * 3
    else:
        assert (energies[phases - 1] == pytest.approx(ONBOARD_WH * phases, abs=2)) is claim.is_yes


async def one_phase(claim: Claim, world: World) -> None:
    await _phases(claim, world, 1)


async def two_phases(claim: Claim, world: World) -> None:
    await _phases(claim, world, 2)


async def three_phases(claim: Claim, world: World) -> None:
    await _phases(claim, world, 3)


async def number_of_connectors(claim: Claim, world: World) -> None:
    await world.boot()
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    assert await told_value(world, "NumberOfConnectors") == str(claim.value)
    # Connector 0 is the station.
    told = sorted(item["connectorId"] for item in world.csms.of("StatusNotification"))
    assert told == list(range(claim.value + 1))
    for number in range(1, claim.value + 1):
        answer = await world.csms.call("ChangeAvailability", connectorId=number, type="Operative")
        assert answer == {"status": "Accepted"}
    answer = await world.csms.call("ChangeAvailability", connectorId=claim.value + 1, type="Operative")
    assert answer == {"status": "Rejected"}


async def communication(claim: Claim, world: World) -> None:
    """Whatever carries it, the station sees a line: it comes and goes, and nothing is lost by that."""
    await world.boot()
    technologies = claim.value if isinstance(claim.value, tuple) else (claim.value,)
    for count in range(1, len(technologies) + 1):
        start = await begin(world, tag=f"CARD-{count}")
        world.csms.cut()
        await asyncio.sleep(600)  # virtual time: the scenario wants it to pass
        assert len(world.csms.of("StopTransaction")) == count - 1
        world.virtual.show_tag(f"CARD-{count}", 1)
        world.virtual.unplug(1)
        await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
        world.csms.is_reachable = True
        stop = await world.csms.expect("StopTransaction", count)
        assert stop["meterStop"] > start["meterStart"]
        await asyncio.sleep(60)  # virtual time: the scenario wants it to pass
    (boot,) = world.csms.of("BootNotification")
    # No modem is simulated, so no card of one is claimed.
    assert not {"iccid", "imsi"} & boot.keys()


async def rfid_readers(claim: Claim, world: World) -> None:
    await world.boot()
    assert claim.value in (RfidReaders.SINGLE, RfidReaders.MULTIPLE)
    for number in _numbers(world):
        world.virtual.plug(number, car())
        # One reader has no connector of its own: people choose one, or the station finds out.
        if claim.value is RfidReaders.SINGLE and not world.product.requires_connector_selection:
            world.virtual.show_tag(f"CARD-{number}")
        elif claim.value is RfidReaders.SINGLE:
            world.virtual.station.select_connector(number)
            world.virtual.show_tag(f"CARD-{number}")
        else:
            world.virtual.show_tag(f"CARD-{number}", number)
        start = await world.csms.expect("StartTransaction", number)
        assert (start["connectorId"], start["idTag"]) == (number, f"CARD-{number}")


async def connector(claim: Claim, world: World) -> None:
    """All but the plug's type, of which nothing is ever seen on the wire."""
    number = claim.cells["connector"]
    assert claim.row == f"connectors.{number}"
    await world.boot()
    await asyncio.sleep(1)  # virtual time: the scenario wants it to pass
    assert world.csms.statuses(number) == ["Available"]
    is_dc = claim.cells["current"] is Current.DC
    rotation = dict(item.split(".") for item in (await told_value(world, "ConnectorPhaseRotation") or "").split(","))
    assert rotation[str(number)] == ("NotApplicable" if is_dc else "Unknown")
    assert ("phases" in claim.cells) is not is_dc
    for phases in () if is_dc else claim.cells["phases"].numbers:
        vehicle = car(capacity_wh=200_000.0, phases=phases, max_current_a=10.0)
        assert await charged_wh(world, number, vehicle) == pytest.approx(ONBOARD_WH * phases, abs=2)
    if not is_dc and claim.station in CERTIFIED:
        energies = dict(zip((1, 2, 3), await _hours_on_phases(world, number), strict=True))
        used = {
            phases for phases, energy_wh in energies.items() if energy_wh == pytest.approx(ONBOARD_WH * phases, abs=2)
        }
        assert used == set(claim.cells["phases"].numbers)
    if is_dc:
        assert await charged_wh(world, number, _weak_onboard_charger()) > DC_AT_LEAST_WH
    start = await begin(world, number)
    assert start["connectorId"] == number
    answer = await world.csms.call("UnlockConnector", connectorId=number)
    is_fixed = claim.cells["cable"] is Cable.FIXED
    assert answer == {"status": "NotSupported" if is_fixed else "Unlocked"}
    if is_fixed:
        await end(world, number)


SCENARIOS: dict[str, Scenario] = {
    "HFS-1": detachable_cable,
    "HFS-2": fixed_cable,
    "HFS-3": ac_support,
    "HFS-4": dc_support,
    "HFS-8": number_of_connectors,
    "HFS-9": communication,
    "HFS-10": rfid_readers,
    "connectors.1": connector,
    "connectors.2": connector,
    "performance.Communication technology": communication,
}
# Told apart by a limit for so many phases, which takes Smart Charging.
PHASES: dict[str, Scenario] = {"HFS-5": one_phase, "HFS-6": two_phases, "HFS-7": three_phases}


@shown_by(SCENARIOS)
def test_row(claim: Claim) -> None:
    claim.live(SCENARIOS[claim.row])


@shown_by(PHASES, CERTIFIED)
def test_row_of_phases(claim: Claim) -> None:
    claim.live(PHASES[claim.row])
