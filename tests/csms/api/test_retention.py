"""How long data is kept can be seen, and old data removed at once."""

import httpx
from tests.csms.bench import Workbench

from chargewright.csms.storage.ageing import AGEING
from chargewright.csms.storage.base import ANY_EPOCH, EventRecord, Unit


async def test_every_kind_is_listed_and_what_is_too_old_goes(bench: Workbench, client: httpx.AsyncClient) -> None:
    listed = (await client.get("/api/v1/retention")).json()["items"]
    assert [each["kind"] for each in listed] == list(AGEING)
    days = {each["kind"]: each["days"] for each in listed}
    assert days["transactions"] == 0 and days["events"] == 365
    storage = bench.storage
    (station, *_) = await storage.stations()
    unit = Unit(station.id, ANY_EPOCH, 1, "test", b"[2]", lambda unit, how: None)
    unit.records.append(EventRecord(kind="station.booted", body={}))  # of 1970
    storage.journal.submit(unit)
    await storage.journal.drain()
    ran = {each["kind"]: each for each in (await client.post("/api/v1/retention/run")).json()["items"]}
    assert ran["events"]["removed"] == 1 and ran["events"]["lookedAt"] is not None
    assert ran["meter_values"]["lookedAt"] is None  # kept for ever
