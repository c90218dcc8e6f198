"""The SELECTs of the event log, both by its primary key, and their rows."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, select

from chargewright.csms.storage.base import EventRow
from chargewright.csms.storage.prepared import limit_to, placeholder
from chargewright.csms.storage.tables import event, station

__all__ = ["event_row", "next_events", "previous_events"]


def next_events() -> Select[Any]:
    """Those after `sequence_after`, as many as `rows`, the oldest first."""
    after = event.c.sequence > placeholder("sequence_after", event.c.sequence, 0)
    return _events().where(after).order_by(event.c.sequence).limit(limit_to(0))


def previous_events() -> Select[Any]:
    """Those before `sequence_before`, as many as `rows`, the newest first."""
    before = event.c.sequence < placeholder("sequence_before", event.c.sequence, 0)
    return _events().where(before).order_by(event.c.sequence.desc()).limit(limit_to(0))


def event_row(row: Sequence[Any]) -> EventRow:
    """The event of what the database answered."""
    return EventRow(sequence=row[0], station=row[1], kind=row[2], created_at=row[3], body=msgspec.Raw(row[4].encode()))


def _events() -> Select[Any]:
    return select(event.c.sequence, station.c.identity, event.c.kind, event.c.created_at, event.c.body).select_from(
        event.outerjoin(station, station.c.id == event.c.station_id)
    )
