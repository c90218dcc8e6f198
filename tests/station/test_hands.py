"""Hands: what each deed does to a living station, and what is refused with what to do instead."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from msgspec import structs
from tests.station.test_security import SECURITY
from tests.station.world import DC_CABLE, SOCKET, World, live, product

from chargewright.pki.authorities import make_authority
from chargewright.protocol.v16.core import ChargePointErrorCode
from chargewright.station import deeds
from chargewright.station.deeds import DEEDS, Deed
from chargewright.station.hands import COUNTED_KINDS, HandRefused, StationHands
from chargewright.station.hardware.firmware import InstallStep
from chargewright.station.product import FirmwareManagement, Product, Security

Story = Callable[[World, StationHands], Coroutine[Any, Any, Any]]


def tell(story: Story, made: Product | None = None) -> Any:
    """Play a story with a station that lives over power cuts."""

    async def main(world: World) -> Any:
        hands = StationHands(world.virtual, world.product, "CW 1")
        life = asyncio.create_task(world.virtual.run())
        await world.csms.expect("StatusNotification", 1 + len(world.product.outlets))
        try:
            return await story(world, hands)
        finally:
            await world.virtual.close()
            await life

    return live(main, product(SOCKET, DC_CABLE) if made is None else made)


async def charge(world: World, hands: StationHands, connector: int = 1, count: int = 1) -> None:
    hands.do(deeds.PlugIn(connector=connector))
    hands.do(deeds.PresentTag(id_tag="CARD", connector=connector))
    await world.csms.expect("StartTransaction", count)
    await asyncio.sleep(60)


@pytest.mark.parametrize("efficiency_percent", [50.0, 92.0, 100.0])
def test_what_is_lost_between_outlet_and_battery_is_paid_for(efficiency_percent: float) -> None:
    async def story(world: World, hands: StationHands) -> None:
        vehicle = {"capacity_wh": 10_001.0, "soc_percent": 20, "target_soc_percent": 30}
        hands.do(deeds.PlugIn(connector=1, efficiency_percent=efficiency_percent, **vehicle))
        hands.do(deeds.PresentTag(id_tag="CARD", connector=1))
        await asyncio.sleep(3600)
        energy_wh = hands.state().connectors[0].transaction_energy_wh
        assert energy_wh == int(1000.1 / efficiency_percent * 100)

    tell(story)


def status(hands: StationHands, connector: int = 1) -> str | None:
    return hands.state().connectors[connector - 1].status


def refused(hands: StationHands, deed: Deed) -> str:
    before = hands.state()
    with pytest.raises(HandRefused) as caught:
        hands.do(deed)
    # A display may say what is wrong with a tag.
    assert msgspec.structs.replace(hands.state(), last_tag=before.last_tag) == before, "what is refused changes nothing"
    assert str(caught.value).startswith("CW 1"), "it names the station"
    return str(caught.value)


def test_there_is_a_hand_for_every_deed() -> None:
    async def story(world: World, hands: StationHands) -> None:
        assert set(hands._hands) == set(DEEDS.values())

    tell(story)


def test_a_driver_charges_and_leaves() -> None:
    async def story(world: World, hands: StationHands) -> None:
        await charge(world, hands)
        assert status(hands) == "Charging"
        assert "the station holds the cable" in refused(hands, deeds.Unplug(connector=1))
        hands.do(deeds.PresentTag(id_tag="card"))
        await world.csms.expect("StopTransaction")
        hands.do(deeds.Unplug(connector=1))
        assert status(hands) == "Available"
        assert "nothing is plugged in" in refused(hands, deeds.Unplug(connector=1))
        assert hands.messages["StopTransaction"] == 1 and hands.messages["BootNotification"] == 1

    tell(story)


def test_a_vehicle_is_pulled_off_the_cable_and_the_cable_taken_later() -> None:
    async def story(world: World, hands: StationHands) -> None:
        await charge(world, hands)
        hands.do(deeds.Unplug(connector=1, side="vehicle"))
        assert (await world.csms.expect("StopTransaction"))["reason"] == "EVDisconnected"
        assert hands.state().connectors[0].is_plugged
        assert "unplug at the side of the station" in refused(hands, deeds.Unplug(connector=1, side="vehicle"))
        hands.do(deeds.Unplug(connector=1))
        assert status(hands) == "Available" and not hands.state().connectors[0].is_plugged
        hands.do(deeds.PlugIn(connector=2))
        assert "fixed" in refused(hands, deeds.Unplug(connector=2, side="station"))
        hands.do(deeds.Unplug(connector=2))

    tell(story)


def test_a_vehicle_is_as_it_was_described_and_may_change_while_it_charges() -> None:
    async def story(world: World, hands: StationHands) -> None:
        hands.do(deeds.PlugIn(connector=1, capacity_wh=20_000, soc_percent=50, phases=1, max_current_a=10))
        assert "already" in refused(hands, deeds.PlugIn(connector=1))
        hands.do(deeds.PresentTag(id_tag="CARD", connector=1))
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(10)
        assert hands.state().connectors[0].power_w == pytest.approx(2300)
        hands.do(deeds.ChangeVehicle(connector=1, phases=3, max_current_a=16, dc_power_w=5000))
        vehicle = hands.state().connectors[0].vehicle
        assert vehicle is not None and (vehicle.phases, vehicle.dc_power_w) == (3, 5000)
        assert hands.state().connectors[0].power_w == pytest.approx(5000 / 0.92)
        hands.do(deeds.ChangeVehicle(connector=1, target_soc_percent=40))
        await asyncio.sleep(10)
        assert status(hands) == "SuspendedEV", "it is fuller than it wants to be"
        assert "plug one in first" in refused(hands, deeds.ChangeVehicle(connector=2))
        fuller = deeds.PlugIn(connector=2, soc_percent=90, target_soc_percent=80)
        assert "90 %" in refused(hands, fuller)

    tell(story)


def test_the_stop_button_is_for_one_or_for_all() -> None:
    async def story(world: World, hands: StationHands) -> None:
        await charge(world, hands)
        hands.do(deeds.PlugIn(connector=2))
        hands.do(deeds.PresentTag(id_tag="OTHER", connector=2))
        await world.csms.expect("StartTransaction", 2)
        await asyncio.sleep(10)
        hands.do(deeds.PressStop(connector=2))
        stop = await world.csms.expect("StopTransaction")
        assert (stop["idTag"], stop.get("reason", "Local")) == ("OTHER", "Local")
        assert status(hands) == "Charging"
        hands.do(deeds.PressStop())
        assert (await world.csms.expect("StopTransaction", 2))["idTag"] == "CARD"

    tell(story)


def test_a_product_without_stop_and_one_that_opens_its_outlet_late() -> None:
    async def story(world: World, hands: StationHands) -> None:
        assert "no stop of its own" in refused(hands, deeds.PressStop())
        assert "present a tag first" in refused(hands, deeds.PlugIn(connector=1))
        hands.do(deeds.PresentTag(id_tag="CARD", connector=1))
        await world.csms.expect("Authorize")
        await hands.virtual.wait_until(lambda: status(hands) == "Preparing", 60)
        hands.do(deeds.PlugIn(connector=1))
        await world.csms.expect("StartTransaction")

    tell(story, product(has_local_stop=False, locks_before_authorization=True))


def test_a_connector_is_chosen_before_the_tag_where_the_product_wants_that() -> None:
    async def story(world: World, hands: StationHands) -> None:
        for connector in (1, 2):
            hands.do(deeds.PlugIn(connector=connector))
        assert "choose a connector first (select-connector)" in refused(hands, deeds.PresentTag(id_tag="CARD"))
        await asyncio.sleep(5)
        assert world.csms.of("StartTransaction") == []
        hands.do(deeds.SelectConnector(connector=2))
        hands.do(deeds.PresentTag(id_tag="CARD"))
        # The same tag is being asked about already: nothing is ignored.
        hands.do(deeds.PresentTag(id_tag="CARD", connector=2))
        assert (await world.csms.expect("StartTransaction"))["connectorId"] == 2
        hands.do(deeds.CutPower())
        assert "return-power first" in refused(hands, deeds.SelectConnector(connector=1))

    tell(story, product(SOCKET, DC_CABLE, requires_connector_selection=True))


def test_where_each_connector_has_its_reader_a_tag_is_shown_to_one_of_them() -> None:
    async def story(world: World, hands: StationHands) -> None:
        hands.do(deeds.PlugIn(connector=2))
        assert "say to which connector" in refused(hands, deeds.PresentTag(id_tag="CARD"))
        hands.do(deeds.PresentTag(id_tag="CARD", connector=2))
        assert (await world.csms.expect("StartTransaction"))["connectorId"] == 2

    tell(story, product(SOCKET, DC_CABLE, has_one_reader=False))


def test_firmware_is_made_to_fail_where_there_is_any() -> None:
    async def story(world: World, hands: StationHands) -> None:
        for word, step in (("writing", InstallStep.WRITING), ("none", None)):
            hands.do(deeds.BreakFirmware(step=word))
            assert hands.virtual.firmware.failing is step

    async def without(world: World, hands: StationHands) -> None:
        assert "takes no firmware" in refused(hands, deeds.BreakFirmware(step="writing"))

    management = FirmwareManagement(is_signed=False, downloads_during_transaction=False)
    tell(story, product(firmware_management=management))
    tell(without, product(firmware_management=None))


def test_a_fault_stays_until_it_is_cleared_over_a_power_cut_too() -> None:
    async def story(world: World, hands: StationHands) -> None:
        hands.do(deeds.Fault(connector=2, error_code=ChargePointErrorCode.GROUND_FAILURE))
        assert status(hands, 2) == "Faulted"
        assert "clear-fault" in refused(hands, deeds.Fault(connector=1, error_code=ChargePointErrorCode.NO_ERROR))
        assert "it has no fault" in refused(hands, deeds.ClearFault(connector=1))
        hands.do(deeds.CutPower())
        hands.do(deeds.Fault(connector=1, error_code=ChargePointErrorCode.HIGH_TEMPERATURE))
        world.csms.calls.clear()
        hands.do(deeds.ReturnPower())
        await world.csms.expect("StatusNotification", 3)
        told = {item["connectorId"]: item["errorCode"] for item in world.csms.of("StatusNotification")}
        assert told == {0: "NoError", 1: "HighTemperature", 2: "GroundFailure"}
        for connector in (1, 2):
            hands.do(deeds.ClearFault(connector=connector))
            assert status(hands, connector) == "Available"

    tell(story)


def test_a_jammed_lock_and_a_connector_without_one() -> None:
    async def story(world: World, hands: StationHands) -> None:
        assert "there is no lock" in refused(hands, deeds.JamLock(connector=2))
        hands.do(deeds.JamLock(connector=1))
        assert hands.state().connectors[0].is_lock_jammed
        hands.do(deeds.PlugIn(connector=1))
        hands.do(deeds.PresentTag(id_tag="CARD", connector=1))
        await hands.virtual.wait_until(lambda: status(hands) == "Faulted", 60)
        assert world.csms.of("StartTransaction") == []
        hands.do(deeds.FreeLock(connector=1))
        assert hands.state().connectors[0].is_lock_jammed is False

    tell(story)


def test_the_emergency_button_ends_everything_until_it_is_released() -> None:
    async def story(world: World, hands: StationHands) -> None:
        assert "not pressed" in refused(hands, deeds.ReleaseEmergencyStop())
        await charge(world, hands)
        hands.do(deeds.Fault(connector=2, error_code=ChargePointErrorCode.OVER_VOLTAGE))
        hands.do(deeds.EmergencyStop())
        assert (await world.csms.expect("StopTransaction"))["reason"] == "EmergencyStop"
        assert (status(hands, 1), status(hands, 2)) == ("Faulted", "Faulted")
        assert "already" in refused(hands, deeds.EmergencyStop())
        hands.do(deeds.ClearFault(connector=1))
        assert status(hands, 1) == "Faulted", "the button is still pressed"
        hands.do(deeds.ReleaseEmergencyStop())
        assert (status(hands, 1), status(hands, 2)) == ("Finishing", "Faulted")

    tell(story)


def test_without_power_only_what_needs_none_can_be_done() -> None:
    async def story(world: World, hands: StationHands) -> None:
        assert "it has power" in refused(hands, deeds.ReturnPower())
        await charge(world, hands)
        hands.do(deeds.CutPower())
        for deed in (
            deeds.PresentTag(id_tag="CARD"),
            deeds.PressStop(),
            deeds.CutPower(),
            deeds.SetConfiguration(key="HeartbeatInterval", value="10"),
            deeds.Tamper(),
        ):
            assert "return-power first" in refused(hands, deed)
        hands.do(deeds.EmergencyStop())
        hands.do(deeds.ReturnPower())
        assert (await world.csms.expect("StopTransaction"))["reason"] == "PowerLoss"
        assert status(hands) == "Faulted"

    tell(story)


def test_the_network_goes_away_gets_slow_and_comes_back() -> None:
    async def story(world: World, hands: StationHands) -> None:
        hands.do(deeds.NetworkDown())
        assert "network-up mends it" in refused(hands, deeds.NetworkDown())
        await asyncio.sleep(1)
        assert (hands.state().has_network, hands.state().is_connected) == (False, False)
        hands.do(deeds.NetworkUp(delay_seconds=2))
        assert await hands.virtual.wait_until(hands.virtual.is_online, 60)
        assert hands.state().network_delay_seconds == 2

    tell(story)


def test_a_technician_changes_keys_by_the_rules_of_the_line() -> None:
    async def story(world: World, hands: StationHands) -> None:
        hands.do(deeds.SetConfiguration(key="connectiontimeout", value="77"))
        answer = await world.csms.call("GetConfiguration", key=["ConnectionTimeOut"])
        assert answer["configurationKey"][0]["value"] == "77"
        assert "no key 'Nonesuch'" in refused(hands, deeds.SetConfiguration(key="Nonesuch", value="1"))
        assert "'never'" in refused(hands, deeds.SetConfiguration(key="ConnectionTimeOut", value="never"))
        assert "security extension" in refused(hands, deeds.Tamper())

    tell(story)


def test_tampering_is_a_security_event(capsys: pytest.CaptureFixture[str]) -> None:
    async def story(world: World, hands: StationHands) -> None:
        hands.do(deeds.Tamper())
        await asyncio.sleep(5)

    security = Security(
        profiles=(0,),
        cipher_suites=(),
        max_chain_size=10,
        max_certificates=10,
        checks_additional_root=False,
        removes_last_root=True,
        removes_last_station_certificate=True,
    )
    tell(story, product(security=security))
    assert "TamperDetectionActivated" in capsys.readouterr().out


@pytest.mark.parametrize("can_be_last", [True, False])
def test_the_makers_service_removes_certificates(can_be_last: bool) -> None:
    async def story(world: World, hands: StationHands) -> None:
        assert "there is no certificate" in refused(hands, deeds.RemoveCertificate())
        now = world.clock.now()
        authority = make_authority("Root", now)
        store = world.virtual.station.security.store
        for serial in ("OLD", "NEW"):
            own = authority.client("Example", serial, now)
            store.put_own(own.chain_pem, own.key_pem)
        hands.do(deeds.RemoveCertificate())
        assert len(store.own()) == 1
        if can_be_last:
            hands.do(deeds.RemoveCertificate())
            assert store.own() == []
        else:
            assert "cannot be removed" in refused(hands, deeds.RemoveCertificate())

    tell(story, product(security=structs.replace(SECURITY, removes_last_station_certificate=can_be_last)))


def test_a_product_without_certificates_has_none_to_remove() -> None:
    async def story(world: World, hands: StationHands) -> None:
        assert "no security extension" in refused(hands, deeds.RemoveCertificate())

    tell(story)


@pytest.mark.parametrize("number", [3, 99])
def test_a_connector_that_does_not_exist(number: int) -> None:
    async def story(world: World, hands: StationHands) -> None:
        for deed in (deeds.PlugIn(connector=number), deeds.PresentTag(id_tag="C", connector=number)):
            assert f"connector {number}" in refused(hands, deed)
        with pytest.raises(HandRefused) as caught:
            hands.do(deeds.Unplug(connector=number))
        assert caught.value.is_unknown and caught.value.connector == number

    tell(story)


def test_what_is_no_call_is_not_counted() -> None:
    async def story(world: World, hands: StationHands) -> None:
        before = dict(hands.messages)
        for message in (b"\xff", b"{}", b'[3,"1",{}]', b'[2,"1"]', b'[4,"1","x","y",{}]'):
            hands.virtual.network.on_message(True, message)
        assert hands.messages == before
        hands.virtual.network.on_message(False, b'[2,"1","Reset",{}]')
        assert hands.messages["Reset"] == 1
        for number in range(COUNTED_KINDS + 50):
            hands.virtual.network.on_message(False, b'[2,"1","Kind%d",{}]' % number)
        assert len(hands.messages) == COUNTED_KINDS

    tell(story)


def test_a_warning_is_told_with_the_status_and_charging_goes_on() -> None:
    async def story(world: World, hands: StationHands) -> None:
        await charge(world, hands)
        hands.do(deeds.Warn(connector=1, error_code=ChargePointErrorCode.HIGH_TEMPERATURE))
        hands.do(deeds.Warn(connector=0, error_code=ChargePointErrorCode.WEAK_SIGNAL))
        await asyncio.sleep(1)
        told = [(item["connectorId"], item["errorCode"]) for item in world.csms.of("StatusNotification")[-2:]]
        assert told == [(1, "HighTemperature"), (0, "WeakSignal")]
        assert status(hands) == "Charging"
        assert "no such connector" in refused(
            hands, deeds.Warn(connector=3, error_code=ChargePointErrorCode.WEAK_SIGNAL)
        )

    tell(story)


def test_the_clock_is_set_and_put_right_by_the_next_heartbeat() -> None:
    async def story(world: World, hands: StationHands) -> None:
        hands.do(deeds.SetClock(ahead_seconds=-7200))
        assert round((world.virtual.clock.now() - world.clock.now()).total_seconds()) == -7200
        await world.csms.call("TriggerMessage", requestedMessage="Heartbeat")
        await asyncio.sleep(1)
        assert abs((world.virtual.clock.now() - world.clock.now()).total_seconds()) < 2

    tell(story)


def test_the_clock_goes_to_no_year_in_which_nothing_can_be_reckoned() -> None:
    async def story(world: World, hands: StationHands) -> None:
        hands.do(deeds.SetClock(ahead_seconds=-1e9))
        before = world.virtual.clock.now()
        assert "from 1970 to 2199" in refused(hands, deeds.SetClock(ahead_seconds=-1e9))
        assert world.virtual.clock.now() == before

    tell(story)


def test_resets_are_broken_and_mended() -> None:
    async def story(world: World, hands: StationHands) -> None:
        hands.do(deeds.BreakResets(times=2))
        await world.csms.call("Reset", type="Soft")
        await asyncio.sleep(30)
        assert world.csms.of("StatusNotification")[-1]["errorCode"] == "ResetFailure"
        hands.do(deeds.BreakResets(times=0))
        await world.csms.call("Reset", type="Soft")
        await world.csms.expect("BootNotification", 2)

    tell(story)
