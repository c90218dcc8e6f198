"""The reviewer follows the log, says each thing once, and goes on where it stopped."""

import json
from typing import Any

import pytest

from chargewright.csms.ledger import JournalLedger
from chargewright.csms.services import review as reviewing
from chargewright.csms.services.review import ReviewService
from chargewright.csms.storage.base import ReviewRecord, StorageError, StorageUnavailable
from chargewright.csms.storage.rows.core import SettingRow

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": "2026-03-01T11:00:00Z"}
STOP = {"meterStop": 500, "timestamp": "2026-03-01T11:30:00Z"}
REVIEWS = "SELECT transaction_id, review, review_reasons FROM charging_transaction ORDER BY id"


@pytest.fixture
async def bench(start_bench: Any) -> Any:
    return await start_bench({"id_tag": [{"id_tag": "TAG"}, {"id_tag": "ONE", "max_active_transactions": 1}]})


def reviewer(bench: Any, ledger: Any = None) -> ReviewService:
    services = bench.csms._services
    return ReviewService(
        bench.csms._directory,
        bench.storage,
        ledger or JournalLedger(bench.storage.journal, bench.clock),
        services.meter_readings,
        services.active_transactions,
        power_w=11_000,
        gather_seconds=0,
    )


async def send(bench: Any, connection: Any, action: str, **payload: Any) -> Any:
    answer = await bench.exchange(connection, action, payload)
    assert answer[0] == 3, answer
    return answer[2]


async def charge(bench: Any, connection: Any, **stop: Any) -> int:
    started = await send(bench, connection, "StartTransaction", **START)
    number: int = started["transactionId"]
    await send(bench, connection, "StopTransaction", transactionId=number, **STOP | stop)
    return number


async def told(bench: Any) -> list[Any]:
    rows = await bench.rows("SELECT body FROM event WHERE kind = 'transaction.review' ORDER BY sequence")
    return [json.loads(body) for (body,) in rows]


async def test_what_is_implausible_is_put_into_review_once(bench: Any) -> None:
    connection = await bench.connect()
    number = await charge(bench, connection)
    await charge(bench, connection, meterStop=2000)
    service = reviewer(bench)
    await service.load()
    for _ in range(2):
        await service.catch_up()
    expected = ["energy-steps-back"]
    reviews = await bench.rows(REVIEWS)
    assert reviews[0] == (number, "pending", "energy-steps-back")
    assert reviews[1][1:] == ("pending", "same-content-after-stop"), "the same start after the stop"
    assert (await told(bench))[0] == {"transactionId": number, "reasons": expected}
    assert len(await told(bench)) == 2


async def test_another_reviewer_of_the_same_log_adds_nothing(bench: Any) -> None:
    connection = await bench.connect()
    await charge(bench, connection)
    first, second = reviewer(bench), reviewer(bench)
    await first.catch_up()
    await second.catch_up()
    assert len(await told(bench)) == 1


async def test_a_crash_before_the_place_is_written_repeats_nothing(bench: Any) -> None:
    class Failing(JournalLedger):
        async def write(self, station_id: int, *records: Any) -> None:
            if isinstance(records[0], SettingRow):
                raise StorageUnavailable("gone")
            await super().write(station_id, *records)

    connection = await bench.connect()
    await charge(bench, connection)
    service = reviewer(bench, Failing(bench.storage.journal, bench.clock))
    with pytest.raises(StorageError):
        await service.catch_up()
    assert len(await told(bench)) == 1
    after = reviewer(bench)
    await after.load()
    assert after._position == 0, "it begins again where a place was written last"
    await after.catch_up()
    assert len(await told(bench)) == 1


async def test_the_next_run_goes_on_after_the_last_finding(bench: Any) -> None:
    connection = await bench.connect()
    await charge(bench, connection)
    service = reviewer(bench)
    await service.catch_up()
    last = reviewer(bench)
    await last.load()
    assert last._position == service._position > 0


async def test_a_resolved_review_is_opened_by_a_new_reason_only(bench: Any) -> None:
    connection = await bench.connect()
    number = await charge(bench, connection)
    service = reviewer(bench)
    await service.catch_up()
    keeping = bench.csms._services.transaction_keeping
    await keeping.resolve(1, "looked")
    again = reviewer(bench)  # reads the whole log again
    await again.catch_up()
    assert await bench.rows(REVIEWS) == [(number, "resolved", "energy-steps-back")]
    await send(bench, connection, "StopTransaction", transactionId=number, **STOP | {"meterStop": 700})
    await service.catch_up()
    assert await bench.rows(REVIEWS) == [(number, "pending", "energy-steps-back stop-corrected")]
    assert (await keeping.get(1)).row.review_note == "looked"


async def test_a_finding_that_met_another_change_is_made_again(bench: Any) -> None:
    other = ReviewRecord(id=1, seen_review="", seen_reasons="", review="pending", review_reasons="by-somebody")

    class Meddling(JournalLedger):
        async def write(self, station_id: int, *records: Any) -> None:
            if isinstance(records[0], ReviewRecord) and not other.applied:
                await super().write(station_id, other)
            await super().write(station_id, *records)

    connection = await bench.connect()
    await charge(bench, connection)
    await reviewer(bench, Meddling(bench.storage.journal, bench.clock)).catch_up()
    assert other.applied
    assert (await bench.rows(REVIEWS))[0][1:] == ("pending", "by-somebody energy-steps-back")


async def test_the_power_of_the_station_goes_before_the_setting(bench: Any) -> None:
    connection = await bench.connect()
    station = bench.csms._directory.station("A1")
    station.maximum_power_w = 20_000.0
    await charge(bench, connection, meterStop=10_000)
    await reviewer(bench).catch_up()
    assert (await bench.rows(REVIEWS))[0][1] == ""
    station.maximum_power_w = None
    await reviewer(bench).catch_up()
    assert (await bench.rows(REVIEWS))[0][1:] == ("pending", "energy-exceeds-power")


async def test_meter_values_of_many_pages_are_judged(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargewright.csms.services.meter_readings._PAGE", 2)
    connection = await bench.connect()
    number = (await send(bench, connection, "StartTransaction", **START))["transactionId"]
    for minute, wh in enumerate(["1000", "1100", "1200", "1300", "1150"]):
        value = {"timestamp": f"2026-03-01T11:{minute:02}:00Z", "sampledValue": [{"value": wh}]}
        await send(bench, connection, "MeterValues", connectorId=1, transactionId=number, meterValue=[value])
    await send(bench, connection, "StopTransaction", transactionId=number, **STOP | {"meterStop": 1500})
    await reviewer(bench).catch_up()
    assert await bench.rows(REVIEWS) == [(number, "pending", "energy-steps-back")]


async def test_a_stop_that_names_a_transaction_of_another_station_does_not_judge_it(bench: Any) -> None:
    first, second = await bench.connect("A1"), await bench.connect("A2")
    future = {"timestamp": "2026-03-01T13:00:00Z"}
    number = (await send(bench, first, "StartTransaction", **START | future))["transactionId"]
    await send(bench, second, "StopTransaction", transactionId=number, **STOP)
    await reviewer(bench).catch_up()
    assert await bench.rows(REVIEWS) == [(number, "", "")]
    await send(bench, first, "StopTransaction", transactionId=number, **STOP)
    await reviewer(bench).catch_up()
    assert (await bench.rows(REVIEWS))[0][2].split() == ["energy-steps-back", "stop-before-start", "clock-ahead"]


async def test_the_log_teaches_what_another_node_stored(bench: Any) -> None:
    connection = await bench.connect()
    number = (await send(bench, connection, "StartTransaction", **START | {"idTag": "ONE"}))["transactionId"]
    active = bench.csms._services.active_transactions
    active.closed(number)  # as if another process had stored it
    assert not active.knows(number)
    await reviewer(bench).catch_up()
    assert active.knows(number)
    status = await send(bench, connection, "StartTransaction", **START | {"idTag": "ONE", "connectorId": 2})
    assert status["idTagInfo"]["status"] == "ConcurrentTx"


async def test_the_place_is_written_now_and_then_without_findings(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewing, "EVENTS_PER_POSITION", 1)
    await bench.connect()
    service = reviewer(bench)
    await service.catch_up()
    ((value,),) = await bench.rows("SELECT value FROM setting WHERE name = 'review.position'")
    assert int(value) == service._position > 0


async def test_the_running_loop_reviews_unasked(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    service = reviewer(bench)
    (loop,) = service.work().values()
    has_caught_up = asyncio.Event()
    catch_up = service.catch_up

    async def watched() -> None:
        await catch_up()
        has_caught_up.set()

    monkeypatch.setattr(service, "catch_up", watched)
    task = asyncio.create_task(loop())
    await has_caught_up.wait()
    connection = await bench.connect()
    await charge(bench, connection)
    async with asyncio.timeout(20):
        while not await told(bench):
            has_caught_up.clear()
            await has_caught_up.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
