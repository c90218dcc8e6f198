"""What becomes of a written command, by how it ended and by what may be done with it."""

from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import commanding, station

from chargewright.csms.commands.flights import Flight
from chargewright.csms.commands.moves import CommandMoves
from chargewright.csms.commands.states import Cue
from chargewright.csms.commands.validation import check
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.storage.base import StorageUnavailable
from chargewright.csms.storage.rows.commands import CommandRow
from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.core import ClearCacheResponse, ClearCacheStatus

HOUR = 3600 * 1_000_000
CLEAR, RESET = check("ClearCache", {}), check("Reset", {"type": "Soft"})
ACCEPTED = Answered(response=ClearCacheResponse(status=ClearCacheStatus.ACCEPTED), elapsed_seconds=0.1)


class Link:
    """The connection that the station has."""

    epoch = 1

    def call(self, *arguments: Any) -> None:
        raise AssertionError("nothing is sent here")


def moves(bench: Workbench) -> CommandMoves:
    return commanding(bench).kept._moves


async def flight(bench: Workbench, request: Any = CLEAR, *, is_kept: bool = True) -> Flight:
    """A command that waits, and its station, which is connected and has not settled."""
    kept = commanding(bench).kept
    row = kept.row(station(bench), request, keep_until=bench.clock.now_microseconds() + HOUR if is_kept else None)
    await kept._ledger.write(station(bench).id, row)
    if not await bench.rows("SELECT 1 FROM station WHERE epoch > 0"):
        await bench.connect()
    return Flight(row, request, moves(bench))


async def stored(bench: Workbench, found: Flight) -> CommandRow:
    row = await commanding(bench).kept.get(found.row.command_id)
    assert row is not None
    return row


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize(
    ("request_", "outcome", "kept_state", "other_state"),
    [
        (
            CLEAR,
            Answered(response=ClearCacheResponse(status=ClearCacheStatus.ACCEPTED), elapsed_seconds=0.1),
            "answered",
            "answered",
        ),
        (CLEAR, Refused(code="NotSupported", description="", details={}), "refused", "refused"),
        (CLEAR, Malformed(reason="nonsense"), "malformed", "malformed"),
        (CLEAR, Unanswered(reason="time"), "unanswered", "unanswered"),
        (CLEAR, Unanswered(reason="gone", is_lost=True), "unknown…", "unanswered"),
        (RESET, Unanswered(reason="gone", is_lost=True), "unknown", "unanswered"),
        (CLEAR, NotSent(reason="gone before"), "waiting…", "not-sent"),
    ],
)
async def test_each_outcome(
    request_: Any, outcome: Outcome, kept_state: str, other_state: str, is_kept: bool, bench: Workbench
) -> None:
    one = await flight(bench, request_, is_kept=is_kept)
    await one.leave(Link())
    assert (await stored(bench, one)).state == "sent"
    await one.land(outcome)
    row = await stored(bench, one)
    assert row.state + ("…" if row.finished_at is None else "") == (kept_state if is_kept else other_state)
    assert (one.row.state, one.row.finished_at) == (row.state, row.finished_at)


@pytest.mark.parametrize(("is_kept", "state"), [(True, "waiting"), (False, "not-sent")])
@pytest.mark.parametrize("is_written", [True, False])
async def test_a_leaving_that_the_database_did_not_confirm(
    is_written: bool, is_kept: bool, state: str, bench: Workbench
) -> None:
    one = await flight(bench, is_kept=is_kept)
    ledger: Any = commanding(bench).kept._ledger
    write = ledger.write

    async def unconfirmed(*arguments: Any, **options: Any) -> None:
        if is_written:
            await write(*arguments, **options)
        raise StorageUnavailable("it did not confirm")

    ledger.write = unconfirmed
    with pytest.raises(StorageUnavailable):
        await one.leave(Link())
    del ledger.write
    assert (await stored(bench, one)).state == ("sent" if is_written else "waiting")
    await one.land(NotSent(reason="the database did not confirm"))
    row = await stored(bench, one)
    assert (row.state, row.finished_at is None) == (state, is_kept)


async def test_what_was_taken_back_does_not_leave_and_has_one_end(bench: Workbench) -> None:
    one = await flight(bench)
    assert await moves(bench).end(one.row, Cue.CANCEL) is not None
    with pytest.raises(ChargewrightError, match="taken back"):
        await one.leave(Link())
    assert one.is_taken
    await one.land(NotSent(reason="it was taken back"))
    assert (await stored(bench, one)).state == "cancelled"
    assert (await bench.event_kinds()).count("command.finished") == 1
