"""Commands to hand-made connections, for the tests of this room."""

import asyncio
from typing import Any

from tests.csms.bench import FakeConnection, Workbench

from chargewright.csms.commanding import Commanding
from chargewright.csms.outcomes import Outcome
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.base import Message

__all__ = ["ask", "commanding", "next_call", "station"]


def commanding(bench: Workbench) -> Commanding:
    """What sends."""
    found = bench.csms._commanding
    assert found is not None
    return found


def station(bench: Workbench, identity: str = "A1") -> StationRow:
    """A station's row in memory."""
    found = bench.csms._directory.station(identity)
    assert found is not None
    return found


def ask(bench: Workbench, request: Message, identity: str = "A1", **options: Any) -> "asyncio.Task[Outcome]":
    """Send a command, without waiting for its end."""
    sending = commanding(bench).commander.send(station(bench, identity).id, request, **options)
    return asyncio.get_running_loop().create_task(sending)


async def next_call(connection: FakeConnection) -> list[Any]:
    """The next CALL that the station gets."""
    while True:
        for message in connection.sent:
            if message[0] == 2:
                connection.sent.remove(message)
                call: list[Any] = message
                return call
        connection.has_spoken.clear()
        await connection.has_spoken.wait()
