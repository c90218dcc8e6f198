"""What services and handlers see of the CSMS: the CALL they work on, and nothing of sockets or databases."""

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Generic, Protocol, TypeAlias, TypeVar

from chargewright.csms.instants import UnreadableTimes, microseconds
from chargewright.csms.outcomes import Outcome
from chargewright.csms.payload import payload_digest
from chargewright.csms.storage.base import ANY_EPOCH, DeviationRecord, Record, StationRow, Unit
from chargewright.protocol.v16.base import Message, Timestamp
from chargewright.protocol.v16.salvage import Deviation

__all__ = ["Answer", "CallContext", "CommandSender", "Ledger", "WhenDurable"]

Response = TypeVar("Response", bound=Message)


class WhenDurable(Generic[Response]):
    """An answer that exists only once its unit is committed; `build` makes it then."""

    __slots__ = ("build",)

    def __init__(self, build: Callable[[], Response]) -> None:
        self.build = build


# A handler answers at once (nothing it acknowledges needs storing) or when its unit is durable.
Answer: TypeAlias = Response | WhenDurable[Response]


class Ledger(Protocol):
    """Where services write what no CALL of a station caused."""

    async def write(self, station_id: int, *records: Record, epoch: int = ANY_EPOCH, is_patient: bool = False) -> None:
        """Commit the records as one unit (`NO_STATION` for those of none), and return when they are durable. With the
        `epoch` of a connection, only while no newer one has claimed the station. One that `is_patient` waits for the
        database as long as the CSMS runs.

        Raises `StorageUnavailable` when the database did not confirm in time (they may get there yet), `StorageError`
        when it refused them.
        """


class CommandSender(Protocol):
    """Sends commands to stations: one at a time for each, in the order of asking."""

    def is_connected(self, station_id: int) -> bool:
        """Whether the station has a connection here, and may be sent commands: its boot was accepted, or is pending."""

    async def send(self, station_id: int, request: Message, *, timeout_seconds: float | None = None) -> Outcome:
        """Send one command and wait for its end; the time limit, in seconds, begins now (None: the server's setting).

        Its outcome is noted by the services concerned before this returns. Raises `QueueFull`.
        """


class CallContext:
    """One CALL of a station.

    `received_at` is the wall clock of the CSMS in µs; `received_monotonic`, in seconds, is for durations of our own;
    `zone` is the station's time zone, for times sent without one; `unit` collects what is to be stored; `deviations`
    are what was salvaged.
    """

    __slots__ = (
        "_payload_digest",
        "_unreadable_times",
        "afterwards",
        "deviations",
        "failures",
        "now",
        "received_at",
        "received_monotonic",
        "station",
        "unit",
        "zone",
    )

    def __init__(
        self,
        station: StationRow,
        unit: Unit,
        received_monotonic: float,
        zone: tzinfo,
        now: Callable[[], Timestamp],
        deviations: Sequence[Deviation],
        unreadable_times: UnreadableTimes,
    ) -> None:
        self.station = station
        self.unit = unit
        self.received_at = unit.received_at
        self.received_monotonic = received_monotonic
        self.zone = zone
        self.now = now  # what `currentTime` says: the moment of answering, when called while answering
        self.deviations = deviations
        self._unreadable_times = unreadable_times
        self._payload_digest = b""
        self.afterwards: list[Callable[[], None]] | None = None
        self.failures: list[Callable[[], None]] | None = None

    def add(self, record: Record) -> None:
        """Put one more record into the CALL's unit."""
        self.unit.records.append(record)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Call `act` on the event loop's thread once the unit is committed, also where the connection is gone by then
        and nobody is answered; never when it is not committed. What is in memory follows the database this way."""
        if self.afterwards is None:
            self.afterwards = []
        self.afterwards.append(act)

    def after_failure(self, act: Callable[[], None]) -> None:
        """Call `act` on the event loop's thread where the unit is not committed: what was changed in memory beforehand
        is taken back."""
        if self.failures is None:
            self.failures = []
        self.failures.append(act)

    def when_durable(self, build: Callable[[], Response]) -> WhenDurable[Response]:
        """Answer with what `build` returns, once the unit is committed."""
        return WhenDurable(build)

    def instant(self, stamp: Timestamp) -> int:
        """The µs of a time that the station named; where it cannot be read, the time of receipt (of its first
        sending)."""
        if not stamp.is_readable:
            return self._unreadable_times.instant(self.station.id, self.payload_digest(), self.received_at)
        return microseconds(stamp if stamp.tzinfo is not None else stamp.in_zone(self.zone))

    def payload_digest(self) -> bytes:
        """16 bytes that tell the payload as sent from others; the message id has no part in it."""
        if not self._payload_digest:
            self._payload_digest = payload_digest(self.unit.raw)
        return self._payload_digest

    def lost_digest(self) -> bytes:
        """`payload_digest` where salvaging lost something, else nothing: what makes two messages different of which
        the same is left."""
        if self.deviations and any(deviation.is_lossy for deviation in self.deviations):
            return self.payload_digest()
        return b""

    def deviation_at(self, field: str, *kinds: str) -> Deviation | None:
        """What was salvaged at that field, if it is of one of the kinds."""
        for deviation in self.deviations:
            if deviation.field == field and deviation.kind in kinds:
                return deviation
        return None

    def word_as_sent(self, field: str) -> str | None:
        """The word that the station sent where salvaging put one of the specification's; None where it kept it."""
        for deviation in self.deviations:
            if deviation.field == field:
                return deviation.sample
        return None

    def deviates(self, kind: str, field: str, sample: str) -> None:
        """Record a harmless deviation that was tolerated; `sample` shows what was sent."""
        record = DeviationRecord(action=self.unit.action, kind=kind, field=field, sample=sample[:200])
        self.unit.records.append(record)
