"""Jobs that a station was asked to do and tells the progress of: firmware updates and uploads of logs.

What is in memory are the newest jobs of each station, so that a status can be put to its job while the CALL is served,
without a database. A job's row follows a state table; what is not in the table is recorded and followed all the same,
because the station knows better than we do what it is doing.
"""

import enum
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from chargewright.csms.ports import CallContext, Ledger
from chargewright.csms.storage.base import Record, Storage
from chargewright.csms.storage.rows.base import Range
from chargewright.csms.storage.rows.upkeep import DiagnosticsUploadRow, FirmwareUpdateRow

__all__ = ["FOLLOW_UP_MICROSECONDS", "KEPT", "Answer", "JobBook", "JobRow", "Machine", "NewStatus", "Write"]

# How long after its end a job may go on (a retry), or its end be told once more (after the reboot).
FOLLOW_UP_MICROSECONDS: Final = 24 * 3600 * 1_000_000
# Jobs of one station in memory. Of more that are unfinished, the oldest counts as superseded.
_PER_STATION: Final = 4
_PAGE: Final = 500

JobRow = TypeVar("JobRow", FirmwareUpdateRow, DiagnosticsUploadRow)


class Answer(enum.StrEnum):
    """What became of the command that asks for a job, and what a later command does to it."""

    REQUESTED = "requested"  # it was kept, and is on its way now
    ACCEPTED = "accepted"
    NOTHING = "nothing"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    NOT_SENT = "not-sent"
    CANCELED = "canceled"
    SUPERSEDED = "superseded"


# The state of a job whose command is written down, to be sent when the station is there.
KEPT: Final = "kept"

# Writes records as one unit, with what else belongs to them; as `Ledger.write` of one station.
Write: TypeAlias = Callable[..., Awaitable[object]]

_ANSWERS: Final = frozenset(answer.value for answer in Answer)


class NewStatus(msgspec.Struct, frozen=True):
    """A status that belongs to no job yet."""

    received_at: int
    kind: str
    request_id: int | None
    status: str


class Machine:
    """A state table. `finished`: states in which nothing more is awaited; `closed`: those of them which no status
    changes."""

    def __init__(
        self, table: Mapping[Any, Mapping[Any, Any]], finished: frozenset[Any], closed: frozenset[Any]
    ) -> None:
        self.table = table
        self.finished = finished
        self.closed = closed

    def move(self, state: str, cue: str) -> tuple[str, bool]:
        """The next state, and whether the table has it. A status that it does not have becomes the state, unless the
        state is closed or the status is Idle, which tells nothing of a job."""
        after = self.table[state].get(cue)
        if after is not None:
            return str(after), True
        if state in self.closed or cue == "Idle" or cue in _ANSWERS:
            return state, False
        return cue, False


class JobBook(Generic[JobRow]):
    """The newest jobs of each station.

    A row that was put into a unit counts at once for the messages behind it on the same connection, and for everybody
    once it is committed: a unit that fails takes its connection with it.
    """

    def __init__(
        self,
        kind: type[JobRow],
        key: Callable[[JobRow], str],
        machine_of: Callable[[JobRow], Machine],
        storage: Storage,
        ledger: Ledger,
    ) -> None:
        self._kind: type[JobRow] = kind
        self._key: Callable[[JobRow], str] = key
        self._machine_of: Callable[[JobRow], Machine] = machine_of
        self._storage = storage
        self._ledger = ledger
        self._rows: dict[int, list[JobRow]] = {}  # by station, oldest first; committed
        self._planned: dict[str, tuple[int | None, JobRow]] = {}  # by key: epoch of the unit, row

    async def load(self, now: int) -> None:
        """Read what is unfinished, or ended not long ago."""
        found: dict[int, JobRow] = {}
        for finished_at in (None, Range(now - FOLLOW_UP_MICROSECONDS)):
            after: tuple[Any, int] | None = None
            while rows := await self._storage.page(self._kind, {"finished_at": finished_at}, after=after, limit=_PAGE):
                found.update((row.id, row) for row in rows)
                after = (rows[-1].id, rows[-1].id)
        for _, row in sorted(found.items()):
            self.committed(row)

    def jobs(self, station_id: int, epoch: int | None = None) -> list[JobRow]:
        """The station's jobs, newest first, as the connection with that epoch left them."""
        jobs = []
        for row in reversed(self._rows.get(station_id, ())):
            planned_epoch, planned = self._planned.get(self._key(row), (None, row))
            jobs.append(planned if epoch is None or planned_epoch is None or planned_epoch == epoch else row)
        return jobs

    def is_finished(self, row: JobRow) -> bool:
        """Whether nothing more is awaited of it."""
        return row.state in self._machine_of(row).finished

    def moved(self, row: JobRow, cue: str, now: int, **changes: Any) -> tuple[JobRow, bool]:
        """The row after a cue, and whether the cue was expected."""
        machine = self._machine_of(row)
        state, is_expected = machine.move(row.state, cue)
        if state != row.state or changes:
            finished_at = (row.finished_at or now) if state in machine.finished else None
            row = msgspec.structs.replace(row, state=state, changed_at=now, finished_at=finished_at, **changes)
        return row, is_expected

    def put(self, call: CallContext, row: JobRow) -> None:
        """Write the row with the CALL's unit."""
        self._planned[self._key(row)] = (call.unit.epoch, row)
        call.add(row)
        call.after_commit(lambda: self.committed(row))
        call.after_failure(lambda: self._forget_plan(row))

    async def kept(self, station_id: int, is_wanted: Callable[[JobRow], bool]) -> JobRow | None:
        """The newest kept job that is wanted, also where another node keeps it, or it is long ago."""
        where = {"station_id": station_id, "state": KEPT}
        for row in await self._storage.page(self._kind, where, descending=True, limit=_PAGE):
            if is_wanted(row):
                return row
        return None

    async def write(
        self, station_id: int, *records: Record, rows: tuple[JobRow, ...], write: Write | None = None
    ) -> None:
        """Write rows and what tells of them, with `write` where more belongs to it; raises what that raises,
        `StorageError` else."""
        for row in rows:
            self._planned[self._key(row)] = (None, row)
        try:
            if write is None:
                await self._ledger.write(station_id, *rows, *records)
            else:
                await write(*rows, *records)
        except BaseException:
            for row in rows:
                self._forget_plan(row)
            raise
        for row in rows:
            self.committed(row)

    def committed(self, row: JobRow) -> None:
        """The row is in the database."""
        self._forget_plan(row)
        rows = self._rows.setdefault(row.station_id, [])
        for position, known in enumerate(rows):
            if self._key(known) == self._key(row):
                rows[position] = row
                return
        rows.append(row)
        while len(rows) > _PER_STATION:
            # What has ended goes first, then what is only kept, which `kept` finds again; `overflow` has closed others.
            spare = [known for known in rows if self.is_finished(known)] or [
                known for known in rows if known.state == KEPT
            ]
            oldest = spare[0] if spare else rows[0]
            rows.remove(oldest)
            self._planned.pop(self._key(oldest), None)

    def overflow(self, station_id: int, now: int) -> tuple[JobRow, ...]:
        """Which unfinished jobs must make room for one more, closed already."""
        unfinished = [row for row in self.jobs(station_id) if not self.is_finished(row) and row.state != KEPT]
        return tuple(self.moved(row, Answer.SUPERSEDED, now)[0] for row in unfinished[_PER_STATION - 1 :])

    def _forget_plan(self, row: JobRow) -> None:
        if self._planned.get(self._key(row), (None, None))[1] is row:
            del self._planned[self._key(row)]
