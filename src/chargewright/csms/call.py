"""A CALL on its way through the CSMS: what its handler sees, what is to be stored, and what is needed to answer it."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from chargewright.csms.ports import Answer, CallContext
from chargewright.csms.storage.base import DeviationRecord, SalvagedFrameRecord, Settlement, Unit
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.deviations import Deviation
from chargewright.rpc.events import CallReceived

if TYPE_CHECKING:
    from chargewright.csms.session import Session

__all__ = ["TRANSACTION_ACTIONS", "Call", "Handled", "deviation_records"]

# §4.7, §4.8, §4.10 with §3.7: a CALLERROR to one of these costs the station an attempt, and at last the bill.
TRANSACTION_ACTIONS: Final = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})

# What became of a handler: its answer, what it raised, or None where it was not asked.
Handled = Answer[Any] | Exception | None

# What one message adds to the table of deviations at most: one with a thousand defects is still one message.
_DEVIATIONS_PER_MESSAGE: Final = 4
_INDEX: Final = re.compile(r"\[\d+\]")


def deviation_records(action: str, deviations: Sequence[Deviation]) -> list[DeviationRecord]:
    """What was salvaged in one message of that action, a CALL or an answer, as it is counted."""
    return [
        DeviationRecord(
            action=action,
            kind=str(deviation.kind),
            field=_INDEX.sub("[]", deviation.field),  # one row, whichever sample of the list it was
            sample=deviation.sample,
        )
        for deviation in deviations[:_DEVIATIONS_PER_MESSAGE]
    ]


class Call(CallContext):
    """One CALL of a session; `build` makes its answer once its unit is durable, None where it was answered before."""

    __slots__ = ("build", "call_id", "session")

    def __init__(self, session: "Session", event: CallReceived, received: float) -> None:
        self.session = session
        self.call_id = event.call_id
        self.build: Callable[[], Message] | None = None
        unit = Unit(
            session.station.id, session.epoch, session.last_received_at, event.action.name, event.raw, self._settled
        )
        super().__init__(
            session.station,
            unit,
            received,
            session.zone,
            session.current_time,
            event.deviations,
            session.unreadable_times,
        )

    def note_deviations(self) -> None:
        """Add to the unit what was salvaged, and of a transaction message that lost something, its frame."""
        unit = self.unit
        unit.records.extend(deviation_records(unit.action, self.deviations))
        if unit.action in TRANSACTION_ACTIONS and (lost := self.lost_digest()):
            content_hash = int.from_bytes(lost[:8], "big", signed=True)
            unit.records.append(SalvagedFrameRecord(frame=unit.raw, content_hash=content_hash))

    def let_go(self) -> None:
        """Break the circle of call, unit and callback, so that both are freed now and not by the garbage collector."""
        self.build = None
        self.afterwards = self.failures = None
        del self.unit

    def _settled(self, unit: Unit, settlement: Settlement) -> None:
        self.session.settled(self, settlement)
        self.let_go()
