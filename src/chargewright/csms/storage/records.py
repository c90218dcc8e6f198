"""What is stored, as typed records: what stations say, and the rows that the directory keeps in memory.

Instants are integers: microseconds since 1970-01-01 UTC. Beside each instant that a station named stands
`station_time`, the text as sent. Ids named `…_id` without further words are our own 64-bit row ids; `transaction_id` is
OCPP's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from chargewright.csms.storage.rows.base import Row

__all__ = [
    "NO_TRANSACTION",
    "TIME_UNREADABLE",
    "UNKNOWN_CONNECTOR",
    "BootRecord",
    "ClaimRecord",
    "CloseRecord",
    "CommandMoveRecord",
    "DataTransferRecord",
    "DeviationRecord",
    "DisconnectRecord",
    "EventRecord",
    "EventRow",
    "IdTagRow",
    "LinkRecord",
    "MeterValueRecord",
    "MeterValueRow",
    "QuarantinedFrame",
    "ReviewRecord",
    "SalvagedFrameRecord",
    "StartRecord",
    "StationRow",
    "StatusRecord",
    "StopRecord",
]

# Columns of the unique key of meter values are never NULL; these stand for "the station sent none".
NO_TRANSACTION: Final = -(2**63)
UNKNOWN_CONNECTOR: Final = -1
# The flag of a start whose instant is the time of receipt, because the station's own could not be read.
TIME_UNREADABLE: Final = "time-unreadable"


class StationRow(msgspec.Struct, kw_only=True):
    """One row of `station`, as the directory keeps it in memory."""

    id: int
    identity: str
    security_profile: int = 1
    credential_hash: str | None = None
    registration: str = "Accepted"  # the operator's choice: Accepted, Pending, Rejected
    tolerance: str = "tolerant"  # or "strict"
    time_zone: str = "UTC"  # IANA name, for times that the station sends without zone
    ping_interval_seconds: float | None = None  # None: the server's setting; 0: no pings
    serial_number: str | None = None
    ocpp_version: str = "1.6"
    epoch: int = 0
    automatic: bool = True  # may be sent what nobody asked for
    maximum_power_w: float | None = None  # of one connector
    booted: bool = False  # a BootNotification was accepted and committed at some time


class IdTagRow(Row, kw_only=True):
    """One row of `id_tag`. `id_tag` is as the operator wrote it; its key is casefolded (§2.2: case-insensitive)."""

    id: int
    id_tag: str
    parent_id_tag: str | None = None
    expires_at: int | None = None  # µs
    blocked: bool = False
    max_active_transactions: int | None = None  # None: the server's setting; 0: any number
    note: str | None = None


class EventRow(msgspec.Struct, kw_only=True):
    """One row of the event log, in the order in which readers see it."""

    sequence: int
    station: str | None  # identity
    kind: str
    created_at: int  # µs
    body: msgspec.Raw


class MeterValueRow(Row, kw_only=True, gc=False):
    """One stored MeterValue (§7.33); fields as in `MeterValueRecord`."""

    id: int
    station_id: int
    connector_id: int  # UNKNOWN_CONNECTOR: came with a stop of an unknown transaction, or cannot be read
    transaction_id: int  # as sent; NO_TRANSACTION when absent
    instant: int
    station_time: str
    received_at: int
    samples: str
    energy_wh: float | None
    power_w: float | None
    soc_percent: float | None
    transaction_stop_id: int | None  # the stop whose transactionData brought it


class ClaimRecord(msgspec.Struct, kw_only=True, gc=False):
    """A new connection takes the station over. `epoch` is filled in: one more than any before."""

    node: str
    address: str
    epoch: int = 0


class DisconnectRecord(msgspec.Struct, kw_only=True, gc=False):
    """The connection with the unit's epoch is gone."""

    code: int
    reason: str


class BootRecord(msgspec.Struct, kw_only=True, gc=False):
    """BootNotification (§4.2): what the station says of itself. `accepted` is our answer."""

    accepted: bool
    vendor: str
    model: str
    charge_point_serial_number: str | None = None
    charge_box_serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None


class StatusRecord(msgspec.Struct, kw_only=True, gc=False):
    """StatusNotification (§4.9). `error_code` is a word of the specification; another word stands in
    `raw_error_code`.
    """

    connector_id: int
    status: str
    error_code: str
    instant: int  # µs; time of receipt where the station sent none
    station_time: str | None = None
    raw_error_code: str | None = None
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None


class StartRecord(msgspec.Struct, kw_only=True, gc=False):
    """StartTransaction (§4.8). The journal fills in `transaction_id`: a new one, or that of the open transaction with
    the same content (station, connector, casefolded tag, instant, meterStart; where both are flagged TIME_UNREADABLE,
    `station_time` instead of the instant).

    `repeated` tells the latter, and `id_tag_status` is then the one that the first was answered with; `flags` holds
    words such as `same-content-after-stop`, added by the journal too. `stop_instant` is filled in where the transaction
    is stopped already, because its stop was here first.
    """

    connector_id: int
    id_tag: str
    instant: int
    station_time: str
    meter_start: int
    id_tag_status: str
    reservation_id: int | None = None
    transaction_id: int = 0
    repeated: bool = False
    flags: tuple[str, ...] = ()
    stop_instant: int | None = None


class MeterValueRecord(msgspec.Struct, kw_only=True, gc=False):
    """One MeterValue (§7.33): all samples of one instant. Stored once per key (station, connector, transactionId as
    sent, instant, content hash)."""

    connector_id: int
    transaction_id: int  # as sent; NO_TRANSACTION when absent
    instant: int
    station_time: str
    content_hash: int  # 64 bits, signed
    samples: str  # canonical JSON of the SampledValues; values byte for byte
    energy_wh: float | None = None  # Energy.Active.Import.Register, whole connector
    power_w: float | None = None  # Power.Active.Import, whole connector
    soc_percent: float | None = None


class StopRecord(msgspec.Struct, kw_only=True, gc=False):
    """StopTransaction (§4.10). Always stored. The journal fills in what it matched.

    `matched` is True when an open transaction of this station had that id (now stopped); a stop of a transaction
    already stopped is kept as a linked correction, one of an unknown transaction as an orphan, to be matched if its
    start arrives. `transaction_data` has UNKNOWN_CONNECTOR as connector until the journal knows better. `repeated`
    tells a stop that was stored before, with the same content; it is not stored again, and `matched` is then False.
    `flags` are added to those of the transaction that it stops.
    """

    transaction_id: int  # as sent
    instant: int
    station_time: str
    meter_stop: int
    id_tag: str | None = None
    reason: str | None = None
    content_hash: int = 0  # tells a re-sent stop from another one
    flags: tuple[str, ...] = ()
    transaction_data: Sequence[MeterValueRecord] = ()
    matched: bool = False
    repeated: bool = False


class CloseRecord(msgspec.Struct, kw_only=True, gc=False):
    """An operator ends the transaction of row `id`; `applied` tells whether it was still open."""

    id: int
    instant: int
    meter_stop: int
    reason: str
    applied: bool = False


class ReviewRecord(msgspec.Struct, kw_only=True, gc=False):
    """Whether somebody should look at the transaction of row `id` before it is billed; `applied` tells whether its
    review was still as it was seen. Reasons are words, separated by spaces."""

    id: int
    seen_review: str
    seen_reasons: str
    review: str
    review_reasons: str
    review_note: str | None = None
    reviewed_at: int | None = None
    applied: bool = False


class LinkRecord(msgspec.Struct, kw_only=True, gc=False):
    """An operator says to which transaction (row id) of its station an orphan stop (row id) belongs.

    `applied` tells whether it was still an orphan, and of that station; `relation` what it became: the `stop` of a
    transaction that was open, a `correction` of one that was not.
    """

    stop_id: int
    transaction_row_id: int
    applied: bool = False
    relation: str = ""


class CommandMoveRecord(msgspec.Struct, kw_only=True, gc=False):
    """A written command goes on from the state in which it was seen, `seen_state` under `seen_epoch`, or ends.

    `applied` tells whether it was still there and had not ended. `sent_at`, `payload` and `outcome` stay as they are
    where None; times in µs.
    """

    command_id: str
    seen_state: str
    seen_epoch: int
    state: str
    sent_epoch: int  # of the connection over which it goes, or went last
    sent_at: int | None = None
    finished_at: int | None = None
    payload: str | None = None
    outcome: str | None = None
    applied: bool = False


class DataTransferRecord(msgspec.Struct, kw_only=True, gc=False):
    """DataTransfer from the station (§4.3), with the status that we answered."""

    vendor_id: str
    message_id: str | None
    data: str | None
    status: str


class DeviationRecord(msgspec.Struct, kw_only=True, gc=False):
    """A harmless deviation that was tolerated; counted per (station, action, kind, field), with one sample kept."""

    action: str
    kind: str
    field: str
    sample: str


class SalvagedFrameRecord(msgspec.Struct, kw_only=True, gc=False):
    """A transaction message as it was received, of which the other records of its unit do not say all; kept once per
    station and `content_hash`, which is of its payload (64 bits, signed)."""

    frame: bytes
    content_hash: int


class EventRecord(msgspec.Struct, kw_only=True, gc=False):
    """An entry of the event log, written with the unit it tells of.

    `body` is what readers see as JSON. Where `start` is set, the journal adds `transactionId`, `repeated` and `flags`
    from it, because the id is known only while the batch is being written; no event is written for a repeated start.
    Where `stop` is set, it adds `matched`, and writes no event for a repeated stop. Where `decision` is set, no event
    is written unless that was applied, and a link adds its `relation`.
    """

    kind: str
    body: Mapping[str, Any]
    start: StartRecord | None = None
    stop: StopRecord | None = None
    decision: CloseRecord | ReviewRecord | LinkRecord | CommandMoveRecord | None = None


class QuarantinedFrame(msgspec.Struct, kw_only=True):
    """A frame whose unit storage refused, with the reason, and the id with which a start was answered."""

    id: int
    station: str
    action: str
    frame: bytes
    reason: str
    received_at: int
    transaction_id: int | None = None
