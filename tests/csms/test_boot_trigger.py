"""A station that never booted here is asked to, a few times at most; when, is held by the tests of promise 13."""

import asyncio
from typing import Any

from tests.csms.commands.asking import next_call, station

from chargewright.csms.boot_trigger import ATTEMPTS


async def test_it_is_not_asked_for_ever(start_bench: Any) -> None:
    bench = await start_bench(settle_seconds=0)
    bench.csms._directory.invite(station(bench))
    connection = await bench.connect()
    for _ in range(ATTEMPTS):
        await bench.exchange(connection, "Heartbeat", {})
        call = await asyncio.wait_for(next_call(connection), 5)
        assert call[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
        connection.deliver([3, call[1], {"status": "Accepted"}])
        await bench.settle()
        await asyncio.sleep(0.01)
    await bench.exchange(connection, "Heartbeat", {})
    await asyncio.sleep(0.05)
    assert [message for message in connection.sent if message[0] == 2] == []
