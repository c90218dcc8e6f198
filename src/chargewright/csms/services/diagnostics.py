"""Uploads of diagnostics (GetDiagnostics) and of logs (GetLog): what was asked for, what the station tells of it, and
how it ended.

A status that carries a requestId belongs to the upload with that number; one without, to the newest upload of the
station that is unfinished. What belongs to none is kept all the same.
"""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, Final, TypeAlias

from chargewright.clock import Clock
from chargewright.csms.errors import Conflict, NotFound
from chargewright.csms.instants import microseconds
from chargewright.csms.locations import mask_location, mask_locations_in
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.ports import CallContext, Ledger
from chargewright.csms.services.diagnostics_states import DIAGNOSTICS, LOG, UploadState
from chargewright.csms.services.events import make_event
from chargewright.csms.services.firmware import REQUEST_NUMBERS
from chargewright.csms.services.jobs import FOLLOW_UP_MICROSECONDS, KEPT, Answer, JobBook, Machine, Write
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import EventRecord, StationRow, Storage
from chargewright.csms.storage.rows.upkeep import DiagnosticsStatusRow, DiagnosticsUploadRow
from chargewright.protocol.v16.base import Timestamp, UnsetType
from chargewright.protocol.v16.firmware_management import GetDiagnosticsRequest, GetDiagnosticsResponse
from chargewright.protocol.v16.security import GetLogRequest, GetLogResponse, LogStatus

__all__ = ["KIND_DIAGNOSTICS", "DiagnosticsService", "UploadRequest"]

UploadRequest: TypeAlias = GetDiagnosticsRequest | GetLogRequest

# The `kind` of an upload that GetDiagnostics asked for; those of GetLog are its log types.
KIND_DIAGNOSTICS: Final = "Diagnostics"
_NOT_LEFT: Final = frozenset({UploadState.KEPT.value, UploadState.REQUESTED.value})
_ASKED: Final = _NOT_LEFT | {UploadState.UNANSWERED.value}


class DiagnosticsService(Service):
    """Uploads of all stations. `new_id` makes opaque ids."""

    def __init__(self, storage: Storage, ledger: Ledger, clock: Clock, new_id: Callable[[], str]) -> None:
        self._storage = storage
        self._clock = clock
        self._new_id = new_id
        self._book: JobBook[DiagnosticsUploadRow] = JobBook(
            DiagnosticsUploadRow, lambda row: row.upload_id, machine_of, storage, ledger
        )

    async def load(self) -> None:
        """Read the uploads that are unfinished."""
        await self._book.load(self._clock.now_microseconds())

    # What others ask.

    def unfinished(self, station_id: int) -> list[DiagnosticsUploadRow]:
        """The station's uploads that have no end yet, newest first."""
        return [row for row in self._book.jobs(station_id) if not self._book.is_finished(row)]

    async def upload(self, upload_id: str) -> DiagnosticsUploadRow:
        """The upload with that id; raises `NotFound`."""
        rows = await self._storage.page(DiagnosticsUploadRow, {"upload_id": upload_id}, limit=1)
        if not rows:
            raise NotFound("upload of diagnostics", upload_id)
        return rows[0]

    async def history(self, upload_id: str, limit: int = 500) -> Sequence[DiagnosticsStatusRow]:
        """What the station told of the upload, oldest first, at most `limit`."""
        return await self._storage.page(DiagnosticsStatusRow, {"upload_id": upload_id}, limit=limit)

    async def new_request_id(self) -> int:
        """A requestId that no upload of a log and no firmware update has had."""
        return await self._storage.reserve_numbers(REQUEST_NUMBERS)

    # The command.

    async def asking(
        self, station: StationRow, request: UploadRequest, *, keep: Write | None = None
    ) -> DiagnosticsUploadRow:
        """The row of an upload that is about to be asked for, written unless it is there; raises `StorageError`.

        With `keep`, of one whose command is kept: `keep` writes the row together with the command, and raises what it
        raises; a `Conflict` where the same is asked for already.
        """
        known = await self._asked(station.id, request)
        if keep is not None and known is not None and known.state != UploadState.UNANSWERED:
            raise Conflict(f"The same upload is asked for already: {known.upload_id} is {known.state}.")
        if known is not None and keep is None:
            return await self._on_its_way(known)
        now = self._clock.now_microseconds()
        state = UploadState.REQUESTED if keep is None else UploadState.KEPT
        row = self._new_row(station, request, state, now)
        overflow = self._book.overflow(station.id, now)
        body: dict[str, Any] = {"uploadId": row.upload_id, "kind": row.kind, "location": row.location}
        if row.request_id is not None:
            body["requestId"] = row.request_id
        if keep is not None:
            body["kept"] = True
        event = make_event("diagnostics.requested", body)
        await self._book.write(station.id, event, *map(_state_event, overflow), rows=(row, *overflow), write=keep)
        return row

    async def _on_its_way(self, row: DiagnosticsUploadRow) -> DiagnosticsUploadRow:
        if row.state == UploadState.KEPT:
            row = self._book.moved(row, Answer.REQUESTED, self._clock.now_microseconds())[0]
            await self._book.write(row.station_id, _state_event(row), rows=(row,))
        return row

    async def asked(self, station: StationRow, request: UploadRequest, outcome: Outcome) -> None:
        """Note how the command ended, and the name of the file."""
        row = await self._asked(station.id, request)
        if row is None and isinstance(outcome, NotSent):
            return  # it was never written down, and nothing happened
        row = row or self._running(station.id, request)
        if row is None:
            row = await self.asking(station, request)
        now = self._clock.now_microseconds()
        answer, problem, file_name = _answer(outcome)
        changes: dict[str, Any] = {"problem": problem}
        if file_name is not None:
            changes["file_name"] = file_name
        changed = [self._book.moved(row, answer, now, **changes)[0]]
        if answer is Answer.ACCEPTED:
            changed += self._displaced(row, outcome, now)
        await self._book.write(station.id, *map(_state_event, changed), rows=tuple(changed))

    async def _asked(self, station_id: int, request: UploadRequest) -> DiagnosticsUploadRow | None:
        """The upload whose command this is, and which has not got an answer."""
        jobs = self._book.jobs(station_id)
        here = next((row for row in jobs if row.state in _ASKED and _is_of(row, request)), None)
        return here or await self._book.kept(station_id, lambda row: _is_of(row, request))

    def _running(self, station_id: int, request: UploadRequest) -> DiagnosticsUploadRow | None:
        """The upload whose command this is, told of by the station before it answered."""
        return next((row for row in self.unfinished(station_id) if _is_of(row, request)), None)

    def _displaced(self, new: DiagnosticsUploadRow, outcome: Outcome, now: int) -> list[DiagnosticsUploadRow]:
        """What becomes of the uploads before an accepted one. Two logs can go up side by side if the station does not
        say otherwise: their statuses have numbers."""
        response = outcome.response if isinstance(outcome, Answered) else None
        is_canceled = isinstance(response, GetLogResponse) and response.status is LogStatus.ACCEPTED_CANCELED
        is_log = new.kind != KIND_DIAGNOSTICS
        if is_log and not is_canceled:
            return []
        cue = Answer.CANCELED if is_canceled else Answer.SUPERSEDED
        older = [row for row in self.unfinished(new.station_id) if row.upload_id != new.upload_id]
        return [
            self._book.moved(row, cue, now, problem=f"by upload {new.upload_id}")[0]
            for row in older
            if (row.kind != KIND_DIAGNOSTICS) == is_log and row.state not in _NOT_LEFT
        ]

    def _new_row(
        self, station: StationRow, request: UploadRequest, state: UploadState, now: int
    ) -> DiagnosticsUploadRow:
        location, oldest, latest = _bounds(request)
        is_log = isinstance(request, GetLogRequest)
        return DiagnosticsUploadRow(
            upload_id=self._new_id(),
            station_id=station.id,
            kind=request.log_type.value if isinstance(request, GetLogRequest) else KIND_DIAGNOSTICS,
            request_id=request.request_id if isinstance(request, GetLogRequest) and is_log else None,
            location=location,
            oldest_at=oldest,
            latest_at=latest,
            retries=None if isinstance(request.retries, UnsetType) else request.retries,
            retry_interval_seconds=None if isinstance(request.retry_interval, UnsetType) else request.retry_interval,
            state=state.value,
            created_at=now,
            changed_at=now,
        )

    # What the station tells.

    def status(self, call: CallContext, status: str, *, is_log: bool, request_id: int | None = None) -> None:
        """Keep a status, and let the upload that it belongs to follow it."""
        row = self._of_status(call, status, is_log, request_id)
        is_expected = status == "Idle"
        if row is not None:
            before = row.state
            row, is_expected = self._book.moved(row, status, call.received_at)
            if row.state != before:
                self._book.put(call, row)
        call.add(
            DiagnosticsStatusRow(
                station_id=call.station.id,
                upload_id=None if row is None else row.upload_id,
                request_id=request_id,
                status=status,
                expected=is_expected,
                received_at=call.received_at,
            )
        )
        body: dict[str, Any] = {"status": status, "expected": is_expected}
        if request_id is not None:
            body["requestId"] = request_id
        if row is not None:
            body |= {"uploadId": row.upload_id, "state": row.state}
        call.add(make_event("diagnostics.status", body))

    def _of_status(
        self, call: CallContext, status: str, is_log: bool, request_id: int | None
    ) -> DiagnosticsUploadRow | None:
        jobs = [row for row in self._book.jobs(call.station.id, call.unit.epoch) if row.state != KEPT]
        if request_id is not None:
            return next((row for row in jobs if row.request_id == request_id), None)
        # One whose command is only on its way comes after one that is running; one of the other kind last of all, for
        # stations that mix the messages up.
        unfinished = [row for row in jobs if not self._book.is_finished(row)]
        unfinished.sort(key=lambda row: ((row.kind != KIND_DIAGNOSTICS) != is_log, row.state == UploadState.REQUESTED))
        if unfinished:
            return unfinished[0]
        latest = next((row for row in jobs if (row.kind != KIND_DIAGNOSTICS) == is_log), None)
        if latest is None or status == "Idle" or call.received_at - latest.changed_at > FOLLOW_UP_MICROSECONDS:
            return None
        # The end told once more, the next try, or a file after all where none was announced.
        is_more_of_it = status in machine_of(latest).table[latest.state] or latest.state == UploadState.NOTHING
        return latest if is_more_of_it else None


def machine_of(row: DiagnosticsUploadRow) -> Machine:
    """The state table that the upload follows."""
    return DIAGNOSTICS if row.kind == KIND_DIAGNOSTICS else LOG


def _bounds(request: UploadRequest) -> tuple[str, int | None, int | None]:
    """Location without secrets, and which part of the log."""
    if isinstance(request, GetLogRequest):
        log = request.log
        return mask_location(log.remote_location), _instant(log.oldest_timestamp), _instant(log.latest_timestamp)
    return mask_location(request.location), _instant(request.start_time), _instant(request.stop_time)


def _is_of(row: DiagnosticsUploadRow, request: UploadRequest) -> bool:
    if isinstance(request, GetLogRequest):
        return row.request_id == request.request_id
    return row.kind == KIND_DIAGNOSTICS and (row.location, row.oldest_at, row.latest_at) == _bounds(request)


def _answer(outcome: Outcome) -> tuple[Answer, str | None, str | None]:
    """What it means, what is wrong, and the name of the file."""
    match outcome:
        case Answered(response=GetLogResponse() as response):
            if response.status is LogStatus.REJECTED:
                return Answer.REFUSED, "the station answered Rejected", None
            return _named(response.filename)
        case Answered(response=GetDiagnosticsResponse() as response):
            return _named(response.file_name)
        case Answered():
            return Answer.UNANSWERED, f"the answer is a {type(outcome.response).__name__}", None
        case Refused():
            problem = (
                f"the station answered with CALLERROR {outcome.code} {mask_locations_in(outcome.description)}".strip()
            )
            return Answer.REFUSED, problem, None
        case Malformed() | Unanswered():
            return Answer.UNANSWERED, outcome.reason, None
        case NotSent():
            return Answer.NOT_SENT, outcome.reason, None


def _named(file_name: str | UnsetType) -> tuple[Answer, str | None, str | None]:
    # Some stations send an empty name where §5.9 wants none at all.
    if isinstance(file_name, UnsetType) or not file_name:
        return Answer.NOTHING, None, None
    return Answer.ACCEPTED, None, file_name


def _state_event(row: DiagnosticsUploadRow) -> EventRecord:
    body = {"uploadId": row.upload_id, "state": row.state, "fileName": row.file_name, "problem": row.problem}
    return make_event("diagnostics.state", {name: value for name, value in body.items() if value is not None})


def _instant(stamp: Timestamp | UnsetType) -> int | None:
    if isinstance(stamp, UnsetType):
        return None
    return microseconds(stamp if stamp.tzinfo is not None else stamp.in_zone(UTC))
