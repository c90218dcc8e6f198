"""Reservations: what was asked of stations, and what became of it (§3.11, §5.1, §5.13).

Those that a station has or may have are in memory, with the last few thousand that ended; all of them are in the
database. Memory follows commits. Whoever sends ReserveNow or CancelReservation, the outcome comes here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from typing import Final

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.csms.directory import Directory
from chargewright.csms.errors import NotFound
from chargewright.csms.instants import microseconds, moment
from chargewright.csms.outcomes import Answered, NotSent, Outcome, Refused
from chargewright.csms.ports import CallContext, Ledger
from chargewright.csms.services.abilities import AbilitiesService
from chargewright.csms.services.events import make_event
from chargewright.csms.services.reservation_doubts import ReservationDoubts
from chargewright.csms.services.reservation_states import LIVE, ReservationCue, ReservationState, next_state
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import EventRecord, StartRecord, StationRow, Storage, StorageError
from chargewright.csms.storage.rows.base import In
from chargewright.csms.storage.rows.charging import ReservationRow
from chargewright.csms.storage.rows.core import TransactionRow
from chargewright.protocol.v16.base import UNSET, Timestamp, UnsetType
from chargewright.protocol.v16.core import ChargePointStatus, StatusNotificationRequest
from chargewright.protocol.v16.reservation import (
    CancelReservationRequest,
    CancelReservationResponse,
    CancelReservationStatus,
    ReservationStatus,
    ReserveNowRequest,
    ReserveNowResponse,
)

__all__ = ["KIND", "ReservationsService"]

KIND: Final = "reservation"

# How many ended reservations are kept in memory, for transactions that arrive late.
ENDED_KEPT: Final = 10_000
# How far behind ours a station's clock may be before its Faulted counts as one from before the reservation.
CLOCK_TOLERANCE_SECONDS: Final = 300
# How long expiry waits at most before it looks at the clock again, and after a failure of the database.
LOOK_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0
_PAGE: Final = 1_000
_LARGEST_NUMBER: Final = 2**31 - 1
_OUT: Final = (ChargePointStatus.FAULTED, ChargePointStatus.UNAVAILABLE)
_LIVE_WORDS: Final = tuple(state.value for state in LIVE)

_log = structlog.get_logger(__name__)


class ReservationsService(Service):
    """Keeps reservations and their states."""

    def __init__(
        self, storage: Storage, ledger: Ledger, directory: Directory, clock: Clock, abilities: AbilitiesService
    ) -> None:
        self._storage = storage
        self._ledger = ledger
        self._directory = directory
        self._clock = clock
        self._live: dict[tuple[int, int], ReservationRow] = {}
        self._by_station: dict[int, set[int]] = {}
        self._ended: OrderedDict[tuple[int, int], ReservationRow] = OrderedDict()
        self.doubts = ReservationDoubts(storage, directory, clock, abilities)
        self._changed = asyncio.Event()
        self._taken: asyncio.Queue[tuple[int, int, int]] = asyncio.Queue()

    async def load(self) -> None:
        """Read what stations may have. What was being asked when the CSMS ended may have reached its station."""
        after: tuple[int, int] | None = None
        while rows := await self._storage.page(ReservationRow, {"state": In(_LIVE_WORDS)}, after=after, limit=_PAGE):
            for row in rows:
                if row.state == ReservationState.REQUESTED:
                    await self._write(row, ReservationCue.UNANSWERED, "the CSMS ended before the answer came")
                else:
                    self._put(row)
            after = (rows[-1].id, rows[-1].id)
        await self.doubts.load()
        for row in await self._storage.page(ReservationRow, {"state": "used", "transaction_id": None}, limit=_PAGE):
            where = {"station_id": row.station_id, "reservation_id": row.reservation_id}
            for transaction in await self._storage.page(TransactionRow, where, limit=1):
                if transaction.transaction_id is not None:
                    await self._link(row.station_id, row.reservation_id, transaction.transaction_id)

    def work(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Expiry, and the transactions' numbers, which are known only once they are committed."""
        return {"reservations expire": self._expire, "reservations meet transactions": self._meet}

    # What others ask.

    def live(self, station_id: int) -> list[ReservationRow]:
        """What the station has or may have."""
        return [self._live[station_id, number] for number in sorted(self._by_station.get(station_id, ()))]

    async def get(self, row_id: int) -> ReservationRow:
        """The reservation with that row id; raises `NotFound`."""
        rows = await self._storage.page(ReservationRow, {"id": row_id}, limit=1)
        if not rows:
            raise NotFound(KIND, str(row_id))
        return rows[0]

    async def find(self, station_id: int, number: int) -> ReservationRow | None:
        """The reservation with OCPP's number at a station."""
        where = {"station_id": station_id, "reservation_id": number}
        rows = await self._storage.page(ReservationRow, where, limit=1)
        return rows[0] if rows else None

    # What the operator does.

    async def request(
        self,
        station: StationRow,
        connector_id: int,
        id_tag: str,
        expires_at: int,
        *,
        parent_id_tag: str | None = None,
        number: int | None = None,
    ) -> ReserveNowRequest:
        """What to ask of the station. The parent is that of the tag unless one is given; the number one that nobody
        had. With the number of a live reservation the station puts the new one in its place (§5.13)."""
        tag = self._directory.id_tag(id_tag)
        if parent_id_tag is None and tag is not None:
            parent_id_tag = tag.parent_id_tag
        return ReserveNowRequest(
            connector_id=connector_id,
            expiry_date=Timestamp.of(moment(expires_at)),
            id_tag=id_tag,
            reservation_id=await self._new_number(station.id) if number is None else number,
            parent_id_tag=UNSET if parent_id_tag is None else parent_id_tag,
        )

    # What became of commands, whoever sent them.

    async def asking(self, station: StationRow, request: ReserveNowRequest) -> None:
        """A ReserveNow is about to be sent: whatever happens to us, its station may have it from now on. A live
        reservation with its number stays as it is until the station accepts the new one."""
        if (station.id, request.reservation_id) not in self._live:
            row = self._row_of(station, request)
            await self._ledger.write(station.id, row)
            self._put(row)

    async def asked(self, station: StationRow, request: ReserveNowRequest, outcome: Outcome) -> None:
        """Note the end of a ReserveNow."""
        cue, reason = _reading(outcome)
        current = self._live.get((station.id, request.reservation_id))
        if current is not None and current.state == ReservationState.REQUESTED:
            await self._write(current, cue, reason)
        elif cue is ReservationCue.ACCEPTED or current is None:
            # One sent by hand, or one that takes the place of another with its number.
            await self._write(self._row_of(station, request), cue, reason)
        elif cue is ReservationCue.UNANSWERED:
            _log.warning(
                "it is not known which of two reservations with one number the station has",
                station=station.identity,
                reservation_id=request.reservation_id,
            )

    async def cancelled(self, station: StationRow, request: CancelReservationRequest, outcome: Outcome) -> None:
        """Note the end of a CancelReservation. Without an answer nothing is known, and nothing changes."""
        row = self._live.get((station.id, request.reservation_id))
        if row is None or not isinstance(outcome, Answered):
            return
        if not isinstance(outcome.response, CancelReservationResponse):
            return
        if outcome.response.status is CancelReservationStatus.ACCEPTED:
            await self._write(row, ReservationCue.CANCELLED, None)
        else:
            await self._write(row, ReservationCue.ABSENT, "the station does not have it")

    # What stations say.

    def started(self, call: CallContext, start: StartRecord) -> None:
        """A transaction began: the reservation that it names, or that its tag had, is used; in the CALL's unit.

        Stations that do not send the reservationId which §4.8 asks for are understood by connector and tag.
        """
        reason = None
        if start.reservation_id is not None:
            key = (call.station.id, start.reservation_id)
            row = self._live.get(key) or self._ended.get(key)
        else:
            row = self._reserved_for(call.station.id, start)
            reason = "its transaction began without reservationId"
        if row is None:
            return
        key = (row.station_id, row.reservation_id)
        after = next_state(ReservationState(row.state), ReservationCue.STARTED)
        if after is None:
            return
        changed = self._changed_row(row, after, reason, call.received_at)
        call.add(changed)
        call.add(_event(changed, row.state, start))
        call.after_commit(lambda: self._put(changed))
        call.after_commit(lambda: self._taken.put_nowait((*key, start.transaction_id)))

    def status(self, call: CallContext, request: StatusNotificationRequest) -> None:
        """A connector that becomes Faulted or Unavailable ends its reservations (§3.11); connector 0 those of the whole
        station."""
        call.after_commit(lambda: self.doubts.saw(call.station.id, request))
        if request.status not in _OUT or call.station.id not in self._by_station:
            return
        stamp = request.timestamp
        instant = call.received_at if isinstance(stamp, UnsetType) else call.instant(stamp)
        for row in self.live(call.station.id):
            is_concerned = request.connector_id in (0, row.connector_id)
            if not is_concerned or instant < row.created_at - CLOCK_TOLERANCE_SECONDS * 1_000_000:
                continue  # another connector, or an old status from a station that catches up
            after = next_state(ReservationState(row.state), ReservationCue.OUT_OF_SERVICE)
            if after is not None:
                self._change_in(call, row, after, f"connector {request.connector_id} became {request.status.value}")

    # Inside.

    def _change_in(self, call: CallContext, row: ReservationRow, after: ReservationState, reason: str) -> None:
        changed = self._changed_row(row, after, reason, call.received_at)
        call.add(changed)
        call.add(_event(changed, row.state))
        call.after_commit(lambda: self._put(changed))

    def _reserved_for(self, station_id: int, start: StartRecord) -> ReservationRow | None:
        tag = self._directory.id_tag(start.id_tag)
        parent = None if tag is None or tag.parent_id_tag is None else tag.parent_id_tag.casefold()
        for row in self.live(station_id):
            if row.connector_id not in (0, start.connector_id) or start.instant < row.created_at:
                continue
            reserved_parent = None if row.parent_id_tag is None else row.parent_id_tag.casefold()
            if row.id_tag_key == start.id_tag.casefold() or (parent is not None and parent == reserved_parent):
                return row
        return None

    async def _new_number(self, station_id: int) -> int:
        while True:
            number = await self._storage.reserve_numbers("reservation")
            if number > _LARGEST_NUMBER:
                raise StorageError("every reservation number that OCPP has was given")
            if await self.find(station_id, number) is None:  # an operator may have chosen it
                return number

    def _row_of(self, station: StationRow, request: ReserveNowRequest) -> ReservationRow:
        now = self._clock.now_microseconds()
        stamp = request.expiry_date
        return ReservationRow(
            station_id=station.id,
            reservation_id=request.reservation_id,
            connector_id=request.connector_id,
            id_tag=request.id_tag,
            id_tag_key=request.id_tag.casefold(),
            parent_id_tag=None if isinstance(request.parent_id_tag, UnsetType) else request.parent_id_tag,
            expires_at=microseconds(stamp.in_zone(UTC)),
            state=ReservationState.REQUESTED.value,
            created_at=now,
            changed_at=now,
        )

    def _changed_row(self, row: ReservationRow, state: ReservationState, reason: str | None, at: int) -> ReservationRow:
        return msgspec.structs.replace(row, state=state.value, end_reason=reason, changed_at=at)

    async def _write(self, row: ReservationRow, cue: ReservationCue, reason: str | None) -> None:
        after = next_state(ReservationState(row.state), cue)
        if after is None:
            return
        changed = self._changed_row(row, after, reason, self._clock.now_microseconds())
        await self._ledger.write(row.station_id, changed, _event(changed, row.state))
        self._put(changed)

    def _put(self, row: ReservationRow) -> None:
        key = (row.station_id, row.reservation_id)
        if ReservationState(row.state) in LIVE:
            self._live[key] = row
            self._by_station.setdefault(row.station_id, set()).add(row.reservation_id)
            self._ended.pop(key, None)
            self._changed.set()
            return
        self._live.pop(key, None)
        numbers = self._by_station.get(row.station_id, set())
        numbers.discard(row.reservation_id)
        if not numbers:
            self._by_station.pop(row.station_id, None)
        self._ended[key] = row
        if len(self._ended) > ENDED_KEPT:
            self._ended.popitem(last=False)

    async def _expire(self) -> None:
        while True:
            self._changed.clear()
            now = self._clock.now_microseconds()
            due = [row for row in self._live.values() if row.expires_at <= now]
            try:
                for row in due:
                    if self._live.get((row.station_id, row.reservation_id)) is row:
                        await self._write(row, ReservationCue.EXPIRED, None)
            except StorageError as error:
                _log.warning("reservations that expired were not written; again soon", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            nearest = min((row.expires_at for row in self._live.values()), default=None)
            wait = LOOK_SECONDS
            if nearest is not None:
                wait = min(LOOK_SECONDS, max(0.0, (nearest - self._clock.now_microseconds()) / 1e6))
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _meet(self) -> None:
        while True:
            station_id, number, transaction_id = await self._taken.get()
            while True:
                try:
                    await self._link(station_id, number, transaction_id)
                    break
                except StorageError as error:
                    _log.warning("a reservation's transaction was not written; again soon", error=str(error))
                    await asyncio.sleep(RETRY_SECONDS)

    async def _link(self, station_id: int, number: int, transaction_id: int) -> None:
        row = await self.find(station_id, number)
        if row is not None and row.state == ReservationState.USED and row.transaction_id is None:
            changed = msgspec.structs.replace(row, transaction_id=transaction_id)
            await self._ledger.write(station_id, changed)
            self._put(changed)


def _reading(outcome: Outcome) -> tuple[ReservationCue, str | None]:
    """What the end of a ReserveNow says of the reservation, and why."""
    if isinstance(outcome, Answered) and isinstance(outcome.response, ReserveNowResponse):
        if outcome.response.status is ReservationStatus.ACCEPTED:
            return ReservationCue.ACCEPTED, None
        return ReservationCue.REFUSED, f"the station answered {outcome.response.status.value}"
    if isinstance(outcome, Refused):
        return ReservationCue.REFUSED, f"the station answered CALLERROR {outcome.code}"
    if isinstance(outcome, NotSent):
        return ReservationCue.REFUSED, outcome.reason
    return ReservationCue.UNANSWERED, getattr(outcome, "reason", "the answer is no answer to ReserveNow")


def _event(row: ReservationRow, before: str, start: StartRecord | None = None) -> EventRecord:
    body = {
        "reservationId": row.reservation_id,
        "connectorId": row.connector_id,
        "idTag": row.id_tag,
        "expiryDate": Timestamp.of(moment(row.expires_at)).text,
        "previously": before,
    }
    if row.end_reason is not None:
        body["reason"] = row.end_reason
    return make_event(f"reservation.{row.state}", body, start)
