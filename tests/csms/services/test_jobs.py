"""The newest jobs of each station: what is planned, what is committed, and what makes room."""

from tests.csms.services.upkeep import UpkeepBench

from chargewright.csms.ledger import JournalLedger
from chargewright.csms.services.firmware import machine_of
from chargewright.csms.services.jobs import FOLLOW_UP_MICROSECONDS, Answer, JobBook
from chargewright.csms.storage.base import StorageError, StorageUnavailable
from chargewright.csms.storage.rows.upkeep import FirmwareUpdateRow


def row(station_id: int, name: str, state: str = "accepted", finished_at: int | None = None) -> FirmwareUpdateRow:
    return FirmwareUpdateRow(
        update_id=name,
        station_id=station_id,
        signed=False,
        location="ftp://h/",
        retrieve_at=1,
        state=state,
        created_at=1,
        changed_at=finished_at or 1,
        finished_at=finished_at,
    )


def book(upkeep: UpkeepBench) -> JobBook[FirmwareUpdateRow]:
    ledger = JournalLedger(upkeep.storage.journal, upkeep.clock)
    return JobBook(FirmwareUpdateRow, lambda each: each.update_id, machine_of, upkeep.storage, ledger)


async def test_what_ended_long_ago_is_not_read_again(upkeep: UpkeepBench) -> None:
    now = upkeep.clock.now_microseconds()
    ended = [("yesterday", now - FOLLOW_UP_MICROSECONDS - 1), ("today", now - 5), ("open", None)]
    writer = book(upkeep)
    for name, finished_at in ended:
        state = "accepted" if finished_at is None else "Installed"
        await writer.write(upkeep.a.id, rows=(row(upkeep.a.id, name, state, finished_at),))
    reader = book(upkeep)
    await reader.load(now)
    assert [each.update_id for each in reader.jobs(upkeep.a.id)] == ["open", "today"]
    assert reader.jobs(upkeep.b.id) == []


async def test_a_write_that_fails_changes_nothing_in_memory(upkeep: UpkeepBench) -> None:
    jobs = book(upkeep)
    first = row(upkeep.a.id, "one")
    await jobs.write(upkeep.a.id, rows=(first,))
    changed, is_expected = jobs.moved(first, "Downloading", 7)
    assert is_expected and changed.changed_at == 7
    await upkeep.storage.journal.close()
    try:
        await jobs.write(upkeep.a.id, rows=(changed,))
    except (StorageError, StorageUnavailable):
        assert jobs.jobs(upkeep.a.id) == [first]
    else:
        raise AssertionError("a closed journal took it")


async def test_what_a_connection_planned_counts_for_it_alone(upkeep: UpkeepBench) -> None:
    jobs = book(upkeep)
    first = row(upkeep.a.id, "one")
    await jobs.write(upkeep.a.id, rows=(first,))
    call = upkeep.call()
    call.unit.epoch = 4
    changed, _ = jobs.moved(first, "Downloading", 7)
    jobs.put(call, changed)
    assert jobs.jobs(upkeep.a.id, epoch=4) == [changed]
    assert jobs.jobs(upkeep.a.id, epoch=5) == [first]


async def test_the_oldest_makes_room_and_what_has_ended_goes_first(upkeep: UpkeepBench) -> None:
    jobs = book(upkeep)
    names = ["a", "b", "c", "d"]
    for name in names:
        assert jobs.overflow(upkeep.a.id, 9) == ()
        await jobs.write(upkeep.a.id, rows=(row(upkeep.a.id, name),))
    (closed,) = jobs.overflow(upkeep.a.id, 9)
    assert (closed.update_id, closed.state, closed.finished_at) == ("a", Answer.SUPERSEDED, 9)
    await jobs.write(upkeep.a.id, rows=(closed, row(upkeep.a.id, "e")))
    assert [each.update_id for each in jobs.jobs(upkeep.a.id)] == ["e", "d", "c", "b"]
