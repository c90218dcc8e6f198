"""What the CSMS stores, as typed records, and the Protocols behind which a database does it.

One CALL has one `Unit` of work: the records that its handler and services collected, its events included, no SQL.
The session submits the unit to the `Journal`, which commits the units of many stations in one database transaction and
then calls `on_settled`: only then is the CALL answered.

Instants are integers: microseconds since 1970-01-01 UTC. Beside each instant that a station named stands
`station_time`, the text as sent. Ids named `…_id` without further words are our own 64-bit row ids; `transaction_id` is
OCPP's.
"""

import enum
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from chargewright.csms.storage.records import (
    NO_TRANSACTION,
    TIME_UNREADABLE,
    UNKNOWN_CONNECTOR,
    BootRecord,
    ClaimRecord,
    CloseRecord,
    CommandMoveRecord,
    DataTransferRecord,
    DeviationRecord,
    DisconnectRecord,
    EventRecord,
    EventRow,
    IdTagRow,
    LinkRecord,
    MeterValueRecord,
    MeterValueRow,
    QuarantinedFrame,
    ReviewRecord,
    SalvagedFrameRecord,
    StartRecord,
    StationRow,
    StatusRecord,
    StopRecord,
)
from chargewright.csms.storage.rows.base import Removal, Row
from chargewright.errors import ChargewrightError

__all__ = [
    "ANY_EPOCH",
    "NO_STATION",
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
    "Journal",
    "LinkRecord",
    "MeterValueRecord",
    "MeterValueRow",
    "QuarantinedFrame",
    "Record",
    "ReviewRecord",
    "SalvagedFrameRecord",
    "Settlement",
    "StartRecord",
    "StationRow",
    "StatusRecord",
    "StopRecord",
    "Storage",
    "StorageError",
    "StorageUnavailable",
    "Unit",
]

RowType = TypeVar("RowType", bound=Row)

# The epoch of units that the CSMS makes itself: never older than a station's.
ANY_EPOCH: Final = 2**62
# The station of units that belong to none.
NO_STATION: Final = 0


class StorageError(ChargewrightError):
    """The database could not do what was asked; the message names the statement's purpose and the cause."""


class StorageUnavailable(StorageError):
    """The database cannot be reached or cannot commit just now; the same request may succeed later."""


class Settlement(enum.Enum):
    """What became of a unit."""

    DURABLE = "durable"  # committed; results are filled in
    STALE = "stale"  # another connection of this station has a newer epoch; nothing was written
    QUARANTINED = (
        "quarantined"  # storage refused this unit alone; its raw frame is kept, a start has an id (0: none left)
    )
    UNAVAILABLE = "unavailable"  # storage is down and the journal gives up on it; nothing was written


Record = (
    ClaimRecord
    | DisconnectRecord
    | BootRecord
    | StatusRecord
    | StartRecord
    | MeterValueRecord
    | StopRecord
    | DataTransferRecord
    | DeviationRecord
    | SalvagedFrameRecord
    | EventRecord
    | CloseRecord
    | ReviewRecord
    | LinkRecord
    | CommandMoveRecord
    | Row
    | Removal
)


class Unit:
    """The work of one CALL (or of a connection's begin and end), committed as a whole or not at all.

    `raw` is the frame it came from: what goes to quarantine. `size`, in bytes, is what it counts for in the bounds of
    the journal: who puts in more than the frame says, adds to it before submitting. `on_settled` is called once, on the
    event loop's thread.
    """

    __slots__ = ("action", "epoch", "on_settled", "raw", "received_at", "records", "size", "station_id")

    def __init__(
        self,
        station_id: int,
        epoch: int,
        received_at: int,
        action: str,
        raw: bytes,
        on_settled: Callable[["Unit", Settlement], None],
    ) -> None:
        self.station_id = station_id
        self.epoch = epoch
        self.received_at = received_at  # µs, wall clock of the CSMS
        self.action = action
        self.raw = raw
        self.size = len(raw)
        self.records: list[Record] = []
        self.on_settled = on_settled


class Journal(Protocol):
    """Group commit: the only way in which anything that a station said reaches the database."""

    on_pressure: Callable[[bool], None]  # True: bounds reached, stop reading sockets; False: go on

    def submit(self, unit: Unit) -> None:
        """Queue a unit; never blocks. Units of one station settle in the order of submission."""

    def begin(self) -> None:
        """Start committing; called once, on the running event loop."""

    async def drain(self) -> None:
        """Wait until everything submitted so far is settled."""

    async def close(self, grace_seconds: float | None = None) -> None:
        """Drain and stop; what the database has not taken by then, and what comes later, settles as UNAVAILABLE."""

    @property
    def last_failure(self) -> str | None:
        """Why the database does not take what it is given, in one line without values; None while it does."""

    def statistics(self) -> Mapping[str, float]:
        """Counters for metrics: `batches`, `units` settled, `largest_batch`, `commit_seconds`, `units_waiting`,
        `bytes_waiting`, `retries`, `quarantined`, `given_up` when closing; `failing_seconds`: how long the database has
        not taken a batch, 0 while it does (readiness).
        """


class Storage(Protocol):
    """A database, opened and migrated."""

    @property
    def journal(self) -> Journal:
        """Where units are submitted."""

    # Called on the event loop's thread for every committed claim of any node, this one included, with station id, epoch
    # and node. A storage with a single node never calls it.
    on_claim: Callable[[int, int, str], None]

    async def stations(self) -> list[StationRow]:
        """Every station that is in service, for the directory."""

    async def id_tags(self) -> list[IdTagRow]:
        """Every id tag, for the authorization service."""

    async def add_station(self, row: StationRow) -> StationRow:
        """Insert by identity (`id` is ignored), or return the row that is there already."""

    async def put_station(self, row: StationRow) -> StationRow:
        """Insert or overwrite the operator's columns of the station with that identity."""

    async def put_id_tag(self, row: IdTagRow) -> IdTagRow:
        """Insert or overwrite the tag with that casefolded text."""

    async def page(
        self,
        kind: type[RowType],
        where: Mapping[str, Any] | None = None,
        *,
        order: str = "id",
        descending: bool = False,
        after: tuple[Any, int] | None = None,
        limit: int = 100,
    ) -> list[RowType]:
        """Rows of a kind that `views.py` lists, in the order of (column `order`, id).

        `where` names columns with the value that they have (None: NULL), or `In`, or `Range`. To read on, give
        (value of `order`, id) of the last row. Raises `StorageError`, for a column that the kind does not have too.
        """

    async def count(
        self, kind: type[Row], where: Mapping[str, Any] | None = None, *, by: str | None = None
    ) -> dict[Any, int]:
        """How many rows there are for each value of the column `by`; without it, all of them under None."""

    async def reserve_numbers(self, name: str, count: int = 1) -> int:
        """The first of `count` numbers in a row that nobody has had, on any node, of the series `name` (from 1)."""

    async def forget(self, kind: str, before: int, limit: int = 500) -> int:
        """Remove at most `limit` rows of a kind (the keys of `ageing.py:AGEING`) older than `before` µs from each of
        its tables; returns how many went, 0 when nothing is old enough."""

    async def texts_of_id_tag(self, id_tag: str) -> list[str]:
        """The tag in every form in which it was sent or written, that given first."""

    async def rename_id_tag(self, id_tag: str, pseudonym: str) -> dict[str, int]:
        """Put the pseudonym in the place of the tag, in whatever case, in what tells of the past; returns how many
        values changed, by table and column. Not atomic: interrupted, it is to be called again with the same two."""

    async def events_after(self, sequence: int, limit: int) -> list[EventRow]:
        """The next events that every reader may see: never one with an open transaction before it."""

    async def events_before(self, sequence: int, limit: int) -> list[EventRow]:
        """The visible events before that one, the newest first."""

    async def last_event_sequence(self) -> int:
        """The sequence of the newest visible event, 0 when there is none."""

    def subscribe_events(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` on the event loop's thread whenever `events_after` has more to give; returns how to
        unsubscribe.
        """

    async def meter_values(
        self,
        station_id: int,
        *,
        transaction_id: int | None = None,
        connector_id: int | None = None,
        after: tuple[int, int] | None = None,
        limit: int = 1000,
    ) -> list[MeterValueRow]:
        """The station's meter values in order of (instant, id), at most `limit`, those not after `after` left out.

        `transaction_id` is the one sent, NO_TRANSACTION for values sent without; None for all. To read on, give
        (instant, id) of the last row; to begin at an instant, (instant, 0).
        """

    async def touch_stations(self, seen: Mapping[int, int]) -> None:
        """Note when stations were last heard: station id → µs. To be collected by the caller and called rarely."""

    async def quarantined(self, limit: int = 100) -> list[QuarantinedFrame]:
        """The newest frames whose units were refused, newest first."""

    async def probe(self) -> None:
        """Commit something small; raises `StorageUnavailable` when that does not work."""

    async def close(self, grace_seconds: float | None = None) -> None:
        """Close the journal first, within the grace, then every connection."""
