"""Who may charge, who may stop, and whom nobody asks about (§3.4, §3.10, §4.1)."""

import asyncio
from typing import Any

import pytest
import structlog
from tests.station.bench import Bench, failed
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product

from chargewright.protocol.v16.core import AuthorizeResponse
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.station.authorization import authorize
from chargewright.station.context import CallFailure


def tag_info(parents: dict[str, str | None]) -> Any:
    def answer(payload: dict[str, Any]) -> Any:
        if payload["idTag"] not in parents:
            return {"idTagInfo": {"status": "Invalid"}}
        parent = parents[payload["idTag"]]
        return {"idTagInfo": {"status": "Accepted"} | ({"parentIdTag": parent} if parent else {})}

    return answer


@pytest.mark.parametrize("failure", list(CallFailure))
@pytest.mark.parametrize("is_allowed", [False, True])
async def test_without_an_answer_the_key_decides_but_a_refusal_is_a_refusal(
    failure: CallFailure, is_allowed: bool
) -> None:
    bench = Bench(product())
    bench.set("AllowOfflineTxForUnknownId", str(is_allowed).lower())
    bench.answers.append(failed(failure))
    is_unreachable = failure in (CallFailure.OFFLINE, CallFailure.LOST, CallFailure.TIMED_OUT)
    assert (await authorize(bench.context, "TAG")).is_accepted is (is_allowed and is_unreachable)
    bench.store.close()


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
def test_a_refused_tag_starts_nothing(status: str) -> None:
    async def main(world: World) -> None:
        world.csms.answers["Authorize"] = {"idTagInfo": {"status": status}}
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(10)
        assert world.virtual.look(1).status.value == "Preparing"
        assert world.csms.of("StartTransaction") == []
        assert world.virtual.station.meter_readings() == {1: 0}

    live(main)


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


@pytest.mark.parametrize(
    ("answer", "is_allowed", "event", "detail"),
    [
        (failed(CallFailure.OFFLINE), False, "nobody could be asked about a tag", {"outcome": "not let in"}),
        (failed(CallFailure.TIMED_OUT), False, "nobody could be asked about a tag", {"outcome": "not let in"}),
        (
            failed(CallFailure.LOST),
            True,
            "nobody could be asked about a tag",
            {"outcome": "let in, as AllowOfflineTxForUnknownId says"},
        ),
        (failed(CallFailure.REFUSED), True, "the CSMS could not judge a tag", {"outcome": "not let in"}),
        (
            AuthorizeResponse(id_tag_info=IdTagInfo(status=AuthorizationStatus.BLOCKED)),
            True,
            "the CSMS refused a tag",
            {"status": "Blocked"},
        ),
    ],
)
async def test_the_log_tells_whether_anybody_was_asked_and_hides_most_of_the_tag(
    answer: Any, is_allowed: bool, event: str, detail: dict[str, str]
) -> None:
    bench = Bench(product())
    bench.set("AllowOfflineTxForUnknownId", str(is_allowed).lower())
    bench.answers.append(answer)
    with structlog.testing.capture_logs() as log:
        await authorize(bench.context, "0123456789ABCDEF")
    bench.store.close()
    (entry,) = log
    assert entry["event"] == event and entry["id_tag"] == "…CDEF"
    assert entry.items() >= detail.items()


def test_offline_an_unknown_tag_is_not_said_to_be_refused() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("AllowOfflineTxForUnknownId", "false")
        world.csms.cut()
        await asyncio.sleep(1)
        world.virtual.plug(1, car())
        with structlog.testing.capture_logs() as log:
            world.virtual.show_tag("0123456789ABCDEF")
            await asyncio.sleep(1)
        said = [entry for entry in log if entry.get("id_tag")]
        assert [(entry["event"], entry["id_tag"]) for entry in said] == [("nobody could be asked about a tag", "…CDEF")]
        assert not any("Invalid" in str(entry) for entry in log)

    live(main)
