"""Closing, reviewing and linking are carried out only where what was seen still holds, on every database."""

import json
from typing import Any

import pytest
from tests.csms.storage.test_suite import start, stop

from chargewright.csms.storage.base import (
    CloseRecord,
    CommandMoveRecord,
    EventRecord,
    LinkRecord,
    ReviewRecord,
    Settlement,
)
from chargewright.csms.storage.rows.commands import CommandRow


async def opened(desk: Any, **values: Any) -> tuple[int, int]:
    """Row id and transactionId of a new transaction."""
    record = start(**values)
    assert await desk.write(record) is Settlement.DURABLE
    ((row_id,),) = await desk.rows(
        f"SELECT id FROM charging_transaction WHERE transaction_id = {record.transaction_id}"
    )
    return row_id, record.transaction_id


def close(row_id: int, **values: Any) -> CloseRecord:
    return CloseRecord(id=row_id, **{"instant": 5000, "meter_stop": 70, "reason": "Other", **values})


STOPPED = "SELECT stop_instant, meter_stop, stop_reason, closed_at IS NOT NULL FROM charging_transaction"


async def events(desk: Any) -> list[tuple[str, Any]]:
    rows = await desk.rows("SELECT kind, body FROM event ORDER BY sequence")
    return [(kind, json.loads(body)) for kind, body in rows]


async def test_an_open_transaction_is_closed_once_and_the_event_tells_it_once(desk: Any) -> None:
    row_id, _ = await opened(desk)
    first, second = close(row_id), close(row_id, meter_stop=99)
    for record in (first, second):
        await desk.write(record, EventRecord(kind="closed", body={"meterStop": record.meter_stop}, decision=record))
    assert (first.applied, second.applied) == (True, False)
    assert [tuple(row) for row in await desk.rows(STOPPED)] == [(5000, 70, "Other", True)]
    assert await events(desk) == [("closed", {"meterStop": 70})]


async def test_of_two_closings_in_one_batch_the_first_one_counts(desk: Any) -> None:
    row_id, _ = await opened(desk)
    records = [close(row_id, meter_stop=meter) for meter in (1, 2)]
    for record in records:
        desk.submit(record)
    await desk.storage.journal.drain()
    assert [record.applied for record in records] == [True, False]
    assert (await desk.rows(STOPPED))[0][1] == 1


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "before"])
async def test_a_stop_of_the_station_is_not_overwritten(desk: Any, together: bool) -> None:
    row_id, transaction_id = await opened(desk)
    record = close(row_id)
    desk.submit(stop(transaction_id, reason="Local"))
    if not together:
        await desk.storage.journal.drain()
    desk.submit(record)
    await desk.storage.journal.drain()
    assert not record.applied
    assert [tuple(row) for row in await desk.rows(STOPPED)] == [(2000, 500, "Local", False)]


async def test_a_stop_after_the_closing_is_a_correction(desk: Any) -> None:
    row_id, transaction_id = await opened(desk)
    await desk.write(close(row_id))
    late = stop(transaction_id, transaction_data=())
    assert await desk.write(late) is Settlement.DURABLE
    assert not late.matched
    assert [tuple(row) for row in await desk.rows(STOPPED)] == [(5000, 70, "Other", True)]
    rows = await desk.rows("SELECT charging_transaction_id, relation, meter_stop FROM transaction_stop")
    assert rows == [(row_id, "correction", 500)]


def review(row_id: int, seen: tuple[str, str], to: tuple[str, str], **values: Any) -> ReviewRecord:
    return ReviewRecord(
        id=row_id, seen_review=seen[0], seen_reasons=seen[1], review=to[0], review_reasons=to[1], **values
    )


REVIEW = "SELECT review, review_reasons, review_note, reviewed_at FROM charging_transaction ORDER BY id"


async def test_a_review_changes_only_what_was_seen(desk: Any) -> None:
    row_id, _ = await opened(desk)
    other, _ = await opened(desk, instant=77)
    first = review(row_id, ("", ""), ("pending", "odd"))
    late = review(row_id, ("", ""), ("pending", "worse"))
    done = review(row_id, ("pending", "odd"), ("resolved", "odd"), review_note="fine", reviewed_at=9)
    both = review(other, ("", ""), ("pending", "strange"))
    desk.submit(first, EventRecord(kind="review", body={}, decision=first))
    desk.submit(both, EventRecord(kind="review", body={}, decision=both))
    await desk.storage.journal.drain()
    await desk.write(late, EventRecord(kind="review", body={"late": True}, decision=late))
    await desk.write(done)
    assert [record.applied for record in (first, both, late, done)] == [True, True, False, True]
    assert await desk.rows(REVIEW) == [("resolved", "odd", "fine", 9), ("pending", "strange", None, None)]
    assert await events(desk) == [("review", {}), ("review", {})]


async def orphan(desk: Any, transaction_id: int, **values: Any) -> int:
    await desk.write(stop(transaction_id, **values))
    ((stop_id,),) = await desk.rows("SELECT max(id) FROM transaction_stop")
    return int(stop_id)


async def test_an_orphan_is_linked_and_stops_its_transaction(desk: Any) -> None:
    row_id, _ = await opened(desk, flags=("time-unreadable",))
    stop_id = await orphan(desk, -1, reason="Remote", flags=("meter-stop-unreadable",))
    link = LinkRecord(stop_id=stop_id, transaction_row_id=row_id)
    again = LinkRecord(stop_id=stop_id, transaction_row_id=row_id)
    await desk.write(link, EventRecord(kind="linked", body={}, decision=link))
    await desk.write(again, EventRecord(kind="linked", body={}, decision=again))
    assert ((link.applied, link.relation), (again.applied, again.relation)) == ((True, "stop"), (False, ""))
    assert [tuple(row) for row in await desk.rows(STOPPED)] == [(2000, 500, "Remote", False)]
    ((flags,),) = await desk.rows("SELECT flags FROM charging_transaction")
    assert flags.split() == ["time-unreadable", "meter-stop-unreadable", "stop-linked"]
    assert await desk.rows("SELECT charging_transaction_id, relation FROM transaction_stop") == [(row_id, "stop")]
    assert await events(desk) == [("linked", {"relation": "stop"})]


async def test_of_two_orphans_for_one_transaction_one_stops_it_and_one_corrects_it(desk: Any) -> None:
    row_id, _ = await opened(desk)
    stops = [await orphan(desk, number) for number in (-1, -2)]
    links = [LinkRecord(stop_id=stop_id, transaction_row_id=row_id) for stop_id in stops]
    for link in links:
        desk.submit(link)
    await desk.storage.journal.drain()
    assert [link.relation for link in links] == ["stop", "correction"]


async def test_an_orphan_of_another_station_is_not_linked(desk: Any) -> None:
    row_id, _ = await opened(desk)
    await desk.write(stop(-1), station=desk.stations[1])
    ((stop_id,),) = await desk.rows("SELECT id FROM transaction_stop")
    link = LinkRecord(stop_id=stop_id, transaction_row_id=row_id)
    await desk.write(link)
    assert not link.applied
    assert await desk.rows("SELECT relation FROM transaction_stop") == [("orphan",)]


async def test_an_event_of_a_decision_that_is_not_there_is_refused(desk: Any) -> None:
    row_id, _ = await opened(desk)
    assert await desk.write(EventRecord(kind="closed", body={}, decision=close(row_id))) is Settlement.QUARANTINED


async def test_a_repeated_start_learns_the_status_that_the_first_one_was_answered_with(desk: Any) -> None:
    first = start(id_tag_status="ConcurrentTx")
    await desk.write(first)
    again = start(id_tag_status="Accepted")
    await desk.write(again)
    assert (again.repeated, again.id_tag_status) == (True, "ConcurrentTx")
    assert first.id_tag_status == "ConcurrentTx"
    unreadable = {"station_time": "?", "flags": ("time-unreadable",), "connector_id": 2}
    await desk.write(start(1, id_tag_status="ConcurrentTx", **unreadable))
    again = start(2, id_tag_status="Accepted", **unreadable)
    await desk.write(again)
    assert (again.repeated, again.id_tag_status) == (True, "ConcurrentTx")


async def test_a_start_learns_of_the_stop_that_came_before_it(desk: Any) -> None:
    await desk.write(stop(-1, instant=1_700_000_000_000_000, id_tag="Tag"))
    record = start(1_699_999_000_000_000)
    await desk.write(record)
    assert record.stop_instant == 1_700_000_000_000_000
    assert "stop-arrived-first" in record.flags
    again = start(1_699_999_000_000_000)
    await desk.write(again)
    assert (again.repeated, again.stop_instant) == (True, 1_700_000_000_000_000)


def command(desk: Any, command_id: str) -> CommandRow:
    return CommandRow(
        command_id=command_id,
        station_id=desk.stations[0],
        action="Reset",
        payload="{}",
        state="waiting",
        timeout_seconds=1.0,
        created_at=1,
    )


def move(command_id: str, seen: tuple[str, int], to: tuple[str, int], **values: Any) -> CommandMoveRecord:
    return CommandMoveRecord(
        command_id=command_id, seen_state=seen[0], seen_epoch=seen[1], state=to[0], sent_epoch=to[1], **values
    )


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
async def test_a_command_moves_only_from_where_it_was_seen_and_ends_once(desk: Any, together: bool) -> None:
    await desk.write(command(desk, "a"))
    await desk.write(command(desk, "b"))
    moves = [
        move("a", ("waiting", 0), ("sent", 3), sent_at=5),
        move("a", ("waiting", 0), ("cancelled", 0), finished_at=6),
        move("b", ("waiting", 0), ("cancelled", 0), finished_at=6, payload="[]"),
        move("a", ("sent", 2), ("unknown", 2), finished_at=7),
        move("a", ("sent", 3), ("answered", 3), finished_at=8, outcome="{}"),
        move("a", ("answered", 3), ("waiting", 3)),
        move("b", ("waiting", 0), ("sent", 3), sent_at=5),
    ]
    for record in moves:
        desk.submit(record, EventRecord(kind=record.state, body={}, decision=record))
        if not together:
            await desk.storage.journal.drain()
    await desk.storage.journal.drain()
    assert [record.applied for record in moves] == [True, False, True, False, True, False, False]
    found = await desk.rows(
        "SELECT command_id, state, sent_epoch, sent_at, finished_at, payload, outcome FROM command ORDER BY command_id"
    )
    assert [tuple(row) for row in found] == [
        ("a", "answered", 3, 5, 8, "{}", "{}"),
        ("b", "cancelled", 0, None, 6, "[]", None),
    ]
    assert [kind for kind, _ in await events(desk)] == ["sent", "cancelled", "answered"]


async def test_writing_a_command_again_changes_nothing(desk: Any) -> None:
    await desk.write(command(desk, "a"))
    await desk.write(move("a", ("waiting", 0), ("answered", 1), finished_at=8))
    await desk.write(command(desk, "a"))
    assert await desk.rows("SELECT state, finished_at FROM command") == [("answered", 8)]
