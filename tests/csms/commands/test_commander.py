"""The queue of commands: one at a time, in order, each with one outcome, whatever becomes of callers and sockets."""

import asyncio
from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import ask, commanding, next_call, station

from chargewright.csms.outcomes import Answered, Malformed, NotSent, QueueFull, Refused, Unanswered
from chargewright.protocol.v16.core import (
    ClearCacheRequest,
    RemoteStopTransactionRequest,
    ResetRequest,
    ResetType,
)

CLEAR = ClearCacheRequest()
RESET = ResetRequest(type=ResetType.SOFT)


async def test_an_answer_is_the_outcome(bench: Workbench) -> None:
    connection = await bench.connect()
    sending = ask(bench, CLEAR)
    call = await next_call(connection)
    assert call[2:] == ["ClearCache", {}]
    bench.clock.advance(1.5)
    connection.deliver([3, call[1], {"status": "Rejected"}])
    outcome = await sending
    assert isinstance(outcome, Answered)
    assert (outcome.response.status, outcome.elapsed_seconds) == ("Rejected", 1.5)  # type: ignore[attr-defined]


async def test_the_five_outcomes_are_told_apart(bench: Workbench) -> None:
    connection = await bench.connect()
    sending = ask(bench, CLEAR)
    call = await next_call(connection)
    connection.deliver([4, call[1], "OddCode", "no", {"a": 1}])
    assert await sending == Refused(code="OddCode", description="no", details={"a": 1})
    sending = ask(bench, CLEAR)
    call = await next_call(connection)
    connection.deliver([3, call[1], {"status": "Perhaps"}])
    assert isinstance(await sending, Malformed)
    sending = ask(bench, CLEAR)
    await next_call(connection)
    connection.vanish(1006)
    outcome = await sending
    assert isinstance(outcome, Unanswered) and outcome.close_code == 1006
    assert await ask(bench, CLEAR) == NotSent(reason="the station is not connected")


async def test_the_second_waits_for_the_first(bench: Workbench) -> None:
    connection = await bench.connect()
    first, second = ask(bench, CLEAR), ask(bench, RESET)
    call = await next_call(connection)
    assert call[2] == "ClearCache" and connection.sent == []
    connection.deliver([3, call[1], {"status": "Accepted"}])
    call = await next_call(connection)
    assert call[2] == "Reset"
    connection.deliver([3, call[1], {"status": "Accepted"}])
    assert isinstance(await first, Answered) and isinstance(await second, Answered)


async def test_the_time_limit_begins_with_the_asking(bench: Workbench) -> None:
    connection = await bench.connect()
    first, second = ask(bench, CLEAR, timeout_seconds=0.05), ask(bench, RESET, timeout_seconds=0.05)
    call = await next_call(connection)
    outcome = await second
    assert outcome == NotSent(reason="its turn did not come before the time limit")
    bench.clock.advance(1)
    outcome = await first
    assert isinstance(outcome, Unanswered) and "no answer in" in outcome.reason
    connection.deliver([3, call[1], {"status": "Accepted"}])
    assert bench.csms.statistics()["ignored_LATE_ANSWER"] == 1
    third = ask(bench, CLEAR)
    call = await next_call(connection)
    connection.deliver([3, call[1], {"status": "Accepted"}])
    assert isinstance(await third, Answered)


@pytest.mark.parametrize("has_left", [False, True])
async def test_a_cancelled_caller_leaves_the_queue_in_order(has_left: bool, bench: Workbench) -> None:
    connection = await bench.connect()
    first = ask(bench, CLEAR)
    call = await next_call(connection)
    middle, last = ask(bench, RESET), ask(bench, CLEAR)
    await asyncio.sleep(0)
    (first if has_left else middle).cancel()
    await asyncio.wait([first if has_left else middle])
    connection.deliver([3, call[1], {"status": "Accepted"}])
    if has_left:
        call = await next_call(connection)
        assert call[2] == "Reset"
        connection.deliver([3, call[1], {"status": "Accepted"}])
        await middle
    call = await next_call(connection)
    assert call[2] == "ClearCache"
    connection.deliver([3, call[1], {"status": "Accepted"}])
    assert isinstance(await last, Answered)
    assert commanding(bench).commander.queued(station(bench).id) == 0


async def test_a_full_queue_takes_nothing_more(start_bench: Any) -> None:
    bench = await start_bench(commands_per_station=2)
    connection = await bench.connect()
    first, second = ask(bench, CLEAR), ask(bench, CLEAR)
    await next_call(connection)
    with pytest.raises(QueueFull, match="2 commands wait for A1"):
        await ask(bench, CLEAR)
    for task in (first, second):
        task.cancel()
    await asyncio.wait([first, second])


async def test_what_went_over_an_evicted_socket_is_unanswered_and_the_next_goes_over_the_newest(
    bench: Workbench,
) -> None:
    older = await bench.connect()
    first, second = ask(bench, CLEAR), ask(bench, RESET)
    await next_call(older)
    newest = await bench.connect()
    assert isinstance(await first, Unanswered)
    call = await next_call(newest)
    assert call[2] == "Reset"
    newest.deliver([3, call[1], {"status": "Accepted"}])
    assert isinstance(await second, Answered)


@pytest.mark.parametrize(("registration", "allowed"), [("Pending", True), ("Rejected", False)])
async def test_registration_decides_what_may_be_sent(registration: str, allowed: bool, start_bench: Any) -> None:
    bench = await start_bench({"station": [{"identity": "A1", "registration": registration}]})
    connection = await bench.connect()
    assert commanding(bench).commander.is_connected(station(bench).id) is allowed
    remote = await ask(bench, RemoteStopTransactionRequest(transaction_id=1))
    assert isinstance(remote, NotSent) and registration in remote.reason
    if allowed:
        sending = ask(bench, CLEAR)
        call = await next_call(connection)
        connection.deliver([3, call[1], {"status": "Accepted"}])
        assert isinstance(await sending, Answered)
    assert connection.sent == []


async def test_each_command_leaves_its_events(bench: Workbench) -> None:
    connection = await bench.connect()
    sending = ask(bench, CLEAR)
    call = await next_call(connection)
    connection.deliver([3, call[1], {"status": "Accepted"}])
    await sending
    await bench.settle()
    events = [(row.kind, bytes(row.body)) for row in await bench.storage.events_after(0, 10)]
    assert [kind for kind, _ in events] == ["station.connected", "command.sent", "command.finished"]
    assert b'"status":"Accepted"' in events[2][1] and b'"outcome":"answered"' in events[2][1]


async def test_when_the_server_stops_only_what_is_out_goes_on(bench: Workbench) -> None:
    connection = await bench.connect()
    out, waiting = ask(bench, CLEAR), ask(bench, RESET)
    call = await next_call(connection)
    commanding(bench).commander.stop_sending()
    stopping = NotSent(reason="the server is stopping")
    assert await waiting == stopping
    assert await ask(bench, RESET) == stopping
    connection.deliver([3, call[1], {"status": "Accepted"}])
    assert isinstance(await out, Answered)
    assert connection.sent == []
