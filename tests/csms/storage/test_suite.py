"""What every storage does, whichever database it is."""

import asyncio
from typing import Any

import msgspec
import pytest

from chargewright.csms.storage import database
from chargewright.csms.storage.base import (
    NO_TRANSACTION,
    UNKNOWN_CONNECTOR,
    BootRecord,
    ClaimRecord,
    DataTransferRecord,
    DeviationRecord,
    DisconnectRecord,
    EventRecord,
    IdTagRow,
    MeterValueRecord,
    Record,
    SalvagedFrameRecord,
    Settlement,
    StartRecord,
    StationRow,
    StatusRecord,
    StopRecord,
)
from chargewright.csms.storage.statements import INSERT_QUARANTINE, Statement
from chargewright.csms.storage.transactions import TransactionIdsExhausted

SET_NEXT_ID = Statement(
    "move the counter",
    "WITH k({columns}) AS ({rows}) UPDATE id_block SET next_value = k.next_value FROM k WHERE name = 'transaction'",
    (("next_value", "bigint"),),
)


def start(instant: int = 1000, **values: Any) -> StartRecord:
    known = {"connector_id": 1, "id_tag": "Tag", "meter_start": 0, "id_tag_status": "Accepted", "station_time": "t"}
    return StartRecord(instant=instant, **{**known, **values})


def stop(transaction_id: int, instant: int = 2000, **values: Any) -> StopRecord:
    return StopRecord(
        transaction_id=transaction_id, instant=instant, **{"meter_stop": 500, "station_time": "t", **values}
    )


def meter_value(instant: int, **values: Any) -> MeterValueRecord:
    known = {"connector_id": 1, "transaction_id": 7, "content_hash": 1, "samples": "[]", "station_time": "t"}
    return MeterValueRecord(instant=instant, **{**known, **values})


def status(connector_id: int = 1, **values: Any) -> StatusRecord:
    return StatusRecord(
        connector_id=connector_id, **{"status": "Available", "error_code": "NoError", "instant": 5, **values}
    )


# --- StartTransaction -------------------------------------------------------------------------------------------------


async def test_a_start_gets_a_row_and_a_positive_id(desk: Any) -> None:
    first, second = start(), start(connector_id=2, id_tag_status="Invalid")
    assert await desk.write(first) is Settlement.DURABLE
    assert await desk.write(second) is Settlement.DURABLE
    assert 1 <= first.transaction_id <= 2**31 - 1
    assert second.transaction_id not in (0, first.transaction_id)
    assert await desk.rows("SELECT transaction_id, id_tag_status FROM charging_transaction ORDER BY id") == [
        (first.transaction_id, "Accepted"),
        (second.transaction_id, "Invalid"),
    ]


@pytest.mark.parametrize("apart", [True, False], ids=["later", "in one batch"])
async def test_the_same_start_again_gets_the_first_id(desk: Any, apart: bool) -> None:
    first, again = start(id_tag="Straße"), start(id_tag="STRASSE", station_time="other text")
    desk.submit(first)
    if apart:
        await desk.storage.journal.drain()
    desk.submit(again)
    await desk.storage.journal.drain()
    assert (again.transaction_id, again.repeated, first.repeated) == (first.transaction_id, True, False)
    assert await desk.rows("SELECT count(*) FROM charging_transaction") == [(1,)]


@pytest.mark.parametrize(
    "difference", [{"connector_id": 2}, {"id_tag": "Other"}, {"instant": 1001}, {"meter_start": 1}], ids=str
)
async def test_another_start_is_another_transaction(desk: Any, difference: dict[str, Any]) -> None:
    first, other = start(), start(**difference)
    desk.submit(first)
    desk.submit(other)
    await desk.storage.journal.drain()
    assert other.transaction_id != first.transaction_id
    assert not other.repeated


async def test_the_same_content_after_the_stop_is_a_new_transaction_with_a_flag(desk: Any) -> None:
    first = start()
    await desk.write(first)
    again = start()
    # All in one batch: the stop must be applied between the two starts.
    desk.submit(stop(first.transaction_id))
    desk.submit(again)
    await desk.storage.journal.drain()
    assert again.transaction_id != first.transaction_id
    assert (again.repeated, again.flags) == (False, ("same-content-after-stop",))
    assert await desk.rows("SELECT flags FROM charging_transaction ORDER BY id") == [
        ("",),
        ("same-content-after-stop",),
    ]


UNREADABLE: dict[str, Any] = {"station_time": "not a time", "flags": ("time-unreadable",)}


async def test_a_start_without_a_readable_time_is_recognised_whenever_it_comes_again(desk: Any) -> None:
    # Its instant is the time of receipt; who received it first may have been another process.
    first, again = start(**UNREADABLE), start(5_000_000, **UNREADABLE, id_tag="TAG")
    await desk.write(start(500, id_tag="Other", **UNREADABLE))
    await desk.write(first)
    await desk.write(again)
    assert (again.transaction_id, again.repeated) == (first.transaction_id, True)
    assert await desk.rows("SELECT count(*) FROM charging_transaction") == [(2,)]
    await desk.write(stop(first.transaction_id))
    after_the_stop = start(6_000_000, **UNREADABLE)
    await desk.write(after_the_stop)
    assert not after_the_stop.repeated


@pytest.mark.parametrize(
    "difference",
    [
        {"connector_id": 2},
        {"id_tag": "Other"},
        {"meter_start": 1},
        {"station_time": "null"},
        {"flags": ()},
        {"flags": ("time-unreadable-too",)},
    ],
    ids=str,
)
async def test_another_start_without_a_readable_time_is_another_transaction(
    desk: Any, difference: dict[str, Any]
) -> None:
    for ours, theirs in ((UNREADABLE, UNREADABLE | difference), (UNREADABLE | difference, UNREADABLE)):
        first, other = start(**ours), start(2000, **theirs)
        await desk.write(first)
        await desk.write(other)
        assert not other.repeated
        await desk.write(stop(first.transaction_id))
        await desk.write(stop(other.transaction_id))


async def test_ids_are_unique_across_restarts_and_blocks(desk: Any) -> None:
    records = [start(instant) for instant in range(2500)]
    for record in records:
        desk.submit(record)
    await desk.storage.journal.drain()
    ids = {record.transaction_id for record in records}
    assert len(ids) == 2500
    assert min(ids) >= 1


async def test_when_the_ids_are_used_up_only_the_start_is_refused(desk: Any) -> None:
    await desk.storage._write([(SET_NEXT_ID, [(2**31 - 2,)])])
    records = [start(instant) for instant in range(3)]
    units = [desk.submit(record) for record in records]
    value = desk.submit(meter_value(1))
    await desk.storage.journal.drain()
    assert [desk.settlement(unit) for unit in units] == [
        Settlement.DURABLE,
        Settlement.DURABLE,
        Settlement.QUARANTINED,
    ]
    assert {record.transaction_id for record in records[:2]} == {2**31 - 2, 2**31 - 1}
    assert desk.settlement(value) is Settlement.DURABLE
    (frame,) = await desk.storage.quarantined()
    assert TransactionIdsExhausted.__name__ in frame.reason
    assert (frame.transaction_id, records[2].transaction_id) == (None, 0)


# --- StopTransaction --------------------------------------------------------------------------------------------------


async def test_a_stop_ends_its_transaction_and_gives_its_data_the_connector(desk: Any) -> None:
    begun = start(connector_id=2)
    await desk.write(begun)
    data = meter_value(1500, connector_id=UNKNOWN_CONNECTOR, transaction_id=begun.transaction_id)
    ended = stop(begun.transaction_id, reason="Local", id_tag="TAG", transaction_data=[data])
    await desk.write(ended)
    assert (ended.matched, ended.repeated) == (True, False)
    assert await desk.rows("SELECT stop_instant, meter_stop, stop_reason, stop_id_tag FROM charging_transaction") == [
        (2000, 500, "Local", "TAG")
    ]
    assert await desk.rows(
        "SELECT m.connector_id, s.relation FROM meter_value m JOIN transaction_stop s ON s.id = m.transaction_stop_id"
    ) == [(2, "stop")]


async def test_start_and_stop_in_one_batch_keep_their_order(desk: Any) -> None:
    begun = start()
    desk.submit(begun)
    desk.submit(stop(1))
    desk.submit(begun_again := start(3000))
    desk.submit(ended_again := stop(2, 4000))
    await desk.storage.journal.drain()
    assert (begun.transaction_id, begun_again.transaction_id) == (1, 2)
    assert ended_again.matched
    rows = await desk.rows("SELECT start_instant, stop_instant FROM charging_transaction ORDER BY id")
    assert rows == [(1000, 2000), (3000, 4000)]


@pytest.mark.parametrize("apart", [True, False], ids=["later", "in one batch"])
async def test_a_second_stop_is_a_correction_and_a_re_sent_one_is_nothing(desk: Any, apart: bool) -> None:
    begun = start()
    await desk.write(begun)
    number = begun.transaction_id
    records = [stop(number), stop(number), stop(number, 2500, meter_stop=900)]
    for record in records:
        desk.submit(record)
        if apart:
            await desk.storage.journal.drain()
    await desk.storage.journal.drain()
    assert [(r.matched, r.repeated) for r in records] == [(True, False), (False, True), (False, False)]
    assert await desk.rows("SELECT stop_instant, meter_stop FROM charging_transaction") == [(2000, 500)]
    assert await desk.rows("SELECT relation, meter_stop FROM transaction_stop ORDER BY id") == [
        ("stop", 500),
        ("correction", 900),
    ]


@pytest.mark.parametrize("transaction_id", [-1, 0, 99, 2**63 - 1, -(2**63)])
async def test_a_stop_of_an_unknown_transaction_is_kept_with_its_data(desk: Any, transaction_id: int) -> None:
    data = meter_value(1500, connector_id=UNKNOWN_CONNECTOR, transaction_id=transaction_id)
    orphan = stop(transaction_id, transaction_data=[data])
    assert await desk.write(orphan) is Settlement.DURABLE
    assert await desk.write(stop(transaction_id, transaction_data=[data])) is Settlement.DURABLE
    assert (orphan.matched, orphan.repeated) == (False, False)
    assert await desk.rows("SELECT relation, transaction_id FROM transaction_stop") == [("orphan", transaction_id)]
    assert await desk.rows("SELECT connector_id, transaction_id FROM meter_value") == [(-1, transaction_id)]


async def test_a_stop_with_the_id_of_another_station_stops_nothing(desk: Any) -> None:
    begun = start()
    await desk.write(begun)
    foreign = stop(begun.transaction_id)
    await desk.write(foreign, station=desk.stations[1])
    assert not foreign.matched
    assert await desk.rows("SELECT stop_instant FROM charging_transaction") == [(None,)]


async def linked(desk: Any) -> bool:
    ((count,),) = await desk.rows("SELECT count(*) FROM transaction_stop WHERE charging_transaction_id IS NOT NULL")
    return bool(count)


# When the desk receives everything, in µs; stops and starts that find each other are dated by believable clocks.
NOW = 1_700_000_000_000_000
MINUTE = 60_000_000
DAY = 1440 * MINUTE


async def test_a_late_start_finds_its_stop(desk: Any) -> None:
    await desk.write(stop(-1, NOW, id_tag="TAG", reason="PowerLoss"))
    late = start(NOW - MINUTE)
    await desk.write(late)
    assert (late.flags, late.repeated) == (("stop-arrived-first",), False)
    assert await linked(desk)
    assert await desk.rows("SELECT stop_instant, meter_stop, stop_reason, flags FROM charging_transaction") == [
        (NOW, 500, "PowerLoss", "stop-arrived-first")
    ]
    # The station may not have had our answer: the same start is still the same transaction, the same stop still stored.
    again, stop_again = start(NOW - MINUTE), stop(-1, NOW, id_tag="TAG", reason="PowerLoss")
    await desk.write(again)
    await desk.write(stop_again)
    assert (again.transaction_id, again.repeated) == (late.transaction_id, True)
    assert stop_again.repeated


@pytest.mark.parametrize(
    ("ended", "begun"), [(NOW, NOW - 7 * DAY), (NOW - 3 * DAY, NOW - 7 * DAY), (NOW + 4 * MINUTE, NOW)], ids=str
)
async def test_a_late_start_finds_its_stop_within_the_bounds(desk: Any, ended: int, begun: int) -> None:
    await desk.write(stop(-1, ended))
    await desk.write(start(begun))
    assert await linked(desk)


@pytest.mark.parametrize(
    ("ended", "begun"),
    [
        ({"id_tag": "Other"}, {}),
        ({"instant": NOW - 2 * MINUTE}, {}),
        ({"meter_stop": 9}, {}),
        ({}, {"instant": 10_000_000}),
        ({"instant": NOW + 70 * 365 * DAY}, {}),
        ({"instant": NOW + 70 * 365 * DAY}, {"instant": NOW + 70 * 365 * DAY - MINUTE}),
        ({"instant": NOW + 6 * MINUTE}, {}),
        ({"instant": NOW - 8 * DAY}, {"instant": NOW - 8 * DAY - MINUTE}),
        ({}, {"instant": NOW - 8 * DAY}),
        ({"instant": 1_800_000_000}, {"instant": 10_000_000}),
    ],
    ids=[
        "other tag",
        "before the start",
        "meter before",
        "start by a clock at 1970",
        "stop by a clock at 2093",
        "both by a clock at 2093",
        "stop by a clock ahead",
        "received too late",
        "longer than a week",
        "both by a clock at 1970",
    ],
)
async def test_a_stop_that_does_not_fit_stays_an_orphan(
    desk: Any, ended: dict[str, Any], begun: dict[str, Any]
) -> None:
    await desk.write(stop(4711, **{"instant": NOW, **ended}))
    late = start(**{"instant": NOW - MINUTE, "meter_start": 10, **begun})
    await desk.write(late)
    assert late.flags == ()
    assert not await linked(desk)


async def test_of_two_stops_that_fit_none_is_chosen(desk: Any) -> None:
    await desk.write(stop(-1, NOW))
    await desk.write(stop(-1, NOW + 1))
    await desk.write(start(NOW - MINUTE))
    assert not await linked(desk)


@pytest.mark.parametrize("minutes", [3, 1], ids=["open before", "begun between"])
async def test_a_stop_that_another_transaction_may_own_stays_an_orphan(desk: Any, minutes: int) -> None:
    await desk.write(stop(-1, NOW))
    await desk.write(start(NOW - minutes * MINUTE, connector_id=2, meter_start=501))
    await desk.write(start(NOW - 2 * MINUTE))
    assert not await linked(desk)


async def test_a_stop_with_an_id_that_we_gave_to_somebody_else_stays_an_orphan(desk: Any) -> None:
    other = start()
    await desk.write(other, station=desk.stations[1])
    await desk.write(stop(other.transaction_id, NOW))
    await desk.write(start(NOW - MINUTE))
    assert not await linked(desk)


# --- MeterValues ------------------------------------------------------------------------------------------------------


async def test_a_meter_value_is_stored_once(desk: Any) -> None:
    value = meter_value(1, samples='[{"value":"1.50"}]', energy_wh=1.5, power_w=2.0, soc_percent=50.0)
    desk.submit(value, value)
    desk.submit(value)
    await desk.storage.journal.drain()
    assert await desk.write(value) is Settlement.DURABLE
    assert await desk.rows("SELECT samples, energy_wh, power_w, soc_percent FROM meter_value") == [
        ('[{"value":"1.50"}]', 1.5, 2.0, 50.0)
    ]


@pytest.mark.parametrize(
    "difference",
    [{"connector_id": 0}, {"transaction_id": NO_TRANSACTION}, {"instant": 0}, {"content_hash": -(2**63)}],
    ids=str,
)
async def test_another_meter_value_is_another_row(desk: Any, difference: dict[str, Any]) -> None:
    await desk.write(meter_value(1), meter_value(**{"instant": 1, **difference}))
    assert await desk.rows("SELECT count(*) FROM meter_value") == [(2,)]


# --- connections ------------------------------------------------------------------------------------------------------


def claim(node: str = "n1") -> ClaimRecord:
    return ClaimRecord(node=node, address="192.0.2.1")


async def test_each_claim_has_a_higher_epoch(desk: Any) -> None:
    claims = [claim(), claim(), claim()]
    desk.submit(claims[0], epoch=0)
    desk.submit(claims[1], epoch=0)
    await desk.storage.journal.drain()
    await desk.write(claims[2], epoch=0)
    assert [c.epoch for c in claims] == [1, 2, 3]
    assert [row.epoch for row in await desk.storage.stations()] == [3, 0, 0]


async def test_a_unit_of_an_older_connection_writes_nothing(desk: Any) -> None:
    await desk.write(claim(), epoch=0)
    before = desk.submit(status(1), epoch=1)
    newer = desk.submit(claim(), epoch=0)
    late = desk.submit(status(2), EventRecord(kind="x", body={}), epoch=1)
    fine = desk.submit(status(3), epoch=2)
    await desk.storage.journal.drain()
    assert [desk.settlement(unit) for unit in (before, newer, late, fine)] == [
        Settlement.DURABLE,
        Settlement.DURABLE,
        Settlement.STALE,
        Settlement.DURABLE,
    ]
    assert await desk.rows("SELECT connector_id FROM connector ORDER BY 1") == [(1,), (3,)]
    assert await desk.rows("SELECT count(*) FROM event") == [(0,)]


async def test_an_old_close_removes_nothing(desk: Any) -> None:
    await desk.write(claim("n1"), epoch=0)
    await desk.write(claim("n2"), epoch=0)
    assert await desk.write(DisconnectRecord(code=1006, reason=""), epoch=1) is Settlement.STALE
    columns = "SELECT node, connected_at, disconnected_at, close_code FROM station ORDER BY id LIMIT 1"
    connected = (await desk.rows(columns))[0]
    assert (connected[0], connected[2], connected[3]) == ("n2", None, None)
    assert await desk.write(DisconnectRecord(code=1000, reason="bye"), epoch=2) is Settlement.DURABLE
    assert (await desk.rows(columns))[0][2:] == (connected[1], 1000)


# --- the rest ---------------------------------------------------------------------------------------------------------


async def test_a_boot_fills_the_stations_row(desk: Any) -> None:
    await desk.write(BootRecord(accepted=False, vendor="V", model="M", firmware_version="1"))
    assert not (await desk.storage.stations())[0].booted
    desk.submit(BootRecord(accepted=True, vendor="V", model="M", firmware_version="2"))
    desk.submit(BootRecord(accepted=False, vendor="V", model="M2", firmware_version="3"))
    await desk.storage.journal.drain()
    assert [row.booted for row in await desk.storage.stations()] == [True, False, False]
    assert (await desk.rows("SELECT model, firmware_version FROM station ORDER BY id"))[0] == ("M2", "3")


async def test_the_latest_status_stands_and_all_are_kept(desk: Any) -> None:
    desk.submit(status(1), status(2))
    desk.submit(status(1, status="Charging", info="x"))
    await desk.storage.journal.drain()
    await desk.write(status(2, status="Faulted", error_code="OtherError", raw_error_code="MyError"))
    assert await desk.rows("SELECT connector_id, status, raw_error_code FROM connector ORDER BY 1") == [
        (1, "Charging", None),
        (2, "Faulted", "MyError"),
    ]
    assert await desk.rows("SELECT count(*) FROM connector_status") == [(4,)]


async def test_deviations_are_counted_and_data_transfers_stored(desk: Any) -> None:
    for sample in ("a", "b"):
        desk.submit(DeviationRecord(action="A", kind="unknown-field", field="f", sample=sample))
    await desk.storage.journal.drain()
    await desk.write(
        DeviationRecord(action="A", kind="unknown-field", field="f", sample="c"),
        DeviationRecord(action="A", kind="unknown-field", field="g", sample="d"),
        DataTransferRecord(vendor_id="V", message_id=None, data="text", status="Accepted"),
    )
    assert await desk.rows("SELECT field, count, sample FROM deviation ORDER BY field") == [
        ("f", 3, "a"),
        ("g", 1, "d"),
    ]
    assert await desk.rows("SELECT vendor_id, message_id, data FROM data_transfer") == [("V", None, "text")]


async def test_a_salvaged_frame_is_kept_once(desk: Any) -> None:
    for frame, content in ((b"first \x00\xff", 1), (b"the same, sent again", 1), (b"another", -(2**63))):
        assert await desk.write(SalvagedFrameRecord(frame=frame, content_hash=content)) is Settlement.DURABLE
    desk.submit(SalvagedFrameRecord(frame=b"in one batch", content_hash=3))
    desk.submit(SalvagedFrameRecord(frame=b"in the same batch", content_hash=3))
    await desk.storage.journal.drain()
    found = await desk.rows("SELECT content_hash, frame FROM salvaged_frame ORDER BY id")
    assert [(content, bytes(frame)) for content, frame in found] == [
        (1, b"first \x00\xff"),
        (-(2**63), b"another"),
        (3, b"in one batch"),
    ]


@pytest.mark.parametrize("stop_first", [False, True], ids=["start first", "stop first"])
async def test_flags_of_a_stop_are_the_transactions_flags_too(desk: Any, stop_first: bool) -> None:
    started = start(NOW - MINUTE, flags=("from-start",))
    if stop_first:
        await desk.write(stop(-1, NOW, flags=("from-stop",)))
        await desk.write(started)
    else:
        await desk.write(started)
        await desk.write(stop(started.transaction_id, flags=("from-stop",)))
    expected = "from-start from-stop" + " stop-arrived-first" * stop_first
    assert await desk.rows("SELECT flags FROM charging_transaction") == [(expected,)]
    assert await desk.rows("SELECT flags FROM transaction_stop") == [("from-stop",)]


async def test_stations_and_tags_are_the_operators(desk: Any) -> None:
    await desk.write(claim(), BootRecord(accepted=True, vendor="V", model="M"), epoch=0)
    same = await desk.storage.add_station(StationRow(id=0, identity="CP1", security_profile=3))
    assert (same.id, same.security_profile) == (desk.stations[0], 1)
    changed = await desk.storage.put_station(
        StationRow(id=0, identity="CP1", security_profile=2, credential_hash="h", time_zone="Europe/Berlin")
    )
    assert (changed.id, changed.security_profile, changed.epoch, changed.booted) == (desk.stations[0], 2, 1, True)
    await desk.storage.put_id_tag(IdTagRow(id=0, id_tag="Tag", parent_id_tag="P"))
    await desk.storage.put_id_tag(IdTagRow(id=0, id_tag="TAG", expires_at=7, blocked=True))
    (tag,) = await desk.storage.id_tags()
    assert (tag.id_tag, tag.parent_id_tag, tag.expires_at, tag.blocked) == ("TAG", None, 7, True)


async def test_a_probe_commits_and_stations_are_touched(desk: Any) -> None:
    await desk.storage.probe()
    await desk.storage.probe()
    assert await desk.rows("SELECT count(*) FROM setting WHERE name = 'probe'") == [(1,)]
    await desk.storage.touch_stations({desk.stations[1]: 7, desk.stations[0]: 6, 12345: 1})
    assert await desk.rows("SELECT last_seen_at FROM station ORDER BY id") == [(6,), (7,), (None,)]


# --- events -----------------------------------------------------------------------------------------------------------


async def test_events_tell_what_the_journal_found_out(desk: Any) -> None:
    begun, again = start(), start()
    desk.submit(begun, EventRecord(kind="started", body={"connectorId": 1}, start=begun))
    desk.submit(again, EventRecord(kind="started", body={"connectorId": 1}, start=again))
    await desk.storage.journal.drain()
    ended, ended_again = stop(begun.transaction_id), stop(begun.transaction_id)
    desk.submit(ended, EventRecord(kind="stopped", body={}, stop=ended))
    desk.submit(ended_again, EventRecord(kind="stopped", body={}, stop=ended_again))
    desk.submit(EventRecord(kind="other", body={"text": "ä"}), station=desk.stations[1])
    await desk.storage.journal.drain()
    events = await desk.storage.events_after(0, 100)
    assert [(e.station, e.kind, msgspec.json.decode(e.body)) for e in events] == [
        (
            "CP1",
            "started",
            {"connectorId": 1, "transactionId": begun.transaction_id, "repeated": False, "flags": []},
        ),
        ("CP1", "stopped", {"matched": True}),
        ("CP2", "other", {"text": "ä"}),
    ]
    sequences = [e.sequence for e in events]
    assert sequences == sorted(set(sequences))
    assert await desk.storage.last_event_sequence() == sequences[-1]
    assert [e.sequence for e in await desk.storage.events_after(sequences[0], 1)] == sequences[1:2]
    assert await desk.storage.events_after(sequences[-1], 100) == []


async def test_readers_are_woken_by_new_events(desk: Any) -> None:
    woken = asyncio.Event()
    unsubscribe = desk.storage.subscribe_events(woken.set)
    await desk.write(EventRecord(kind="x", body={}))
    async with asyncio.timeout(10):
        await woken.wait()
    assert [e.kind for e in await desk.storage.events_after(0, 10)] == ["x"]
    unsubscribe()
    woken.clear()
    await desk.write(EventRecord(kind="y", body={}))
    assert not woken.is_set()


# --- poison -----------------------------------------------------------------------------------------------------------

POISON: dict[str, Record] = {
    "integer beyond 64 bits": meter_value(2**63),
    "lone surrogate": meter_value(1, samples="\ud800"),
    "text for a number": meter_value(1, content_hash="many"),
    "start": start(meter_start=2**70),
    "start with a surrogate": start(id_tag="\udfff"),
    "stop": stop(2**64),
    "stop data": stop(5, transaction_data=[meter_value(-(2**63) - 1)]),
    "status": status(1, info="\ud800"),
    "claim": ClaimRecord(node="\ud800", address=""),
    "disconnect": DisconnectRecord(code=2**80, reason=""),
    "boot": BootRecord(accepted=True, vendor="\ud800", model=""),
    "data transfer": DataTransferRecord(vendor_id="\ud800", message_id=None, data=None, status=""),
    "deviation": DeviationRecord(action="", kind="", field="", sample="\ud800"),
    "event": EventRecord(kind="x", body={"a": object()}),
    "event of a start elsewhere": EventRecord(kind="x", body={}, start=start()),
}


@pytest.mark.parametrize("kind", POISON)
async def test_only_the_poisoned_unit_is_quarantined(desk: Any, kind: str) -> None:
    raw = b'[2,"\x00\xff"]'
    units = [desk.submit(meter_value(instant, transaction_id=8), start(instant)) for instant in range(10)]
    poisoned = desk.submit(status(9), POISON[kind], raw=raw)
    units += [desk.submit(meter_value(instant, transaction_id=9)) for instant in range(500)]
    await desk.storage.journal.drain()
    assert desk.settlement(poisoned) is Settlement.QUARANTINED
    assert {desk.settlement(unit) for unit in units} == {Settlement.DURABLE}
    assert [unit for unit, _ in desk.settled] == [*units[:10], poisoned, *units[10:]]
    (frame,) = await desk.storage.quarantined()
    assert (frame.station, frame.action, frame.frame) == ("CP1", "Action", raw)
    assert frame.reason
    assert await desk.rows("SELECT count(*) FROM meter_value") == [(510,)]
    assert await desk.rows("SELECT count(*) FROM connector WHERE connector_id = 9") == [(0,)]


async def test_a_quarantined_start_has_an_id_of_its_own(desk: Any) -> None:
    told: list[int] = []
    poison = status(info="\ud800")
    stored, refused, again = start(1), start(2), start(2)
    for record in (refused, again):
        unit = desk.submit(record, poison)
        unit.on_settled = lambda unit, how: told.append(unit.records[0].transaction_id)
    desk.submit(poison)
    desk.submit(stored)
    await desk.storage.journal.drain()
    ids = {stored.transaction_id, refused.transaction_id, again.transaction_id}
    assert len(ids) == 3
    assert min(ids) >= 1
    assert told == [refused.transaction_id, again.transaction_id]  # the id was there when the station was answered
    kept = [frame.transaction_id for frame in await desk.storage.quarantined()]
    assert kept == [None, again.transaction_id, refused.transaction_id]
    await desk.write(later := start(3))
    assert later.transaction_id not in ids


async def test_an_id_of_a_start_is_used_once_although_its_quarantine_fails_at_first(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.write(start(1))
    elsewhere = INSERT_QUARANTINE.text.replace("INTO quarantine", "INTO nowhere")
    monkeypatch.setattr(database, "INSERT_QUARANTINE", Statement("fail", elsewhere, INSERT_QUARANTINE.columns))
    desk.submit(refused := start(2), status(info="\ud800"))
    while desk.storage.journal.statistics()["retries"] < 2:  # noqa: ASYNC110  # a counter, not an event
        await asyncio.sleep(0)
    assert refused.transaction_id == 0
    monkeypatch.undo()
    await desk.storage.journal.drain()
    await desk.write(later := start(3))
    assert (refused.transaction_id, later.transaction_id) == (2, 3)


async def test_a_unit_of_a_station_that_does_not_exist_is_quarantined(desk: Any) -> None:
    good = desk.submit(status())
    stray = desk.submit(status(), station=4711)
    await desk.storage.journal.drain()
    assert desk.settlement(good) is Settlement.DURABLE
    assert desk.settlement(stray) is Settlement.QUARANTINED
    assert "4711" in (await desk.storage.quarantined())[0].station


async def test_ids_of_a_batch_that_failed_are_not_lost_to_others(desk: Any) -> None:
    # The first batch reserves a block and fails; the block must not be used unless it is reserved again.
    desk.submit(first := start(1))
    desk.submit(meter_value(2**63))
    desk.submit(second := start(2))
    await desk.storage.journal.drain()
    ((next_value,),) = await desk.rows("SELECT next_value FROM id_block WHERE name = 'transaction'")
    assert 0 < first.transaction_id < second.transaction_id < next_value
