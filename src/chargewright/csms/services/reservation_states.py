"""What becomes of a reservation, as the CSMS knows it (§3.11, §5.1, §5.13)."""

import enum
from collections.abc import Mapping
from typing import Final

__all__ = ["LIVE", "TRANSITIONS", "ReservationCue", "ReservationState", "next_state"]


class ReservationState(enum.StrEnum):
    """Where a reservation is; the words are those of the database and the API."""

    REQUESTED = "requested"  # the station was not asked yet, or has not answered yet
    ACTIVE = "active"  # the station accepted it
    UNKNOWN = "unknown"  # the station was asked, and no answer to be trusted came: it may have it
    USED = "used"  # a transaction took it
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    ENDED = "ended"  # its connector became Faulted or Unavailable, or the station says that it does not have it
    REFUSED = "refused"  # the station never took it


class ReservationCue(enum.StrEnum):
    """What happens to a reservation."""

    ACCEPTED = "ReserveNow accepted"
    REFUSED = "ReserveNow refused, or not sent"
    UNANSWERED = "ReserveNow without an answer"
    STARTED = "StartTransaction"
    CANCELLED = "CancelReservation accepted"
    ABSENT = "CancelReservation rejected"
    EXPIRED = "expiryDate passed"
    OUT_OF_SERVICE = "Faulted or Unavailable"


_S, _C = ReservationState, ReservationCue
# Once the station may have it, whatever ends it there ends it here.
_ENDINGS: Final = {
    _C.STARTED: _S.USED,
    _C.CANCELLED: _S.CANCELLED,
    _C.EXPIRED: _S.EXPIRED,
    _C.OUT_OF_SERVICE: _S.ENDED,
}
# The transaction is evidence: the station had the reservation, whatever we thought, and may say so late, from its
# queue.
_LATE: Final = {_C.STARTED: _S.USED}

TRANSITIONS: Final[Mapping[ReservationState, Mapping[ReservationCue, ReservationState]]] = {
    _S.REQUESTED: {_C.ACCEPTED: _S.ACTIVE, _C.REFUSED: _S.REFUSED, _C.UNANSWERED: _S.UNKNOWN, **_ENDINGS},
    _S.ACTIVE: {_C.ACCEPTED: _S.ACTIVE, _C.ABSENT: _S.ENDED, **_ENDINGS},
    _S.UNKNOWN: {_C.ACCEPTED: _S.ACTIVE, _C.ABSENT: _S.ENDED, **_ENDINGS},
    _S.USED: {},
    _S.CANCELLED: _LATE,
    _S.EXPIRED: _LATE,
    _S.ENDED: _LATE,
    _S.REFUSED: _LATE,
}
# The station has such a reservation, or may have it.
LIVE: Final = frozenset((_S.REQUESTED, _S.ACTIVE, _S.UNKNOWN))


def next_state(state: ReservationState, cue: ReservationCue) -> ReservationState | None:
    """Where the cue leads; None where it changes nothing."""
    after = TRANSITIONS[state].get(cue)
    return None if after is state else after
