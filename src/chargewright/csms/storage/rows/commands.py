"""Rows of commands that outlive a connection, of what was learned of stations, and of refused upgrades."""

from chargewright.csms.storage.rows.base import Row

__all__ = [
    "BulkCommandRow",
    "CommandRow",
    "ConnectionAttemptRow",
    "StationAbilityRow",
]


class CommandRow(Row, kw_only=True):
    """One command for one station; key: `command_id`. Times in µs; `payload` and `outcome` are JSON. Written once; what
    becomes of it is written as `CommandMoveRecord`."""

    id: int = 0
    command_id: str
    bulk_id: str | None = None
    station_id: int
    action: str
    payload: str
    state: str
    timeout_seconds: float
    created_at: int
    keep_until: int | None = None
    sent_at: int | None = None
    sent_epoch: int = 0  # of the connection over which it went last; 0: never
    finished_at: int | None = None
    outcome: str | None = None


class BulkCommandRow(Row, kw_only=True):
    """One command for many stations; key: `bulk_id`."""

    id: int = 0
    bulk_id: str
    action: str
    payload: str
    selection: str
    stations: int
    created_at: int


class StationAbilityRow(Row, kw_only=True):
    """Something learned of a station; key: station and `name`. `value` is JSON."""

    id: int = 0
    station_id: int
    name: str
    value: str
    learned_at: int


class ConnectionAttemptRow(Row, kw_only=True):
    """Upgrades that were refused for one cause; key: `attempt_id`."""

    id: int = 0
    attempt_id: str
    identity: str | None = None
    address: str | None = None
    path: str
    cause: str
    subprotocols: str | None = None
    detail: str
    count: int
    first_at: int
    last_at: int
