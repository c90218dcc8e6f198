"""What no CALL caused is written, confirmed, or its writer is told."""

import asyncio

import pytest

from chargewright.clock import SystemClock
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.storage.base import NO_STATION, StorageError, StorageUnavailable
from chargewright.csms.storage.rows.core import SettingRow, StationDetailRow
from chargewright.csms.storage.sqlite import open_sqlite


async def test_what_was_written_is_there() -> None:
    storage = await open_sqlite(":memory:", SystemClock())
    storage.journal.begin()
    await JournalLedger(storage.journal, SystemClock()).write(NO_STATION, SettingRow(name="a", value="b"))
    assert [row.value for row in await storage.page(SettingRow, {"name": "a"})] == ["b"]
    await storage.close()


async def test_a_refused_unit_is_an_error_without_values() -> None:
    storage = await open_sqlite(":memory:", SystemClock())
    storage.journal.begin()
    ledger = JournalLedger(storage.journal, SystemClock())
    row = StationDetailRow(
        identity="CP1",
        security_profile=1,
        registration="Accepted",
        automatic=True,
        tolerance="tolerant",
        time_zone="UTC",
        ocpp_version="1.6",
        epoch=0,
        booted=False,
    )
    with pytest.raises(StorageError, match="refused to write StationDetailRow") as caught:
        await ledger.write(NO_STATION, row)
    assert not isinstance(caught.value, StorageUnavailable)
    await storage.close()


async def test_a_database_that_does_not_confirm_is_told_and_the_unit_is_not_lost() -> None:
    storage = await open_sqlite(":memory:", SystemClock())
    ledger = JournalLedger(storage.journal, SystemClock(), confirm_seconds=0.01)
    with pytest.raises(StorageUnavailable, match="did not confirm"):
        await ledger.write(NO_STATION, SettingRow(name="a", value="b"))
    storage.journal.begin()
    await storage.journal.drain()
    assert [row.value for row in await storage.page(SettingRow, {"name": "a"})] == ["b"]
    await storage.close()


async def test_a_closed_journal_is_unavailable() -> None:
    storage = await open_sqlite(":memory:", SystemClock())
    storage.journal.begin()
    await storage.journal.close()
    ledger = JournalLedger(storage.journal, SystemClock())
    async with asyncio.timeout(5):
        with pytest.raises(StorageUnavailable, match="nothing was written"):
            await ledger.write(NO_STATION, SettingRow(name="a", value="b"))
    await storage.close()
