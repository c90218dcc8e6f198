"""Export finds all of a tag, a pseudonym replaces it, and a tag in use is left alone."""

import pytest

from chargewright.clock import SystemClock
from chargewright.csms.directory import Directory
from chargewright.csms.errors import Conflict, NotFound
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.id_tags import IdTagsService
from chargewright.csms.services.personal_data import PersonalDataService
from chargewright.csms.storage.base import ANY_EPOCH, IdTagRow, Record, StartRecord, StationRow, StopRecord, Unit
from chargewright.csms.storage.rows.charging import LocalListEntryRow, ReservationRow
from chargewright.csms.storage.rows.core import TransactionRow
from chargewright.csms.storage.sqlite import SqliteStorage, open_sqlite

TAG = "04A2B3C4"


class Office:
    """The service on a database in memory, with one station."""

    def __init__(self, storage: SqliteStorage, station_id: int, secret: bytes = b"s" * 32) -> None:
        self.storage = storage
        self.station_id = station_id
        directory = Directory()
        ledger = JournalLedger(storage.journal, SystemClock())
        active = ActiveTransactionsService(directory, storage, SystemClock(), default_limit=0)
        self.id_tags = IdTagsService(directory, storage, ledger, active)
        self.service = PersonalDataService(directory, storage, ledger, self.id_tags, secret)

    async def write(self, *records: Record) -> None:
        unit = Unit(self.station_id, ANY_EPOCH, 1, "test", b"[2]", lambda unit, how: None)
        unit.records.extend(records)
        self.storage.journal.submit(unit)
        await self.storage.journal.drain()

    async def start(self, tag: str = TAG) -> StartRecord:
        start = StartRecord(
            connector_id=1, id_tag=tag, instant=1, station_time="t", meter_start=0, id_tag_status="Accepted"
        )
        await self.write(start)
        return start

    async def charge(self, tag: str = TAG) -> None:
        start = await self.start(tag)
        stop = StopRecord(transaction_id=start.transaction_id, instant=2, station_time="t", meter_stop=900, id_tag=tag)
        await self.write(stop)


async def open_office() -> Office:
    storage = await open_sqlite(":memory:", SystemClock())
    storage.journal.begin()
    station = await storage.add_station(StationRow(id=0, identity="CP1"))
    return Office(storage, station.id)


async def test_an_export_has_everything_of_the_tag_in_any_case_and_of_no_other() -> None:
    office = await open_office()
    await office.id_tags.add(IdTagRow(id=0, id_tag=TAG))
    await office.charge("04a2b3c4")
    await office.charge("04A2B3C4D5")
    data = await office.service.export(TAG)
    assert data.texts == [TAG, "04a2b3c4"]
    assert data.registration is not None
    assert [row.id_tag for row in data.transactions] == ["04a2b3c4"]
    assert len(data.stops) == 1
    with pytest.raises(NotFound):
        await office.service.export("unknown")
    await office.storage.close()


async def test_a_pseudonym_takes_the_place_and_the_energy_stays() -> None:
    office = await open_office()
    await office.id_tags.add(IdTagRow(id=0, id_tag=TAG))
    await office.charge()
    done = await office.service.pseudonymise(TAG)
    assert len(done.pseudonym) == 18 and done.pseudonym != TAG
    (row,) = await office.storage.page(TransactionRow)
    assert (row.id_tag, row.meter_stop) == (done.pseudonym, 900)
    assert office.id_tags.find(TAG) is None
    events = b"".join(bytes(event.body) for event in await office.storage.events_after(0, 100))
    assert TAG.encode() not in events and done.pseudonym.encode() in events
    with pytest.raises(NotFound):
        await office.service.pseudonymise(TAG)
    await office.storage.close()


async def test_the_pseudonym_depends_on_the_secret_and_not_on_case() -> None:
    office = await open_office()
    other = Office(office.storage, office.station_id, b"t" * 32)
    assert office.service.pseudonym("abc") == office.service.pseudonym("ABC") != other.service.pseudonym("abc")
    await office.storage.close()


async def test_a_tag_in_use_is_left_alone() -> None:
    office = await open_office()
    await office.start()
    with pytest.raises(Conflict, match="is charging"):
        await office.service.pseudonymise(TAG)
    await office.write(
        ReservationRow(
            station_id=office.station_id,
            reservation_id=5,
            connector_id=1,
            id_tag="R",
            id_tag_key="r",
            expires_at=1,
            state="active",
            created_at=1,
            changed_at=1,
        )
    )
    with pytest.raises(Conflict, match="reservation \\(5\\)"):
        await office.service.pseudonymise("R")
    entry = LocalListEntryRow(
        scope="station:1", id_tag_key="l", id_tag="L", status="Accepted", position=0, version=1, removed=False
    )
    await office.write(entry)
    with pytest.raises(Conflict, match="local list \\(station:1\\)"):
        await office.service.pseudonymise("L")
    await office.storage.close()


async def test_a_tag_that_others_have_as_parent_is_left_alone() -> None:
    office = await open_office()
    await office.charge()
    await office.id_tags.add(IdTagRow(id=0, id_tag="CHILD", parent_id_tag=TAG))
    with pytest.raises(Conflict, match="1 id tags have this one as their parent"):
        await office.service.pseudonymise(TAG)
    await office.storage.close()


async def test_more_transactions_than_a_page() -> None:
    office = await open_office()
    for number in range(501):
        unit = Unit(office.station_id, ANY_EPOCH, 1, "test", b"[2]", lambda unit, how: None)
        unit.records.append(
            StartRecord(
                connector_id=1,
                id_tag=TAG,
                instant=number,
                station_time="t",
                meter_start=number,
                id_tag_status="Accepted",
            )
        )
        office.storage.journal.submit(unit)
    await office.storage.journal.drain()
    assert len((await office.service.export(TAG)).transactions) == 501
    await office.storage.close()
