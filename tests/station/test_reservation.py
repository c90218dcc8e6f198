"""Reservations: every answer, everything that ends one, and who may charge meanwhile (§5.1, §5.13)."""

import asyncio
import itertools
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from tests.station.world import SOCKET, World, car, live, product

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.core import ChargePointErrorCode
from chargewright.station.product import Product, Reservations
from chargewright.station.reservation import TRANSITIONS, ReservationCue, ReservationState, next_state
from chargewright.station.store import StationStore, StationStoreError


def reserving(connectors: int = 1, *, has_connector_zero: bool = True) -> Product:
    return product(*[SOCKET] * connectors, reservations=Reservations(has_connector_zero))


async def reserve(
    world: World, connector_id: int, id_tag: str = "ALICE", *, number: int = 1, minutes: float = 60, **more: Any
) -> Any:
    expiry = (world.clock.now() + timedelta(minutes=minutes)).isoformat()
    answer = await world.csms.call(
        "ReserveNow", connectorId=connector_id, expiryDate=expiry, idTag=id_tag, reservationId=number, **more
    )
    return answer["status"] if isinstance(answer, dict) else answer


async def cancel(world: World, number: int = 1) -> Any:
    answer = await world.csms.call("CancelReservation", reservationId=number)
    return answer["status"]


async def told(world: World) -> None:
    """Until all that follows from now is on its way."""
    await asyncio.sleep(1)


@pytest.mark.parametrize(("state", "cue"), list(itertools.product(ReservationState, ReservationCue)))
def test_each_cell_of_the_table(state: ReservationState, cue: ReservationCue) -> None:
    expected = TRANSITIONS[state].get(cue)
    if expected is None:
        assert state is not ReservationState.HELD
        with pytest.raises(LocalProtocolError, match=state.value):
            next_state(state, cue)
    else:
        assert next_state(state, cue) is expected


def test_its_person_charges_and_the_start_names_the_reservation() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert await reserve(world, 1, number=42) == "Accepted"
        assert csms.order.index("answer") < csms.order.index("StatusNotification", -2)
        await told(world)
        assert csms.statuses(1) == ["Available", "Reserved"]
        world.virtual.plug(1, car())
        world.virtual.show_tag("bob")
        await told(world)
        assert csms.of("StartTransaction") == [] and csms.statuses(1)[-1] == "Reserved"
        world.virtual.show_tag("alice")
        start = await csms.expect("StartTransaction")
        assert start["reservationId"] == 42
        await told(world)
        assert csms.statuses(1) == ["Available", "Reserved", "Preparing", "Charging"]
        assert await cancel(world, 42) == "Rejected"
        world.virtual.show_tag("alice")
        await csms.expect("StopTransaction")
        world.virtual.unplug(1)
        await told(world)
        assert csms.statuses(1)[-2:] == ["Finishing", "Available"]

    live(main, reserving())


def test_one_of_the_same_group_charges_and_groups_are_compared_with_groups() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert await reserve(world, 1, parentIdTag="Family") == "Accepted"
        csms.answers["Authorize"] = lambda request: {
            "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY" if request["idTag"] == "BOB" else "OTHERS"}
        }
        world.virtual.plug(1, car())
        for stranger in ("EVE", "Family"):
            world.virtual.show_tag(stranger)
            await told(world)
        assert csms.of("StartTransaction") == []
        world.virtual.show_tag("BOB")
        assert (await csms.expect("StartTransaction"))["reservationId"] == 1

    live(main, reserving())


@pytest.mark.parametrize("authorize_first", ["true", "false"])
def test_a_remote_start_with_the_right_tag_and_with_a_wrong_one(authorize_first: str) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("AuthorizeRemoteTxRequests", authorize_first)
        await reserve(world, 2)
        await csms.call("RemoteStartTransaction", connectorId=2, idTag="EVE")
        await told(world)
        assert csms.statuses(2) == ["Available", "Reserved"]
        # Without a connector, it is the reserved one that is meant.
        assert await csms.call("RemoteStartTransaction", idTag="ALICE") == {"status": "Accepted"}
        await told(world)
        assert csms.statuses(2)[-1] == "Preparing"
        world.virtual.plug(2, car())
        start = await csms.expect("StartTransaction")
        assert (start["connectorId"], start["reservationId"]) == (2, 1)

    live(main, reserving(2))


def test_who_was_let_in_and_does_not_come_leaves_it_reserved() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await reserve(world, 1)
        await world.csms.call("RemoteStartTransaction", connectorId=1, idTag="ALICE")
        await asyncio.sleep(130)
        assert world.csms.statuses(1) == ["Available", "Reserved", "Preparing", "Available", "Reserved"]

    live(main, reserving())


def test_it_is_cancelled() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await reserve(world, 1)
        assert await cancel(world, 2) == "Rejected"
        assert await cancel(world) == "Accepted"
        assert await cancel(world) == "Rejected"
        await told(world)
        assert world.csms.statuses(1) == ["Available", "Reserved", "Available"]
        world.virtual.plug(1, car())
        world.virtual.show_tag("EVE")
        assert "reservationId" not in await world.csms.expect("StartTransaction")

    live(main, reserving())


def test_it_expires() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await reserve(world, 1, minutes=3000)
        await asyncio.sleep(2999 * 60)
        assert world.csms.statuses(1)[-1] == "Reserved"
        await asyncio.sleep(61)
        assert world.csms.statuses(1)[-1] == "Available"
        assert world.store.records("reservation").count() == 0
        assert await cancel(world) == "Rejected"

    live(main, reserving())


@pytest.mark.parametrize("way", ["fault", "out of service"])
def test_it_ends_with_the_service_of_its_connector(way: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await reserve(world, 1)
        if way == "fault":
            world.virtual.station.set_fault(1, ChargePointErrorCode.GROUND_FAILURE)
            await told(world)
            world.virtual.station.set_fault(1, ChargePointErrorCode.NO_ERROR)
        else:
            await world.csms.call("ChangeAvailability", connectorId=1, type="Inoperative")
            await told(world)
            await world.csms.call("ChangeAvailability", connectorId=1, type="Operative")
        await told(world)
        assert world.csms.statuses(1)[-1] == "Available"
        assert await cancel(world) == "Rejected"

    live(main, reserving())


def test_every_refusal() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert await reserve(world, 5) == "Rejected"
        assert await reserve(world, 1, minutes=-1) == "Rejected"
        assert await reserve(world, 1) == "Accepted"
        assert await reserve(world, 1, number=2) == "Occupied"
        assert await reserve(world, 1, "EVE", number=3) == "Occupied"
        world.virtual.plug(2, car())
        assert await reserve(world, 2, number=4) == "Occupied"
        world.virtual.show_tag("EVE", 2)
        await csms.expect("StartTransaction")
        assert await reserve(world, 2, number=4) == "Occupied"
        world.virtual.show_tag("EVE", 2)
        await csms.expect("StopTransaction")
        await told(world)
        assert csms.statuses(2)[-1] == "Finishing"
        assert await reserve(world, 2, number=4) == "Occupied"
        world.virtual.unplug(2)
        world.virtual.station.set_fault(2, ChargePointErrorCode.GROUND_FAILURE)
        assert await reserve(world, 2, number=4) == "Faulted"
        world.virtual.station.set_fault(2, ChargePointErrorCode.NO_ERROR)
        await csms.call("ChangeAvailability", connectorId=2, type="Inoperative")
        await told(world)
        assert await reserve(world, 2, number=4) == "Unavailable"

    live(main, reserving(2))


def test_the_same_id_replaces() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await reserve(world, 1, "ALICE")
        assert await reserve(world, 1, "BOB") == "Accepted"
        # Moved to another connector, it leaves the first one; where that is not free, all stays as it is.
        world.virtual.station.set_fault(3, ChargePointErrorCode.GROUND_FAILURE)
        assert await reserve(world, 3, "BOB") == "Faulted"
        assert await reserve(world, 2, "BOB") == "Accepted"
        await told(world)
        assert csms.statuses(1)[-1] == "Available" and csms.statuses(2)[-1] == "Reserved"
        # Nobody who was let in is put out again.
        await csms.call("RemoteStartTransaction", connectorId=2, idTag="BOB")
        await told(world)
        assert await reserve(world, 2, "EVE") == "Occupied"
        assert await reserve(world, 2, "bob") == "Accepted"
        world.virtual.plug(2, car())
        assert (await csms.expect("StartTransaction"))["reservationId"] == 1

    live(main, reserving(3))


def test_a_power_cut_does_not_end_it() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await reserve(world, 1, minutes=60)
        await reserve(world, 2, "BOB", number=2, minutes=5)
        await world.cut_power()
        await asyncio.sleep(600)
        await world.restart()
        await world.csms.expect("StatusNotification", 3)
        assert world.csms.statuses(1) == ["Reserved"] and world.csms.statuses(2) == ["Available"]
        assert await cancel(world, 2) == "Rejected"
        assert await cancel(world, 1) == "Accepted"

    with StationStore(":memory:", Random(7)) as store:
        live(main, reserving(2), store)


def test_a_reset_does_not_end_it_and_its_time_runs_on() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await reserve(world, 1, minutes=10)
        await world.csms.call("Reset", type="Hard")
        await world.csms.expect("BootNotification", 2)
        await told(world)
        assert world.csms.statuses(1)[-1] == "Reserved"
        await asyncio.sleep(600)
        assert world.csms.statuses(1)[-1] == "Available"

    live(main, reserving())


def test_any_connector_is_one_that_stays_free() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert await reserve(world, 0) == "Accepted"
        await told(world)
        assert csms.statuses(1) == csms.statuses(2) == ["Available"]
        assert await reserve(world, 0, "BOB", number=2) == "Accepted"
        await told(world)
        # Two connectors for two people: nobody else can use them.
        assert csms.statuses(1)[-1] == csms.statuses(2)[-1] == "Reserved"
        assert await reserve(world, 0, "CAROL", number=3) == "Occupied"
        assert await reserve(world, 1, "CAROL", number=3) == "Occupied"
        assert await cancel(world, 2) == "Accepted"
        await told(world)
        world.virtual.plug(1, car())
        world.virtual.show_tag("EVE", 1)
        assert "reservationId" not in await csms.expect("StartTransaction")
        await told(world)
        assert csms.statuses(2)[-1] == "Reserved"
        world.virtual.plug(2, car())
        world.virtual.show_tag("MALLORY", 2)
        await told(world)
        assert len(csms.of("StartTransaction")) == 1
        world.virtual.show_tag("ALICE", 2)
        assert (await csms.expect("StartTransaction", 2))["reservationId"] == 1

    live(main, reserving(2))


def test_who_was_let_in_for_any_connector_does_not_hold_a_second_one() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await reserve(world, 0)
        await csms.call("RemoteStartTransaction", connectorId=1, idTag="ALICE")
        await told(world)
        world.virtual.plug(2, car())
        world.virtual.show_tag("EVE", 2)
        await csms.expect("StartTransaction")
        world.virtual.plug(1, car())
        assert (await csms.expect("StartTransaction", 2))["reservationId"] == 1

    live(main, reserving(2))


def test_with_one_connector_any_means_this_one() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert await reserve(world, 0) == "Accepted"
        await told(world)
        assert csms.statuses(1) == ["Available", "Reserved"] and csms.statuses(0) == ["Available"]
        world.virtual.station.set_fault(1, ChargePointErrorCode.GROUND_FAILURE)
        await told(world)
        assert await cancel(world) == "Rejected"
        assert await reserve(world, 0) == "Faulted"
        world.virtual.station.set_fault(1, ChargePointErrorCode.NO_ERROR)
        await csms.call("ChangeAvailability", connectorId=0, type="Inoperative")
        await told(world)
        assert await reserve(world, 0) == "Unavailable"

    live(main, reserving())


def test_the_product_says_whether_any_connector_can_be_reserved() -> None:
    async def main(world: World) -> None:
        await world.boot()
        listed = await world.csms.call("GetConfiguration", key=["ReserveConnectorZeroSupported"])
        assert listed["configurationKey"][0]["value"] == "false"
        assert await reserve(world, 0) == "Rejected"

    live(main, reserving(has_connector_zero=False))


def test_a_product_without_reservations_refuses() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert (await reserve(world, 1))[0] == "NotSupported"
        listed = await world.csms.call("GetConfiguration", key=["ReserveConnectorZeroSupported"])
        assert listed["unknownKey"] == ["ReserveConnectorZeroSupported"]

    live(main)


def full_disk(statement: str, parameters: object = (), *, many: bool = False) -> Any:
    raise StationStoreError("file", "database or disk is full")


def test_one_that_ends_while_nothing_can_be_written_is_over_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await reserve(world, 1, minutes=5) == "Accepted"
        await told(world)
        with monkeypatch.context() as disk:
            disk.setattr(world.store.database, "write", full_disk)
            await asyncio.sleep(400)
            assert world.csms.statuses(1) == ["Available", "Reserved", "Available"]
        assert world.store.records("reservation").count() == 1
        await asyncio.sleep(11)
        assert world.store.records("reservation").count() == 0
        # The next one is watched as well.
        assert await reserve(world, 1, number=2, minutes=5) == "Accepted"
        await asyncio.sleep(301)
        assert world.csms.statuses(1)[-2:] == ["Reserved", "Available"]

    live(main, reserving())


def test_it_is_used_only_by_a_transaction_that_comes_about() -> None:
    async def main(world: World) -> None:
        await world.boot()
        assert await reserve(world, 1) == "Accepted"
        reservations = world.virtual.station._blocks.reservations
        with pytest.raises(ZeroDivisionError), world.store.atomically():
            reservations.end(reservations.held[0], ReservationCue.STARTED)
            raise ZeroDivisionError
        assert [item.reservation_id for item in reservations.held] == [1]
        assert await cancel(world) == "Accepted"

    live(main, reserving())
