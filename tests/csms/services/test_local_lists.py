"""The local lists of stations become the wanted ones, whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.csms.services.list_station import ListStation, Office

from chargewright.csms.errors import Conflict
from chargewright.csms.outcomes import Answered
from chargewright.csms.services.groups import group_scope, scope_of
from chargewright.csms.services.wanted_lists import WantedEntry
from chargewright.csms.storage.base import IdTagRow, StorageUnavailable
from chargewright.protocol.v16.core import GetConfigurationRequest
from chargewright.protocol.v16.local_auth_list_management import (
    AuthorizationData,
    GetLocalListVersionRequest,
    SendLocalListRequest,
    UpdateType,
)

OWN = scope_of(1)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    """Services on a database in memory with one station, of row id 1."""
    one = await Office.open()
    yield one
    await one.close()


def station_of(office: Office) -> ListStation:
    return office.sender.stations[1]


def kinds(station: ListStation) -> list[tuple[str, int]]:
    """What was sent: kind and number of entries."""
    return [
        (request.update_type.value, len(request.local_authorization_list or ()))  # type: ignore[arg-type]
        for request in station.requests
    ]


async def test_a_list_that_the_station_was_given_by_others_is_replaced_when_it_is_noticed(office: Office) -> None:
    await office.put(OWN, "AA")
    await office.idle()
    station = station_of(office)
    station.version, station.entries = 77, {"xx": ("XX", "Accepted", None)}
    office.lists.booted(office.directory.station("A1"))  # type: ignore[arg-type]
    await office.idle()
    assert kinds(station)[-1] == ("Full", 1)
    assert station.requests[-1].list_version == 78
    assert set(station.entries) == {"aa"}


async def test_a_list_sent_by_hand_makes_the_state_unknown_and_the_next_one_full(office: Office) -> None:
    await office.put(OWN, "AA", "BB")
    await office.idle()
    by_hand = SendLocalListRequest(
        list_version=2, update_type=UpdateType.DIFFERENTIAL, local_authorization_list=[AuthorizationData(id_tag="AA")]
    )
    assert isinstance(await office.sender.send(1, by_hand), Answered)
    row = office.lists.state_of(1)
    assert (row.state, row.problem) == ("unknown", "a list was sent by hand")
    station = station_of(office)
    assert set(station.entries) == {"bb"}, "nobody undoes it unasked"
    station_row = office.directory.station("A1")
    assert station_row is not None
    await office.lists.sync(station_row)
    assert office.lists.progress(1) == (0, 0)
    await office.idle()
    assert office.lists.progress(1) is None
    assert kinds(station)[-1][0] == "Full"
    assert set(station.entries) == {"aa", "bb"}


async def test_a_station_without_lists_is_asked_once(office: Office) -> None:
    station = station_of(office)
    station.has_lists = False
    await office.put(OWN, "AA")
    await office.idle()
    assert office.lists.state_of(1).state == "unsupported"
    asked = len(station.asked)
    await office.put(OWN, "AA", "BB")
    office.lists.booted(office.directory.station("A1"))  # type: ignore[arg-type]
    await office.idle()
    assert len(station.asked) == asked
    station.has_lists = True
    station_row = office.directory.station("A1")
    assert station_row is not None
    await office.lists.sync(station_row)
    assert office.lists.progress(1) == (0, 0)
    await office.idle()
    assert office.lists.progress(1) is None
    assert office.lists.state_of(1).state == "in-step", "the operator asked"


async def test_a_station_that_never_takes_it_is_left_alone_after_some_tries(office: Office) -> None:
    station = station_of(office)
    station.moods.extend(["failed"] * 100)
    await office.put(OWN, "AA")
    for _ in range(12):
        await office.idle()
        if not office.automation.is_resting(1, "local list"):
            break
        office.automation.wake(1, "local list")
    await office.idle()
    row = office.lists.state_of(1)
    assert (row.state, office.automation.is_resting(1, "local list")) == ("failed", False)
    assert row.problem is not None and "Failed" in row.problem
    assert len(station.moods) == 100 - 8


async def test_a_database_that_is_away_when_sending_ends_leaves_nothing_behind(office: Office) -> None:
    station = station_of(office)
    await office.put(OWN, "AA", "BB", "CC", "DD")
    station.moods.extend(["", "lost"])
    write = office.lists._ledger.write

    async def refuse(station_id: int, *records: Any, **options: Any) -> None:
        if not station.moods and any(getattr(record, "problem", None) for record in records):
            raise StorageUnavailable("the database is away")
        await write(station_id, *records, **options)

    office.lists._ledger.write = refuse  # type: ignore[method-assign]
    await office.idle()
    assert office.lists._states[1].state == "sending", "it could not be noted"
    assert office.lists.state_of(1).state == "behind"
    assert office.automation.is_resting(1, "local list"), "and it is not given up"
    for act in office.automation._settling.on_settled:
        act(1)
    await office.idle()
    assert office.lists.state_of(1).state == "in-step"
    assert set(station.entries) == {"aa", "bb", "cc", "dd"}


async def test_the_station_s_own_list_comes_before_those_of_its_groups(office: Office) -> None:
    group = await office.groups.create("yard")
    await office.groups.add("yard", 1)
    await office.put(group_scope(group.id), "GG")
    await office.idle()
    assert set(station_of(office).entries) == {"gg"}
    await office.put(OWN, "AA")
    await office.idle()
    assert set(station_of(office).entries) == {"aa"}
    await office.wanted.remove(OWN)
    await office.idle()
    assert set(station_of(office).entries) == {"gg"}
    await office.groups.discard("yard", 1)
    await office.idle()
    assert set(station_of(office).entries) == {"gg"}, "no list is wanted: the station is left alone"
    station_row = office.directory.station("A1")
    assert station_row is not None
    with pytest.raises(Conflict, match="No local list is wanted of A1"):
        await office.lists.sync(station_row)


async def test_entries_follow_the_tags_that_they_took_their_data_from(office: Office) -> None:
    office.directory.put_id_tag(IdTagRow(id=1, id_tag="AA", parent_id_tag="PP"))
    await office.put(OWN, "aa", WantedEntry("BB", "Accepted"))
    await office.idle()
    assert station_of(office).entries["aa"] == ("aa", "Accepted", "PP")
    follow = asyncio.create_task(office.lists.work()["local lists follow id tags"]())  # type: ignore[arg-type]
    followed = asyncio.Event()
    tell = office.wanted.on_change

    def changed(scope: str) -> None:
        tell(scope)
        followed.set()

    office.wanted.on_change = changed
    for row in (IdTagRow(id=1, id_tag="AA", blocked=True), IdTagRow(id=2, id_tag="BB", blocked=True)):
        office.directory.put_id_tag(row)
    async with asyncio.timeout(10):
        await followed.wait()
    await office.idle()
    assert station_of(office).entries["aa"] == ("aa", "Blocked", None)
    assert station_of(office).entries["bb"] == ("BB", "Accepted", None), "it said so itself"
    assert kinds(station_of(office))[-1] == ("Differential", 1)
    follow.cancel()


async def test_a_tag_that_changed_while_nobody_could_note_it_is_found_at_the_next_start(office: Office) -> None:
    await office.put(OWN, "AA")
    await office.idle()
    office.directory.on_id_tag.clear()
    office.directory.put_id_tag(IdTagRow(id=1, id_tag="AA", blocked=True))
    await office.reopen()
    await office.wanted.follow_all()
    await office.idle()
    assert station_of(office).entries["aa"] == ("AA", "Blocked", None)


async def test_a_station_in_step_is_left_alone_by_a_restart(office: Office) -> None:
    await office.put(OWN, "AA")
    await office.idle()
    asked = len(station_of(office).asked)
    await office.reopen()
    await office.idle()
    assert len(station_of(office).asked) == asked
    office.lists.booted(office.directory.station("A1"))  # type: ignore[arg-type]
    await office.idle()
    new = [type(request) for request in station_of(office).asked[asked:]]
    assert new == [GetConfigurationRequest, GetLocalListVersionRequest], "a boot may be another device's"


async def test_a_list_that_was_removed_and_put_again_is_sent_in_full(office: Office) -> None:
    await office.put(OWN, "AA", "BB")
    await office.idle()
    await office.wanted.remove(OWN)
    await office.put(OWN, "BB")
    await office.idle()
    assert kinds(station_of(office))[-1] == ("Full", 1)
    assert set(station_of(office).entries) == {"bb"}


TAGS = ["aa", "BB", "Cc", "dd", "EE", "ff"]
ENTRIES = st.lists(
    st.builds(WantedEntry, st.sampled_from(TAGS), st.sampled_from([None, "Accepted", "Blocked"])),
    unique_by=lambda entry: entry.id_tag.casefold(),
    max_size=6,
)
MOODS = st.sampled_from(["failed", "mismatch", "error", "lost", "deaf", "offline", ""])
STEPS = st.one_of(
    st.tuples(st.just("own"), ENTRIES),
    st.tuples(st.just("group"), ENTRIES),
    st.tuples(st.just("no own")),
    st.tuples(st.just("no group")),
    st.tuples(st.just("tag"), st.sampled_from(TAGS), st.booleans()),
    st.tuples(st.just("moods"), st.lists(MOODS, min_size=1, max_size=5)),
    st.tuples(st.just("boot")),
    st.tuples(st.just("forget")),
    st.tuples(st.just("replaced")),
    st.tuples(st.just("by hand"), st.sampled_from(TAGS)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("join"), st.booleans()),
)


class Story:
    """Plays steps, and knows what the station should have in the end."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.group = ""
        self.wanted: dict[str, list[WantedEntry]] = {}
        self.blocked: dict[str, bool] = {}
        self.is_member = True

    async def begin(self) -> None:
        self.group = group_scope((await self.office.groups.create("yard")).id)
        await self.office.groups.add("yard", 1)

    async def step(self, what: str, *values: Any) -> None:
        office, station = self.office, station_of(self.office)
        if what in ("own", "group"):
            scope = OWN if what == "own" else self.group
            self.wanted[scope] = values[0]
            await office.put(scope, *values[0])
        elif what in ("no own", "no group"):
            scope = OWN if what == "no own" else self.group
            if self.wanted.pop(scope, None) is not None:
                await office.wanted.remove(scope)
        elif what == "tag":
            self.blocked[values[0].casefold()] = values[1]
            office.directory.put_id_tag(IdTagRow(id=1, id_tag=values[0], blocked=values[1]))
            await office.wanted.follow([values[0].casefold()])
        elif what == "moods":
            station.moods.extend(values[0])
        elif what == "forget":
            station.forget()
            await self.step("boot")
        elif what == "replaced":
            station.entries, station.version = {"zz": ("zz", "Accepted", None)}, office.sender.highest + 3
            await self.step("boot")
        elif what == "boot":
            office.lists.booted(office.directory.station("A1"))  # type: ignore[arg-type]
        elif what == "by hand":
            entry = AuthorizationData(id_tag=values[0])
            version = max(station.version, office.sender.highest) + 1
            await office.sender.send(
                1,
                SendLocalListRequest(
                    list_version=version, update_type=UpdateType.DIFFERENTIAL, local_authorization_list=[entry]
                ),
            )
        elif what == "restart":
            await office.automation.close()
            await office.reopen()
        else:
            self.is_member = values[0]
            change = office.groups.add if values[0] else office.groups.discard
            await change("yard", 1)

    def expected(self) -> dict[str, tuple[str, str, str | None]] | None:
        """What the station should have; None: whatever it likes."""
        entries = self.wanted.get(OWN)
        if entries is None and self.is_member:
            entries = self.wanted.get(self.group)
        if entries is None:
            return None
        most = station_of(self.office).most
        return {
            entry.id_tag.casefold(): (entry.id_tag, self._status(entry), None)
            for entry in entries[: most or len(entries)]
        }

    def _status(self, entry: WantedEntry) -> str:
        blocked = self.blocked.get(entry.id_tag.casefold(), False)
        return entry.status or ("Blocked" if blocked else "Accepted")


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(st.tuples(STEPS, st.booleans()), max_size=14),
    most=st.sampled_from([None, 2, 4]),
    per_message=st.integers(1, 4),
)
def test_whatever_happens_the_station_has_the_wanted_list_in_the_end(
    steps: list[tuple[tuple[Any, ...], bool]], most: int | None, per_message: int
) -> None:
    async def play() -> None:
        office = await Office.open()
        station = station_of(office)
        station.most, station.most_per_message = most, per_message
        story = Story(office)
        await story.begin()
        for step, waits in steps:
            await story.step(*step)
            if waits:
                await office.idle()
        await office.idle()
        station.moods.clear()
        await story.step("boot")
        await office.idle()
        expected = story.expected()
        if expected is not None:
            assert station.entries == expected
            assert office.lists.state_of(1).state == "in-step"
        await office.close()

    asyncio.run(play())


async def test_a_tag_that_changes_while_it_is_being_followed_is_followed_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked, twice = office.wanted.follow, 0, asyncio.Event()

    async def follow(keys: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            office.directory.put_id_tag(IdTagRow(id=1, id_tag="AA", blocked=True))
        else:
            twice.set()
        return await real(keys)

    monkeypatch.setattr(office.wanted, "follow", follow)
    task = asyncio.create_task(office.lists.work()["local lists follow id tags"]())  # type: ignore[arg-type]
    office.directory.put_id_tag(IdTagRow(id=1, id_tag="AA"))
    async with asyncio.timeout(10):
        await twice.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
