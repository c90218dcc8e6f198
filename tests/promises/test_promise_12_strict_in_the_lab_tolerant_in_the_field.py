"""Strict in the lab, tolerant in the field: harmless deviations are taken, recorded and kept; `strict` refuses them."""

import asyncio
import json
from typing import Any

import pytest
from tests.csms.wire import WireStation, seed_text
from tests.databases import TestDatabase
from tests.nodes import OnDatabase

TIME = "2026-01-01T00:00:00Z"
STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": TIME}
STOP = {"transactionId": 1, "meterStop": 5, "timestamp": TIME}


def values(*samples: Any, **fields: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": TIME, "sampledValue": list(samples)} | fields]}


TOLERATED: list[tuple[str, Any, str]] = [
    ("BootNotification", {"chargePointVendor": "V" * 40, "chargePointModel": "M"}, "too-long"),
    ("StatusNotification", STATUS | {"info": None}, "null"),
    ("StatusNotification", STATUS | {"status": "available"}, "letter-case"),
    ("StatusNotification", STATUS | {"vendorField": 1}, "unknown-field"),
    ("StatusNotification", STATUS | {"errorCode": "E217"}, "unknown-word"),
    ("StatusNotification", STATUS | {"status": "Occupied"}, "other-word"),
    ("Heartbeat", {"why": 1}, "unknown-field"),
    ("Authorize", {"idTag": 12345}, "number-as-text"),
    ("StartTransaction", START | {"meterStart": "0"}, "text-as-number"),
    ("StartTransaction", START | {"meterStart": 0.5}, "fraction"),
    ("StopTransaction", STOP | {"reason": "Bored"}, "unknown-word"),
    ("StopTransaction", STOP | {"transactionData": [{"values": values({"value": "5"})["meterValue"]}]}, "field-name"),
    ("MeterValues", values({"value": 5}), "number-as-text"),
    ("MeterValues", values({"value": "5", "unit": "wattstunden"}), "item-left-out"),
    ("MeterValues", values({"value": "5", "context": "Sometimes"}), "unknown-word"),
    ("MeterValues", {"connectorId": 1, "values": values({"value": "5"})["meterValue"]}, "field-name"),
    ("MeterValues", values({"value": "5"}, sampledValue={"value": "5"}), "single-item"),
]

TIMES = ["2026-01-01T00:00:00", "2026-01-01T00:00Z", "2026-01-01T02:00:00+02", "2026-01-01 00:00:00", "soon", "", "99"]


@pytest.mark.parametrize(("action", "payload", "kind"), TOLERATED, ids=[f"{row[0]} {row[2]}" for row in TOLERATED])
async def test_promise_12_harmless_deviations_are_taken_and_recorded(
    action: str, payload: Any, kind: str, serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(), "A1") as station:
        await station.boot()
        assert (await station.exchange(action, payload))[0] == 3
    query = (
        f"SELECT d.kind FROM deviation d JOIN station s ON s.id = d.station_id"
        f" WHERE s.identity = 'A1' AND d.action = '{action}'"
    )
    async with asyncio.timeout(20):
        # An answer that needs no storage does not wait for the deviation to be written.
        while (kind,) not in await database.rows(query):  # noqa: ASYNC110  # the database tells nobody
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("action", "payload", "kind"), TOLERATED, ids=[f"{row[0]} {row[2]}" for row in TOLERATED])
@pytest.mark.parametrize("whose", ["csms", "station"])
async def test_promise_12_strict_refuses_them(
    action: str, payload: Any, kind: str, whose: str, serve: OnDatabase, database: TestDatabase
) -> None:
    seed = seed_text("A1")
    if whose == "station":
        seed = seed.replace("[[id_tag]]", 'tolerance = "strict"\n[[id_tag]]', 1)
    url = await serve.url(seed=seed, strict=whose == "csms")
    async with WireStation(url, "A1") as station:
        await station.boot()
        answer = await station.exchange(action, payload)
    assert answer[0] == 4 and answer[2] in CODES, answer
    assert await database.value("SELECT count(*) FROM deviation") == 0


CODES = {
    "FormationViolation",
    "PropertyConstraintViolation",
    "TypeConstraintViolation",
    "OccurenceConstraintViolation",
}


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("strict", [False, True])
async def test_promise_12_a_time_is_never_a_reason_to_refuse_a_bill(
    time: str, strict: bool, serve: OnDatabase, database: TestDatabase
) -> None:
    async with WireStation(await serve.url(strict=strict), "A1") as station:
        number = (await station.call("StartTransaction", **(START | {"timestamp": time})))["transactionId"]
        await station.call("MeterValues", **values({"value": "5"}, timestamp=time))
        await station.call("StopTransaction", **(STOP | {"transactionId": number, "timestamp": time}))
    found = await database.rows("SELECT transaction_id, station_time, meter_stop FROM charging_transaction")
    assert found == [(number, time, 5)]
    assert await database.rows("SELECT station_time FROM meter_value") == [(time,)]


async def test_promise_12_what_is_lost_is_kept_as_it_was_sent(serve: OnDatabase, database: TestDatabase) -> None:
    payload = values({"value": "5", "unit": "wattstunden"}, vendorField={"deep": [1]})
    async with WireStation(await serve.url(), "A1") as station:
        for _ in range(2):
            assert (await station.exchange("MeterValues", payload))[0] == 3
    ((frame,),) = await database.rows("SELECT frame FROM salvaged_frame")
    assert json.loads(frame)[3] == payload
