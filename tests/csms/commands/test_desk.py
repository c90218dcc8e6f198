"""The desk is what routes are given: checking, warning, sending, keeping, looking up, cancelling."""

import asyncio

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import next_call, station
from tests.csms.commands.test_bulk import desk

from chargewright.csms.commands import desk as module
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


async def test_a_fleet_is_warned_of_as_far_as_it_is_looked_at(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    stations = [station(bench, identity) for identity in ("A1", "A2", "A3")]
    odd = desk(bench).check("CancelReservation", {"reservationId": 7})
    found = await desk(bench).bulk_warnings(stations, odd)
    assert [text.partition(":")[0] for text in found] == ["A1", "A2", "A3"]
    monkeypatch.setattr(module, "BULK_STATIONS_LOOKED_AT", 2)
    found = await desk(bench).bulk_warnings(stations, odd)
    assert [text.partition(":")[0] for text in found] == ["A1", "A2"]
    monkeypatch.setattr(module, "BULK_WARNINGS", 1)
    assert len(await desk(bench).bulk_warnings(stations, odd)) == 1
