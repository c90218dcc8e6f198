"""Groups: kept in the database, answered from memory, and the nearest scope wins."""

from collections.abc import AsyncIterator

import pytest

from chargewright.clock import SystemClock
from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.services.groups import GroupsService, group_scope, scope_of
from chargewright.csms.storage.base import NO_STATION, Row, StationRow
from chargewright.csms.storage.database import Database
from chargewright.csms.storage.rows.charging import LocalListRow
from chargewright.csms.storage.rows.upkeep import ConfigurationWantedRow
from chargewright.csms.storage.sqlite import open_sqlite


@pytest.fixture
async def storage() -> AsyncIterator[Database]:
    """A database in memory with two stations, ids 1 and 2."""
    one = await open_sqlite(":memory:", SystemClock())
    for identity in ("A1", "A2"):
        await one.add_station(StationRow(id=0, identity=identity))
    one.journal.begin()
    yield one
    await one.close()


def ledger(storage: Database) -> JournalLedger:
    """What the service writes to."""
    return JournalLedger(storage.journal, SystemClock())


@pytest.fixture
def groups(storage: Database) -> GroupsService:
    """A service that has loaded nothing, from an empty database."""
    return GroupsService(storage, ledger(storage))


async def test_a_station_is_in_several_groups_and_the_first_by_name_is_the_nearest(groups: GroupsService) -> None:
    yard, depot = await groups.create("yard"), await groups.create("depot")
    await groups.add("yard", 1)
    await groups.add("depot", 1)
    await groups.add("yard", 2)
    assert groups.of(1) == [(depot.id, "depot"), (yard.id, "yard")]
    assert groups.scopes(1) == [scope_of(1), group_scope(depot.id), group_scope(yard.id)]
    assert groups.members(yard.id) == {1, 2}
    assert groups.stations_of(group_scope(yard.id)) == {1, 2}
    assert groups.stations_of(scope_of(2)) == {2}
    assert [row.name for row in groups.all()] == ["depot", "yard"]


async def test_groups_are_there_after_a_restart(groups: GroupsService, storage: Database) -> None:
    yard = await groups.create("yard")
    await groups.create("empty")
    await groups.add("yard", 2)
    again = GroupsService(storage, ledger(storage))
    await again.load()
    assert again.of(2) == [(yard.id, "yard")]
    assert [row.name for row in again.all()] == ["empty", "yard"]


async def test_watchers_hear_of_stations_whose_groups_change(groups: GroupsService) -> None:
    heard: list[int] = []
    groups.watch(heard.append)
    await groups.create("yard")
    await groups.add("yard", 1)
    await groups.add("yard", 1)
    await groups.add("yard", 2)
    await groups.discard("yard", 2)
    await groups.discard("yard", 2)
    await groups.remove("yard")
    assert heard == [1, 2, 2, 1]
    assert groups.of(1) == []


async def test_a_group_that_is_gone_leaves_nothing_behind(groups: GroupsService, storage: Database) -> None:
    old = await groups.create("yard")
    await groups.add("yard", 1)
    await groups.remove("yard")
    with pytest.raises(NotFound, match="'yard'"):
        groups.named("yard")
    assert groups.members(old.id) == frozenset()
    await groups.create("yard")
    again = GroupsService(storage, ledger(storage))
    await again.load()
    assert again.of(1) == []


@pytest.mark.parametrize("kind", [LocalListRow, ConfigurationWantedRow])
async def test_a_group_of_which_something_is_wanted_stays(
    kind: type[Row], groups: GroupsService, storage: Database
) -> None:
    scope = group_scope((await groups.create("yard")).id)
    wanted: Row = (
        LocalListRow(scope=scope, version=1, selection="first", entries=0, base_version=1, complete=True, changed_at=0)
        if kind is LocalListRow
        else ConfigurationWantedRow(scope=scope, key="HeartbeatInterval", value="300", changed_at=0)
    )
    await ledger(storage).write(NO_STATION, wanted)
    with pytest.raises(Conflict, match="remove that first"):
        await groups.remove("yard")
    assert groups.named("yard").name == "yard"


@pytest.mark.parametrize("name", ["", " yard", "yard ", "a/b", "a\nb", "x" * 101])
async def test_a_name_that_cannot_be_is_refused(name: str, groups: GroupsService) -> None:
    with pytest.raises(InvalidValue, match="no slash"):
        await groups.create(name)


async def test_a_name_is_given_once(groups: GroupsService) -> None:
    await groups.create("yard")
    with pytest.raises(Conflict, match="already"):
        await groups.create("yard")


async def test_what_is_no_scope_is_refused(groups: GroupsService) -> None:
    with pytest.raises(ValueError, match="no scope"):
        groups.stations_of("site:1")
