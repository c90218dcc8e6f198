"""What a tag means: start here, stop that, or nothing; and stations where the plug is the tag (§3.4, §3.10)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product

from chargewright.errors import LocalProtocolError
from chargewright.station.presented_tag import PresentedTag, TagOutcome
from chargewright.station.product import LocalList, Reservations


def tag_info(parents: dict[str, str | None]) -> Any:
    def answer(payload: dict[str, Any]) -> Any:
        if payload["idTag"] not in parents:
            return {"idTagInfo": {"status": "Invalid"}}
        parent = parents[payload["idTag"]]
        return {"idTagInfo": {"status": "Accepted"} | ({"parentIdTag": parent} if parent else {})}

    return answer


def test_the_own_tag_stops_without_asking_in_any_case() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("Tag")
        await world.csms.expect("StartTransaction")
        world.virtual.show_tag("TAG")
        await world.csms.expect("StopTransaction")
        assert world.csms.of("Authorize") == [{"idTag": "Tag"}]

    live(main)


@pytest.mark.parametrize(
    ("parents", "is_asked", "is_stopped"),
    [
        ({"A": "FAMILY", "B": "FAMILY"}, True, True),
        ({"A": "FAMILY", "B": "OTHERS"}, True, False),
        ({"A": "FAMILY", "B": None}, True, False),
        ({"A": "FAMILY"}, True, False),
        # Without a group nobody else can stop it, so nobody is asked.
        ({"A": None, "B": "FAMILY"}, False, False),
        # A parent is a name of a group, never a tag.
        ({"A": "B", "B": None}, True, False),
    ],
)
def test_another_tag_stops_only_within_the_group(
    parents: dict[str, str | None], is_asked: bool, is_stopped: bool
) -> None:
    async def main(world: World) -> None:
        world.csms.answers["Authorize"] = tag_info(parents)
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("A")
        await world.csms.expect("StartTransaction")
        world.virtual.show_tag("B", 1)
        await asyncio.sleep(5)
        assert ({"idTag": "B"} in world.csms.of("Authorize")) is is_asked
        assert bool(world.csms.of("StopTransaction")) is is_stopped
        if is_stopped:
            assert world.csms.of("StopTransaction")[0]["idTag"] == "B"

    live(main)


def test_shown_again_before_the_plug_it_changes_its_mind() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.show_tag("TAG")
        await asyncio.sleep(5)
        assert world.virtual.look(1).status.value == "Preparing"
        world.virtual.show_tag("TAG")
        await asyncio.sleep(5)
        assert world.virtual.look(1).status.value == "Available"

    live(main)


def test_a_tag_means_the_connector_that_was_just_plugged() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(2, car())
        world.virtual.show_tag("TAG")
        assert (await world.csms.expect("StartTransaction"))["connectorId"] == 2

    live(main, product(SOCKET, SOCKET))


def test_where_a_connector_must_be_chosen_a_tag_alone_does_nothing() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(2, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(5)
        assert world.csms.of("Authorize") == []
        world.virtual.show_tag("TAG", 2)
        await world.csms.expect("StartTransaction")

    live(main, product(DC_CABLE, DC_CABLE, requires_connector_selection=True))


def test_two_impatient_taps_are_one_question() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(5)
        assert len(world.csms.of("Authorize")) == 1
        assert world.virtual.look(1).has_transaction

    live(main)


def test_products_without_local_start_or_stop_leave_it_to_the_csms() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(5)
        assert world.csms.of("StartTransaction") == []
        await world.csms.call("RemoteStartTransaction", idTag="TAG", connectorId=1)
        await world.csms.expect("StartTransaction")
        world.virtual.show_tag("TAG")
        await asyncio.sleep(5)
        assert world.csms.of("StopTransaction") == []

    live(main, product(has_local_start=False, has_local_stop=False))


FAMILY = {"status": "Accepted", "parentIdTag": "FAMILY"}


@pytest.mark.parametrize("is_online", [True, False])
def test_the_list_stops_within_the_group_and_nobody_is_asked(is_online: bool) -> None:
    async def main(world: World) -> None:
        await world.boot()
        entries = [{"idTag": name, "idTagInfo": FAMILY} for name in ("A", "B")]
        entries += [{"idTag": "C", "idTagInfo": FAMILY | {"parentIdTag": "OTHERS"}}]
        entries += [{"idTag": "D", "idTagInfo": FAMILY | {"status": "Blocked"}}]
        await world.csms.call("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=entries)
        await world.change("LocalPreAuthorize", "true")
        world.virtual.plug(1, car())
        world.virtual.show_tag("A")
        await world.csms.expect("StartTransaction")
        if not is_online:
            world.csms.cut()
        for id_tag, is_stopped in (("C", False), ("D", False), ("B", True)):
            world.virtual.show_tag(id_tag)
            await asyncio.sleep(5)
            assert world.virtual.look(1).has_transaction is not is_stopped
        world.csms.is_reachable = True
        assert (await world.csms.expect("StopTransaction"))["idTag"] == "B"
        assert [payload["idTag"] for payload in world.csms.of("Authorize")] == (["D"] if is_online else [])

    live(main, product(local_list=LocalList(10, 10)))


def test_the_cache_stops_within_the_group_whatever_local_pre_authorize_says() -> None:
    async def main(world: World) -> None:
        # Each answer tells all that there is to know of a tag: one without a group would take it away.
        world.csms.answers |= {
            "Authorize": {"idTagInfo": FAMILY},
            "StartTransaction": {"idTagInfo": FAMILY, "transactionId": 7},
        }
        await world.boot()
        for id_tag in ("B", "A"):
            world.virtual.plug(1, car())
            world.virtual.show_tag(id_tag)
            await asyncio.sleep(5)
            if id_tag == "B":
                world.virtual.show_tag("B")
                await asyncio.sleep(5)
                world.virtual.unplug(1)
        assert len(world.csms.of("Authorize")) == 2
        world.virtual.show_tag("B")
        assert (await world.csms.expect("StopTransaction", 2))["idTag"] == "B"
        assert len(world.csms.of("Authorize")) == 2

    live(main, product(has_authorization_cache=True))


def test_a_group_that_start_transaction_tells_of_may_stop() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("AuthorizeRemoteTxRequests", "false")
        csms.answers["StartTransaction"] = {"idTagInfo": FAMILY, "transactionId": 5}
        csms.answers["Authorize"] = {"idTagInfo": FAMILY}
        world.virtual.plug(1, car())
        await csms.call("RemoteStartTransaction", idTag="APP", connectorId=1)
        await csms.expect("StartTransaction")
        await asyncio.sleep(5)
        world.virtual.show_tag("CARD")
        assert (await csms.expect("StopTransaction"))["idTag"] == "CARD"

    live(main)


def test_the_cable_of_a_refused_tag_goes_to_its_group_without_asking() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        entries = [{"idTag": "B", "idTagInfo": FAMILY}]
        await csms.call("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=entries)
        csms.answers["Authorize"] = {"idTagInfo": FAMILY}
        csms.answers["StartTransaction"] = {"idTagInfo": FAMILY | {"status": "Invalid"}, "transactionId": 5}
        world.virtual.plug(1, car())
        world.virtual.show_tag("A")
        assert (await csms.expect("StopTransaction"))["reason"] == "DeAuthorized"
        assert world.virtual.is_locked(1)
        world.virtual.show_tag("B")
        await asyncio.sleep(5)
        assert not world.virtual.is_locked(1)
        assert [payload["idTag"] for payload in csms.of("Authorize")] == ["A"]

    live(main, product(local_list=LocalList(10, 10)))


def test_of_two_that_are_plugged_in_the_tag_means_the_later_one() -> None:
    async def main(world: World) -> None:
        await world.boot()
        for number in (2, 1):
            world.virtual.plug(number, car())
            await asyncio.sleep(1)
        world.virtual.show_tag("TAG")
        assert (await world.csms.expect("StartTransaction"))["connectorId"] == 1

    live(main, product(SOCKET, SOCKET, has_one_reader=True))


def test_who_plugged_in_and_went_away_does_not_get_the_next_card() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("ConnectionTimeOut", "60")
        world.virtual.plug(1, car())
        await asyncio.sleep(61)
        assert world.csms.statuses(1)[-1] == "Finishing"
        world.virtual.show_tag("TAG")
        await asyncio.sleep(1)
        assert world.csms.statuses(2)[-1] == "Preparing"
        world.virtual.plug(2, car())
        assert (await world.csms.expect("StartTransaction"))["connectorId"] == 2

    live(main, product(SOCKET, SOCKET, has_one_reader=True))


SELECTING = product(DC_CABLE, DC_CABLE, has_one_reader=True, requires_connector_selection=True)


def test_a_chosen_connector_waits_for_the_tag_for_a_while() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("ConnectionTimeOut", "60")
        access = world.virtual.station._blocks.access
        for number in (1, 2):
            world.virtual.plug(number, car())
        access.select_connector(1)
        await asyncio.sleep(61)
        world.virtual.show_tag("LATE")
        await asyncio.sleep(5)
        assert world.csms.of("Authorize") == []
        access.select_connector(1)
        access.select_connector(2)
        world.virtual.show_tag("TAG")
        assert (await world.csms.expect("StartTransaction"))["connectorId"] == 2
        # Chosen once is chosen for one tag.
        world.virtual.show_tag("OTHER")
        await asyncio.sleep(5)
        assert len(world.csms.of("Authorize")) == 1
        with pytest.raises(LocalProtocolError, match="connector 3 cannot be chosen"):
            access.select_connector(3)

    live(main, SELECTING)


def test_whoever_charges_stops_without_choosing_again() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(2, car())
        world.virtual.show_tag("TAG", 2)
        await world.csms.expect("StartTransaction")
        world.virtual.show_tag("tag")
        assert (await world.csms.expect("StopTransaction"))["idTag"] == "tag"
        world.virtual.show_tag("tag")
        await asyncio.sleep(5)
        assert len(world.csms.of("Authorize")) == 1

    live(main, SELECTING)


def test_where_each_connector_has_its_reader_a_tag_comes_with_its_connector() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(5)
        assert world.csms.of("Authorize") == []
        # The last one that was plugged in counts for nothing here.
        world.virtual.plug(2, car())
        world.virtual.show_tag("TAG", 1)
        assert (await world.csms.expect("StartTransaction"))["connectorId"] == 1
        world.virtual.show_tag("TAG", 2)
        assert (await world.csms.expect("StartTransaction", 2))["connectorId"] == 2
        world.virtual.show_tag("TAG", 1)
        await world.csms.expect("StopTransaction")
        assert world.virtual.look(2).status.value == "Charging"

    live(main, product(SOCKET, SOCKET, has_one_reader=False))


VENDING = product(SOCKET, free_vending_tag="FREE")


def test_with_free_vending_the_plug_starts_and_nobody_is_asked() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        assert (await world.csms.expect("StartTransaction"))["idTag"] == "FREE"
        assert world.csms.of("Authorize") == []
        world.virtual.stop_charging()
        await world.csms.expect("StopTransaction")
        # Plugged in still, it does not start again.
        await asyncio.sleep(60)
        assert world.virtual.look(1).status.value == "Finishing"
        world.virtual.unplug(1)
        await asyncio.sleep(1)
        world.virtual.plug(1, car())
        await world.csms.expect("StartTransaction", 2)

    live(main, VENDING)


def test_free_vending_goes_on_offline_and_obeys_a_csms_that_refuses() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        csms.answers["StartTransaction"] = {"idTagInfo": {"status": "Blocked"}, "transactionId": 5}
        await world.boot()
        csms.cut()
        await asyncio.sleep(5)
        world.virtual.plug(1, car())
        await asyncio.sleep(60)
        assert world.virtual.look(1).power_w > 0
        csms.is_reachable = True
        assert (await csms.expect("StopTransaction"))["reason"] == "DeAuthorized"
        await asyncio.sleep(60)
        assert len(csms.of("StartTransaction")) == 1

    live(main, VENDING)


def test_free_vending_starts_for_a_vehicle_that_was_there_before_and_not_out_of_service() -> None:
    async def main(world: World) -> None:
        world.virtual.plug(1, car())
        await world.boot()
        await world.csms.expect("StartTransaction")
        world.virtual.stop_charging()
        await world.csms.expect("StopTransaction")
        world.virtual.unplug(1)
        await world.csms.call("ChangeAvailability", connectorId=1, type="Inoperative")
        world.virtual.plug(1, car())
        await asyncio.sleep(60)
        assert len(world.csms.of("StartTransaction")) == 1
        await world.csms.call("ChangeAvailability", connectorId=1, type="Operative")
        await world.csms.expect("StartTransaction", 2)

    live(main, VENDING)


def test_a_tag_means_the_connector_that_is_reserved_for_it() -> None:
    async def main(world: World) -> None:
        await world.boot()
        expiry = (world.clock.now() + timedelta(hours=1)).isoformat()
        for number, id_tag in ((1, "OTHER"), (3, "TAG")):
            answer = await world.csms.call(
                "ReserveNow", connectorId=number, expiryDate=expiry, idTag=id_tag, reservationId=number
            )
            assert answer == {"status": "Accepted"}
        await asyncio.sleep(5)
        world.virtual.show_tag("TAG")
        await asyncio.sleep(5)
        assert [world.virtual.look(number).status.value for number in (1, 2, 3)] == [
            "Reserved",
            "Available",
            "Preparing",
        ]
        # The place that is left is for whoever has none.
        world.virtual.show_tag("THIRD")
        await asyncio.sleep(5)
        assert world.virtual.look(2).status.value == "Preparing"
        world.virtual.show_tag("FOURTH")
        await asyncio.sleep(5)
        assert world.virtual.look(1).status.value == "Reserved"

    live(main, product(SOCKET, SOCKET, SOCKET, reservations=Reservations(has_connector_zero=False)))


def test_free_vending_leaves_a_reserved_connector_to_others() -> None:
    async def main(world: World) -> None:
        await world.boot()
        expiry = (world.clock.now() + timedelta(hours=1)).isoformat()
        await world.csms.call("ReserveNow", connectorId=1, expiryDate=expiry, idTag="SOMEBODY", reservationId=1)
        world.virtual.plug(1, car())
        await asyncio.sleep(60)
        assert world.csms.of("StartTransaction") == []
        await world.csms.call("CancelReservation", reservationId=1)
        assert (await world.csms.expect("StartTransaction"))["idTag"] == "FREE"

    live(main, product(SOCKET, free_vending_tag="FREE", reservations=Reservations(has_connector_zero=False)))


@pytest.mark.parametrize("read", ["A\0", "A\tB", "", "x" * 21, "Ä"])
def test_what_is_no_id_tag_starts_and_asks_nothing(read: str) -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag(read)
        await asyncio.sleep(5)
        assert world.csms.of("Authorize") == [] and world.store.queue() == []
        world.virtual.show_tag("GOOD")
        await world.csms.expect("StartTransaction")

    live(main)


def last_tag(world: World) -> PresentedTag:
    shown = world.virtual.station.snapshot().last_tag
    assert shown is not None
    return shown


def test_what_became_of_the_last_tag_can_be_seen() -> None:
    async def main(world: World) -> None:
        world.csms.answers["Authorize"] = tag_info({"DRIVER": None, "OTHER": None})
        await world.boot()
        assert world.virtual.station.snapshot().last_tag is None
        world.virtual.plug(1, car())
        world.virtual.show_tag("STRANGER")
        assert last_tag(world) == PresentedTag(id_tag="…NGER", connector_id=None, outcome=TagOutcome.ASKED)
        await asyncio.sleep(1)
        assert last_tag(world).told() == "tag …NGER was refused: Invalid"
        world.virtual.show_tag("DRIVER")
        await world.csms.expect("StartTransaction")
        assert (last_tag(world).outcome, last_tag(world).connector_id) == (TagOutcome.LET_IN, 1)
        world.virtual.show_tag("OTHER")
        await asyncio.sleep(1)
        assert last_tag(world).outcome is TagOutcome.NO_USE
        world.virtual.show_tag("DRIVER")
        assert last_tag(world).outcome is TagOutcome.STOPPED
        world.virtual.show_tag("a tag that is longer than twenty characters")
        assert last_tag(world).outcome is TagOutcome.NO_TAG
        world.virtual.unplug(1)
        world.virtual.show_tag("DRIVER")
        await asyncio.sleep(1)
        world.virtual.show_tag("DRIVER")
        assert last_tag(world).outcome is TagOutcome.WITHDRAWN
        await world.change("AllowOfflineTxForUnknownId", "false")
        world.csms.cut()
        await asyncio.sleep(5)
        world.virtual.show_tag("NOBODY")
        await asyncio.sleep(1)
        assert last_tag(world).outcome is TagOutcome.UNASKED

    live(main)


def test_a_tag_that_frees_a_cable_or_may_not_do_what_it_came_for_is_told() -> None:
    async def main(world: World) -> None:
        world.csms.answers["Authorize"] = {"idTagInfo": {"status": "Accepted"}}
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("DRIVER")
        await asyncio.sleep(1)
        assert last_tag(world).outcome is TagOutcome.NO_START
        await world.csms.call("RemoteStartTransaction", idTag="DRIVER", connectorId=1)
        await world.csms.expect("StartTransaction")
        world.virtual.show_tag("DRIVER")
        assert last_tag(world).outcome is TagOutcome.NO_STOP

    live(main, product(has_local_start=False, has_local_stop=False))
