"""Rows written by units: overwritten by key, added, changed, removed, on both databases."""

from typing import Any

import pytest

from chargewright.csms.storage.base import NO_STATION, Settlement, StorageError
from chargewright.csms.storage.mapping import MAPPINGS, Mapped, Mode
from chargewright.csms.storage.records import EventRecord, IdTagRow
from chargewright.csms.storage.rows.base import In, Range, Removal
from chargewright.csms.storage.rows.charging import ReservationRow
from chargewright.csms.storage.rows.core import (
    SettingRow,
    StationChange,
    StationDetailRow,
    StationGroupMemberRow,
    StationGroupRow,
)
from chargewright.csms.storage.rows.upkeep import FirmwareStatusRow


def reservation(station_id: int, number: int, state: str = "active") -> ReservationRow:
    return ReservationRow(
        station_id=station_id,
        reservation_id=number,
        connector_id=1,
        id_tag="Tag",
        id_tag_key="tag",
        expires_at=number * 10,
        state=state,
        created_at=1,
        changed_at=1,
    )


@pytest.mark.parametrize("mapped", MAPPINGS.values(), ids=lambda mapped: mapped.kind.__name__)
def test_a_key_is_unique_in_its_table_and_columns_are_the_table_s(mapped: Mapped) -> None:
    table = mapped.table
    assert set(mapped.columns) <= set(table.c.keys())
    unique = [
        {column.name for column in constraint.columns}
        for constraint in table.constraints
        if type(constraint).__name__ in ("UniqueConstraint", "PrimaryKeyConstraint")
    ]
    if mapped.key:
        assert set(mapped.key) in unique
    if mapped.mode is not Mode.CHANGE:
        needed = {c.name for c in table.c if not c.nullable and c.server_default is None and c.name != "id"}
        assert needed <= set(mapped.columns)


async def test_of_rows_with_one_key_the_last_one_counts_in_a_batch_and_later(desk: Any) -> None:
    station = desk.stations[0]
    for state in ("first", "second"):
        desk.submit(reservation(station, 7, state))
    await desk.storage.journal.drain()
    assert [row.state for row in await desk.storage.page(ReservationRow)] == ["second"]
    await desk.write(reservation(station, 7, "third"))
    assert [row.state for row in await desk.storage.page(ReservationRow)] == ["third"]


async def test_a_row_that_is_all_key_is_written_once(desk: Any) -> None:
    assert await desk.write(StationGroupRow(name="yard", time_zone="UTC")) is Settlement.DURABLE
    (group,) = await desk.storage.page(StationGroupRow, {"name": "yard"})
    member = StationGroupMemberRow(station_id=desk.stations[0], station_group_id=group.id)
    for _ in range(2):
        assert await desk.write(member) is Settlement.DURABLE
    assert await desk.storage.count(StationGroupMemberRow, {"station_group_id": group.id}) == {None: 1}


async def test_rows_without_a_key_are_all_added(desk: Any) -> None:
    station = desk.stations[0]
    row = FirmwareStatusRow(station_id=station, signed=False, status="Downloading", received_at=1)
    await desk.write(row, row)
    assert await desk.storage.count(FirmwareStatusRow) == {None: 2}


async def test_a_removal_takes_the_row_with_its_key_and_no_other(desk: Any) -> None:
    station = desk.stations[0]
    await desk.write(reservation(station, 1), reservation(station, 2))
    await desk.write(Removal(ReservationRow, {"station_id": station, "reservation_id": 1}))
    assert [row.reservation_id for row in await desk.storage.page(ReservationRow)] == [2]
    # Removed and written again in one batch: it is there.
    await desk.write(Removal(ReservationRow, {"station_id": station, "reservation_id": 2}), reservation(station, 2))
    assert [row.reservation_id for row in await desk.storage.page(ReservationRow)] == [2]


async def test_a_change_leaves_other_columns_alone(desk: Any) -> None:
    (row,) = await desk.storage.page(StationDetailRow, {"identity": "CP1"})
    change = StationChange(
        id=row.id,
        security_profile=1,
        credential_hash=None,
        registration="Pending",
        automatic=False,
        maximum_power_w=22000.0,
        tolerance="strict",
        time_zone="UTC",
        ping_interval_seconds=None,
        removed_at=None,
    )
    await desk.write(change)
    (changed,) = await desk.storage.page(StationDetailRow, {"identity": "CP1"})
    assert (changed.registration, changed.automatic, changed.maximum_power_w) == ("Pending", False, 22000.0)
    assert changed.epoch == row.epoch


async def test_a_unit_of_no_station_is_written_with_its_event(desk: Any) -> None:
    unit = desk.submit(
        IdTagRow(id=0, id_tag="AbC"), EventRecord(kind="id_tag.changed", body={"a": 1}), station=NO_STATION
    )
    await desk.storage.journal.drain()
    assert desk.settlement(unit) is Settlement.DURABLE
    (tag,) = await desk.storage.page(IdTagRow, {"id_tag_key": "abc"})
    assert tag.id_tag == "AbC"
    events = await desk.storage.events_after(0, 10)
    assert [(event.station, event.kind) for event in events] == [(None, "id_tag.changed")]


async def test_events_of_no_station_in_batches_of_their_own_have_numbers_that_rise(desk: Any) -> None:
    for name in ("a", "b", "c"):
        event = EventRecord(kind="local_list.wanted", body={"scope": name})
        assert await desk.write(event, station=NO_STATION) is Settlement.DURABLE
    rows = await desk.storage.events_after(0, 10)
    assert [b'"a"' in bytes(row.body) for row in rows] == [True, False, False]
    assert len({row.sequence for row in rows}) == 3


async def test_pages_are_in_order_and_can_be_read_on_both_ways(desk: Any) -> None:
    station = desk.stations[0]
    await desk.write(*(reservation(station, number) for number in range(1, 8)))
    storage, seen, after = desk.storage, [], None
    while page := await storage.page(ReservationRow, order="expires_at", descending=True, after=after, limit=3):
        seen += [row.reservation_id for row in page]
        after = (page[-1].expires_at, page[-1].id)
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    first = await storage.page(ReservationRow, limit=3)
    rest = await storage.page(ReservationRow, after=(first[-1].id, first[-1].id))
    assert [row.reservation_id for row in [*first, *rest]] == [1, 2, 3, 4, 5, 6, 7]


async def test_conditions(desk: Any) -> None:
    one, two, _ = desk.stations
    await desk.write(reservation(one, 1), reservation(one, 2, "used"), reservation(two, 3))
    storage = desk.storage

    async def found(**where: Any) -> list[int]:
        return [row.reservation_id for row in await storage.page(ReservationRow, where)]

    assert await found(station_id=one) == [1, 2]
    assert await found(station_id=one, state="used") == [2]
    assert await found(reservation_id=In((1, 3))) == [1, 3]
    assert await found(expires_at=Range(10, 30)) == [1, 2]
    assert await found(end_reason=None) == [1, 2, 3]
    assert await storage.count(ReservationRow, by="state") == {"active": 2, "used": 1}
    with pytest.raises(StorageError, match="no column 'colour'"):
        await storage.page(ReservationRow, {"colour": 1})


async def test_numbers_are_given_once(desk: Any) -> None:
    storage = desk.storage
    assert [await storage.reserve_numbers("test"), await storage.reserve_numbers("test", 5)] == [1, 2]
    assert await storage.reserve_numbers("test") == 7
    assert await storage.reserve_numbers("other") == 1


async def test_a_row_that_is_only_listed_is_refused_alone(desk: Any) -> None:
    (row,) = await desk.storage.page(StationDetailRow, {"identity": "CP1"})
    assert await desk.write(row) is Settlement.QUARANTINED
    assert await desk.write(SettingRow(name="a", value="b")) is Settlement.DURABLE
