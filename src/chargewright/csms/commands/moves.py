"""What becomes of written commands: the one place that changes their state.

Every change says which state it was decided on, and under which connection. The database makes it where that still
holds (`CommandMoveRecord`), so a worker, an operator who cancels, and other nodes cannot undo each other, and each
command has one end and one event of it.
"""

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.csms.commands.commander import Commander
from chargewright.csms.commands.redaction import outcome_body, shown, shown_outcome
from chargewright.csms.commands.states import CommandState, Cue, advance
from chargewright.csms.commands.validation import COMMANDS
from chargewright.csms.directory import Directory
from chargewright.csms.outcomes import NotSent, Outcome
from chargewright.csms.ports import Ledger
from chargewright.csms.services.events import make_event
from chargewright.csms.storage.base import ANY_EPOCH, CommandMoveRecord, EventRecord, Record
from chargewright.csms.storage.rows.commands import CommandRow
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import decode

__all__ = ["CommandMoves", "read_request"]

# What services are told of a kept command that ended so.
_NEVER_SENT = {
    CommandState.EXPIRED: "the station did not come while the command was kept",
    CommandState.CANCELLED: "it was taken back",
}
_UNREADABLE = "what is stored of it cannot be read any more"

_log = structlog.get_logger(__name__)


def read_request(row: CommandRow) -> Message | None:
    """The request that is stored; None where it cannot be read (any more)."""
    try:
        return decode(COMMANDS[row.action].request, row.payload.encode())
    except Exception as error:
        _log.error("a written command cannot be read", command_id=row.command_id, cause=type(error).__name__)
        return None


class CommandMoves:
    """Writes the moves of commands and has their ends noted."""

    def __init__(self, commander: Commander, directory: Directory, ledger: Ledger, clock: Clock) -> None:
        self._commander = commander
        self._directory = directory
        self._ledger = ledger
        self._clock = clock

    async def go_on(
        self, row: CommandRow, cue: Cue, *events: EventRecord, epoch: int = ANY_EPOCH, is_patient: bool = False
    ) -> CommandRow | None:
        """Move a command that does not end with it; returns the row as it is then, None where it was not as it was
        seen. `epoch` is that of the connection on whose behalf it is written. Raises `StorageError`."""
        after = msgspec.structs.replace(row, state=advance(CommandState(row.state), cue).value)
        if cue is Cue.SENDING:
            after.sent_epoch, after.sent_at = epoch, self._clock.now_microseconds()
        move = _move(row, after)
        for event in events:
            event.decision = move
        await self._ledger.write(row.station_id, move, *events, epoch=epoch, is_patient=is_patient)
        return after if move.applied else None

    async def end(
        self,
        row: CommandRow,
        cue: Cue,
        outcome: Outcome | None = None,
        *,
        epoch: int = ANY_EPOCH,
        is_noted: bool = False,
        is_patient: bool = False,
    ) -> CommandRow | None:
        """End a command, with its event in the same unit; passwords in it are not kept any longer. Returns the row as
        it is then, None where it was not as it was seen. `is_noted`: the services concerned know of it already. Raises
        `StorageError`."""
        after, move, event = self._ended(row, cue, outcome)
        await self._ledger.write(row.station_id, move, event, epoch=epoch, is_patient=is_patient)
        if not move.applied:
            return None
        if not is_noted:
            await self._tell_end(row, after, outcome)
        return after

    async def cancel(self, station_id: int, rows: Sequence[CommandRow]) -> list[CommandRow]:
        """Take commands back, in one unit of the station (or of none); returns those that were as they were seen.
        Raises `StorageError`."""
        ended = [(row, *self._ended(row, Cue.CANCEL, None)) for row in rows]
        records: list[Record] = [record for _, _, move, event in ended for record in (move, event)]
        await self._ledger.write(station_id, *records)
        cancelled = [(row, after) for row, after, move, _ in ended if move.applied]
        await asyncio.gather(*(self._tell_end(row, after, None) for row, after in cancelled))
        return [after for _, after in cancelled]

    async def note(self, row: CommandRow, request: Message, outcome: Outcome) -> None:
        """Have the end of a command noted by the services concerned."""
        station = self._directory.station_by_id(row.station_id)
        if station is not None:
            await self._commander.note(station, request, outcome)

    def _ended(
        self, row: CommandRow, cue: Cue, outcome: Outcome | None
    ) -> tuple[CommandRow, CommandMoveRecord, EventRecord]:
        request = read_request(row)
        state = advance(CommandState(row.state), cue)
        if request is None and outcome is None:
            outcome = NotSent(reason=_UNREADABLE)
        told = None if outcome is None else shown_outcome(outcome)
        after = msgspec.structs.replace(
            row,
            state=state.value,
            finished_at=self._clock.now_microseconds(),
            payload="{}" if request is None else msgspec.json.encode(shown(request)).decode(),
            outcome=None if told is None else msgspec.json.encode(told).decode(),
        )
        move = _move(row, after)
        body = {"action": row.action} if request is None or outcome is None else outcome_body(request, outcome)
        body |= {"commandId": row.command_id, "bulkId": row.bulk_id, "state": state.value}
        event = make_event("command.finished", body)
        event.decision = move
        return after, move, event

    async def _tell_end(self, row: CommandRow, after: CommandRow, outcome: Outcome | None) -> None:
        reason = _NEVER_SENT.get(CommandState(after.state))
        if outcome is None and reason is not None:
            outcome = NotSent(reason=reason)
        request = read_request(row)
        if outcome is not None and request is not None:
            await self.note(row, request, outcome)


def _move(row: CommandRow, after: CommandRow) -> CommandMoveRecord:
    return CommandMoveRecord(
        command_id=row.command_id,
        seen_state=row.state,
        seen_epoch=row.sent_epoch,
        state=after.state,
        sent_epoch=after.sent_epoch,
        sent_at=after.sent_at,
        finished_at=after.finished_at,
        payload=None if after.payload == row.payload else after.payload,
        outcome=after.outcome,
    )
