"""MaxEnergyOnInvalidId: counted from the answer on, then the energy or the transaction ends (§9.1.14)."""

import asyncio
from typing import Any

import pytest
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product

from chargewright.station.hardware.interface import Outlet

INVALID = {"idTagInfo": {"status": "Invalid"}, "transactionId": 7}
LIMITING = product(limits_energy_on_invalid_id=True)


async def charge(world: World, allowed_wh: str, is_stopped: str) -> None:
    await world.boot()
    await world.change("MaxEnergyOnInvalidId", allowed_wh)
    await world.change("StopTransactionOnInvalidId", is_stopped)
    world.csms.answers["StartTransaction"] = INVALID
    world.virtual.plug(1, car())
    world.virtual.show_tag("TAG")
    await world.csms.expect("StartTransaction")


@pytest.mark.parametrize("allowed_wh", [0, 1, 500])
def test_the_transaction_ends_when_it_is_used_up(allowed_wh: int) -> None:
    async def main(world: World) -> None:
        await charge(world, str(allowed_wh), "true")
        stop = await world.csms.expect("StopTransaction")
        assert stop["reason"] == "DeAuthorized"
        # A second more at 11 kW is 3 Wh.
        assert allowed_wh <= stop["meterStop"] <= allowed_wh + 5

    live(main, LIMITING)


def test_or_only_the_energy() -> None:
    async def main(world: World) -> None:
        await charge(world, "500", "false")
        await asyncio.sleep(100)
        assert world.csms.statuses(1)[-1] == "Charging"
        await asyncio.sleep(100)
        assert world.csms.statuses(1)[-1] == "SuspendedEVSE"
        assert 500 <= world.virtual.station.meter_readings()[1] <= 505
        assert world.csms.of("StopTransaction") == []

    live(main, LIMITING)


@pytest.mark.parametrize("is_stopped", ["true", "false"])
def test_told_late_it_counts_from_then_on(is_stopped: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MaxEnergyOnInvalidId", "100")
        await world.change("StopTransactionOnInvalidId", is_stopped)
        await world.change("AllowOfflineTxForUnknownId", "true")
        world.csms.answers["StartTransaction"] = INVALID
        world.csms.cut()
        world.virtual.plug(1, car())
        await asyncio.sleep(1)
        world.virtual.show_tag("TAG")
        await asyncio.sleep(600)
        before = world.virtual.station.meter_readings()[1]
        world.csms.is_reachable = True
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(300)
        energy = world.virtual.station.meter_readings()[1] - before
        assert before > 1000 and 100 <= energy <= 150
        assert len(world.csms.of("StopTransaction")) == (1 if is_stopped == "true" else 0)

    live(main, LIMITING)


def test_a_transaction_that_ends_before_takes_its_allowance_along() -> None:
    async def main(world: World) -> None:
        await charge(world, "500", "true")
        await asyncio.sleep(10)
        await world.csms.call("RemoteStopTransaction", transactionId=7)
        await world.csms.expect("StopTransaction")
        del world.csms.answers["StartTransaction"]
        world.virtual.unplug(1)
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction", 2)
        await asyncio.sleep(600)
        assert len(world.csms.of("StopTransaction")) == 1

    live(main, LIMITING)


def test_a_vehicle_that_takes_nothing_uses_nothing_up() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MaxEnergyOnInvalidId", "500")
        world.csms.answers["StartTransaction"] = INVALID
        world.virtual.plug(1, car(soc=1.0))
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(3600)
        assert world.csms.of("StopTransaction") == []

    live(main, LIMITING)


@pytest.mark.parametrize("outlet", [SOCKET, DC_CABLE], ids=["AC", "DC"])
def test_a_vehicle_at_rest_may_begin_at_any_moment_and_gets_no_more(outlet: Outlet) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MaxEnergyOnInvalidId", "10")
        world.csms.answers["StartTransaction"] = INVALID
        vehicle = car(target_soc=0.2)
        world.virtual.plug(1, vehicle)
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(60.2)
        assert world.csms.statuses(1)[-1] == "SuspendedEV" and world.virtual.station.meter_readings()[1] == 0
        world.virtual.connectors[0].change_vehicle(lambda vehicle: setattr(vehicle, "target_soc", 1.0))
        stop = await world.csms.expect("StopTransaction")
        # A second more, at what the vehicle takes at most.
        assert 10 <= stop["meterStop"] <= 10 + min(outlet.max_power_w, 100_000.0) / 3600 + 1

    live(main, product(outlet, limits_energy_on_invalid_id=True))


def test_a_product_without_the_key_ends_it_at_once() -> None:
    async def main(world: World) -> None:
        await world.boot()
        listed: Any = await world.csms.call("GetConfiguration", key=["MaxEnergyOnInvalidId"])
        assert listed["unknownKey"] == ["MaxEnergyOnInvalidId"]
        world.csms.answers["StartTransaction"] = INVALID
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        assert (await world.csms.expect("StopTransaction"))["reason"] == "DeAuthorized"

    live(main)
