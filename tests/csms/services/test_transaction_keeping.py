"""Closing, linking and resolving on both databases, and what is told when somebody else was faster."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.csms.bench import Workbench

from chargewright.clock import SystemClock
from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.services.transaction_keeping import TransactionKeepingService
from chargewright.csms.storage.base import NO_TRANSACTION
from chargewright.protocol.v16.core import Reason

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": "2026-03-01T11:00:00Z"}
STOP = {"meterStop": 6000, "timestamp": "2026-03-01T11:30:00Z"}
TAGS = '[[id_tag]]\nid_tag = "TAG"\nmax_active_transactions = 1\n'


@pytest.fixture(params=["sqlite", "postgresql"])
async def bench(request: pytest.FixtureRequest, start_csms: Any) -> AsyncIterator[Workbench]:
    settings = {"ocpp": "off"}
    if request.param == "postgresql":
        settings["db"] = request.getfixturevalue("postgresql")
    stations = "".join(f'[[station]]\nidentity = "{name}"\n' for name in ("A1", "A2"))
    csms = await start_csms(seed=stations + TAGS, **settings)
    yield Workbench(csms, csms._storage, SystemClock())  # type: ignore[arg-type]  # only settles and connects


@pytest.fixture
def keeping(bench: Workbench) -> TransactionKeepingService:
    services = bench.csms._services
    assert services is not None
    return services.transaction_keeping


async def send(bench: Workbench, connection: Any, action: str, **payload: Any) -> Any:
    answer = await bench.exchange(connection, action, payload)
    assert answer[0] == 3, answer
    return answer[2]


async def begin(bench: Workbench, connection: Any, **fields: Any) -> tuple[int, str]:
    """Its transactionId, and what the station is told of the tag."""
    started = await send(bench, connection, "StartTransaction", **START | fields)
    return started["transactionId"], started["idTagInfo"]["status"]


async def test_a_closed_transaction_locks_nobody_out_and_its_stop_is_kept(
    bench: Workbench, keeping: TransactionKeepingService
) -> None:
    connection = await bench.connect()
    number, _ = await begin(bench, connection)
    assert (await begin(bench, connection, connectorId=2))[1] == "ConcurrentTx"
    for row_id in (1, 2):
        closed = await keeping.close(row_id, reason=Reason.POWER_LOSS, note="gone")
        assert (closed.energy_wh, closed.duration_seconds) == (0, 0.0)
    assert (await begin(bench, connection, connectorId=3))[1] == "Accepted"
    await send(bench, connection, "StopTransaction", transactionId=number, **STOP)
    late = await keeping.get(1)
    assert (late.energy_wh, late.duration_seconds, len(late.corrections)) == (5000, 1800.0, 1)
    (listed,) = await keeping.complete([late.row])
    assert (listed.energy_wh, listed.station) == (5000, "A1")
    with pytest.raises(Conflict, match="stopped already"):
        await keeping.close(1)


async def test_of_two_operators_one_closes(bench: Workbench, keeping: TransactionKeepingService) -> None:
    await begin(bench, await bench.connect())
    closed = await asyncio.gather(*(keeping.close(1, meter_stop=wh) for wh in (2000, 3000)), return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in closed) == 1
    ((events,),) = await bench.rows("SELECT count(*) FROM event WHERE kind = 'transaction.closed'")
    assert events == 1


async def test_an_orphan_of_which_the_tag_was_full_frees_it(
    bench: Workbench, keeping: TransactionKeepingService
) -> None:
    connection = await bench.connect()
    await begin(bench, connection)
    await send(bench, connection, "StopTransaction", transactionId=-1, **STOP)
    linked = await keeping.link(1, 1)
    assert (linked.relation, linked.charging_transaction_id) == ("stop", 1)
    later = {"connectorId": 2, "timestamp": "2026-03-01T11:30:00Z"}
    assert (await begin(bench, connection, **later))[1] == "Accepted"
    with pytest.raises(Conflict, match="belongs to a transaction"):
        await keeping.link(1, 1)


async def test_a_second_orphan_is_a_correction(bench: Workbench, keeping: TransactionKeepingService) -> None:
    connection = await bench.connect()
    number, _ = await begin(bench, connection)
    await send(bench, connection, "StopTransaction", transactionId=-1, **STOP)
    await send(bench, connection, "StopTransaction", transactionId=number, **STOP | {"meterStop": 6001})
    assert (await keeping.link(1, 1)).relation == "correction"
    assert (await keeping.get(1)).energy_wh == 5001


async def test_what_cannot_be_is_refused(bench: Workbench, keeping: TransactionKeepingService) -> None:
    for attempt in (keeping.get(9), keeping.close(9), keeping.stop(9), keeping.link(9, 9), keeping.resolve(9, "")):
        with pytest.raises(NotFound):
            await attempt
    await begin(bench, await bench.connect())
    await send(bench, await bench.connect("A2"), "StopTransaction", transactionId=7, **STOP)
    with pytest.raises(InvalidValue, match="station that sent the stop"):
        await keeping.link(1, 1)
    with pytest.raises(InvalidValue, match="not in the future"):
        await keeping.close(1, instant=2**60)
    with pytest.raises(Conflict, match="No review"):
        await keeping.resolve(1, "nothing to see")


async def test_meter_values_of_a_linked_orphan_belong_to_the_transaction(
    bench: Workbench, keeping: TransactionKeepingService
) -> None:
    connection = await bench.connect()
    number, _ = await begin(bench, connection)

    def value(minute: int, wh: str) -> dict[str, Any]:
        return {"timestamp": f"2026-03-01T11:{minute:02}:00Z", "sampledValue": [{"value": wh}]}

    await send(bench, connection, "MeterValues", connectorId=1, transactionId=number, meterValue=[value(20, "2000")])
    for minute in (5, 15, 25):
        data = [value(minute, str(1000 + minute))]
        stop = STOP | {"timestamp": f"2026-03-01T11:{minute:02}:30Z"}
        await send(bench, connection, "StopTransaction", transactionId=-1, transactionData=data, **stop)
    for stop_id in (1, 3):
        await keeping.link(stop_id, 1)
    transaction = await keeping.get(1)
    rows = await keeping.meter_values(transaction, None, 10)
    assert [row.energy_wh for row in rows] == [1005.0, 2000.0, 1025.0]
    after = (rows[0].instant, rows[0].id)
    assert [row.energy_wh for row in await keeping.meter_values(transaction, after, 1)] == [2000.0]
    orphan = await keeping.stop(2)
    assert [row.energy_wh for row in await keeping.stop_meter_values(orphan, None, 10)] == [1015.0]
    assert all(row.transaction_id != NO_TRANSACTION for row in rows)


async def test_stations_out_of_service_keep_their_name(bench: Workbench, keeping: TransactionKeepingService) -> None:
    known = await keeping.identities([1, 2])
    directory = bench.csms._directory
    directory._by_id.clear()
    assert await keeping.identities([1, 2]) == known == {1: "A1", 2: "A2"}
