"""A CALL for tests of services, without session or socket."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from chargewright.csms.instants import UnreadableTimes, microseconds
from chargewright.csms.ports import CallContext
from chargewright.csms.storage.base import StationRow, Unit
from chargewright.protocol.v16.base import Timestamp
from chargewright.protocol.v16.deviations import Deviation

__all__ = ["NOW", "make_call"]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_call(
    action: str = "StatusNotification",
    *,
    station: StationRow | None = None,
    deviations: Sequence[Deviation] = (),
    zone: str = "UTC",
    raw: bytes = b'[2,"1","Action",{}]',
) -> CallContext:
    """One CALL, received at noon."""
    unit = Unit(1, 1, microseconds(NOW), action, raw, lambda unit, settlement: None)
    row = station or StationRow(id=1, identity="A1")
    return CallContext(row, unit, 0.0, ZoneInfo(zone), lambda: Timestamp.of(NOW), deviations, UnreadableTimes())
