"""Charging profiles as a station takes and keeps them: asked over the wire, in virtual time."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from tests.station.bench import Bench
from tests.station.limits import (
    ACCEPTED,
    DEFAULT,
    MAXIMUM,
    REJECTED,
    SWITCHING,
    TX,
    UNKNOWN,
    WATTS,
    charge,
    composite,
    install,
    made,
    offered,
    profile,
)
from tests.station.world import DC_CABLE, World, car, live, product

from chargewright.charging_profiles.installed_profile import InstalledProfile
from chargewright.errors import ConfigurationError
from chargewright.protocol.v16.coding import decode
from chargewright.protocol.v16.core import Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.protocol.v16.smart_charging import SetChargingProfileRequest
from chargewright.station.context import Authorization
from chargewright.station.smart_charging import SmartCharging as Block
from chargewright.station.store import StationStore, StationStoreError

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
