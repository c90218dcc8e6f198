"""Each kind is kept as long as was said; a database that refuses one kind does not keep the others."""

import asyncio
from datetime import UTC, datetime

import pytest

from chargewright.clock import ManualClock
from chargewright.csms.config import Settings
from chargewright.csms.services.retention import DAY_MICROSECONDS, Kept, RetentionService
from chargewright.csms.storage.ageing import AGEING
from chargewright.csms.storage.base import ANY_EPOCH, StationRow, StatusRecord, StorageUnavailable, Unit
from chargewright.csms.storage.rows.core import ConnectorStatusRow
from chargewright.csms.storage.sqlite import SqliteStorage, open_sqlite

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def storage_with(clock: ManualClock, ages_days: list[int]) -> SqliteStorage:
    storage = await open_sqlite(":memory:", clock)
    storage.journal.begin()
    station = await storage.add_station(StationRow(id=0, identity="CP1"))
    for age in ages_days:
        at = clock.now_microseconds() - age * DAY_MICROSECONDS
        unit = Unit(station.id, ANY_EPOCH, at, "StatusNotification", b"", lambda unit, how: None)
        unit.records.append(StatusRecord(connector_id=1, status="Available", error_code="NoError", instant=at))
        storage.journal.submit(unit)
    await storage.journal.drain()
    return storage


def clock_at(moment: datetime) -> ManualClock:
    return ManualClock(moment)


async def test_what_is_older_than_its_days_goes_and_zero_keeps_for_ever() -> None:
    clock = clock_at(NOW)
    storage = await storage_with(clock, [1, 9, 11, 400])
    for_ever = RetentionService(storage, clock, {"connector_statuses": 0.0}, every_seconds=1)
    await for_ever.run()
    assert await storage.count(ConnectorStatusRow) == {None: 4}
    (kept,) = await RetentionService(storage, clock, {"connector_statuses": 10.0}, every_seconds=1).run()
    assert (kept.removed, kept.problem, kept.looked_at) == (2, None, clock.now_microseconds())
    assert await storage.count(ConnectorStatusRow) == {None: 2}
    await storage.close()


async def test_more_than_a_step_goes_in_one_run() -> None:
    clock = clock_at(NOW)
    storage = await storage_with(clock, [20] * 1100)
    (kept,) = await RetentionService(storage, clock, {"connector_statuses": 10.0}, every_seconds=1).run()
    assert kept.removed == 1100
    await storage.close()


async def test_a_kind_that_fails_says_so_and_the_next_one_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clock_at(NOW)
    storage = await storage_with(clock, [20])
    forget = storage.forget

    async def failing(kind: str, before: int, limit: int = 500) -> int:
        if kind == "events":
            raise StorageUnavailable("cannot forget old rows of event: locked")
        return await forget(kind, before, limit)

    monkeypatch.setattr(storage, "forget", failing)
    service = RetentionService(storage, clock, {"events": 1.0, "connector_statuses": 1.0}, every_seconds=1)
    events, statuses = await service.run()
    assert events.problem == "cannot forget old rows of event: locked"
    assert (statuses.removed, statuses.problem) == (1, None)
    await storage.close()


async def test_the_loop_runs_at_once_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clock_at(NOW)
    storage = await storage_with(clock, [20])
    service = RetentionService(storage, clock, {"connector_statuses": 1.0}, every_seconds=0.01)
    run, runs = service.run, asyncio.Semaphore(0)

    async def counted() -> list[Kept]:
        kept = await run()
        runs.release()
        return kept

    monkeypatch.setattr(service, "run", counted)
    (loop,) = service.work().values()
    task = asyncio.ensure_future(loop())
    async with asyncio.timeout(10):
        await runs.acquire()
        assert service.kept()[0].removed == 1
        await runs.acquire()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await storage.close()


def test_the_settings_name_every_kind() -> None:
    assert set(Settings().retention_days()) == set(AGEING)
