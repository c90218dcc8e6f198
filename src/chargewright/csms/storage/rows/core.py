"""Rows of stations, connectors and transactions, as lists show them, and what an operator changes of them."""

from chargewright.csms.storage.rows.base import Row

__all__ = [
    "ConnectorRow",
    "ConnectorStatusRow",
    "DataTransferRow",
    "DeviationRow",
    "SalvagedFrameRow",
    "SettingRow",
    "StationChange",
    "StationDetailRow",
    "StationGroupMemberRow",
    "StationGroupRow",
    "TransactionRow",
    "TransactionStopRow",
]


class StationDetailRow(Row, kw_only=True):
    """Everything that is stored of a station itself."""

    id: int = 0
    identity: str
    site_id: int | None = None
    security_profile: int
    credential_hash: str | None = None
    registration: str
    automatic: bool
    maximum_power_w: float | None = None
    tolerance: str
    time_zone: str
    ping_interval_seconds: float | None = None
    serial_number: str | None = None
    ocpp_version: str
    epoch: int
    node: str | None = None
    address: str | None = None
    connected_at: int | None = None
    disconnected_at: int | None = None
    close_code: int | None = None
    close_reason: str | None = None
    first_seen_at: int | None = None
    last_seen_at: int | None = None
    removed_at: int | None = None
    booted: bool
    boot_received_at: int | None = None
    vendor: str | None = None
    model: str | None = None
    charge_point_serial_number: str | None = None
    charge_box_serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None


class ConnectorRow(Row, kw_only=True):
    """The latest status of a connector."""

    id: int = 0
    station_id: int
    connector_id: int
    status: str
    error_code: str
    raw_error_code: str | None = None
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None
    instant: int
    station_time: str | None = None
    received_at: int


class ConnectorStatusRow(Row, kw_only=True):
    """One status that a station reported of a connector."""

    id: int = 0
    station_id: int
    connector_id: int
    status: str
    error_code: str
    raw_error_code: str | None = None
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None
    instant: int
    station_time: str | None = None
    received_at: int


class TransactionRow(Row, kw_only=True):
    """A transaction. `stop_instant` is None while it is open."""

    id: int = 0
    transaction_id: int | None = None
    station_id: int
    connector_id: int
    id_tag: str
    id_tag_key: str
    id_tag_status: str
    reservation_id: int | None = None
    start_instant: int
    station_time: str
    received_at: int
    meter_start: int
    flags: str
    stop_instant: int | None = None
    stop_station_time: str | None = None
    stop_received_at: int | None = None
    meter_stop: int | None = None
    stop_id_tag: str | None = None
    stop_reason: str | None = None
    stop_arrived_first: bool
    closed_at: int | None = None
    review: str
    review_reasons: str
    review_note: str | None = None
    reviewed_at: int | None = None


class TransactionStopRow(Row, kw_only=True):
    """A stop as received: `relation` is `stop`, `correction` or `orphan`."""

    id: int = 0
    station_id: int
    charging_transaction_id: int | None = None
    relation: str
    transaction_id: int
    instant: int
    station_time: str
    received_at: int
    meter_stop: int
    id_tag: str | None = None
    id_tag_key: str
    reason: str | None = None
    content_hash: int
    flags: str


class DataTransferRow(Row, kw_only=True):
    """One DataTransfer of a station (§4.3)."""

    id: int = 0
    station_id: int
    vendor_id: str
    message_id: str | None = None
    data: str | None = None
    status: str
    received_at: int


class DeviationRow(Row, kw_only=True):
    """A harmless deviation, counted."""

    id: int = 0
    station_id: int
    action: str
    kind: str
    field: str
    count: int
    sample: str
    first_at: int
    last_at: int


class StationGroupRow(Row, kw_only=True):
    """A group of stations; key: `name`."""

    id: int = 0
    name: str
    time_zone: str


class StationGroupMemberRow(Row, kw_only=True):
    """A station in a group; key: station and group."""

    id: int = 0
    station_id: int
    station_group_id: int


class SettingRow(Row, kw_only=True):
    """A value that the server keeps for itself; key: `name`."""

    id: int = 0
    name: str
    value: str


class SalvagedFrameRow(Row, kw_only=True):
    """A transaction message as received, of which mending lost something."""

    id: int = 0
    station_id: int
    content_hash: int
    action: str
    frame: bytes
    received_at: int


class StationChange(Row, kw_only=True):
    """What an operator decides about a station; changes the station of that row id, which must exist."""

    id: int
    security_profile: int
    credential_hash: str | None
    registration: str
    automatic: bool
    maximum_power_w: float | None
    tolerance: str
    time_zone: str
    ping_interval_seconds: float | None
    removed_at: int | None
