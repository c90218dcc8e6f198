"""The local list: all or nothing, over power cuts, with every refusal that there is (§3.5.2, §5.10, §5.15)."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.station.bench import Bench
from tests.station.world import World, car, live, product

from chargewright.protocol.v16.base import UNSET, Timestamp
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.protocol.v16.local_auth_list_management import (
    AuthorizationData,
    GetLocalListVersionRequest,
    SendLocalListRequest,
    SendLocalListResponse,
    UpdateStatus,
    UpdateType,
)
from chargewright.station.local_auth_list import LocalAuthList
from chargewright.station.product import LocalList
from chargewright.station.store import StationStore, StationStoreError

LISTING = product(local_list=LocalList(max_entries=5, max_entries_per_message=4))
FULL, DIFFERENTIAL = UpdateType.FULL, UpdateType.DIFFERENTIAL
GOOD, BAD = IdTagInfo(status=AuthorizationStatus.ACCEPTED), IdTagInfo(status=AuthorizationStatus.BLOCKED)


class Desk:
    """A list on the bench, and what it tells."""

    def __init__(self, store: StationStore | None = None) -> None:
        self.bench = Bench(LISTING, store)
        self.conflicts: list[str] = []
        self.updates = 0
        self.forgotten: list[str] = []
        bounds = LISTING.local_list
        assert bounds is not None
        self.list = LocalAuthList(
            self.bench.context, bounds, self.conflicts.append, self.count_update, self.forgotten.extend
        )

    def count_update(self) -> None:
        self.updates += 1

    def send(self, version: int, update: UpdateType, *entries: tuple[str, IdTagInfo | None]) -> UpdateStatus:
        """Send a list, act on the answer; an entry without IdTagInfo removes."""
        answer = self.list.send_local_list(
            SendLocalListRequest(
                list_version=version,
                update_type=update,
                local_authorization_list=[
                    AuthorizationData(id_tag=id_tag, id_tag_info=UNSET if info is None else info)
                    for id_tag, info in entries
                ],
            )
        )
        if answer.then is not None:
            answer.then()
        assert isinstance(answer.response, SendLocalListResponse)
        return answer.response.status

    def tags(self) -> dict[str, AuthorizationStatus]:
        return {name: tag.status for name in "abcdefgh" if (tag := self.list.find(name)) is not None}

    def version(self) -> int:
        answer = self.list.get_local_list_version(GetLocalListVersionRequest())
        return int(answer.response.list_version)  # type: ignore[attr-defined]  # a GetLocalListVersionResponse


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.bench.store.close()


def test_full_replaces_differential_changes_and_removes(desk: Desk) -> None:
    assert desk.version() == 0
    assert desk.send(7, FULL, ("A", GOOD), ("b", BAD)) is UpdateStatus.ACCEPTED
    assert desk.send(8, DIFFERENTIAL, ("B", GOOD), ("C", GOOD), ("a", None), ("h", None)) is UpdateStatus.ACCEPTED
    assert desk.tags() == {"b": AuthorizationStatus.ACCEPTED, "c": AuthorizationStatus.ACCEPTED}
    assert (desk.version(), desk.updates) == (8, 2)
    # A full list may take any version, a lower one too (§6.41).
    assert desk.send(2, FULL, ("D", BAD)) is UpdateStatus.ACCEPTED
    assert (desk.version(), desk.tags()) == (2, {"d": AuthorizationStatus.BLOCKED})
    assert desk.forgotten == ["a", "b", "b", "c", "d"]


@pytest.mark.parametrize("entries", [[], UNSET])
def test_an_empty_full_list_deletes_everything_and_has_version_0(desk: Desk, entries: Any) -> None:
    desk.send(7, FULL, ("A", GOOD))
    request = SendLocalListRequest(list_version=9, update_type=FULL, local_authorization_list=entries)
    assert desk.list.send_local_list(request).response == SendLocalListResponse(status=UpdateStatus.ACCEPTED)
    assert (desk.version(), desk.tags()) == (0, {})
    assert desk.send(1, DIFFERENTIAL, ("A", GOOD)) is UpdateStatus.ACCEPTED
    assert desk.version() == 1


def test_a_differential_without_entries_raises_the_version_and_nothing_else(desk: Desk) -> None:
    desk.send(7, FULL, ("A", GOOD))
    assert desk.send(8, DIFFERENTIAL) is UpdateStatus.ACCEPTED
    assert (desk.version(), desk.tags()) == (8, {"a": AuthorizationStatus.ACCEPTED})
    assert desk.send(9, DIFFERENTIAL, ("A", None)) is UpdateStatus.ACCEPTED
    assert (desk.version(), desk.tags()) == (0, {})


@pytest.mark.parametrize(
    ("version", "update", "entries", "status"),
    [
        (0, FULL, [("C", GOOD)], "Failed"),
        (-1, FULL, [("C", GOOD)], "Failed"),
        (-7, DIFFERENTIAL, [("C", GOOD)], "Failed"),
        (6, DIFFERENTIAL, [("C", GOOD)], "VersionMismatch"),
        (7, DIFFERENTIAL, [("C", GOOD)], "VersionMismatch"),
        (8, FULL, [("C", GOOD), ("D", None)], "Failed"),
        (8, FULL, [("C", GOOD), ("c", BAD)], "Failed"),
        (8, DIFFERENTIAL, [("C", GOOD), ("A", None), ("a", GOOD)], "Failed"),
        # Five entries in one message, and six in the list.
        (8, FULL, [(name, GOOD) for name in "CDEFG"], "Failed"),
        (8, DIFFERENTIAL, [(name, GOOD) for name in "CDEF"], "Failed"),
    ],
)
def test_a_refused_update_changes_nothing(
    desk: Desk, version: int, update: UpdateType, entries: list[tuple[str, IdTagInfo | None]], status: str
) -> None:
    desk.send(7, FULL, ("A", GOOD), ("B", BAD))
    before = (desk.tags(), desk.version(), desk.updates, list(desk.forgotten))
    assert desk.send(version, update, *entries).value == status
    assert (desk.tags(), desk.version(), desk.updates, desk.forgotten) == before


def test_what_is_removed_makes_room_in_the_same_message(desk: Desk) -> None:
    desk.send(1, FULL, *[(name, GOOD) for name in "ABCD"])
    desk.send(2, DIFFERENTIAL, ("E", GOOD))
    assert desk.send(3, DIFFERENTIAL, ("F", GOOD)) is UpdateStatus.FAILED
    assert desk.send(3, DIFFERENTIAL, ("F", GOOD), ("A", None)) is UpdateStatus.ACCEPTED
    assert set(desk.tags()) == set("bcdef")


def test_a_list_that_is_off_is_none(desk: Desk) -> None:
    desk.send(7, FULL, ("A", GOOD))
    desk.bench.set("LocalAuthListEnabled", "false")
    assert desk.version() == -1
    assert desk.list.find("A") is None
    assert desk.send(8, FULL, ("B", GOOD)) is UpdateStatus.NOT_SUPPORTED
    assert not desk.list.judged("A", BAD)
    desk.bench.set("LocalAuthListEnabled", "true")
    assert (desk.version(), set(desk.tags())) == (7, {"a"})


def test_what_cannot_be_stored_is_failed_and_changes_nothing(tmp_path: Path) -> None:
    with StationStore(tmp_path / "station.sqlite3", Random(1)) as store:
        desk = Desk(store)
        desk.send(7, FULL, ("A", GOOD))
        store.database._db.execute("CREATE TRIGGER full BEFORE INSERT ON record BEGIN SELECT RAISE(FAIL, 'full'); END")
        with pytest.raises(StationStoreError):
            store.records("x").put("x", b"")
        assert desk.send(8, FULL, ("B", GOOD)) is UpdateStatus.FAILED
        assert (desk.version(), set(desk.tags())) == (7, {"a"})


def test_it_is_in_the_file_with_its_version(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite3"
    with StationStore(path, Random(1)) as store:
        Desk(store).send(7, FULL, ("A", GOOD))
    with StationStore(path, Random(1)) as store:
        desk = Desk(store)
        assert (desk.version(), set(desk.tags())) == (7, {"a"})


@pytest.mark.parametrize(
    ("listed", "told", "is_conflict"),
    [
        (GOOD, AuthorizationStatus.ACCEPTED, False),
        (GOOD, AuthorizationStatus.CONCURRENT_TX, False),
        (GOOD, AuthorizationStatus.BLOCKED, True),
        (BAD, AuthorizationStatus.ACCEPTED, True),
        (BAD, AuthorizationStatus.INVALID, False),
    ],
)
def test_a_conflict_is_one_about_validity(
    desk: Desk, listed: IdTagInfo, told: AuthorizationStatus, is_conflict: bool
) -> None:
    desk.send(1, FULL, ("CARD-1234", listed))
    assert desk.list.judged("card-1234", IdTagInfo(status=told))
    assert desk.conflicts == ([f"…1234: list {listed.status.value}, CSMS {told.value}"] if is_conflict else [])
    assert not desk.list.judged("OTHER", IdTagInfo(status=told))


def test_an_entry_that_has_expired_contradicts_a_csms_that_lets_it_in(desk: Desk) -> None:
    end = Timestamp.of(desk.bench.clock.now() + timedelta(seconds=60))
    desk.send(1, FULL, ("A", IdTagInfo(status=AuthorizationStatus.ACCEPTED, expiry_date=end)))
    desk.list.judged("A", GOOD)
    assert desk.conflicts == []
    desk.bench.timers.pass_time(61)
    desk.list.judged("A", GOOD)
    assert desk.conflicts == ["…: list Expired, CSMS Accepted"]


entries_of_messages = st.lists(st.tuples(st.sampled_from("ABCDEFGH"), st.sampled_from([GOOD, BAD, None])), max_size=6)


@given(st.lists(st.tuples(st.integers(-1, 9), st.sampled_from(UpdateType), entries_of_messages), max_size=8))
def test_any_updates_leave_the_list_as_a_dictionary_would_be(
    messages: list[tuple[int, UpdateType, list[tuple[str, IdTagInfo | None]]]],
) -> None:
    desk = Desk()
    model: dict[str, AuthorizationStatus] = {}
    for version, update, entries in messages:
        wanted = {} if update is FULL else dict(model)
        for id_tag, info in entries:
            if info is None:
                wanted.pop(id_tag.lower(), None)
            else:
                wanted[id_tag.lower()] = info.status
        before = desk.version()
        status = desk.send(version, update, *entries)
        if status is UpdateStatus.ACCEPTED:
            model = wanted
            assert desk.version() == (version if model else 0)
        else:
            assert desk.version() == before
        assert desk.tags() == model and len(model) <= 5
    desk.bench.store.close()


def full(*id_tags: str, **info: str) -> dict[str, Any]:
    entries = [{"idTag": id_tag, "idTagInfo": {"status": "Accepted"} | info} for id_tag in id_tags]
    return {"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries}


def test_over_the_wire_it_survives_a_power_cut_and_lets_people_in_offline() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert await csms.call("GetLocalListVersion") == {"listVersion": 0}
        assert await csms.call("SendLocalList", **full("CARD")) == {"status": "Accepted"}
        await world.cut_power()
        csms.is_reachable = False
        await world.restart()
        await asyncio.sleep(5)
        for id_tag, is_let_in in (("STRANGER", False), ("card", True)):
            world.virtual.plug(1, car())
            world.virtual.show_tag(id_tag)
            await asyncio.sleep(5)
            assert world.virtual.look(1).has_transaction is is_let_in
            if not is_let_in:
                world.virtual.unplug(1)
        csms.is_reachable = True
        await csms.expect("StartTransaction")
        assert csms.of("Authorize") == []
        assert await csms.call("GetLocalListVersion") == {"listVersion": 1}

    live(main, LISTING)


def test_a_conflict_is_told_for_the_station_until_another_list_comes() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        csms.answers["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
        await world.boot()
        await csms.call("SendLocalList", **full("CARD-0001"))
        world.virtual.show_tag("CARD-0001")
        await csms.expect("StatusNotification", 3)
        told = csms.of("StatusNotification")[2]
        assert (told["connectorId"], told["status"], told["errorCode"]) == (0, "Available", "LocalListConflict")
        assert "CARD" not in told["info"]
        await csms.call("SendLocalList", **full("CARD-0001", status="Blocked"))
        await csms.expect("StatusNotification", 4)
        assert csms.of("StatusNotification")[3]["errorCode"] == "NoError"
        await csms.call("SendLocalList", **full("CARD-0001", status="Blocked"))
        await asyncio.sleep(5)
        assert len(csms.of("StatusNotification")) == 4

    live(main, LISTING)


def test_keys_and_actions_are_there_only_where_the_list_is() -> None:
    names = ["LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength"]

    async def listing(world: World) -> None:
        await world.boot()
        answer = await world.csms.call("GetConfiguration", key=names)
        found = [(item["key"], item["readonly"], item["value"]) for item in answer["configurationKey"]]
        assert found == [(names[0], False, "true"), (names[1], True, "5"), (names[2], True, "4")]
        assert await world.change("LocalAuthListMaxLength", "6") == "Rejected"

    async def without(world: World) -> None:
        await world.boot()
        assert (await world.csms.call("GetConfiguration", key=names))["unknownKey"] == names
        assert (await world.csms.call("SendLocalList", **full("CARD")))[0] == "NotSupported"
        assert (await world.csms.call("GetLocalListVersion"))[0] == "NotSupported"

    live(listing, LISTING)
    live(without)
