"""What becomes of a limit at the connectors of a station, and that no vehicle is ever offered more than is allowed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.station.limits import (
    ACCEPTED,
    BOTH,
    DEFAULT,
    MAXIMUM,
    REJECTED,
    SWITCHING,
    TX,
    WATTS,
    charge,
    install,
    made,
    offered,
    power,
)
from tests.station.world import DC_CABLE, SOCKET, World, live

from chargewright.charging_profiles.installed_profile import InstalledProfile
from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.protocol.v16.core import Reason
from chargewright.station.hardware.interface import NO_OFFER, Offer, Outlet
from chargewright.station.product import SmartCharging
from chargewright.station.transaction import RUNNING

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
