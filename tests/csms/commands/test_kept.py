"""Commands that wait for their station: durable, oldest first, expired or cancelled, unknown after an interruption."""

import asyncio
import json
from typing import Any

import pytest
from tests.csms.bench import FakeConnection, Workbench
from tests.csms.commands.asking import commanding, next_call, station
from tests.csms.gate import Gate

from chargewright.csms.commands import kept as module
from chargewright.csms.commands.kept import KeptCommands, TooLate
from chargewright.csms.commands.validation import InvalidCommand, check
from chargewright.csms.outcomes import QueueFull
from chargewright.csms.storage.rows.commands import CommandRow
from chargewright.csms.storage.statements import Statement
from chargewright.protocol.v16.core import ChangeConfigurationRequest, ClearCacheRequest, ResetRequest, ResetType

CLEAR = ClearCacheRequest()
RESET = ResetRequest(type=ResetType.SOFT)
HOUR = 3600 * 1_000_000
# As if a later version had written it.
BREAK = Statement(
    "break a command",
    "WITH k({columns}) AS ({rows}) "
    "UPDATE command SET payload = k.payload FROM k WHERE command.command_id = k.command_id",
    (("command_id", "text"), ("payload", "text")),
)


def kept(bench: Workbench) -> KeptCommands:
    return commanding(bench).kept


@pytest.fixture
async def quick(start_bench: Any) -> Workbench:
    """Stations are settled at once."""
    found: Workbench = await start_bench(settle_seconds=0)
    return found


async def keep(bench: Workbench, request: Any, **options: Any) -> str:
    until = bench.clock.now_microseconds() + HOUR
    row = await kept(bench).keep(station(bench), request, **({"keep_until": until} | options))
    return row.command_id


async def row(bench: Workbench, command_id: str) -> CommandRow:
    found = await kept(bench).get(command_id)
    assert found is not None
    return found


async def ended(bench: Workbench, command_id: str) -> CommandRow:
    """The command, when its end is written."""
    async with asyncio.timeout(10):
        while (found := await row(bench, command_id)).finished_at is None:  # noqa: ASYNC110  # a row has no event
            await asyncio.sleep(0.005)
    return found


def accept(connection: FakeConnection, call: list[Any]) -> None:
    connection.deliver([3, call[1], {"status": "Accepted"}])


async def test_it_waits_for_the_station_and_goes_oldest_first(quick: Workbench) -> None:
    first, second = await keep(quick, CLEAR), await keep(quick, RESET)
    assert (await row(quick, first)).state == "waiting"
    connection = await quick.connect()
    call = await next_call(connection)
    assert call[2] == "ClearCache"
    assert (await row(quick, first)).state == "sent", "written before it is sent"
    accept(connection, call)
    call = await next_call(connection)
    assert call[2] == "Reset"
    accept(connection, call)
    end = await ended(quick, second)
    assert (end.state, json.loads(end.outcome or "")["response"]) == ("answered", {"status": "Accepted"})
    assert (await row(quick, first)).state == "answered"
    kinds = await quick.event_kinds()
    assert kinds.count("command.kept") == kinds.count("command.sent") == kinds.count("command.finished") == 2


@pytest.mark.parametrize(("request_", "is_repeated"), [(CLEAR, True), (RESET, False)])
async def test_after_a_lost_connection_only_what_may_be_repeated_is(
    request_: Any, is_repeated: bool, quick: Workbench
) -> None:
    command_id = await keep(quick, request_)
    connection = await quick.connect()
    await next_call(connection)
    connection.vanish()
    if not is_repeated:
        end = await ended(quick, command_id)
        assert end.state == "unknown"
        connection = await quick.connect()
        await quick.settle()
        assert connection.sent == []
        return
    connection = await quick.connect()
    call = await next_call(connection)
    assert (await row(quick, command_id)).finished_at is None
    accept(connection, call)
    assert (await ended(quick, command_id)).state == "answered"


async def test_a_refusal_and_silence_end_it_too(quick: Workbench) -> None:
    connection = await quick.connect()
    refused = await keep(quick, CLEAR)
    call = await next_call(connection)
    connection.deliver([4, call[1], "NotSupported", "", {}])
    assert (await ended(quick, refused)).state == "refused"
    silent = await keep(quick, CLEAR, timeout_seconds=0.05)
    await next_call(connection)
    quick.clock.advance(1)
    assert (await ended(quick, silent)).state == "unanswered"


async def test_it_expires(quick: Workbench) -> None:
    command_id = await keep(quick, CLEAR)
    quick.clock.advance(3601)
    await kept(quick)._expire()
    assert (await row(quick, command_id)).state == "expired"
    connection = await quick.connect()
    await quick.settle()
    assert connection.sent == []


async def test_it_can_be_cancelled_until_it_has_left(quick: Workbench) -> None:
    command_id = await keep(quick, CLEAR)
    await kept(quick).cancel(command_id)
    assert (await row(quick, command_id)).state == "cancelled"
    with pytest.raises(TooLate, match="cancelled"):
        await kept(quick).cancel(command_id)
    connection = await quick.connect()
    command_id = await keep(quick, CLEAR)
    call = await next_call(connection)
    with pytest.raises(TooLate, match="sent"):
        await kept(quick).cancel(command_id)
    accept(connection, call)
    await ended(quick, command_id)
    assert await kept(quick).cancel("nothing") is None


async def test_one_that_is_cancelled_in_the_queue_is_not_sent(quick: Workbench) -> None:
    connection = await quick.connect()
    busy = asyncio.get_running_loop().create_task(commanding(quick).commander.send(station(quick).id, RESET))
    call = await next_call(connection)
    command_id = await keep(quick, CLEAR)
    await asyncio.sleep(0.05)
    await kept(quick).cancel(command_id)
    accept(connection, call)
    await busy
    await quick.settle()
    assert connection.sent == []
    assert (await row(quick, command_id)).state == "cancelled"


async def test_there_is_an_end_to_what_is_kept(start_bench: Any) -> None:
    bench = await start_bench(commands_per_station=1)
    await keep(bench, CLEAR)
    with pytest.raises(QueueFull, match="1 commands are kept for A1"):
        await keep(bench, CLEAR)


async def test_a_password_is_not_written_down(quick: Workbench) -> None:
    with pytest.raises(InvalidCommand, match="would be stored") as refusal:
        await keep(quick, ChangeConfigurationRequest(key="authorizationkey", value="00" * 16))
    assert "00" * 16 not in str(refusal.value)
    assert await quick.rows("SELECT * FROM command") == []


async def test_a_signed_link_is_stored_only_until_it_is_sent(quick: Workbench) -> None:
    link = "https://u:pass@bucket/x?sig=s3cret"
    command_id = await keep(quick, check("GetDiagnostics", {"location": link}))
    assert json.loads((await row(quick, command_id)).payload) == {"location": link}
    assert "s3cret" not in str(await quick.rows("SELECT body FROM event"))
    connection = await quick.connect()
    call = await next_call(connection)
    assert call[3] == {"location": link}
    connection.deliver([4, call[1], "InternalError", f"cannot reach {link}", {}])
    await ended(quick, command_id)
    for table in ("command", "event", "diagnostics_upload"):
        stored = str(await quick.rows(f"SELECT * FROM {table}"))
        assert "s3cret" not in stored and "pass@" not in stored


async def test_a_reservation_is_not_kept_beyond_its_expiry(quick: Workbench) -> None:
    expiry = "2026-03-01T12:30:00Z"
    payload = {"connectorId": 1, "expiryDate": expiry, "idTag": "TAG", "reservationId": 7}
    command_id = await keep(quick, check("ReserveNow", payload))
    assert (await row(quick, command_id)).keep_until == quick.clock.now_microseconds() + HOUR // 2
    quick.clock.advance(1801)
    connection = await quick.connect()
    assert (await ended(quick, command_id)).state == "expired"
    assert connection.sent == []
    assert quick.csms._services is not None
    assert quick.csms._services.reservations.live(station(quick).id) == []


async def test_a_cancelling_that_comes_too_late_says_so(quick: Workbench) -> None:
    command_id = await keep(quick, RESET)
    gate = kept(quick).get = Gate(kept(quick).get)  # type: ignore[method-assign]  # the row is read, and then it is sent
    cancelling = asyncio.get_running_loop().create_task(kept(quick).cancel(command_id))
    await gate.is_reached.wait()
    del kept(quick).get  # type: ignore[method-assign]
    connection = await quick.connect()
    call = await next_call(connection)
    gate.is_open.set()
    with pytest.raises(TooLate, match="sent"):
        await cancelling
    accept(connection, call)
    assert (await ended(quick, command_id)).state == "answered"
    assert (await quick.event_kinds()).count("command.finished") == 1


async def test_what_was_cancelled_after_it_was_read_is_not_sent(quick: Workbench) -> None:
    command_id = await keep(quick, RESET)
    station_kept = kept(quick)
    gate = station_kept.get = Gate(station_kept.get)  # type: ignore[method-assign]  # the worker's
    connection = await quick.connect()
    await gate.is_reached.wait()
    del station_kept.get  # type: ignore[method-assign]
    assert (await station_kept.cancel(command_id)) is not None
    gate.is_open.set()
    following = await keep(quick, CLEAR)
    call = await next_call(connection)
    assert call[2] == "ClearCache"
    accept(connection, call)
    await ended(quick, following)
    assert (await row(quick, command_id)).state == "cancelled"
    kinds = await quick.event_kinds()
    assert (kinds.count("command.sent"), kinds.count("command.finished")) == (1, 2)
    assert station_kept._unfinished == {}


async def test_what_is_kept_while_a_look_is_under_way_goes_at_once_and_counts(quick: Workbench) -> None:
    connection = await quick.connect()
    gate = Gate(quick.storage.count)
    quick.storage.count = gate  # type: ignore[method-assign]
    looking = asyncio.get_running_loop().create_task(kept(quick)._look())
    await gate.is_reached.wait()  # nothing was there when it was read
    command_id = await keep(quick, CLEAR)
    call = await next_call(connection)
    gate.is_open.set()
    await looking
    assert kept(quick)._unfinished == {station(quick).id: 1}
    accept(connection, call)
    await ended(quick, command_id)
    await kept(quick)._look()
    assert kept(quick)._unfinished == {} and kept(quick)._arriving == {}


async def test_who_gives_up_waiting_leaves_no_place_taken(start_bench: Any) -> None:
    bench = await start_bench(commands_per_station=1)
    keeping = asyncio.get_running_loop().create_task(keep(bench, CLEAR))
    await asyncio.sleep(0)
    assert not kept(bench).has_room(station(bench).id)
    keeping.cancel()
    await asyncio.wait({keeping})
    await bench.settle()
    await kept(bench)._look()
    stored = await bench.rows("SELECT * FROM command")
    assert kept(bench).has_room(station(bench).id) is (stored == [])


async def test_a_silent_station_holds_up_no_other(start_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.01)
    bench = await start_bench(settle_seconds=0, bulk_stations=1)
    silent, other = await bench.connect("A1"), await bench.connect("A2")
    until = bench.clock.now_microseconds() + HOUR
    await kept(bench).keep(station(bench, "A1"), CLEAR, keep_until=until)
    await next_call(silent)
    command = await kept(bench).keep(station(bench, "A2"), CLEAR, keep_until=until)
    accept(other, await next_call(other))
    assert (await ended(bench, command.command_id)).state == "answered"


async def test_one_that_cannot_be_read_ends_and_the_next_one_goes(quick: Workbench) -> None:
    unreadable, following = await keep(quick, RESET), await keep(quick, CLEAR)
    await quick.storage._write([(BREAK, [(unreadable, '{"type": "Gentle"}')])])
    connection = await quick.connect()
    call = await next_call(connection)
    assert call[2] == "ClearCache"
    accept(connection, call)
    await ended(quick, following)
    end = await ended(quick, unreadable)
    assert (end.state, end.payload) == ("not-sent", "{}")
    assert "cannot be read" in (end.outcome or "")


async def test_of_a_node_that_ended_nobody_waits_for_the_answer_for_ever(quick: Workbench) -> None:
    command_id = await keep(quick, RESET, timeout_seconds=30)
    connection = await quick.connect()
    await next_call(connection)
    assert (await row(quick, command_id)).sent_epoch == commanding(quick).commander.epoch(station(quick).id)
    quick.clock.advance(3601)
    await kept(quick)._expire()
    assert (await row(quick, command_id)).state == "sent", "it is out here"
    kept(quick)._under_way.clear()  # as at another node
    await kept(quick)._expire()
    end = await row(quick, command_id)
    assert (end.state, end.finished_at is not None) == ("unknown", True)
