"""Failed attempts are kept over restarts."""

import pytest
from tests.csms.bench import Workbench

from chargewright.clock import ManualClock
from chargewright.csms.attempts import Attempts, Cause
from chargewright.csms.errors import Conflict, NotFound
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.services.attempts import AttemptsService
from chargewright.csms.storage.base import StationRow, StorageUnavailable
from chargewright.csms.storage.rows.commands import ConnectionAttemptRow


def attempts(clock: ManualClock) -> Attempts:
    return Attempts(clock.now_microseconds, bound=3)


def service(bench: Workbench, kept: Attempts) -> AttemptsService:
    return AttemptsService(kept, bench.storage, JournalLedger(bench.storage.journal, bench.clock))


async def test_what_was_written_is_there_after_a_restart(bench: Workbench) -> None:
    first = attempts(bench.clock)
    first.record(Cause.UNKNOWN_IDENTITY, identity="SHY", address="192.0.2.1:5", path="/SHY", subprotocols="ocpp2.0.1")
    first.record(Cause.TLS_HANDSHAKE_FAILED, detail="no shared cipher")
    await service(bench, first).write()
    second = attempts(bench.clock)
    restarted = service(bench, second)
    await restarted.load()
    assert sorted(second.entries(), key=lambda row: row.id) == sorted(first.entries(), key=lambda row: row.id)
    handshake = next(row for row in restarted.entries() if row.identity is None)
    assert (handshake.address, handshake.detail) == (None, "no shared cipher")
    with pytest.raises(Conflict):
        restarted.identity(handshake.id)
    with pytest.raises(NotFound):
        restarted.identity("unknown")


async def test_what_is_over_or_too_much_is_deleted(bench: Workbench) -> None:
    kept = attempts(bench.clock)
    one = service(bench, kept)
    for number in range(3):
        kept.record(Cause.UNKNOWN_IDENTITY, identity=f"S{number}")
        bench.clock.advance(1)
    await one.write()
    kept.record(Cause.UNKNOWN_IDENTITY, identity="S3")
    one.registered(StationRow(id=1, identity="S1"))
    await one.write()
    rows = await bench.storage.page(ConnectionAttemptRow)
    assert sorted(str(row.identity) for row in rows) == ["S2", "S3"]
    await one.write()
    assert len(await bench.storage.page(ConnectionAttemptRow)) == 2


async def test_a_flood_of_strangers_does_not_fill_the_table(bench: Workbench) -> None:
    kept = attempts(bench.clock)
    one = service(bench, kept)
    for flood in range(5):
        for number in range(20):
            kept.record(Cause.UNKNOWN_IDENTITY, identity=f"S{flood}-{number}")
            bench.clock.advance(1)
        await one.write()
        rows = await bench.storage.page(ConnectionAttemptRow)
        assert sorted(str(row.identity) for row in rows) == [f"S{flood}-{number}" for number in (17, 18, 19)]


async def test_what_an_earlier_run_left_beyond_the_bound_is_deleted(bench: Workbench) -> None:
    many = Attempts(bench.clock.now_microseconds)
    for number in range(20):
        many.record(Cause.UNKNOWN_IDENTITY, identity=f"S{number}")
        bench.clock.advance(1)
    await service(bench, many).write()
    kept = attempts(bench.clock)
    one = service(bench, kept)
    await one.load()
    for _ in range(3):  # a part each time
        await one.write()
    rows = await bench.storage.page(ConnectionAttemptRow)
    assert sorted(str(row.identity) for row in rows) == ["S17", "S18", "S19"]
    assert sorted(str(row.identity) for row in one.entries()) == ["S17", "S18", "S19"]


async def test_what_the_database_did_not_take_is_written_later(bench: Workbench) -> None:
    kept = attempts(bench.clock)

    class Away:
        async def write(self, station_id: int, *records: object) -> None:
            raise StorageUnavailable("away")

    kept.record(Cause.UNKNOWN_IDENTITY, identity="SHY")
    with pytest.raises(StorageUnavailable):
        await AttemptsService(kept, bench.storage, Away()).write()
    await service(bench, kept).write()
    assert [row.identity for row in await bench.storage.page(ConnectionAttemptRow)] == ["SHY"]


async def test_the_running_server_writes_them_now_and_then(bench: Workbench) -> None:
    assert bench.csms._services is not None
    assert set(bench.csms._services.attempts.work()) == {"attempts"}
