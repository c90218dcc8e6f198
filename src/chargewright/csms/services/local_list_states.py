"""What is known of the local list in a station (§3.5.2, §5.10, §5.15)."""

import enum
from collections.abc import Mapping
from typing import Final

__all__ = ["TRANSITIONS", "LocalListCue", "LocalListState", "advance"]


class LocalListState(enum.StrEnum):
    """How the list in a station stands to the wanted one; the words are those of the database and the API."""

    UNKNOWN = "unknown"  # nothing is known of what the station has
    IN_STEP = "in-step"
    BEHIND = "behind"  # it has, at most, an earlier version
    SENDING = "sending"
    FAILED = "failed"  # it did not take the list
    UNSUPPORTED = "unsupported"  # it says that it has no local lists


class LocalListCue(enum.StrEnum):
    """What happens to the list in a station."""

    CHANGED = "another list is wanted"
    SAME = "the station reports the version that it was given"
    OTHER = "the station reports another version, or was sent a list by hand"
    BEGUN = "sending begins"
    DONE = "all of it was accepted"
    FAILED = "the station did not take it"
    LOST = "no answer, or the CSMS ended"
    NOT_SUPPORTED = "the station has no local lists"
    ASKED = "the operator asks to try"


_S, _C = LocalListState, LocalListCue
# What the station says counts in any state but one: nothing is sent to a station without lists, except on request.
_HEARD: Final = {
    _C.SAME: _S.IN_STEP,
    _C.OTHER: _S.UNKNOWN,
    _C.BEGUN: _S.SENDING,
    _C.FAILED: _S.FAILED,
    _C.NOT_SUPPORTED: _S.UNSUPPORTED,
}

TRANSITIONS: Final[Mapping[LocalListState, Mapping[LocalListCue, LocalListState]]] = {
    _S.UNKNOWN: _HEARD,
    _S.IN_STEP: {**_HEARD, _C.CHANGED: _S.BEHIND},
    _S.BEHIND: _HEARD,
    _S.SENDING: {
        _C.DONE: _S.IN_STEP,
        _C.OTHER: _S.UNKNOWN,
        _C.FAILED: _S.FAILED,
        _C.LOST: _S.BEHIND,
        _C.NOT_SUPPORTED: _S.UNSUPPORTED,
    },
    _S.FAILED: {**_HEARD, _C.CHANGED: _S.BEHIND, _C.ASKED: _S.BEHIND},
    _S.UNSUPPORTED: {_C.OTHER: _S.UNKNOWN, _C.ASKED: _S.UNKNOWN},
}


def advance(state: LocalListState, cue: LocalListCue) -> LocalListState:
    """Where the cue leads; the same state where it changes nothing."""
    return TRANSITIONS[state].get(cue, state)
