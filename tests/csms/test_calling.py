"""Our CALLs of one connection: a deadline by the clock, one end each."""

import gc
from typing import Any

import pytest
from tests.csms.bench import FakeConnection, Workbench
from tests.csms.commands.asking import next_call, station
from tests.csms.conftest import StartCsms
from tests.csms.wire import WireStation, eventually

from chargewright.csms.outcomes import Answered, NotSent, Outcome, Unanswered
from chargewright.csms.session import Session
from chargewright.protocol.v16.core import ClearCacheRequest
from chargewright.protocol.v16.datatypes import IdTagInfo

CLEAR = ClearCacheRequest()


def session(bench: Workbench) -> Any:
    return bench.csms._sessions.of_station(station(bench).id)


async def test_the_deadline_is_that_of_the_clock(bench: Workbench) -> None:
    connection = await bench.connect()
    ends: list[Outcome] = []
    session(bench).call(CLEAR, 5.0, ends.append)
    call = await next_call(connection)
    bench.clock.advance(4.9)
    session(bench)._calls.tick()
    assert ends == []
    bench.clock.advance(0.2)
    session(bench)._calls.tick()
    assert ends == [Unanswered(reason="no answer in 5 s")]
    connection.deliver([3, call[1], {"status": "Accepted"}])
    assert len(ends) == 1
    assert bench.csms.statistics()["ignored_LATE_ANSWER"] == 1


async def test_a_second_call_is_not_sent_while_one_is_out(bench: Workbench) -> None:
    connection = await bench.connect()
    first: list[Outcome] = []
    second: list[Outcome] = []
    session(bench).call(CLEAR, 5.0, first.append)
    session(bench).call(CLEAR, 5.0, second.append)
    (end,) = second
    assert isinstance(end, NotSent) and "OCPP-J 4.1.1" in end.reason
    call = await next_call(connection)
    assert connection.sent == []
    connection.deliver([3, call[1], {"status": "Accepted"}])
    assert isinstance(first[0], Answered)


async def test_what_is_no_request_of_ours_is_not_sent(bench: Workbench) -> None:
    connection = await bench.connect()
    ends: list[Outcome] = []
    session(bench).call(IdTagInfo(status="Accepted"), 5.0, ends.append)
    assert isinstance(ends[0], NotSent)
    assert connection.sent == []


async def test_a_connection_that_is_not_claimed_or_not_open_takes_no_call(bench: Workbench) -> None:
    ends: list[Outcome] = []
    connection: FakeConnection = bench.open()
    (waiting,) = bench.csms._sessions
    waiting.call(CLEAR, 5.0, ends.append)
    await bench.settle()
    connection.is_open = False
    waiting.call(CLEAR, 5.0, ends.append)
    assert ends == [NotSent(reason="the station is not connected")] * 2
    connection.is_open = True


async def test_a_caller_that_fails_harms_nobody(bench: Workbench) -> None:
    connection = await bench.connect()

    def fail(outcome: Outcome) -> None:
        raise RuntimeError("a bug")

    session(bench).call(CLEAR, 5.0, fail)
    call = await next_call(connection)
    connection.deliver([3, call[1], {"status": "Accepted"}])
    assert (await bench.exchange(connection, "Heartbeat", {}))[0] == 3


@pytest.mark.parametrize("library", ["picows", "websockets"])
async def test_ended_sessions_are_freed_without_the_garbage_collector(library: str, start_csms: StartCsms) -> None:
    csms = await start_csms(websocket=library)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            async with WireStation(f"ws://{csms.addresses.ocpp[0]}", "A1") as connected:
                await connected.boot()
            await eventually(lambda: not len(csms._sessions))
        assert csms._storage is not None
        await csms._storage.journal.drain()
        left = [thing for thing in gc.get_objects() if type(thing) is Session]
    finally:
        gc.enable()
    # The newest may still be on its way.
    assert len(left) <= 1
