"""What a tag means: start here, stop that, or nothing; and stations where the plug is the tag (§3.4, §3.10)."""

import asyncio
from typing import Any

import pytest
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product


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
