"""Charging profiles as a station obeys them: asked over the wire, in virtual time."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.station.bench import Bench
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product

from chargewright.charging_profiles.installed_profile import InstalledProfile
from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.errors import ConfigurationError
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.core import Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.protocol.v16.smart_charging import SetChargingProfileRequest
from chargewright.station.context import Authorization
from chargewright.station.hardware.interface import NO_OFFER, Offer, Outlet
from chargewright.station.product import Product, SmartCharging
from chargewright.station.smart_charging import SmartCharging as Block
from chargewright.station.store import StationStore, StationStoreError
from chargewright.station.transaction import RUNNING

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


# What is taken, and what is refused.


Refusal = Callable[[World], Awaitable[Any]]
REFUSED: dict[str, tuple[Refusal, Any]] = {
    "unknown connector": (lambda world: install(world, 2, DEFAULT, {0: 6}), "PropertyConstraintViolation"),
    "maximum on a connector": (lambda world: install(world, 1, MAXIMUM, {0: 6}), REJECTED),
    "transaction profile on the station": (lambda world: install(world, 0, TX, {0: 6}), REJECTED),
    "transaction profile without transaction": (lambda world: install(world, 1, TX, {0: 6}), REJECTED),
    "level too high": (lambda world: install(world, 1, DEFAULT, {0: 6}, level=6), REJECTED),
    "level below 0": (lambda world: install(world, 1, DEFAULT, {0: 6}, level=-1), REJECTED),
    "too many periods": (lambda world: install(world, 1, DEFAULT, dict.fromkeys(range(7), 6.0)), REJECTED),
    "no period": (lambda world: install(world, 1, DEFAULT, {}), REJECTED),
    "first period late": (lambda world: install(world, 1, DEFAULT, {5: 6}), REJECTED),
    "periods out of order": (lambda world: install(world, 1, DEFAULT, {0: 6, 9: 7, 5: 8}), REJECTED),
    "negative limit": (lambda world: install(world, 1, DEFAULT, {0: -1}), REJECTED),
    "four phases": (lambda world: install(world, 1, DEFAULT, {0: 6}, phases=4), REJECTED),
    "recurring without kind": (
        lambda world: install(world, 1, DEFAULT, {0: 6}, chargingProfileKind="Recurring"),
        REJECTED,
    ),
    "unknown unit": (lambda world: install(world, 1, DEFAULT, {0: 6}, unit="kW"), "PropertyConstraintViolation"),
    "unknown purpose": (lambda world: install(world, 1, "Fun", {0: 6}), "PropertyConstraintViolation"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_answered_as_it_must_be_and_changes_nothing(name: str) -> None:
    ask, expected = REFUSED[name]

    async def main(world: World) -> None:
        await world.boot()
        assert await install(world, 1, DEFAULT, {0: 16}, number=9) == ACCEPTED
        before = list(world.store.records("charging_profile").items())
        answer = await ask(world)
        assert (answer if isinstance(expected, dict) else answer[0]) == expected
        assert list(world.store.records("charging_profile").items()) == before
        assert await composite(world, 1, 10) == {0: 16}

    live(main, made())


def test_a_unit_that_is_not_allowed_is_rejected() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await install(world, 1, DEFAULT, {0: 6}) == REJECTED
        assert await install(world, 1, DEFAULT, {0: 6_000}, unit="W") == ACCEPTED
        asked = {"connectorId": 1, "duration": 10, "chargingRateUnit": "A"}
        assert await world.csms.call("GetCompositeSchedule", **asked) == REJECTED

    live(main, made(DC_CABLE, smart_charging=WATTS))


def test_a_station_without_smart_charging_refuses_the_actions() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert (await install(world, 1, DEFAULT, {0: 6}))[0] == "NotSupported"
        assert (await world.csms.call("ClearChargingProfile"))[0] == "NotSupported"
        assert (await world.csms.call("GetCompositeSchedule", connectorId=1, duration=5))[0] == "NotSupported"
        answer = await world.csms.call(
            "RemoteStartTransaction", idTag="APP", chargingProfile=profile(world, DEFAULT, {0: 6})
        )
        assert answer == ACCEPTED  # The profile is ignored.

    live(main, product())


def test_the_block_needs_a_product_that_offers_it() -> None:
    bench = Bench(product())
    with pytest.raises(ConfigurationError, match="smart_charging"):
        Block(bench.context, [], lambda key: None)


def test_no_more_profiles_than_the_product_holds_but_one_may_take_anothers_place() -> None:
    async def main(world: World) -> None:
        await world.boot()
        for level in range(5):
            assert await install(world, 1, DEFAULT, {0: 16}, number=level, level=level) == ACCEPTED
        assert await install(world, 1, DEFAULT, {0: 16}, number=7, level=5) == REJECTED
        assert await install(world, 1, DEFAULT, {0: 10}, number=7, level=4) == ACCEPTED
        assert await install(world, 1, DEFAULT, {0: 10}, number=0, level=5) == ACCEPTED
        assert world.store.records("charging_profile").count() == 5

    live(main, made())


def test_what_has_expired_makes_room() -> None:
    async def main(world: World) -> None:
        await world.boot()
        until = (world.clock.now() + timedelta(seconds=60)).isoformat()
        for level in range(5):
            await install(world, 1, DEFAULT, {0: 16}, number=level, level=level, validTo=until)
        await asyncio.sleep(61)
        assert world.store.records("charging_profile").count() == 0

    live(main, made())


def test_the_keys_say_what_can_be_installed() -> None:
    async def main(world: World) -> None:
        await world.boot()
        answer = await world.csms.call("GetConfiguration")
        keys = {item["key"]: (item["value"], item["readonly"]) for item in answer["configurationKey"]}
        assert keys["ChargeProfileMaxStackLevel"] == ("5", True)
        assert keys["ChargingScheduleAllowedChargingRateUnit"] == ("Current,Power", True)
        assert keys["ChargingScheduleMaxPeriods"] == ("6", True)
        assert keys["MaxChargingProfilesInstalled"] == ("5", True)
        assert keys["ConnectorSwitch3to1PhaseSupported"] == ("true", True)
        assert "SmartCharging" in keys["SupportedFeatureProfiles"][0].split(",")
        assert await world.change("MaxChargingProfilesInstalled", "9") == "Rejected"

    live(main, made(smart_charging=SWITCHING))


def test_clearing_is_unknown_where_nothing_matches() -> None:
    async def main(world: World) -> None:
        await world.boot()
        clear = world.csms.call
        assert await clear("ClearChargingProfile") == UNKNOWN
        for number, (connector_id, level) in enumerate([(0, 0), (1, 0), (1, 1)], start=1):
            await install(world, connector_id, DEFAULT, {0: 16}, number=number, level=level)
        assert await clear("ClearChargingProfile", id=9) == UNKNOWN
        assert await clear("ClearChargingProfile", connectorId=1, stackLevel=2) == UNKNOWN
        assert await clear("ClearChargingProfile", id=2, connectorId=77) == ACCEPTED
        assert await clear("ClearChargingProfile", connectorId=0, chargingProfilePurpose=DEFAULT) == ACCEPTED
        assert [name for name, _ in world.store.records("charging_profile").items()] == ["3"]
        assert await clear("ClearChargingProfile") == ACCEPTED
        assert world.store.records("charging_profile").count() == 0

    live(main, made())


# What becomes of a limit.


def test_a_limit_acts_at_once_and_at_each_of_its_periods() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await charge(world)
        assert offered(world) == 32 and power(world) == 32 * 690
        await install(world, 0, MAXIMUM, {0: 16, 60: 0, 120: 5.9, 180: 10}, duration=240)
        assert offered(world) == 16 and power(world) == 16 * 690
        seen = []
        await asyncio.sleep(1)
        for _ in range(5):
            await asyncio.sleep(60)
            seen.append((offered(world), world.csms.statuses(1)[-1]))
        assert seen == [
            (0, "SuspendedEVSE"),
            (0, "SuspendedEVSE"),
            (10, "Charging"),
            (32, "Charging"),
            (32, "Charging"),
        ]
        assert world.csms.statuses(1).count("SuspendedEVSE") == 1

    live(main, made())


def test_nothing_is_polled_while_nothing_changes() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await charge(world)
        shares: list[int] = []
        block = world.virtual.station._blocks.smart_charging
        assert block is not None
        share = block._share

        def counted() -> None:
            shares.append(1)
            share()

        block._share = counted  # type: ignore[method-assign]  # counted, not changed
        await install(world, 0, MAXIMUM, {0: 16, 3000: 10})
        await asyncio.sleep(3600)
        assert len(shares) == 2
        await install(world, 1, DEFAULT, {0: 12})
        await asyncio.sleep(3600)
        assert len(shares) == 3

    live(main, made())


def test_what_is_offered_is_told_in_meter_values() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MeterValuesSampledData", "Current.Offered,Power.Offered")
        await world.change("MeterValueSampleInterval", "10")
        await install(world, 1, DEFAULT, {0: 16})
        await charge(world)
        sampled = (await world.csms.expect("MeterValues"))["meterValue"][0]["sampledValue"]
        assert [float(value["value"]) for value in sampled] == [16, 11_040]

    live(main, made())


def test_a_transaction_that_begins_under_a_limit_of_nothing_is_suspended_from_the_start() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await install(world, 1, DEFAULT, {0: 0, 600: 16})
        await charge(world)
        assert world.csms.statuses(1)[-2:] == ["Preparing", "SuspendedEVSE"]
        await asyncio.sleep(600)
        assert (offered(world), world.csms.statuses(1)[-1]) == (16, "Charging")

    live(main, made())


def test_a_relative_default_counts_from_the_begin_of_the_transaction() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await install(world, 0, DEFAULT, {0: 16, 60: 10}, chargingProfileKind="Relative")
        await asyncio.sleep(1000)
        await charge(world)
        assert offered(world) == 16
        await asyncio.sleep(60)
        assert offered(world) == 10

    live(main, made())


def test_watts_at_a_dc_outlet() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await charge(world)
        await install(world, 1, DEFAULT, {0: 75_000, 60: 0, 120: 150_000}, unit="W")
        assert (offered(world), power(world)) == (375, 75_000)
        await asyncio.sleep(61)
        assert (power(world), world.csms.statuses(1)[-1]) == (0, "SuspendedEVSE")
        await asyncio.sleep(120)
        assert power(world) == 100_000, "all that the battery takes"

    live(main, made(DC_CABLE, smart_charging=WATTS))


@pytest.mark.parametrize(("smart_charging", "expected"), [(BOTH, (0, "SuspendedEVSE")), (SWITCHING, (16, "Charging"))])
def test_phases_change_in_a_transaction_only_where_the_key_says_so(
    smart_charging: SmartCharging, expected: tuple[float, str]
) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await charge(world)
        await install(world, 1, TX, {0: 16}, phases=1)
        await asyncio.sleep(1)
        assert (offered(world), world.csms.statuses(1)[-1]) == expected
        assert power(world) == expected[0] * 230

    live(main, made(smart_charging=smart_charging))


def test_a_transaction_may_begin_on_one_phase_and_stays_there() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await install(world, 1, DEFAULT, {0: 16, 60: 20}, phases=1, duration=120)
        await charge(world)
        assert power(world) == 16 * 230
        await asyncio.sleep(60)
        assert power(world) == 20 * 230
        await asyncio.sleep(60)
        assert power(world) == 32 * 230

    live(main, made())


def test_the_maximum_is_shared_among_those_that_charge() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await install(world, 0, MAXIMUM, {0: 32})
        await charge(world, 1)
        assert offered(world, 1) == 32
        await charge(world, 2)
        assert (offered(world, 1), offered(world, 2)) == (16, 16)
        await install(world, 1, TX, {0: 10}, number=2)
        assert (offered(world, 1), offered(world, 2)) == (10, 22)
        await install(world, 0, MAXIMUM, {0: 11}, number=3)
        assert (offered(world, 1), offered(world, 2)) == (10, 0)
        await asyncio.sleep(1)
        assert world.csms.statuses(2)[-2:] == ["Charging", "SuspendedEVSE"]
        world.virtual.station.end_transactions(Reason.LOCAL, 1)
        assert offered(world, 2) == 11
        await asyncio.sleep(1)
        assert world.csms.statuses(2)[-1] == "Charging"

    live(main, made(SOCKET, SOCKET))


def test_a_maximum_that_changes_is_shared_anew_also_where_each_by_itself_stays_under_it() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await install(world, 0, MAXIMUM, {0: 20, 60: 12})
        await install(world, 0, DEFAULT, {0: 10}, number=2)
        await charge(world, 1)
        await charge(world, 2)
        assert (offered(world, 1), offered(world, 2)) == (10, 10)
        await asyncio.sleep(60)
        assert (offered(world, 1), offered(world, 2)) == (6, 6)

    live(main, made(SOCKET, SOCKET))


def test_a_vehicle_that_has_enough_leaves_its_share_to_the_others() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await install(world, 0, MAXIMUM, {0: 32})
        await charge(world, 1, capacity_wh=10_000.0, soc=0.5)
        await charge(world, 2)
        assert (offered(world, 1), offered(world, 2)) == (16, 16)
        await asyncio.sleep(7200)
        assert world.csms.statuses(1)[-1] == "SuspendedEV"
        assert (offered(world, 1), offered(world, 2)) == (6, 26)

    live(main, made(SOCKET, SOCKET))


# Transactions and their profiles.


def test_transaction_profiles_need_their_transaction_and_end_with_it() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await charge(world)
        running = world.csms.transaction_id
        assert await install(world, 1, TX, {0: 10}, transactionId=running + 1) == REJECTED
        assert offered(world) == 32
        assert await install(world, 1, TX, {0: 10}, transactionId=running) == ACCEPTED
        assert offered(world) == 10
        world.virtual.station.end_transactions(Reason.LOCAL)
        assert world.store.records("charging_profile").count() == 0
        await asyncio.sleep(1)
        assert await install(world, 1, TX, {0: 10}, transactionId=running) == REJECTED
        world.virtual.unplug(1)
        await charge(world)
        assert offered(world) == 32

    live(main, made())


def test_a_profile_that_comes_with_a_remote_start_is_for_its_transaction() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await install(world, 1, DEFAULT, {0: 8}, number=9)
        with_profile = profile(world, TX, {0: 10})
        start = {"idTag": "APP", "connectorId": 1, "chargingProfile": with_profile}
        assert await csms.call("RemoteStartTransaction", **start) == ACCEPTED
        assert world.store.records("charging_profile").count() == 1
        await asyncio.sleep(5)
        world.virtual.plug(1, car(max_current_a=32.0))
        await csms.expect("StartTransaction")
        await asyncio.sleep(1)
        assert offered(world) == 10
        replacing = await install(world, 1, TX, {0: 12}, number=2, transactionId=csms.transaction_id)
        assert replacing == ACCEPTED
        assert offered(world) == 12
        assert [name for name, _ in world.store.records("charging_profile").items()] == ["2", "9"]

    live(main, made())


def test_a_profile_of_a_remote_start_that_came_to_nothing_is_for_nobody() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("ConnectionTimeOut", "30")
        start = {"idTag": "TAG1", "connectorId": 1, "chargingProfile": profile(world, TX, {0: 10})}
        assert await world.csms.call("RemoteStartTransaction", **start) == ACCEPTED
        await asyncio.sleep(60)
        await charge(world)
        assert offered(world) == 32

    live(main, made())


@pytest.mark.parametrize("change", [{"chargingProfilePurpose": DEFAULT}, {"transactionId": 5}, {"stackLevel": 77}])
def test_a_remote_start_with_a_profile_that_cannot_be_used_is_rejected(change: dict[str, Any]) -> None:
    async def main(world: World) -> None:
        await world.boot()
        start = {"idTag": "APP", "connectorId": 1, "chargingProfile": profile(world, TX, {0: 10}, **change)}
        assert await world.csms.call("RemoteStartTransaction", **start) == REJECTED

    live(main, made())


def test_a_default_that_comes_or_goes_in_a_transaction_acts_at_once() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await charge(world)
        await install(world, 1, DEFAULT, {0: 10})
        assert offered(world) == 10
        await install(world, 1, DEFAULT, {0: 12}, number=2)
        assert offered(world) == 12
        await world.csms.call("ClearChargingProfile", id=2)
        assert offered(world) == 32

    live(main, made())


# Power cuts and clocks.


def test_profiles_survive_a_power_cut_and_transaction_profiles_do_not() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await charge(world)
        await install(world, 0, MAXIMUM, {0: 20}, number=1)
        await install(world, 1, DEFAULT, {0: 12, 500: 14}, number=2, phases=3)
        await install(world, 1, TX, {0: 10}, number=3)
        await world.cut_power()
        assert world.store.records("charging_profile").count() == 3
        await asyncio.sleep(100)
        await world.restart()
        await world.csms.expect("StatusNotification", 2)
        assert [name for name, _ in world.store.records("charging_profile").items()] == ["1", "2"]
        assert await composite(world, 1, 1000) == {0: 12, 400: 14}
        world.virtual.unplug(1)
        await charge(world)
        assert offered(world) == 12
        await asyncio.sleep(400)
        assert offered(world) == 14

    live(main, made())


def test_what_cannot_be_read_back_is_told_and_the_rest_is_obeyed() -> None:
    with StationStore(":memory:", Random(3)) as store:
        store.records("charging_profile").put("4", b"rubbish")

        async def main(world: World) -> None:
            await world.boot()
            assert await install(world, 1, DEFAULT, {0: 12}) == ACCEPTED
            assert await composite(world, 1, 10) == {0: 12}

        live(main, made(), store)


def test_a_clock_that_was_set_is_followed_at_once() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await install(world, 1, DEFAULT, {0: 16, 3600: 10, 7200: 12})
        await charge(world)
        assert offered(world) == 16
        later = (world.clock.now() + timedelta(hours=1, seconds=5)).isoformat()
        world.csms.answers["Heartbeat"] = {"currentTime": later}
        await world.csms.call("TriggerMessage", requestedMessage="Heartbeat")
        await asyncio.sleep(1)
        assert offered(world) == 10

    live(main, made())


def test_a_transaction_has_not_lasted_longer_because_the_clock_was_set() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await install(world, 1, DEFAULT, {0: 16, 60: 10}, chargingProfileKind="Relative")
        await charge(world)
        later = (world.clock.now() + timedelta(hours=1)).isoformat()
        world.csms.answers["Heartbeat"] = {"currentTime": later}
        await world.csms.call("TriggerMessage", requestedMessage="Heartbeat")
        await asyncio.sleep(30)
        assert offered(world) == 16
        await asyncio.sleep(30)
        assert offered(world) == 10

    live(main, made())


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


# What holds whatever happens.

CONNECTORS = (1, 2)
MANY = {
    switches: SmartCharging(
        units=("A", "W"), max_stack_level=2, max_periods=6, max_profiles=9, switches_3_to_1_phase=switches
    )
    for switches in (False, True)
}
DEEDS = ("install",) * 6 + ("begin", "wait") * 3 + ("end", "clear", "cut")


def drawn(dice: Random) -> dict[str, Any]:
    """Something that somebody does, with all that may belong to it."""
    purpose = dice.choice([MAXIMUM, DEFAULT, DEFAULT, TX])
    place = {MAXIMUM: [0], DEFAULT: [0, 1, 2], TX: [1, 2]}[purpose]
    return {
        "do": dice.choice(DEEDS),
        "connector_id": dice.choice(CONNECTORS),
        "profile_for": dice.choice(place),
        "purpose": purpose,
        "limits": dice.choices([0, 5, 6, 8, 10, 13.3, 16, 20, 32, 40, 64], k=dice.randint(1, 4)),
        "every": dice.randint(1, 40),
        "level": dice.randint(0, 2),
        "unit": dice.choice("AW"),
        "kind": dice.choice(["Absolute", "Absolute", "Relative"]) if purpose != MAXIMUM else "Absolute",
        "phases": dice.choice([None, None, 1, 3]),
        "duration": dice.choice([None, 30, 90]),
        "start": dice.randint(-30, 5),
        "valid_for": dice.choice([None, None, 45]),
        "seconds": dice.randint(1, 40),
        "soc": dice.choice([0.2, 0.2, 0.99]),
    }


class Auditor:
    """Holds what the hardware is offered against what is on disk, at every offer and whenever asked."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.offers = dict.fromkeys(CONNECTORS, NO_OFFER)
        self.violations: list[str] = []
        for number, connector in enumerate(world.virtual.connectors, start=1):
            connector.offer = self._watching(number, connector.offer)  # type: ignore[method-assign,assignment]  # watched

    def _watching(self, number: int, pass_on: Callable[[Offer], None]) -> Callable[[Offer], None]:
        def offer(offer: Offer) -> None:
            before, self.offers[number] = self.offers[number], offer
            self._note(number)
            if offer.power_w > before.power_w or offer.current_a > before.current_a:
                self._note(0)
            pass_on(offer)

        return offer

    def _note(self, number: int) -> None:
        # What a driver raises would only make its connector Faulted.
        try:
            self.check(number)
        except AssertionError as error:
            self.violations.append(str(error))

    def check(self, number: int) -> None:
        """One connector against its own limits, or with 0 the sum of all against the maximum."""
        store, now = self.world.store, self.world.clock.now_microseconds()
        kept = [InstalledProfile.decoded(text) for _, text in store.records("charging_profile").items()]
        profiles = ProfileSet(installed=kept)
        since = {
            item.connector_id: round(item.started_at.timestamp() * 1_000_000)
            for item in store.transactions()
            if item.state in {state.value for state in RUNNING}
        }
        limit = profiles.limit_at(number, now, since.get(number))
        asked = CONNECTORS if number == 0 else (number,)
        for unit in ("A", "W"):
            bound = limit.amperes if unit == "A" else limit.watts
            taken = sum(self._taken(item, unit) for item in asked)
            assert bound is None or taken <= float(bound) + 1e-6, (
                f"{number}: {taken} {unit} under {limit}, {self.offers}"
            )
        if number and limit.phases == 1 and not self.world.product.outlets[number - 1].is_dc:
            # What is for one phase is no more in three.
            most = float("inf") if limit.amperes is None else float(limit.amperes) * 230
            assert self._taken(number, "W") <= most + 1e-6

    def _taken(self, number: int, unit: str) -> float:
        offer = self.offers[number]
        if self.world.product.outlets[number - 1].is_dc:
            return offer.power_w if unit == "W" else offer.power_w / 690
        return offer.current_a if unit == "A" else min(offer.power_w, offer.current_a * offer.phases * 230)

    def check_all(self) -> None:
        assert self.violations == []
        for number in (*CONNECTORS, 0):
            self.check(number)


async def act(world: World, auditor: Auditor, deed: dict[str, Any], number: int) -> None:
    connector_id = deed["connector_id"]
    match deed["do"]:
        case "install":
            factor = 1 if deed["unit"] == "A" else 690
            until = (world.clock.now() + timedelta(seconds=deed["valid_for"] or 0)).isoformat()
            answer = await install(
                world,
                deed["profile_for"],
                deed["purpose"],
                {place * deed["every"]: limit * factor for place, limit in enumerate(deed["limits"])},
                number=number,
                chargingProfileKind=deed["kind"],
                **{name: deed[name] for name in ("level", "unit", "phases", "duration", "start")},
                **({} if deed["valid_for"] is None else {"validTo": until}),
            )
            assert answer in (ACCEPTED, REJECTED)
        case "clear":
            which = {} if deed["purpose"] is None else {"chargingProfilePurpose": deed["purpose"]}
            await world.csms.call("ClearChargingProfile", **which)
        case "begin":
            if world.virtual.connectors[connector_id - 1].vehicle is None:
                await charge(world, connector_id, soc=deed["soc"])
        case "end":
            world.virtual.station.end_transactions(Reason.LOCAL, connector_id)
            await asyncio.sleep(1)
            if world.virtual.connectors[connector_id - 1].vehicle is not None:
                world.virtual.unplug(connector_id)
        case "wait":
            for _ in range(deed["seconds"]):
                await asyncio.sleep(0.5)
                auditor.check_all()
                await asyncio.sleep(0.5)
        case "cut":
            await world.cut_power()
            await asyncio.sleep(1)
            await world.restart()
            await world.csms.expect("StatusNotification", 3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([SOCKET, DC_CABLE]))
def test_no_vehicle_is_ever_offered_more_than_is_allowed(seed: int, switches: bool, other: Outlet) -> None:
    async def main(world: World) -> None:
        dice = Random(seed)
        auditor = Auditor(world)
        await world.boot()
        for number in range(20):
            await act(world, auditor, drawn(dice), number)
            # Half a second later, so that nothing changes at the very instant of the look.
            await asyncio.sleep(0.5)
            auditor.check_all()
            await asyncio.sleep(0.5)

    live(main, made(SOCKET, other, smart_charging=MANY[switches]))


def test_a_change_that_cannot_be_written_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await charge(world)
        await install(world, 1, DEFAULT, {0: 16})
        with monkeypatch.context() as disk:
            disk.setattr(world.store.database, "commit", full_disk)
            assert (await install(world, 1, DEFAULT, {0: 0}))[0] == "InternalError"
            assert (await world.csms.call("ClearChargingProfile"))[0] == "InternalError"
            await asyncio.sleep(60)
        assert world.virtual.look(1).status.value == "Charging"
        (kept,) = [InstalledProfile.decoded(text) for _, text in world.store.records("charging_profile").items()]
        assert kept.profile.charging_schedule.charging_schedule_period[0].limit == 16
        assert await world.csms.call("ClearChargingProfile") == ACCEPTED

    live(main, made())


def test_limits_are_followed_while_what_is_over_cannot_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await install(world, 0, MAXIMUM, {0: 0}, validTo=(world.clock.now() + timedelta(seconds=600)).isoformat())
        await install(world, 1, DEFAULT, {0: 16, 1200: 0}, number=2)
        await charge(world)
        assert world.virtual.look(1).status.value == "SuspendedEVSE"
        with monkeypatch.context() as disk:
            disk.setattr(world.store.database, "commit", full_disk)
            await asyncio.sleep(700)
            assert world.virtual.look(1).status.value == "Charging"
        await asyncio.sleep(600)
        assert world.virtual.look(1).status.value == "SuspendedEVSE"

    live(main, made())


def test_the_profile_of_a_start_is_installed_only_where_that_comes_about() -> None:
    async def main(world: World) -> None:
        await world.boot()
        block = world.virtual.station._blocks.smart_charging
        assert block is not None
        who = Authorization("APP", AuthorizationStatus.ACCEPTED)
        text = {"connectorId": 1, "csChargingProfiles": profile(world, TX, {0: 10})}
        request = decode(SetChargingProfileRequest, json.dumps(text).encode())
        block.await_start(request.cs_charging_profiles, 1, who)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), world.store.atomically():
                block.transaction_begins(1, who)
                assert len(block.profiles) == 1 and block._since
                raise ZeroDivisionError
            assert len(block.profiles) == 0 and not block._since and block._awaiting

    live(main, made())


def full_disk() -> None:
    raise StationStoreError("file", "database or disk is full")
