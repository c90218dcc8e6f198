"""An id tag disappears from everything that tells of the past, and no bill changes by it."""

from typing import Any

import msgspec

from chargewright.csms.storage.base import NO_STATION, StartRecord, StopRecord
from chargewright.csms.storage.records import DeviationRecord, EventRecord, IdTagRow, SalvagedFrameRecord
from chargewright.csms.storage.rows.commands import CommandRow
from chargewright.csms.storage.rows.core import SalvagedFrameRow, TransactionRow, TransactionStopRow

TAG, SENT, OTHER, PSEUDONYM = "04A2B3C4", "04a2B3c4", "04A2B3C4D5", "P-0123456789abcdef"


async def fill(desk: Any) -> None:
    for number, tag in enumerate((SENT, OTHER)):
        start = StartRecord(
            connector_id=1, id_tag=tag, instant=number, station_time="t", meter_start=number, id_tag_status="Accepted"
        )
        desk.submit(
            start,
            EventRecord(kind="transaction.started", body={"idTag": tag, "meterStart": 7}),
            SalvagedFrameRecord(frame=f'[2,"1","StartTransaction",{{"idTag":"{tag}"}}]'.encode(), content_hash=number),
        )
        await desk.storage.journal.drain()
        stop = StopRecord(
            transaction_id=start.transaction_id,
            instant=9,
            station_time="t",
            meter_stop=1234,
            id_tag=tag,
            reason="Local",
        )
        command = CommandRow(
            command_id=f"command-{number}",
            station_id=desk.stations[0],
            action="RemoteStartTransaction",
            payload=msgspec.json.encode({"idTag": tag}).decode(),
            state="answered",
            timeout_seconds=1.0,
            created_at=1,
            outcome='{"status":"Accepted"}',
        )
        desk.submit(stop, command)
    desk.submit(IdTagRow(id=0, id_tag=TAG), station=NO_STATION)
    await desk.storage.journal.drain()


async def everything(desk: Any) -> str:
    tables = ("charging_transaction", "transaction_stop", "reservation", "event", "command", "salvaged_frame")
    found = [str(await desk.rows(f"SELECT * FROM {table} ORDER BY 1")) for table in tables]
    return "\n".join(found)


async def test_a_tag_is_known_in_every_form_in_which_it_was_sent(desk: Any) -> None:
    await fill(desk)
    assert await desk.storage.texts_of_id_tag(TAG) == [TAG, SENT]


async def test_the_pseudonym_stands_in_every_place_and_nothing_else_changes(desk: Any) -> None:
    await fill(desk)
    before = await everything(desk)
    changed = await desk.storage.rename_id_tag(TAG, PSEUDONYM)
    assert changed == {
        "charging_transaction.id_tag": 1,
        "charging_transaction.stop_id_tag": 1,
        "transaction_stop.id_tag": 1,
        "event.body": 1,
        "command.payload": 1,
        "salvaged_frame.frame": 1,
    }
    after = await everything(desk)
    expected = before
    for form in (f'"{SENT}"', f"'{SENT}'"):
        expected = expected.replace(form, form[0] + PSEUDONYM + form[0])
    expected = expected.replace(f"'{SENT.casefold()}'", f"'{PSEUDONYM.casefold()}'")
    assert after == expected
    assert await desk.storage.rename_id_tag(TAG, PSEUDONYM) == {}


async def test_bills_stay_what_they_were(desk: Any) -> None:
    await fill(desk)
    await desk.storage.rename_id_tag(TAG, PSEUDONYM)
    rows = await desk.storage.page(TransactionRow)
    assert [(row.id_tag, row.meter_start, row.meter_stop) for row in rows] == [(PSEUDONYM, 0, 1234), (OTHER, 1, 1234)]
    assert [row.id_tag for row in await desk.storage.page(TransactionStopRow)] == [PSEUDONYM, OTHER]
    frames = [row.frame for row in await desk.storage.page(SalvagedFrameRow)]
    assert PSEUDONYM.encode() in frames[0] and OTHER.encode() in frames[1]


async def test_mended_forms_and_other_cases_go_too_and_longer_tags_stay(desk: Any) -> None:
    odd = [
        DeviationRecord(action="Authorize", kind="control", field="idTag", sample=f"{SENT}\x01"),
        DeviationRecord(action="Authorize", kind="longer", field="idTag", sample=OTHER),
        EventRecord(kind="a", body={"idTag": TAG.lower()}),
        EventRecord(kind="a", body={"idTag": OTHER, "tags": [f"{TAG}\x01"]}),
        SalvagedFrameRecord(frame=f'[2,"1","A",{{"idTag":"{SENT}\\u0001","o":"{OTHER}"}}]'.encode(), content_hash=7),
    ]
    desk.submit(*odd)
    await desk.storage.journal.drain()
    changed = await desk.storage.rename_id_tag(TAG, PSEUDONYM)
    assert changed == {"deviation.sample": 1, "event.body": 2, "salvaged_frame.frame": 1}
    left = str(await desk.rows("SELECT sample FROM deviation")) + str(await desk.rows("SELECT body FROM event"))
    frames = b"".join(row.frame for row in await desk.storage.page(SalvagedFrameRow)).decode()
    for text in (left, frames):
        assert OTHER in text and TAG.lower() not in text.replace(OTHER, "").lower()


async def test_more_rows_than_one_step(desk: Any) -> None:
    for number in range(450):
        desk.submit(EventRecord(kind="a", body={"idTag": TAG, "n": number}))
    await desk.storage.journal.drain()
    assert await desk.storage.rename_id_tag(TAG, PSEUDONYM) == {"event.body": 450}
