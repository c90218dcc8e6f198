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


async def test_what_is_written_counts_for_the_bounds_of_the_journal() -> None:
    storage = await open_sqlite(":memory:", SystemClock())
    pressures: list[bool] = []
    storage.journal.on_pressure = pressures.append
    ledger = JournalLedger(storage.journal, SystemClock())
    long = "x" * 2**20
    writes = [
        asyncio.get_running_loop().create_task(ledger.write(NO_STATION, SettingRow(name=f"a{number}", value=long)))
        for number in range(65)
    ]
    await asyncio.sleep(0)
    assert storage.journal.statistics()["bytes_waiting"] > 65 * 2**20
    assert pressures == [True]
    storage.journal.begin()
    await asyncio.gather(*writes)
    assert pressures == [True, False]
    assert storage.journal.statistics()["bytes_waiting"] == 0
    await storage.close()


async def test_a_patient_one_waits_longer_than_others() -> None:
    storage = await open_sqlite(":memory:", SystemClock())
    ledger = JournalLedger(storage.journal, SystemClock(), confirm_seconds=0.01)
    patient = asyncio.get_running_loop().create_task(
        ledger.write(NO_STATION, SettingRow(name="a", value="b"), is_patient=True)
    )
    with pytest.raises(StorageUnavailable, match="did not confirm"):
        await ledger.write(NO_STATION, SettingRow(name="c", value="d"))
    assert not patient.done()
    storage.journal.begin()
    await patient
    assert [row.value for row in await storage.page(SettingRow, {"name": "a"})] == ["b"]
    await storage.close()
