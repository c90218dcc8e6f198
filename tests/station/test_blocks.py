"""What blocks tell one another, seen from outside: each word arrives where it must."""

import asyncio
from datetime import timedelta

from tests.station.world import SOCKET, World, car, live, product

from chargewright.protocol.v16.core import Reason
from chargewright.station.running import product_from


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


def test_after_a_reset_with_the_csms_away_reservations_and_profiles_still_come_and_go() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        in_ten_minutes = (world.clock.now() + timedelta(minutes=10)).isoformat()
        reserved = {"connectorId": 2, "expiryDate": in_ten_minutes, "idTag": "A", "reservationId": 1}
        assert await csms.call("ReserveNow", **reserved) == {"status": "Accepted"}
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG", 1)
        await csms.expect("StartTransaction")
        periods = [{"startPeriod": 0, "limit": 0.0}, {"startPeriod": 1200, "limit": 16.0}]
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "startSchedule": world.clock.now().isoformat(),
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": periods,
            },
        }
        answer = await csms.call("SetChargingProfile", connectorId=0, csChargingProfiles=profile)
        assert answer == {"status": "Accepted"}
        assert await world.change("AllowOfflineTxForUnknownId", "true") == "Accepted"
        assert await csms.call("Reset", type="Soft") == {"status": "Accepted"}
        csms.cut()
        # The reset waits for its stop to be told, and lets nobody in meanwhile.
        await asyncio.sleep(15)
        world.virtual.unplug(1)
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG", 1)
        await asyncio.sleep(60)
        statuses = [world.virtual.look(number).status.value for number in (1, 2)]
        assert statuses == ["SuspendedEVSE", "Reserved"]
        await asyncio.sleep(1800)
        statuses = [world.virtual.look(number).status.value for number in (1, 2)]
        assert statuses == ["Charging", "Available"]

    reference = product_from("reference")
    live(main, product(SOCKET, SOCKET, reservations=reference.reservations, smart_charging=reference.smart_charging))


def test_a_reset_clears_a_lock_that_moves_again() -> None:
    async def main(world: World) -> None:
        await world.boot()
        lock = world.virtual.connectors[0].lock
        assert lock is not None
        lock.is_jammed = True
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(20)
        assert world.csms.statuses(1)[-1] == "Faulted"
        lock.is_jammed = False
        world.csms.calls.clear()
        await world.csms.call("Reset", type="Hard")
        await world.csms.expect("StatusNotification", 2)
        assert world.csms.statuses(1)[-1] == "Preparing"
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")

    live(main)
