"""Reservations: a connector, or any one of them, kept for somebody until a moment (§3.11, §5.1, §5.13)."""

import enum
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.core import ChargePointStatus, Reason
from chargewright.protocol.v16.reservation import (
    CancelReservationRequest,
    CancelReservationResponse,
    CancelReservationStatus,
    ReservationStatus,
    ReserveNowRequest,
    ReserveNowResponse,
)
from chargewright.station.context import Answer, Authorization, ConnectorPort, Context, TransactionLog
from chargewright.station.hardware.interface import MeterReading, Timer
from chargewright.station.store import StationStoreError

__all__ = ["TRANSITIONS", "Reservation", "ReservationCue", "ReservationState", "Reservations", "ReservingLog"]

# A timer of an event loop is not asked to wait longer; what expires later is looked at again then.
LONGEST_WAIT_SECONDS: Final = 86_400.0
# Two reservations that end in the same instant must not make the timer turn on the spot.
SHORTEST_WAIT_SECONDS: Final = 0.001
# How long after it could not be written that one has ended this is tried again.
RETRY_SECONDS: Final = 10.0

_OUT_OF_SERVICE: Final = frozenset({ChargePointStatus.FAULTED, ChargePointStatus.UNAVAILABLE})


class ReservationState(enum.Enum):
    """What has become of a reservation."""

    HELD = "held"
    USED = "used by a transaction"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    LOST = "lost with the connector's service"


class ReservationCue(enum.Enum):
    """What moves a reservation."""

    REPLACED = "ReserveNow with the same reservationId"
    STARTED = "a transaction of its id tag or group starts"
    EXPIRED = "expiryDate is over"
    CANCELLED = "CancelReservation"
    OUT_OF_SERVICE = "Faulted or Unavailable"


TRANSITIONS: Final[Mapping[ReservationState, Mapping[ReservationCue, ReservationState]]] = {
    ReservationState.HELD: {
        ReservationCue.REPLACED: ReservationState.HELD,
        ReservationCue.STARTED: ReservationState.USED,
        ReservationCue.EXPIRED: ReservationState.EXPIRED,
        ReservationCue.CANCELLED: ReservationState.CANCELLED,
        ReservationCue.OUT_OF_SERVICE: ReservationState.LOST,
    },
    ReservationState.USED: {},
    ReservationState.EXPIRED: {},
    ReservationState.CANCELLED: {},
    ReservationState.LOST: {},
}


def next_state(state: ReservationState, cue: ReservationCue) -> ReservationState:
    """Raises `LocalProtocolError` for what cannot happen: an ended reservation stays ended."""
    try:
        return TRANSITIONS[state][cue]
    except KeyError:
        raise LocalProtocolError(f"a reservation is {state.value}: {cue.value} cannot happen") from None


class Reservation(msgspec.Struct, frozen=True):
    """`connector_id` 0: any connector, no particular one (§5.13). Only held ones are kept."""

    reservation_id: int
    connector_id: int
    id_tag: str
    parent_id_tag: str | None
    expires_at: datetime

    def is_for(self, authorization: Authorization) -> bool:
        """Whether it was made for this tag, or for the group of this tag (§3.10: groups are compared with groups)."""
        if self.id_tag.casefold() == authorization.id_tag.casefold():
            return True
        one, other = self.parent_id_tag, authorization.parent_id_tag
        return one is not None and other is not None and one.casefold() == other.casefold()


_DECODER: Final = msgspec.json.Decoder(Reservation)


class Reservations:
    """All reservations of the station, in its memory; an `Admission` for those who let people in.

    `start` looks at the clock and at the connectors, `connectors_changed` again at each change of a status,
    `clock_changed` when the time of day has jumped.
    """

    def __init__(self, context: Context, connectors: Sequence[ConnectorPort]) -> None:
        self._context = context
        self._connectors = connectors
        self._records = context.store.records("reservation")
        self._timer: Timer | None = None
        self._is_settling = False
        kept = [] if context.product.reservations is None else list(self._records.items())
        self._held = {held.reservation_id: held for held in (_DECODER.decode(value) for _, value in kept)}

    # Life.

    def start(self) -> None:
        """Tell connectors which of them are reserved, and watch the time. Idempotent."""
        self.connectors_changed()

    def stop(self) -> None:
        """Watch the time no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def clock_changed(self) -> None:
        """The time of day has jumped: what is over by now ends now."""
        self.connectors_changed()

    def connectors_changed(self) -> None:
        """A status has changed, or time has passed: end what is over, and show what is left."""
        if self._is_settling:
            # A connector that is told that it is (not) reserved reports it; that changes nothing here.
            return
        self._is_settling = True
        shortest_wait = RETRY_SECONDS
        try:
            if self._end_what_is_over():
                shortest_wait = SHORTEST_WAIT_SECONDS
            self._show()
        finally:
            self._is_settling = False
            self._watch(shortest_wait)

    @property
    def held(self) -> list[Reservation]:
        """Those that hold now, by id."""
        now = self._context.clock.now()
        return [held for _, held in sorted(self._held.items()) if held.expires_at > now]

    # What the CSMS asks.

    def reserve_now(self, request: ReserveNowRequest) -> Answer:
        """§5.13: kept before it is acknowledged, shown as Reserved afterwards."""
        reservation = Reservation(
            reservation_id=request.reservation_id,
            connector_id=request.connector_id,
            id_tag=request.id_tag,
            parent_id_tag=None if request.parent_id_tag is UNSET else request.parent_id_tag,
            expires_at=request.expiry_date.in_zone(UTC),
        )
        status = self._judge(reservation)
        if status is not ReservationStatus.ACCEPTED:
            return Answer(ReserveNowResponse(status=status))
        if reservation.reservation_id in self._held:
            next_state(ReservationState.HELD, ReservationCue.REPLACED)
        self._records.put(str(reservation.reservation_id), msgspec.json.encode(reservation))
        self._held[reservation.reservation_id] = reservation
        self._context.log.info("reserved", reservation=reservation.reservation_id, connector=reservation.connector_id)
        return Answer(ReserveNowResponse(status=status), then=self.connectors_changed)

    def cancel_reservation(self, request: CancelReservationRequest) -> Answer:
        """§5.1: Accepted if there is one with that id that has not ended."""
        found = next((held for held in self.held if held.reservation_id == request.reservation_id), None)
        if found is None:
            return Answer(CancelReservationResponse(status=CancelReservationStatus.REJECTED))
        self.end(found, ReservationCue.CANCELLED)
        return Answer(CancelReservationResponse(status=CancelReservationStatus.ACCEPTED), then=self.connectors_changed)

    # What those ask who let people in (Admission), and who starts transactions.

    def admits(self, connector_id: int | None, authorization: Authorization) -> bool:
        """§5.13: a reserved connector is for its person only, and one stays free for each who is promised any one."""
        if connector_id is None:
            return any(self.admits(connector.number, authorization) for connector in self._connectors)
        own = next((held for held in self.held if held.connector_id == connector_id), None)
        if own is not None:
            return own.is_for(authorization)
        claims = self._unanswered_claims(self.held)
        if any(claim.is_for(authorization) for claim in claims):
            return True
        left = [connector for connector in self._free(self.held) if connector.number != connector_id]
        return len(left) >= len(claims)

    def match(self, connector_id: int, authorization: Authorization) -> Reservation | None:
        """The reservation that a transaction of this person at that connector makes use of."""
        theirs = [held for held in self.held if held.is_for(authorization)]
        own = [held for held in theirs if held.connector_id == connector_id]
        any_one = sorted((held for held in theirs if held.connector_id == 0), key=lambda held: held.expires_at)
        return next(iter(own + any_one), None)

    def end(self, reservation: Reservation, cue: ReservationCue) -> None:
        """It ends, for good and on disk; connectors show it after `connectors_changed`."""
        state = next_state(ReservationState.HELD, cue)
        self._records.remove(str(reservation.reservation_id))
        self._held.pop(reservation.reservation_id, None)
        self._context.store.if_taken_back(lambda: self._held.update({reservation.reservation_id: reservation}))
        self._context.log.info("reservation ended", reservation=reservation.reservation_id, reason=state.value)

    # Inside.

    def _judge(self, reservation: Reservation) -> ReservationStatus:
        offered = self._context.product.reservations
        wanted = [item for item in self._connectors if reservation.connector_id in (0, item.number)]
        is_zero_refused = reservation.connector_id == 0 and (offered is None or not offered.has_connector_zero)
        if is_zero_refused or not wanted or reservation.expires_at <= self._context.clock.now():
            return ReservationStatus.REJECTED
        others = [held for held in self.held if held.reservation_id != reservation.reservation_id]
        replaced = next((held for held in self.held if held not in others), None)
        if replaced is not None and replaced.connector_id == reservation.connector_id:
            is_taken = any(
                connector.waiting_user is not None
                and replaced.is_for(connector.waiting_user)
                and not reservation.is_for(connector.waiting_user)
                for connector in wanted
            )
            return ReservationStatus.OCCUPIED if is_taken else ReservationStatus.ACCEPTED
        statuses = {connector.status for connector in wanted}
        if statuses == {ChargePointStatus.FAULTED}:
            return ReservationStatus.FAULTED
        if statuses <= _OUT_OF_SERVICE:
            return ReservationStatus.UNAVAILABLE
        free = self._free(others)
        is_free = reservation.connector_id == 0 or wanted[0] in free
        # One more than are kept without a name must be there: either for this one, or left for those.
        has_room = len(free) > len(self._unanswered_claims(others))
        return ReservationStatus.ACCEPTED if is_free and has_room else ReservationStatus.OCCUPIED

    def _free(self, held: list[Reservation]) -> list[ConnectorPort]:
        """Those that a newcomer could use, and that are not kept for somebody by number."""
        kept = {reservation.connector_id for reservation in held}
        return [
            connector
            for connector in self._connectors
            if connector.can_be_used and not connector.is_plugged and connector.number not in kept
        ]

    def _unanswered_claims(self, held: list[Reservation]) -> list[Reservation]:
        """Reservations of any connector whose people have not been let in yet."""
        claims = [reservation for reservation in held if reservation.connector_id == 0]
        for connector in self._connectors:
            user = connector.waiting_user
            if user is not None:
                claimed = next((claim for claim in claims if claim.is_for(user)), None)
                claims = [claim for claim in claims if claim is not claimed]
        return claims

    def _end_what_is_over(self) -> bool:
        """Returns whether that could be written; who reserved what is over has no right to it, either way."""
        is_written = True
        still_held = self.held
        out = {connector.number for connector in self._connectors if connector.status in _OUT_OF_SERVICE}
        for reservation in list(self._held.values()):
            is_lost = (
                len(out) == len(self._connectors) if reservation.connector_id == 0 else reservation.connector_id in out
            )
            is_expired = reservation not in still_held
            if is_expired or is_lost:
                try:
                    self.end(reservation, ReservationCue.EXPIRED if is_expired else ReservationCue.OUT_OF_SERVICE)
                except StationStoreError as error:
                    is_written = False
                    number = reservation.reservation_id
                    self._context.log.warning("a reservation stays on disk", reservation=number, reason=str(error))
        return is_written

    def _show(self) -> None:
        held = self.held
        free = self._free(held)
        claims = self._unanswered_claims(held)
        # With one connector left for each who is promised any one, nobody else can use them: that is Reserved.
        all_are_kept = bool(claims) and len(free) <= len(claims)
        for connector in self._connectors:
            has_own = any(reservation.connector_id == connector.number for reservation in held)
            connector.reserve(has_own or (all_are_kept and connector in free))

    def _watch(self, shortest_wait: float) -> None:
        self.stop()
        if self._held:
            first = min(reservation.expires_at for reservation in self._held.values())
            seconds = (first - self._context.clock.now()).total_seconds()
            wait = min(max(seconds, shortest_wait), LONGEST_WAIT_SECONDS)
            self._timer = self._context.call_later(wait, self._due)

    def _due(self) -> None:
        self._timer = None
        self.connectors_changed()


class ReservingLog:
    """A `TransactionLog` whose starts make use of reservations: both in one commit (§4.8)."""

    def __init__(self, context: Context, reservations: Reservations, log: TransactionLog) -> None:
        self._store = context.store
        self._reservations = reservations
        self._log = log

    def start(
        self,
        connector_id: int,
        authorization: Authorization,
        reading: MeterReading,
        reservation_id: int | None = None,
    ) -> int:
        """Open a transaction with the reservationId of its reservation, if there is one."""
        with self._store.atomically():
            used = self._reservations.match(connector_id, authorization)
            key = self._log.start(
                connector_id, authorization, reading, reservation_id if used is None else used.reservation_id
            )
            if used is not None:
                self._reservations.end(used, ReservationCue.STARTED)
        return key

    def stop(self, key: int, reason: Reason, id_tag: str | None, reading: MeterReading) -> None:
        """Close a transaction."""
        self._log.stop(key, reason, id_tag, reading)
