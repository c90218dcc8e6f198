"""Firmware updates, unsigned and signed: what was asked for, what the station tells of it, and how it ended.

A status that carries a requestId belongs to the update with that number; one without, to the newest update of the
station that is unfinished. What belongs to none is kept all the same.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any, Final, TypeAlias

from msgspec import structs

from chargewright.clock import Clock
from chargewright.csms.errors import Conflict, NotFound
from chargewright.csms.instants import microseconds
from chargewright.csms.locations import mask_location, mask_locations_in
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.ports import CallContext, Ledger
from chargewright.csms.services.events import make_event
from chargewright.csms.services.firmware_states import SIGNED, UNSIGNED, FirmwareState
from chargewright.csms.services.jobs import FOLLOW_UP_MICROSECONDS, KEPT, Answer, JobBook, Machine, Write
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import EventRecord, StationRow, Storage
from chargewright.csms.storage.rows.core import StationDetailRow
from chargewright.csms.storage.rows.upkeep import FirmwareStatusRow, FirmwareUpdateRow
from chargewright.protocol.v16.base import Timestamp, UnsetType
from chargewright.protocol.v16.core import BootNotificationRequest
from chargewright.protocol.v16.firmware_management import UpdateFirmwareRequest
from chargewright.protocol.v16.security import (
    SignedUpdateFirmwareRequest,
    SignedUpdateFirmwareResponse,
    UpdateFirmwareStatus,
)

__all__ = ["REQUEST_NUMBERS", "FirmwareService", "UpdateRequest", "refused_unsigned"]

UpdateRequest: TypeAlias = UpdateFirmwareRequest | SignedUpdateFirmwareRequest

# The series that requestIds of firmware updates and of uploads of logs are taken from.
REQUEST_NUMBERS: Final = "station-request"
_NOT_LEFT: Final = frozenset({FirmwareState.KEPT.value, FirmwareState.REQUESTED.value})
_ASKED: Final = _NOT_LEFT | {FirmwareState.UNANSWERED.value}
_PAGE: Final = 1000


def refused_unsigned(outcome: Outcome) -> bool:
    """Whether a CALLERROR says that the station takes signed updates only (L01.FR.20)."""
    return isinstance(outcome, Refused) and outcome.code in ("NotSupported", "NotImplemented")


class FirmwareService(Service):
    """Updates of all stations. `new_id` makes opaque ids."""

    def __init__(self, storage: Storage, ledger: Ledger, clock: Clock, new_id: Callable[[], str]) -> None:
        self._storage = storage
        self._clock = clock
        self._new_id = new_id
        self._book: JobBook[FirmwareUpdateRow] = JobBook(
            FirmwareUpdateRow, lambda row: row.update_id, machine_of, storage, ledger
        )
        self._versions: dict[int, str] = {}  # by station: what its last BootNotification said

    async def load(self) -> None:
        """Read the updates that are unfinished, and which firmware each station has."""
        await self._book.load(self._clock.now_microseconds())
        after: tuple[Any, int] | None = None
        while rows := await self._storage.page(StationDetailRow, after=after, limit=_PAGE):
            self._versions.update((row.id, row.firmware_version) for row in rows if row.firmware_version)
            after = (rows[-1].id, rows[-1].id)

    # What others ask.

    def now(self) -> int:
        """The time of the server, µs."""
        return self._clock.now_microseconds()

    def version(self, station_id: int) -> str | None:
        """The firmware version that the station named at its last boot."""
        return self._versions.get(station_id)

    def unfinished(self, station_id: int) -> list[FirmwareUpdateRow]:
        """The station's updates that have no end yet, newest first."""
        return [row for row in self._book.jobs(station_id) if not self._book.is_finished(row)]

    async def update(self, update_id: str) -> FirmwareUpdateRow:
        """The update with that id; raises `NotFound`."""
        rows = await self._storage.page(FirmwareUpdateRow, {"update_id": update_id}, limit=1)
        if not rows:
            raise NotFound("firmware update", update_id)
        return rows[0]

    async def history(self, update_id: str, limit: int = 500) -> Sequence[FirmwareStatusRow]:
        """What the station told of the update, oldest first, at most `limit`."""
        return await self._storage.page(FirmwareStatusRow, {"update_id": update_id}, limit=limit)

    async def new_request_id(self) -> int:
        """A requestId that no update and no upload of a log has had."""
        return await self._storage.reserve_numbers(REQUEST_NUMBERS)

    # The command.

    async def asking(
        self, station: StationRow, request: UpdateRequest, *, keep: Write | None = None
    ) -> FirmwareUpdateRow:
        """The row of an update that is about to be sent, written unless it is there; raises `StorageError`.

        With `keep`, of one whose command is kept: `keep` writes the row together with the command, and raises what it
        raises; a `Conflict` where the same is asked for already.
        """
        known = await self._asked(station.id, request)
        if keep is not None and known is not None and known.state != FirmwareState.UNANSWERED:
            raise Conflict(f"The same update is asked for already: {known.update_id} is {known.state}.")
        if known is not None and keep is None:
            return await self._on_its_way(known)
        now = self._clock.now_microseconds()
        state = FirmwareState.REQUESTED if keep is None else FirmwareState.KEPT
        row = self._new_row(station, request, state, now)
        overflow = self._book.overflow(station.id, now)
        event = make_event(
            "firmware.requested",
            {
                "updateId": row.update_id,
                "signed": row.signed,
                "location": row.location,
                **({} if row.request_id is None else {"requestId": row.request_id}),
                **({} if keep is None else {"kept": True}),
            },
        )
        await self._book.write(station.id, event, *map(_state_event, overflow), rows=(row, *overflow), write=keep)
        return row

    async def _on_its_way(self, row: FirmwareUpdateRow) -> FirmwareUpdateRow:
        if row.state == FirmwareState.KEPT:
            row = self._book.moved(row, Answer.REQUESTED, self._clock.now_microseconds())[0]
            await self._book.write(row.station_id, _state_event(row), rows=(row,))
        return row

    async def asked(self, station: StationRow, request: UpdateRequest, outcome: Outcome) -> None:
        """Note how the command ended."""
        row = await self._asked(station.id, request)
        if row is None and isinstance(outcome, NotSent):
            return  # it was never written down, and nothing happened
        row = row or self._running(station.id, request)
        if row is None:
            row = await self.asking(station, request)
        now = self._clock.now_microseconds()
        answer, problem = _answer(outcome)
        changed = [self._book.moved(row, answer, now, problem=problem)[0]]
        if answer is Answer.ACCEPTED:
            changed += self._displaced(row, outcome, now)
        await self._book.write(station.id, *map(_state_event, changed), rows=tuple(changed))

    async def _asked(self, station_id: int, request: UpdateRequest) -> FirmwareUpdateRow | None:
        """The update whose command this is, and which has not got an answer."""
        jobs = self._book.jobs(station_id)
        here = next((row for row in jobs if row.state in _ASKED and _is_of(row, request)), None)
        return here or await self._book.kept(station_id, lambda row: _is_of(row, request))

    def _running(self, station_id: int, request: UpdateRequest) -> FirmwareUpdateRow | None:
        """The update whose command this is, told of by the station before it answered."""
        return next((row for row in self.unfinished(station_id) if _is_of(row, request)), None)

    def _displaced(self, new: FirmwareUpdateRow, outcome: Outcome, now: int) -> list[FirmwareUpdateRow]:
        """What becomes of the updates before an accepted one. Two signed ones can go on side by side if the station
        does not say otherwise: their statuses have numbers."""
        response = outcome.response if isinstance(outcome, Answered) else None
        is_canceled = (
            isinstance(response, SignedUpdateFirmwareResponse)
            and response.status is UpdateFirmwareStatus.ACCEPTED_CANCELED
        )
        if new.signed and not is_canceled:
            return []
        cue = Answer.CANCELED if is_canceled else Answer.SUPERSEDED
        older = [row for row in self.unfinished(new.station_id) if row.update_id != new.update_id]
        return [
            self._book.moved(row, cue, now, problem=f"by update {new.update_id}")[0]
            for row in older
            if row.signed == new.signed and row.state not in _NOT_LEFT
        ]

    def _new_row(
        self, station: StationRow, request: UpdateRequest, state: FirmwareState, now: int
    ) -> FirmwareUpdateRow:
        if isinstance(request, SignedUpdateFirmwareRequest):
            firmware = request.firmware
            location, retrieve = firmware.location, firmware.retrieve_date_time
            install = firmware.install_date_time
        else:
            location, retrieve = request.location, request.retrieve_date
            install = None
        return FirmwareUpdateRow(
            update_id=self._new_id(),
            station_id=station.id,
            request_id=request.request_id if isinstance(request, SignedUpdateFirmwareRequest) else None,
            signed=isinstance(request, SignedUpdateFirmwareRequest),
            location=mask_location(location),
            retrieve_at=_instant(retrieve),
            install_at=None if install is None or isinstance(install, UnsetType) else _instant(install),
            retries=None if isinstance(request.retries, UnsetType) else request.retries,
            retry_interval_seconds=None if isinstance(request.retry_interval, UnsetType) else request.retry_interval,
            state=state.value,
            version_before=self._versions.get(station.id),
            created_at=now,
            changed_at=now,
        )

    # What the station tells.

    def status(self, call: CallContext, status: str, *, signed: bool, request_id: int | None = None) -> None:
        """Keep a status, and let the update that it belongs to follow it."""
        row = self._of_status(call, status, signed, request_id)
        is_expected = status == "Idle"
        if row is not None:
            before = row.state
            row, is_expected = self._book.moved(row, status, call.received_at)
            if row.state != before:
                self._book.put(call, row)
        call.add(
            FirmwareStatusRow(
                station_id=call.station.id,
                update_id=None if row is None else row.update_id,
                request_id=request_id,
                signed=signed,
                status=status,
                expected=is_expected,
                received_at=call.received_at,
            )
        )
        body: dict[str, Any] = {"status": status, "signed": signed, "expected": is_expected}
        if request_id is not None:
            body["requestId"] = request_id
        if row is not None:
            body |= {"updateId": row.update_id, "state": row.state}
        call.add(make_event("firmware.status", body))

    def booted(self, call: CallContext, request: BootNotificationRequest) -> None:
        """Notice that the station has other firmware than before."""
        after = request.firmware_version
        if isinstance(after, UnsetType) or not after:
            return
        before = self._versions.get(call.station.id)
        call.after_commit(lambda: self._versions.__setitem__(call.station.id, after))
        if before is None or before == after:
            return
        body = {"before": before, "after": after}
        row = self._at_boot(call)
        if row is not None:
            body["updateId"] = row.update_id
            self._book.put(call, structs.replace(row, version_after=after, changed_at=call.received_at))
        call.add(make_event("firmware.version", body))

    def _of_status(
        self, call: CallContext, status: str, signed: bool, request_id: int | None
    ) -> FirmwareUpdateRow | None:
        jobs = [row for row in self._book.jobs(call.station.id, call.unit.epoch) if row.state != KEPT]
        if request_id is not None:
            return next((row for row in jobs if row.request_id == request_id), None)
        # One whose command is only on its way comes after one that is running; one of the other kind last of all, for
        # stations that mix the messages up.
        unfinished = [row for row in jobs if not self._book.is_finished(row)]
        unfinished.sort(key=lambda row: (row.signed != signed, row.state == FirmwareState.REQUESTED))
        if unfinished:
            return unfinished[0]
        latest = next((row for row in jobs if row.signed == signed), None)
        if latest is None or call.received_at - latest.changed_at > FOLLOW_UP_MICROSECONDS:
            return None
        # The end told once more after the reboot, or the next try.
        is_more_of_it = status != "Idle" and status in machine_of(latest).table[latest.state]
        return latest if is_more_of_it else None

    def _at_boot(self, call: CallContext) -> FirmwareUpdateRow | None:
        for row in self._book.jobs(call.station.id, call.unit.epoch):
            if row.state in _NOT_LEFT or row.version_after is not None:
                continue
            is_recent = call.received_at - row.changed_at <= FOLLOW_UP_MICROSECONDS
            if not self._book.is_finished(row) or (row.state == FirmwareState.INSTALLED and is_recent):
                return row
        return None


def machine_of(row: FirmwareUpdateRow) -> Machine:
    """The state table that the update follows."""
    return SIGNED if row.signed else UNSIGNED


def _is_of(row: FirmwareUpdateRow, request: UpdateRequest) -> bool:
    if isinstance(request, SignedUpdateFirmwareRequest):
        return row.request_id == request.request_id
    return (
        not row.signed
        and row.location == mask_location(request.location)
        and row.retrieve_at == _instant(request.retrieve_date)
    )


def _answer(outcome: Outcome) -> tuple[Answer, str | None]:
    match outcome:
        case Answered(response=SignedUpdateFirmwareResponse() as response):
            if response.status in (UpdateFirmwareStatus.ACCEPTED, UpdateFirmwareStatus.ACCEPTED_CANCELED):
                return Answer.ACCEPTED, None
            return Answer.REFUSED, f"the station answered {response.status.value}"
        case Answered():
            return Answer.ACCEPTED, None
        case Refused():
            return (
                Answer.REFUSED,
                f"the station answered with CALLERROR {outcome.code} {mask_locations_in(outcome.description)}".strip(),
            )
        case Malformed() | Unanswered():
            return Answer.UNANSWERED, outcome.reason
        case NotSent():
            return Answer.NOT_SENT, outcome.reason


def _state_event(row: FirmwareUpdateRow) -> EventRecord:
    body: Mapping[str, Any] = {"updateId": row.update_id, "state": row.state}
    return make_event("firmware.state", body if row.problem is None else {**body, "problem": row.problem})


def _instant(stamp: Timestamp) -> int:
    return microseconds(stamp if stamp.tzinfo is not None else stamp.in_zone(UTC))
