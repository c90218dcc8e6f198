"""The CSMS starts, stops and unlocks (§5.11, §5.12, §5.18)."""

import asyncio
from datetime import timedelta

import pytest
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product

from chargewright.station.product import LocalList, Reservations

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


def test_start_after_the_plug_and_stop() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        assert await csms.call("RemoteStartTransaction", idTag="APP", connectorId=1) == ACCEPTED
        assert (await csms.expect("StartTransaction"))["idTag"] == "APP"
        await asyncio.sleep(60)
        assert await csms.call("RemoteStartTransaction", idTag="APP", connectorId=1) == REJECTED
        assert await csms.call("RemoteStopTransaction", transactionId=1) == REJECTED
        assert await csms.call("RemoteStopTransaction", transactionId=csms.transaction_id) == ACCEPTED
        assert (await csms.expect("StopTransaction"))["reason"] == "Remote"
        assert not world.virtual.is_locked(1)
        assert await csms.call("RemoteStopTransaction", transactionId=csms.transaction_id) == REJECTED

    live(main)


def test_start_before_the_plug_waits_and_gives_up() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("ConnectionTimeOut", "60")
        await csms.call("RemoteStartTransaction", idTag="APP")
        await asyncio.sleep(1)
        assert csms.statuses(1)[-1] == "Preparing"
        await asyncio.sleep(60)
        assert csms.statuses(1)[-1] == "Available"
        await csms.call("RemoteStartTransaction", idTag="APP")
        await asyncio.sleep(30)
        world.virtual.plug(1, car())
        await csms.expect("StartTransaction")

    live(main)


@pytest.mark.parametrize("connector_id", [0, 2, -1])
def test_a_connector_that_is_not_there_is_rejected(connector_id: int) -> None:
    async def main(world: World) -> None:
        await world.boot()
        answer = await world.csms.call("RemoteStartTransaction", idTag="APP", connectorId=connector_id)
        assert answer == REJECTED

    live(main)


@pytest.mark.parametrize("authorize_first", ["true", "false"])
def test_the_tag_is_authorized_first_if_the_key_says_so(authorize_first: str) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("AuthorizeRemoteTxRequests", authorize_first)
        csms.answers["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
        world.virtual.plug(1, car())
        assert await csms.call("RemoteStartTransaction", idTag="APP", connectorId=1) == ACCEPTED
        await asyncio.sleep(5)
        assert bool(csms.of("Authorize")) is (authorize_first == "true")
        assert bool(csms.of("StartTransaction")) is (authorize_first == "false")

    live(main)


@pytest.mark.parametrize(("id_tag", "status"), [("KIN", "Accepted"), ("STRANGER", "Rejected")])
def test_whose_group_the_list_knows_may_use_what_is_kept_for_the_group(id_tag: str, status: str) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("AuthorizeRemoteTxRequests", "false")
        entry = {"idTag": "KIN", "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}}
        await csms.call("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=[entry])
        expiry = (world.clock.now() + timedelta(hours=1)).isoformat()
        reservation = {"connectorId": 1, "expiryDate": expiry, "idTag": "HEAD", "parentIdTag": "FAMILY"}
        assert await csms.call("ReserveNow", reservationId=1, **reservation) == ACCEPTED
        assert await csms.call("RemoteStartTransaction", idTag=id_tag, connectorId=1) == {"status": status}
        await asyncio.sleep(5)
        world.virtual.plug(1, car())
        await asyncio.sleep(5)
        assert world.virtual.look(1).has_transaction is (status == "Accepted")

    reserving = product(local_list=LocalList(5, 5), reservations=Reservations(has_connector_zero=False))
    live(main, reserving)


def test_unlock_answers_first_then_stops_the_transaction() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        assert csms.of("StopTransaction") == []
        assert await csms.call("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
        assert csms.of("StopTransaction") == []
        assert (await csms.expect("StopTransaction"))["reason"] == "UnlockCommand"
        world.virtual.unplug(1)

    live(main)


def test_what_has_no_lock_cannot_be_unlocked_and_goes_on_charging() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        for connector_id in (0, 1, 9):
            assert await csms.call("UnlockConnector", connectorId=connector_id) == {"status": "NotSupported"}
        await asyncio.sleep(5)
        assert world.virtual.look(1).power_w > 0

    live(main, product(DC_CABLE))


def test_a_jammed_lock_is_told_and_the_transaction_ends() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        world.virtual.connectors[0].hardware.cable_lock.is_jammed = True  # type: ignore[union-attr]  # simulated
        assert await csms.call("UnlockConnector", connectorId=1) == {"status": "UnlockFailed"}
        assert (await csms.expect("StopTransaction"))["reason"] == "UnlockCommand"

    live(main)


def test_without_a_connector_the_plugged_one_is_chosen() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(2, car())
        await world.csms.call("RemoteStartTransaction", idTag="APP")
        assert (await world.csms.expect("StartTransaction"))["connectorId"] == 2

    live(main, product(SOCKET, SOCKET))


def test_commands_of_later_floors_are_refused_and_unknown_ones_too() -> None:
    async def main(world: World) -> None:
        await world.boot()
        refused = await world.csms.call(
            "ReserveNow", connectorId=1, expiryDate="2026-01-01T00:00:00Z", idTag="A", reservationId=1
        )
        assert refused[0] == "NotSupported"
        assert (await world.csms.call("MakeCoffee"))[0] == "NotImplemented"
        assert (await world.csms.call("ClearCache")) == REJECTED

    live(main)
