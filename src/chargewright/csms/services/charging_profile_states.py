"""What becomes of a charging profile that was sent to a station, as the CSMS knows it (§3.13, §5.5, §5.16)."""

import enum
from collections.abc import Mapping
from typing import Final

__all__ = ["LIVE", "TRANSITIONS", "ChargingProfileCue", "ChargingProfileState", "next_state"]


class ChargingProfileState(enum.StrEnum):
    """Where a profile is; the words are those of the database and the API."""

    SENT = "sent"  # the station was not asked yet, or has not answered yet
    AWAITING_START = "awaiting-start"  # accepted with RemoteStartTransaction: for a transaction that is to begin
    INSTALLED = "installed"  # the station accepted it, and nothing ended it since
    UNKNOWN = "unknown"  # a command that would install or remove it got no answer to be trusted
    REFUSED = "refused"
    NOT_SUPPORTED = "not-supported"
    REPLACED = "replaced"  # by one with its id, or with its stack level and purpose on its connector
    CLEARED = "cleared"
    ABSENT = "absent"  # the station says that it does not have it, or nobody believes it
    ENDED = "ended"  # with its transaction


class ChargingProfileCue(enum.StrEnum):
    """What happens to a profile."""

    ACCEPTED = "SetChargingProfile accepted"
    START_ACCEPTED = "RemoteStartTransaction accepted"
    REFUSED = "refused"
    UNSUPPORTED = "answered that it is not supported"
    UNANSWERED = "sent without an answer"
    STARTED = "its transaction began"
    REPLACED = "another in its place accepted"
    DOUBTED = "another in its place, or a ClearChargingProfile, sent without an answer"
    CLEARED = "ClearChargingProfile accepted"
    ABSENT = "ClearChargingProfile answered with Unknown"
    OVER = "its transaction ended"
    GIVEN_UP = "more of them than any station has"


_S, _C = ChargingProfileState, ChargingProfileCue
_ENDINGS: Final = {_C.REPLACED: _S.REPLACED, _C.CLEARED: _S.CLEARED, _C.OVER: _S.ENDED, _C.GIVEN_UP: _S.ABSENT}

TRANSITIONS: Final[Mapping[ChargingProfileState, Mapping[ChargingProfileCue, ChargingProfileState]]] = {
    # What was sent before and is answered now says nothing of this one: it arrives after that answer.
    _S.SENT: {
        _C.ACCEPTED: _S.INSTALLED,
        _C.START_ACCEPTED: _S.AWAITING_START,
        _C.REFUSED: _S.REFUSED,
        _C.UNSUPPORTED: _S.NOT_SUPPORTED,
        _C.UNANSWERED: _S.UNKNOWN,
        _C.OVER: _S.ENDED,
    },
    # A station that installs it at the start only may say of it that there is none: that is no news.
    _S.AWAITING_START: {_C.STARTED: _S.INSTALLED, _C.DOUBTED: _S.UNKNOWN, **_ENDINGS},
    _S.INSTALLED: {_C.DOUBTED: _S.UNKNOWN, _C.ABSENT: _S.ABSENT, **_ENDINGS},
    _S.UNKNOWN: {_C.ABSENT: _S.ABSENT, **_ENDINGS},
    _S.REFUSED: {},
    _S.NOT_SUPPORTED: {},
    _S.REPLACED: {},
    _S.CLEARED: {},
    _S.ABSENT: {},
    _S.ENDED: {},
}
# The station has such a profile, or may have it.
LIVE: Final = frozenset((_S.SENT, _S.AWAITING_START, _S.INSTALLED, _S.UNKNOWN))


def next_state(state: ChargingProfileState, cue: ChargingProfileCue) -> ChargingProfileState | None:
    """Where the cue leads; None where it changes nothing."""
    return TRANSITIONS[state].get(cue)
