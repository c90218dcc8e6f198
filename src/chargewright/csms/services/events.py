"""The event log: what readers are told, as rows of the unit that the event tells of."""

from typing import Any

from chargewright.csms.ports import CallContext
from chargewright.csms.storage.base import EventRecord, StartRecord, StopRecord

__all__ = ["EventsService"]


class EventsService:
    """Adds events to a CALL's unit. Names in a body are those of the wire; absent ones are left out."""

    def tell(
        self,
        call: CallContext,
        kind: str,
        *,
        start: StartRecord | None = None,
        stop: StopRecord | None = None,
        **body: Any,
    ) -> None:
        """Add an event of that kind; into the body of one with `start` or `stop` the journal writes what it found
        out."""
        present = {name: value for name, value in body.items() if value is not None}
        call.add(EventRecord(kind=kind, body=present, start=start, stop=stop))
