"""What only PostgreSQL has: several nodes, lost connections, transactions that end in another order than they began."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from chargewright.clock import SystemClock
from chargewright.csms.services.events import make_event
from chargewright.csms.storage.base import (
    ClaimRecord,
    EventRecord,
    MeterValueRecord,
    Settlement,
    StartRecord,
    StationRow,
    StatusRecord,
    StorageError,
    StorageUnavailable,
)
from chargewright.csms.storage.postgresql import UNAVAILABLE, open_postgresql, storage_error

STATUS = StatusRecord(connector_id=1, status="Available", error_code="NoError", instant=1)


def start(instant: int) -> StartRecord:
    values = {"connector_id": 1, "id_tag": "Tag", "meter_start": 0, "id_tag_status": "Accepted", "station_time": "t"}
    return StartRecord(instant=instant, **values)  # type: ignore[arg-type]  # as in the dict


@pytest.fixture
async def node(postgresql_url: str, sit_down: Any) -> Callable[[], Awaitable[Any]]:
    """Open one more node on the same database."""

    async def open_node() -> Any:
        return await sit_down(await open_postgresql(postgresql_url, SystemClock()))

    return open_node


async def kill(desk: Any, name: str) -> None:
    """End the server's process behind a connection, as a restart of the server would."""
    await desk.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE application_name = '{name}' AND datname = current_database()"
    )


async def test_nodes_that_write_the_same_keys_in_opposite_order_agree(node: Any) -> None:
    here, there = await node(), await node()
    # Both have ids in store: they would else wait for each other at the counter, and never meet at the keys.
    await here.write(start(-1))
    await there.write(start(-2))
    ours = [(station, start(instant)) for instant in range(100) for station in here.stations]
    theirs = [(station, start(record.instant)) for station, record in reversed(ours)]
    for (station, record), (other_station, other) in zip(ours, theirs, strict=True):
        here.submit(record, station=station)
        there.submit(other, station=other_station)
        if record.instant % 10 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(here.storage.journal.drain(), there.storage.journal.drain())
    ids = {(station, record.instant): record.transaction_id for station, record in ours}
    assert {(station, record.instant): record.transaction_id for station, record in theirs} == ids
    assert len(set(ids.values())) == 300
    assert await here.rows("SELECT count(*) FROM charging_transaction") == [(302,)]
    for desk in (here, there):
        assert {how for _, how in desk.settled} == {Settlement.DURABLE}
        assert desk.storage.journal.statistics()["retries"] == 0


async def test_nodes_give_out_different_ids(node: Any) -> None:
    here, there = await node(), await node()
    ours, theirs = [start(i) for i in range(50)], [start(i) for i in range(50, 100)]
    for mine, other in zip(ours, theirs, strict=True):
        here.submit(mine)
        there.submit(other)
    await asyncio.gather(here.storage.journal.drain(), there.storage.journal.drain())
    assert len({record.transaction_id for record in ours + theirs}) == 100


async def test_a_claim_by_another_node_ends_our_writing(node: Any) -> None:
    here, there = await node(), await node()
    told: asyncio.Queue[tuple[int, int, str]] = asyncio.Queue()
    here.storage.on_claim = lambda *claim: told.put_nowait(claim)
    await here.write(ClaimRecord(node="here", address="a"), epoch=0)
    assert await here.write(STATUS, epoch=1) is Settlement.DURABLE
    await there.write(ClaimRecord(node="there:1", address="a"), epoch=0)
    assert await here.write(STATUS, epoch=1) is Settlement.STALE
    async with asyncio.timeout(10):
        claims = [await told.get(), await told.get()]
    assert claims == [(here.stations[0], 1, "here"), (here.stations[0], 2, "there:1")]


async def test_a_claim_is_learned_although_nobody_listened(
    node: Any, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await node(), await node()
    told: asyncio.Queue[tuple[int, int, str]] = asyncio.Queue()
    here.storage.on_claim = lambda *claim: told.put_nowait(claim)
    await here.write(ClaimRecord(node="here", address="a"), epoch=0)
    await here.write(ClaimRecord(node="here", address="a"), epoch=0, station=here.stations[1])
    async with asyncio.timeout(10):
        await told.get()
        await told.get()
    # The line to the server is cut, and not mended before another node has claimed.
    lost, mended = asyncio.Event(), asyncio.Event()
    connect = here.storage.notifications._connect

    async def connect_when_mended() -> Any:
        lost.set()
        await mended.wait()
        return await connect()

    monkeypatch.setattr(here.storage.notifications, "_connect", connect_when_mended)
    listening = here.storage.notifications._connection.get_server_pid()
    await there.rows(f"SELECT pg_terminate_backend({listening})")
    async with asyncio.timeout(10):
        await lost.wait()
        await there.write(ClaimRecord(node="there", address="a"), epoch=0)
        mended.set()
        assert await told.get() == (here.stations[0], 2, "there")
    assert told.empty()


async def test_a_claim_waits_for_a_batch_that_depends_on_the_epoch(node: Any, postgresql_url: str) -> None:
    desk = await node()
    other = await asyncpg.connect(postgresql_url)
    async with other.transaction():
        await other.execute("SELECT epoch FROM station WHERE id = $1 FOR SHARE", desk.stations[0])
        claim = desk.submit(ClaimRecord(node="n", address="a"), epoch=0)
        waiting = 0
        while not waiting:
            ((waiting,),) = await desk.rows("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        assert desk.settled == []
    await desk.storage.journal.drain()
    assert desk.settlement(claim) is Settlement.DURABLE
    await other.close()


async def test_no_event_is_shown_before_one_that_may_still_come(node: Any, postgresql_url: str) -> None:
    desk = await node()
    woken = asyncio.Event()
    desk.storage.subscribe_events(woken.set)
    slow = await asyncpg.connect(postgresql_url)
    transaction = slow.transaction()
    await transaction.start()
    number = await slow.fetchval("SELECT pg_current_xact_id()::text::bigint")
    await desk.write(EventRecord(kind="fast", body={}))
    assert await desk.storage.events_after(0, 10) == []
    assert await desk.storage.last_event_sequence() == 0
    assert not woken.is_set()
    await slow.execute("INSERT INTO event VALUES ($1, $2, 'slow', 0, '{}')", (number << 16) + 1, desk.stations[0])
    await transaction.commit()
    await slow.close()
    async with asyncio.timeout(10):
        await woken.wait()
    assert [event.kind for event in await desk.storage.events_after(0, 10)] == ["slow", "fast"]


async def test_events_of_one_node_wake_the_readers_of_another(node: Any) -> None:
    here, there = await node(), await node()
    woken = asyncio.Event()
    there.storage.subscribe_events(woken.set)
    await here.write(EventRecord(kind="x", body={}))
    async with asyncio.timeout(10):
        await woken.wait()
    assert [event.kind for event in await there.storage.events_after(0, 10)] == ["x"]


async def test_event_numbers_go_on_after_a_restore_into_a_new_cluster(node: Any, postgresql_url: str) -> None:
    old = await node()
    await old.rows(f"INSERT INTO event VALUES ({10**9 << 16}, {old.stations[0]}, 'restored', 0, '{{}}')")
    new, next_one = await node(), await node()
    for desk in (new, next_one):
        await desk.write(EventRecord(kind="new", body={}))
    events = await new.storage.events_after(0, 10)
    assert [event.kind for event in events] == ["restored", "new", "new"]


async def test_a_connection_that_is_cut_loses_nothing(node: Any) -> None:
    desk = await node()
    await desk.write(start(1))
    await kill(desk, "chargewright journal")
    for instant in range(2, 12):
        desk.submit(start(instant), EventRecord(kind="x", body={}))
    await desk.storage.journal.drain()
    assert {how for _, how in desk.settled} == {Settlement.DURABLE}
    assert await desk.rows("SELECT count(*) FROM charging_transaction") == [(11,)]


async def test_listening_goes_on_after_a_cut(node: Any) -> None:
    desk = await node()
    woken = asyncio.Event()
    desk.storage.subscribe_events(woken.set)
    await kill(desk, "chargewright notifications")
    async with asyncio.timeout(10):
        await woken.wait()  # by the new connection: something may have been missed
        woken.clear()
        await desk.write(EventRecord(kind="x", body={}))
        await woken.wait()
    assert [event.kind for event in await desk.storage.events_after(0, 10)] == ["x"]


class LosesCommit:
    """A connection that is cut at its first COMMIT, before or after the server has done it."""

    def __init__(self, connection: Any, is_committed: bool) -> None:
        self._connection = connection
        self._is_committed = is_committed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, text: str) -> None:
        if text == "COMMIT":
            await self._connection.execute("COMMIT" if self._is_committed else "ROLLBACK")
            raise ConnectionResetError("cut while waiting for the answer")
        await self._connection.execute(text)


@pytest.mark.parametrize("is_committed", [True, False])
async def test_a_commit_without_an_answer_is_asked_about(node: Any, is_committed: bool) -> None:
    desk = await node()
    await desk.write(ClaimRecord(node="n", address="a"), epoch=0)
    desk.storage._connection = LosesCommit(desk.storage._connection, is_committed)
    begun, claim = start(1), ClaimRecord(node="n", address="b")
    units = [desk.submit(begun, EventRecord(kind="x", body={}, start=begun)), desk.submit(claim)]
    await desk.storage.journal.drain()
    assert [desk.settlement(unit) for unit in units] == [Settlement.DURABLE] * 2
    assert (begun.repeated, claim.epoch) == (False, 2)
    assert await desk.rows("SELECT transaction_id FROM charging_transaction") == [(begun.transaction_id,)]
    assert await desk.rows("SELECT count(*) FROM event") == [(1,)]
    assert desk.storage.journal.statistics()["retries"] == 1


async def test_a_backend_that_does_not_answer_is_failing_and_can_be_left(node: Any) -> None:
    desk = await node()
    await desk.write(start(1))
    stopped = desk.storage._connection.get_server_pid()
    os.kill(stopped, signal.SIGSTOP)
    try:
        unit = desk.submit(start(2))
        async with asyncio.timeout(10):
            while not desk.storage.journal.statistics()["failing_seconds"]:  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.05)
        assert "no answer" in desk.storage.journal.last_failure
        async with asyncio.timeout(10):
            await desk.storage.close(0.1)
        assert desk.settlement(unit) is Settlement.UNAVAILABLE
    finally:
        os.kill(stopped, signal.SIGCONT)


async def test_text_with_nul_is_quarantined_alone(node: Any) -> None:
    desk = await node()
    value = {"connector_id": 1, "transaction_id": 1, "station_time": "", "content_hash": 0}
    good = [desk.submit(MeterValueRecord(instant=instant, samples="[]", **value)) for instant in range(20)]
    bad = desk.submit(MeterValueRecord(instant=7, samples="\x00", **value), raw=b"\x00")
    await desk.storage.journal.drain()
    assert desk.settlement(bad) is Settlement.QUARANTINED
    assert {desk.settlement(unit) for unit in good} == {Settlement.DURABLE}


async def test_the_committing_connection_waits_for_the_disk(node: Any) -> None:
    desk = await node()
    await desk.rows(
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit=off', current_database()); END$$"
    )
    await desk.write(STATUS)
    assert await desk.storage._connection.fetchval("SHOW synchronous_commit") == "on"


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Any) -> None:
    with pytest.raises(StorageUnavailable, match="cannot open the database"):
        await open_postgresql(f"postgresql:///x?host={tmp_path}", SystemClock())


async def test_a_wrong_password_tells_what_to_do(
    postgresql_server: Any, postgresql_url: str, postgresql_role_with_password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    role, host = postgresql_role_with_password, postgresql_url.partition("@")[2]
    for user in (role, f"{role}:wr0ng"):
        with pytest.raises(StorageUnavailable, match=r"InvalidPassword.*PGPASSWORD.*\.pgpass") as caught:
            await open_postgresql(f"postgresql://{user}@{host}", SystemClock())
        assert "wr0ng" not in str(caught.value)


async def test_a_missing_database_tells_what_to_do(postgresql_server: Any) -> None:
    with pytest.raises(StorageUnavailable, match=r'"nowhere" does not exist.*createdb'):
        await open_postgresql(postgresql_server.get_uri("nowhere"), SystemClock())


async def test_a_database_that_takes_no_connections_is_an_outage_and_no_noise(
    node: Any, postgresql_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    desk = await node()
    await desk.write(start(1))
    ((name,),) = await desk.rows("SELECT current_database()")
    postgresql_server.psql(
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false; "
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    unit = desk.submit(start(2))
    async with asyncio.timeout(10):
        while desk.storage.journal.statistics()["retries"] < 3:  # noqa: ASYNC110  # nothing tells of a retry
            await asyncio.sleep(0)
    with pytest.raises(StorageError):
        await desk.storage.stations()
    postgresql_server.psql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await desk.storage.journal.drain()
    assert desk.settlement(unit) is Settlement.DURABLE
    assert [record for record in caplog.records if record.name.startswith("asyncpg")] == []


class OutOfStep:
    """A connection that was lost while asyncpg was in the middle of something."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def is_closed(self) -> bool:
        closed: bool = self._connection.is_closed()
        return closed

    def terminate(self) -> None:
        self._connection.terminate()

    async def execute(self, statement: str) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")


async def test_a_connection_that_is_out_of_step_is_replaced_and_no_unit_blamed(node: Any) -> None:
    desk = await node()
    assert await desk.write(make_event("station.connected", {})) is Settlement.DURABLE
    desk.storage._connection = OutOfStep(desk.storage._connection)
    assert await desk.write(make_event("station.connected", {})) is Settlement.DURABLE
    assert desk.storage.journal.statistics()["quarantined"] == 0
    assert desk.storage.journal.statistics()["retries"] == 1
    assert await desk.rows("SELECT count(*) FROM event") == [(2,)]


async def test_reading_tells_unavailable_from_wrong(node: Any) -> None:
    desk = await node()
    with pytest.raises(StorageError, match="does not exist"):
        await desk.rows("SELECT * FROM nothing")
    with pytest.raises(StorageError, match="identity_length"):
        await desk.storage.add_station(StationRow(id=0, identity="x" * 49))


@pytest.mark.parametrize("state", sorted(UNAVAILABLE))
def test_errors_of_the_machine_are_told_from_errors_of_the_values(state: str) -> None:
    error = asyncpg.PostgresError("words")
    error.sqlstate = state.ljust(5, "0")
    assert isinstance(storage_error(error, "do it"), StorageUnavailable)
    error.sqlstate = "23505"
    assert type(storage_error(error, "do it")) is StorageError
    assert isinstance(storage_error(ConnectionResetError(), "do it"), StorageUnavailable)
    internal = asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")
    assert isinstance(storage_error(internal, "do it"), StorageUnavailable)
    assert type(storage_error(UnicodeEncodeError("utf-8", "x", 0, 1, "no"), "do it")) is StorageError
