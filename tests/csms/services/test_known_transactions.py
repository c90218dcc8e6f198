"""The open transactions of a station, as the database has them."""

from tests.csms.bench import Workbench
from tests.csms.commands.asking import station

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-03-01T11:00:00Z"}


async def test_only_what_is_open_at_this_station(bench: Workbench) -> None:
    assert bench.csms._services is not None
    known = bench.csms._services.known_transactions
    one, two = await bench.connect("A1"), await bench.connect("A2")
    ids = [
        (await bench.exchange(connection, "StartTransaction", START | {"connectorId": number}))[2]["transactionId"]
        for connection, number in ((one, 1), (one, 2), (two, 1))
    ]
    stop = {"transactionId": ids[0], "meterStop": 5, "timestamp": "2026-03-01T11:30:00Z"}
    await bench.exchange(one, "StopTransaction", stop)
    assert [row.transaction_id for row in await known.open_at(station(bench).id)] == [ids[1]]
    assert [row.transaction_id for row in await known.open_at(station(bench, "A2").id)] == [ids[2]]
