"""Wanted lists in the database: what changed since when, on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.csms.services.list_station import Office, chunked

from chargewright.clock import SystemClock
from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.services.groups import scope_of
from chargewright.csms.services.wanted_lists import WantedEntry, WantedLists
from chargewright.csms.storage.base import IdTagRow, StorageUnavailable
from chargewright.csms.storage.postgresql import open_postgresql
from chargewright.csms.storage.rows.charging import LocalListEntryRow
from chargewright.csms.storage.sqlite import open_sqlite

OWN = scope_of(1)


@pytest.fixture(params=["sqlite", "postgresql"])
async def office(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Office]:
    """Services on each database; no station is there to be sent anything."""
    storage: Any
    if request.param == "postgresql":
        storage = await open_postgresql(request.getfixturevalue("empty_postgresql_url"), SystemClock())
    else:
        storage = await open_sqlite(tmp_path / "csms.db", SystemClock())
    one = await Office.on(storage)
    one.wanted.on_change = lambda scope: None
    yield one
    await one.close()


async def entries(wanted: WantedLists) -> list[str]:
    """The tags as they are wanted, in their order."""
    return [row.id_tag async for rows in wanted.everything(OWN, 2, order="position") for row in rows]


async def changes(wanted: WantedLists, version: int) -> dict[str, bool]:
    """Tag → whether it was removed, of what changed since."""
    found = {row.id_tag: row.removed async for rows in wanted.difference(OWN, version, 2) for row in rows}
    assert await wanted.changed_since(OWN, version) == len(found)
    return found


def version(office: Office) -> int:
    row = office.wanted.of(OWN)
    assert row is not None
    return row.version


async def test_the_difference_since_each_version(office: Office) -> None:
    wanted = office.wanted
    wanted.lowest_known = lambda scope: 1
    await office.put(OWN, "AA", "bb", "CC")
    first = version(office)
    await office.put(OWN, "DD", "BB", "AA")
    second = version(office)
    await office.put(OWN, "AA", WantedEntry("DD", "Blocked"), "BB")
    assert await changes(wanted, first) == {"DD": False, "BB": False, "CC": True}, "bb is written otherwise now"
    assert await changes(wanted, second) == {"DD": False}
    assert await entries(wanted) == ["AA", "DD", "BB"]
    assert [row.entries for row in [wanted.of(OWN)] if row] == [3]
    again = WantedLists(office.storage, wanted._ledger, wanted._authorization, SystemClock())
    await again.load()
    kept = again.of(OWN)
    assert kept is not None
    assert (kept.version, kept.entries, kept.complete) == (version(office), 3, True)


async def test_a_tag_that_comes_back_is_no_gravestone(office: Office) -> None:
    office.wanted.lowest_known = lambda scope: 1
    await office.put(OWN, "AA")
    first = version(office)
    await office.put(OWN)
    assert await changes(office.wanted, first) == {"AA": True}
    await office.put(OWN, "AA")
    assert await changes(office.wanted, first) == {"AA": False}


async def test_gravestones_go_once_no_station_needs_them(office: Office) -> None:
    await office.put(OWN, "AA", "BB")
    first = version(office)
    office.wanted.lowest_known = lambda scope: first
    await office.put(OWN, "AA")
    second = version(office)
    assert await changes(office.wanted, first) == {"BB": True}
    office.wanted.lowest_known = lambda scope: second
    await office.put(OWN, "AA", "CC")
    row = office.wanted.of(OWN)
    assert row is not None
    assert row.base_version == second, "who has less, needs all of it"
    assert await office.storage.count(LocalListEntryRow, {"removed": True}) in ({}, {None: 0})


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ([WantedEntry("AA"), WantedEntry("aa")], "entries.1.idTag"),
        ([WantedEntry("x" * 21)], "entries.0.idTag"),
        ([WantedEntry("AA", parent_id_tag="é")], "entries.0.parentIdTag"),
        ([WantedEntry("AA", "ConcurrentTx")], "entries.0.status"),
    ],
)
async def test_what_is_wrong_is_named_and_changes_nothing(wrong: list[WantedEntry], field: str, office: Office) -> None:
    await office.put(OWN, "OLD")
    before = office.wanted.of(OWN)
    with pytest.raises(InvalidValue) as caught:
        await office.put(OWN, *wrong)
    assert caught.value.field == field
    assert (office.wanted.of(OWN), await entries(office.wanted)) == (before, ["OLD"])


async def test_a_list_that_was_interrupted_is_not_complete_until_it_is_put_again(office: Office) -> None:
    office.wanted.lowest_known = lambda scope: 1
    await office.put(OWN, "AA", "BB")
    first = version(office)
    made = [WantedEntry(f"T{number}") for number in range(9)]
    calls = 0

    async def breaking() -> Any:
        nonlocal calls
        calls += 1
        async for chunk in chunked(made)():
            yield chunk
            if calls == 2:
                raise StorageUnavailable("the database is away")

    with pytest.raises(StorageUnavailable):
        await office.wanted.put(OWN, "first", breaking)
    row = office.wanted.of(OWN)
    assert row is not None
    assert not row.complete
    await office.wanted.put(OWN, "first", chunked(made))
    found = await changes(office.wanted, first)
    assert found == {f"T{number}": False for number in range(9)} | {"AA": True, "BB": True}
    assert len(await entries(office.wanted)) == 9


async def test_one_list_is_written_at_a_time(office: Office) -> None:
    async def chunks() -> Any:
        with pytest.raises(Conflict, match="try again"):
            await office.put(OWN, "BB")
        yield [WantedEntry("AA")]

    await office.wanted.put(OWN, "first", chunks)
    assert await entries(office.wanted) == ["AA"]


async def test_a_list_that_was_removed_leaves_nothing_and_its_versions_are_never_used_again(office: Office) -> None:
    await office.put(OWN, "AA")
    first = version(office)
    await office.wanted.remove(OWN)
    assert await entries(office.wanted) == []
    with pytest.raises(NotFound):
        await office.wanted.remove(OWN)
    await office.put(OWN, "BB")
    assert version(office) > first


async def test_entries_follow_tags_in_every_list_in_one_version_each(office: Office) -> None:
    other = scope_of(2)
    await office.put(OWN, "AA", "BB", WantedEntry("CC", "Accepted"))
    await office.put(other, "AA")
    first = version(office)
    for tag in ("aa", "BB", "CC"):
        office.directory.put_id_tag(IdTagRow(id=1, id_tag=tag, blocked=True))
    await office.wanted.follow(["aa", "bb", "cc"])
    found = {row.id_tag: row.status async for rows in office.wanted.difference(OWN, first, 10) for row in rows}
    assert found == {"AA": "Blocked", "BB": "Blocked"}
    others = [row.status async for rows in office.wanted.everything(other, 10) for row in rows]
    assert others == ["Blocked"]
    unchanged = version(office)
    await office.wanted.follow(["aa", "bb"])
    assert version(office) == unchanged, "nothing new, no new version"


async def test_lists_are_read_from_an_index(tmp_path: Path) -> None:
    storage = await open_sqlite(tmp_path / "csms.db", SystemClock())
    begin = "EXPLAIN QUERY PLAN SELECT * FROM local_list_entry WHERE"
    for condition in (
        "scope = 's' AND version >= 5 ORDER BY version, id",
        "scope = 's' AND removed = 0 AND (position, id) > (5, 5) ORDER BY position, id",
        "scope = 's' AND removed = 0 AND id > 5 ORDER BY id",
        "scope = 's' AND id_tag_key IN ('a', 'b') ORDER BY id_tag_key, id",
        "id_tag_key IN ('a', 'b') AND removed = 0",
    ):
        plan = " ".join(str(row[-1]) for row in await storage._fetch(f"{begin} {condition}", []))
        assert "USING INDEX" in plan, condition
        assert "TEMP B-TREE" not in plan, condition
    await storage.close()
