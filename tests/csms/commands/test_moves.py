"""A written command moves only from where it was seen, and has one end."""

import json
from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import commanding, station

from chargewright.csms.commands.kept import KeptCommands
from chargewright.csms.commands.moves import CommandMoves, read_request
from chargewright.csms.commands.states import Cue
from chargewright.csms.commands.validation import check
from chargewright.csms.outcomes import Unanswered
from chargewright.csms.storage.base import NO_STATION, StorageError
from chargewright.csms.storage.rows.commands import CommandRow

LOST = Unanswered(reason="gone", is_lost=True)


def kept(bench: Workbench) -> KeptCommands:
    return commanding(bench).kept


def moves(bench: Workbench) -> CommandMoves:
    return kept(bench)._moves


async def written(bench: Workbench, action: str = "ClearCache", payload: Any = None) -> CommandRow:
    until = bench.clock.now_microseconds() + 3600 * 1_000_000
    return await kept(bench).keep(station(bench), check(action, payload or {}), keep_until=until)


async def stored(bench: Workbench, row: CommandRow) -> CommandRow:
    found = await kept(bench).get(row.command_id)
    assert found is not None
    return found


async def test_what_is_returned_is_what_is_stored(bench: Workbench) -> None:
    row = await written(bench)
    connection = await bench.connect()
    sent = await moves(bench).go_on(row, Cue.SENDING, epoch=1)
    assert sent is not None and (sent.state, sent.sent_epoch) == ("sent", 1)
    assert (await stored(bench, row)).state == "sent"
    ended = await moves(bench).end(sent, Cue.INTERRUPTED, LOST)
    found = await stored(bench, row)
    assert ended is not None
    assert (found.state, found.finished_at, found.outcome) == (ended.state, ended.finished_at, ended.outcome)
    assert connection.sent == []


async def test_of_two_who_saw_the_same_the_first_one_counts(bench: Workbench) -> None:
    row = await written(bench)
    assert await moves(bench).end(row, Cue.CANCEL) is not None
    assert await moves(bench).end(row, Cue.KEPT_TOO_LONG) is None
    assert await moves(bench).go_on(row, Cue.SENDING) is None
    assert (await stored(bench, row)).state == "cancelled"
    assert (await bench.event_kinds()).count("command.finished") == 1


async def test_nobody_sends_over_a_connection_that_another_has_replaced(bench: Workbench) -> None:
    row = await written(bench)
    await bench.connect()
    await bench.connect()
    with pytest.raises(StorageError, match="newer"):
        await moves(bench).go_on(row, Cue.SENDING, epoch=1)
    assert (await stored(bench, row)).state == "waiting"


async def test_of_many_those_are_taken_back_that_are_as_they_were_seen(bench: Workbench) -> None:
    rows = [await written(bench) for _ in range(3)]
    await bench.connect()
    await moves(bench).go_on(rows[1], Cue.SENDING, epoch=1)
    cancelled = await moves(bench).cancel(NO_STATION, rows)
    assert [row.command_id for row in cancelled] == [rows[0].command_id, rows[2].command_id]
    assert [(await stored(bench, row)).state for row in rows] == ["cancelled", "sent", "cancelled"]


async def test_secrets_end_with_the_command(bench: Workbench) -> None:
    row = await written(bench, "GetDiagnostics", {"location": "ftp://user:geheim@host/x"})
    assert "geheim" in (await stored(bench, row)).payload
    await moves(bench).end(row, Cue.CANCEL)
    assert "geheim" not in (await stored(bench, row)).payload


@pytest.mark.parametrize(("action", "payload"), [("ClearCache", "["), ("Reset", '{"type": "Gentle"}'), ("Dance", "{}")])
async def test_one_that_cannot_be_read_ends_all_the_same(action: str, payload: str, bench: Workbench) -> None:
    row = await written(bench)
    row.action, row.payload = action, payload
    assert read_request(row) is None
    assert await moves(bench).end(row, Cue.NOT_SENDABLE) is not None
    found = await stored(bench, row)
    assert found.state == "not-sent" and "cannot be read" in json.loads(found.outcome or "")["reason"]
