"""What a batch asks of the database: few statements, rows in the order of their keys, results only at the end."""

from typing import Any

import pytest

from chargewright.csms.storage.base import (
    BootRecord,
    ClaimRecord,
    DisconnectRecord,
    EventRecord,
    MeterValueRecord,
    Record,
    Settlement,
    StatusRecord,
    StorageError,
    Unit,
)
from chargewright.csms.storage.batch import EVENTS_PER_BATCH, Outcome, apply_batch, changes_stations
from chargewright.csms.storage.statements import INSERT_METER_VALUES, PUT_STATUS
from chargewright.csms.storage.transactions import TransactionIds


def unit(station: int, *records: Record, epoch: int = 1) -> Unit:
    result = Unit(station, epoch, 1, "A", b"", lambda unit, how: None)
    result.records.extend(records)
    return result


def run(units: list[Unit], epochs: dict[int, int]) -> tuple[list[tuple[Any, Any]], Outcome]:
    steps = apply_batch(units, epochs, 100, TransactionIds())
    asked: list[tuple[Any, Any]] = []
    answer: Any = None
    try:
        while True:
            asked.append(steps.send(answer))
            answer = []
    except StopIteration as end:
        return asked, end.value


def value(connector_id: int, instant: int) -> MeterValueRecord:
    values: Any = {"transaction_id": 1, "station_time": "", "content_hash": 0, "samples": "[]"}
    return MeterValueRecord(connector_id=connector_id, instant=instant, **values)


def status(connector_id: int) -> StatusRecord:
    return StatusRecord(connector_id=connector_id, status="Available", error_code="NoError", instant=1)


def test_one_statement_per_kind_with_rows_sorted_by_key() -> None:
    units = [
        unit(2, value(1, 5)),
        unit(1, value(2, 4), status(2)),
        unit(1, value(1, 9)),
        unit(1, value(1, 3), status(1)),
    ]
    asked, outcome = run(units, {1: 1, 2: 1})
    rows = {statement: rows for statement, rows in asked}
    assert len(asked) == 3
    assert [row[:3] for row in rows[INSERT_METER_VALUES]] == [(3, 1, 1), (4, 1, 2), (5, 2, 1), (9, 1, 1)]
    assert [row[:2] for row in rows[PUT_STATUS]] == [(1, 1), (1, 2)]
    assert outcome.settlements == [Settlement.DURABLE] * 4


def test_results_are_published_only_when_told() -> None:
    claims = [ClaimRecord(node="a", address=""), ClaimRecord(node="b", address="")]
    old = unit(1, status(1), epoch=5)
    _, outcome = run([unit(1, claims[0], epoch=0), old, unit(1, claims[1], epoch=0)], {1: 5})
    assert [claim.epoch for claim in claims] == [0, 0]
    assert outcome.settlements == [Settlement.DURABLE, Settlement.STALE, Settlement.DURABLE]
    outcome.publish()
    assert [claim.epoch for claim in claims] == [6, 7]
    assert outcome.claims == [(1, 6, "a"), (1, 7, "b")]


def test_events_are_numbered_in_the_order_of_submission() -> None:
    events = [unit(3 - n, EventRecord(kind=str(n), body={"n": n})) for n in range(3)]
    asked, outcome = run(events, {1: 1, 2: 1, 3: 1})
    ((_, rows),) = asked
    assert [(row[0], row[2], row[4]) for row in rows] == [
        (101, "0", '{"n":0}'),
        (102, "1", '{"n":1}'),
        (103, "2", '{"n":2}'),
    ]
    assert outcome.last_sequence == 103


def test_more_events_than_a_transaction_has_numbers_for_are_refused() -> None:
    events = unit(1, *[EventRecord(kind="x", body={})] * (EVENTS_PER_BATCH + 1))
    with pytest.raises(StorageError, match="a batch of 65536 events"):
        run([events], {1: 1})


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (ClaimRecord(node="", address=""), True),
        (DisconnectRecord(code=1, reason=""), True),
        (BootRecord(accepted=True, vendor="", model=""), True),
        (status(1), False),
        (value(1, 1), False),
    ],
)
def test_which_records_write_the_row_of_the_station(record: Record, expected: bool) -> None:
    assert changes_stations([unit(1, status(1)), unit(2, record)]) is expected
