"""What is old enough goes, bounded, and nothing else; what is under way stays, however old."""

from typing import Any

import pytest

from chargewright.csms.services.charging_profile_states import LIVE, ChargingProfileState
from chargewright.csms.storage.ageing import AGEING
from chargewright.csms.storage.base import (
    DeviationRecord,
    MeterValueRecord,
    StartRecord,
    StatusRecord,
    StopRecord,
)
from chargewright.csms.storage.records import DataTransferRecord, EventRecord
from chargewright.csms.storage.rows.charging import ChargingProfileRow
from chargewright.csms.storage.rows.commands import CommandRow
from chargewright.csms.storage.rows.core import ConnectorStatusRow, TransactionRow, TransactionStopRow

OLD, NEW = 1_000, 2_000


def start(meter: int) -> StartRecord:
    return StartRecord(
        connector_id=1, id_tag="T", instant=meter, station_time="t", meter_start=meter, id_tag_status="Accepted"
    )


def stop(transaction_id: int, instant: int = 50) -> StopRecord:
    return StopRecord(transaction_id=transaction_id, instant=instant, station_time="t", meter_stop=500)


def value(instant: int) -> MeterValueRecord:
    return MeterValueRecord(
        connector_id=1, transaction_id=5, instant=instant, station_time="t", content_hash=instant, samples="[]"
    )


@pytest.mark.parametrize("kind", AGEING)
async def test_every_kind_can_be_forgotten_where_there_is_nothing(desk: Any, kind: str) -> None:
    assert await desk.storage.forget(kind, NEW) == 0


async def test_old_rows_go_a_bounded_number_at_a_time(desk: Any) -> None:
    for at in (OLD, NEW):
        for number in range(5):
            record = StatusRecord(connector_id=number, status="Available", error_code="NoError", instant=at)
            desk.submit(record, at=at)
    await desk.storage.journal.drain()
    assert [await desk.storage.forget("connector_statuses", NEW, limit=3) for _ in range(3)] == [3, 2, 0]
    assert {row.received_at for row in await desk.storage.page(ConnectorStatusRow)} == {NEW}


async def test_charging_profiles_that_a_station_may_have_stay(desk: Any) -> None:
    states = [state.value for state in ChargingProfileState]
    for state in states:
        row = ChargingProfileRow(
            installation_id=state,
            station_id=desk.stations[0],
            charging_profile_id=1,
            stack_level=0,
            purpose="TxProfile",
            with_start=False,
            profile="{}",
            state=state,
            sent_at=OLD,
            changed_at=OLD,
        )
        desk.submit(row)
    await desk.storage.journal.drain()
    assert await desk.storage.forget("charging_profiles", NEW) == len(states) - len(LIVE)
    assert {row.state for row in await desk.storage.page(ChargingProfileRow)} == {state.value for state in LIVE}


async def test_meter_values_go_with_their_index(desk: Any) -> None:
    for at in (OLD, NEW):
        for number in range(3):
            desk.submit(value(at + number), at=at)
    await desk.storage.journal.drain()
    assert await desk.storage.forget("meter_values", NEW) == 3
    left = await desk.storage.meter_values(desk.stations[0])
    assert [row.received_at for row in left] == [NEW] * 3


async def test_a_stopped_transaction_goes_with_its_stops_and_an_open_one_stays(desk: Any) -> None:
    begun = [start(meter) for meter in (1, 2, 3)]
    for record in begun:
        desk.submit(record, at=OLD)
    await desk.storage.journal.drain()
    for record, at in zip(begun[:2], (OLD, NEW), strict=True):
        desk.submit(stop(record.transaction_id), at=at)
        desk.submit(stop(record.transaction_id, instant=60), at=at)  # a correction
    desk.submit(stop(99_999), at=OLD)  # an orphan
    await desk.storage.journal.drain()
    assert await desk.storage.forget("transactions", NEW) == 2
    rows = await desk.storage.page(TransactionRow)
    assert [row.transaction_id for row in rows] == [record.transaction_id for record in begun[1:]]
    assert {row.transaction_id for row in await desk.storage.page(TransactionStopRow)} == {begun[1].transaction_id}


async def test_a_command_that_is_kept_stays(desk: Any) -> None:
    station = desk.stations[0]
    for name, finished_at in (("kept", None), ("done", OLD)):
        await desk.write(
            CommandRow(
                command_id=name,
                station_id=station,
                action="Reset",
                payload="{}",
                state="waiting",
                timeout_seconds=1.0,
                created_at=OLD,
                finished_at=finished_at,
            )
        )
    assert await desk.storage.forget("commands", NEW) == 1
    assert [row.command_id for row in await desk.storage.page(CommandRow)] == ["kept"]


async def test_events_transfers_and_deviations(desk: Any) -> None:
    for at in (OLD, NEW):
        desk.submit(
            EventRecord(kind="a", body={}),
            DataTransferRecord(vendor_id="v", message_id=None, data=None, status="Accepted"),
            DeviationRecord(action="A", kind="k", field=str(at), sample=""),
            at=at,
        )
    await desk.storage.journal.drain()
    for kind in ("events", "data_transfers", "deviations"):
        assert await desk.storage.forget(kind, NEW) == 1
    assert len(await desk.storage.events_after(0, 10)) == 1


async def test_rows_that_are_renewed_do_not_stand_before_old_ones(desk: Any) -> None:
    def deviation(field: str) -> DeviationRecord:
        return DeviationRecord(action="A", kind="k", field=field, sample="")

    for at, fields in ((OLD, "abcd"), (NEW, "ab")):  # the first two are seen again
        for field in fields:
            desk.submit(deviation(field), at=at)
    await desk.storage.journal.drain()
    assert await desk.storage.forget("deviations", NEW, limit=2) == 2
    assert await desk.rows("SELECT field FROM deviation ORDER BY field") == [("a",), ("b",)]
