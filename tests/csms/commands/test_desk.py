"""The desk is what routes are given: checking, warning, sending, keeping, looking up, cancelling."""

import asyncio

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import next_call, station
from tests.csms.commands.test_bulk import desk

from chargewright.csms.commands.kept import TooLate
from chargewright.csms.commands.validation import COMMANDS
from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.outcomes import Answered


async def test_errors_are_those_that_rest_knows(bench: Workbench) -> None:
    with pytest.raises(NotFound):
        desk(bench).check("Heartbeat", {})
    with pytest.raises(InvalidValue) as refusal:
        desk(bench).check("Reset", {"type": "Gentle"})
    assert (refusal.value.field, refusal.value.value) == ("type", "Gentle")
    for act in (desk(bench).get, desk(bench).cancel):
        with pytest.raises(NotFound, match="command 'nothing'"):
            await act("nothing")
    assert list(desk(bench).actions) == list(COMMANDS)
    assert issubclass(TooLate, Conflict)


async def test_one_now_and_one_later(bench: Workbench) -> None:
    connection = await bench.connect()
    request = desk(bench).check("ClearCache", {})
    assert await desk(bench).warnings(station(bench), request) == []
    sending = asyncio.get_running_loop().create_task(desk(bench).send(station(bench), request))
    call = await next_call(connection)
    connection.deliver([3, call[1], {"status": "Accepted"}])
    assert isinstance(await sending, Answered)
    until = bench.clock.now_microseconds() + 1_000_000
    kept = await desk(bench).keep(station(bench, "A2"), request, keep_until=until)
    assert (await desk(bench).get(kept.command_id)).state == "waiting"
    assert (await desk(bench).cancel(kept.command_id)).state == "cancelled"
