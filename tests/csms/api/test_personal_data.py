"""Everything of a tag in one answer; a pseudonym in its place; a tag in use is refused with the reason."""

import httpx
from tests.csms.bench import Workbench

from chargewright.csms.storage.base import ANY_EPOCH, Record, StartRecord, StopRecord, Unit

TAG = "04A2B3C4"


async def write(bench: Workbench, *records: Record) -> None:
    storage = bench.storage
    (station,) = [row for row in await storage.stations()][:1]
    unit = Unit(station.id, ANY_EPOCH, 1, "test", b"[2]", lambda unit, how: None)
    unit.records.extend(records)
    storage.journal.submit(unit)
    await storage.journal.drain()


async def start(bench: Workbench) -> StartRecord:
    record = StartRecord(
        connector_id=1, id_tag=TAG, instant=1, station_time="t", meter_start=0, id_tag_status="Accepted"
    )
    await write(bench, record)
    return record


async def test_export_and_pseudonym(bench: Workbench, client: httpx.AsyncClient) -> None:
    begun = await start(bench)
    refused = await client.post("/api/v1/personal-data/pseudonymise", json={"idTag": TAG})
    assert refused.status_code == 409 and "is charging" in refused.json()["detail"]
    await write(
        bench,
        StopRecord(transaction_id=begun.transaction_id, instant=2, station_time="t", meter_stop=1200, id_tag=TAG),
    )
    exported = (await client.post("/api/v1/personal-data/export", json={"idTag": TAG.lower()})).json()
    assert exported["alsoWrittenAs"] == [TAG]
    assert [row["meterStop"] for row in exported["transactions"]] == [1200]
    (transaction,) = exported["transactions"]
    assert not {"id", "stationId", "idTagKey", "startInstant"} & set(transaction)
    assert (transaction["station"], transaction["timestampAsSent"]) == ("A1", "t")
    assert transaction["startedAt"] == "1970-01-01T00:00:00.000Z"
    assert [stop["station"] for stop in exported["stops"]] == ["A1"]
    done = (await client.post("/api/v1/personal-data/pseudonymise", json={"idTag": TAG})).json()
    assert done["changed"]["charging_transaction.id_tag"] == 1
    again = (await client.post("/api/v1/personal-data/export", json={"idTag": done["pseudonym"]})).json()
    assert [row["meterStop"] for row in again["transactions"]] == [1200]
    assert (await client.post("/api/v1/personal-data/export", json={"idTag": TAG})).status_code == 404


async def test_a_tag_that_cannot_be_one_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/personal-data/export", json={"idTag": "x" * 21})
    assert answer.status_code == 422
