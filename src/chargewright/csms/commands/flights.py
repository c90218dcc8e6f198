"""A written command from its turn to its end, as the database is told of it."""

from msgspec import structs

from chargewright.csms.commands.commander import StationLink
from chargewright.csms.commands.moves import CommandMoves
from chargewright.csms.commands.redaction import event_payload
from chargewright.csms.commands.states import CUE_OF_OUTCOME, CommandState, Cue
from chargewright.csms.commands.validation import COMMANDS
from chargewright.csms.outcomes import NotSent, Outcome, Unanswered
from chargewright.csms.services.events import make_event
from chargewright.csms.storage.rows.commands import CommandRow
from chargewright.errors import ChargewrightError
from chargewright.protocol.v16.base import Message

__all__ = ["Flight"]


class _Moved(ChargewrightError):
    """Cancelled while it waited in the queue, or ended by another node."""


class Flight:
    """One command that is handed to the commander. `row` is how it stands; `is_taken` tells that somebody else ended
    it before it left."""

    def __init__(self, row: CommandRow, request: Message, moves: CommandMoves) -> None:
        self.row = row
        self.request = request
        self.is_taken = False
        self._moves = moves
        self._epoch: int | None = None  # under which it is written as sent, or may be

    async def leave(self, link: StationLink) -> None:
        """Write it as sent, before it is; raises a `ChargewrightError` where it may not go."""
        body = {"commandId": self.row.command_id, "action": self.row.action, **event_payload(self.request)}
        self._epoch = link.epoch  # it may get there also where that is not confirmed
        sent = await self._moves.go_on(self.row, Cue.SENDING, make_event("command.sent", body), epoch=link.epoch)
        if sent is None:
            self.is_taken = True
            raise _Moved("it was taken back, or ended elsewhere")
        self.row = sent

    async def land(self, outcome: Outcome) -> None:
        """Write what became of it, however long the database is away; raises `StorageError` where it refuses."""
        if self.is_taken:
            await self._moves.note(self.row, self.request, outcome)  # cancelled, and prepared all the same
        elif isinstance(outcome, NotSent):
            await self._write_not_sent(outcome)
        elif self.row.keep_until is None or not (isinstance(outcome, Unanswered) and outcome.is_lost):
            await self._end(self.row, CUE_OF_OUTCOME[type(outcome)], outcome)
        elif COMMANDS[self.row.action].is_repeatable:
            await self._go_on(self.row, Cue.INTERRUPTED)
        else:
            await self._end(self.row, Cue.INTERRUPTED, outcome)

    async def _write_not_sent(self, outcome: NotSent) -> None:
        seen = [self.row]
        if self._epoch is not None:
            # Where the database did not confirm that it was written as sent, it may be so all the same.
            sent = structs.replace(self.row, state=CommandState.SENT.value, sent_epoch=self._epoch)
            seen.insert(0, sent)
            if self.row.keep_until is not None:
                await self._go_on(sent, Cue.RETURNED)
        if self.row.keep_until is None:
            for row in seen:
                if await self._end(row, Cue.NOT_SENDABLE, outcome):
                    return

    async def _go_on(self, row: CommandRow, cue: Cue) -> None:
        self.row = await self._moves.go_on(row, cue, is_patient=True) or self.row

    async def _end(self, row: CommandRow, cue: Cue, outcome: Outcome) -> bool:
        ended = await self._moves.end(row, cue, outcome, is_noted=True, is_patient=True)
        self.row = ended or self.row
        return ended is not None
