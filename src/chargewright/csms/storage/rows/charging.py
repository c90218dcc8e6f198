"""Rows of reservations, local authorization lists and charging profiles."""

from chargewright.csms.storage.rows.base import Row

__all__ = [
    "ChargingProfileRow",
    "CompositeScheduleRow",
    "LocalListEntryRow",
    "LocalListRow",
    "LocalListStateRow",
    "ReservationRow",
]


class ReservationRow(Row, kw_only=True):
    """A reservation (§3.11); key: station and `reservation_id`."""

    id: int = 0
    station_id: int
    reservation_id: int
    connector_id: int
    id_tag: str
    id_tag_key: str
    parent_id_tag: str | None = None
    expires_at: int
    state: str
    created_at: int
    changed_at: int
    transaction_id: int | None = None
    end_reason: str | None = None


class LocalListRow(Row, kw_only=True):
    """The wanted list of a station or group; key: `scope`."""

    id: int = 0
    scope: str
    version: int
    selection: str
    entries: int
    base_version: int
    complete: bool
    changed_at: int


class LocalListEntryRow(Row, kw_only=True):
    """One entry of a wanted list; key: `scope` and casefolded tag."""

    id: int = 0
    scope: str
    id_tag_key: str
    id_tag: str
    status: str
    expires_at: int | None = None
    parent_id_tag: str | None = None
    position: int
    version: int
    removed: bool
    follows: bool = False


class LocalListStateRow(Row, kw_only=True):
    """What is known of the list in a station; key: station."""

    id: int = 0
    station_id: int
    state: str
    scope: str | None = None
    list_version: int
    version: int
    sent_version: int
    partial: bool
    entries: int
    changed_at: int
    problem: str | None = None


class ChargingProfileRow(Row, kw_only=True):
    """One sending of a charging profile (§3.13), and what became of it; key: `installation_id`."""

    id: int = 0
    installation_id: str
    station_id: int
    connector_id: int | None = None
    charging_profile_id: int
    stack_level: int
    purpose: str
    transaction_id: int | None = None
    with_start: bool
    profile: str
    state: str
    answer: str | None = None
    sent_at: int
    changed_at: int


class CompositeScheduleRow(Row, kw_only=True):
    """The last answer to GetCompositeSchedule (§5.7); key: station, connector and unit."""

    id: int = 0
    station_id: int
    connector_id: int
    unit: str
    duration: int
    schedule: str
    received_at: int
