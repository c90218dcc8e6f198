"""The life of a command as a table: what it waits for, how it can end, and what becomes of it in between."""

import enum
from collections.abc import Mapping
from typing import Final

from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.errors import LocalProtocolError

__all__ = ["CUE_OF_OUTCOME", "ENDS", "INITIAL", "TRANSITIONS", "CommandState", "Cue", "advance"]


class CommandState(enum.StrEnum):
    """Where a command stands; the words are those of rows, events and the API."""

    WAITING = "waiting"  # for its turn or, kept, for the station
    SENT = "sent"  # its CALL is out
    ANSWERED = "answered"  # CALLRESULT, whatever status is in it
    REFUSED = "refused"  # CALLERROR
    MALFORMED = "malformed"  # something that is no answer to this action
    UNANSWERED = "unanswered"  # sent, and no answer in time or before the connection was lost
    UNKNOWN = "unknown"  # kept and sent; the connection or this server ended before an answer came
    NOT_SENT = "not-sent"  # never left
    EXPIRED = "expired"  # kept, and the station did not come in time
    CANCELLED = "cancelled"  # by the operator or its caller, before it left


class Cue(enum.Enum):
    """What moves a command."""

    SENDING = "its turn came"
    RESULT = "CALLRESULT"
    CALL_ERROR = "CALLERROR"
    BAD_ANSWER = "malformed answer"
    NO_ANSWER = "no answer"
    INTERRUPTED = "kept, and the connection or the server ended"
    NOT_SENDABLE = "cannot be sent"
    RETURNED = "kept, noted as sent, and never got to the socket"
    KEPT_TOO_LONG = "kept too long"
    CANCEL = "cancel"


INITIAL: Final = CommandState.WAITING

_S, _C = CommandState, Cue
TRANSITIONS: Final[Mapping[CommandState, Mapping[Cue, CommandState]]] = {
    _S.WAITING: {
        _C.SENDING: _S.SENT,
        _C.NOT_SENDABLE: _S.NOT_SENT,
        _C.KEPT_TOO_LONG: _S.EXPIRED,
        _C.CANCEL: _S.CANCELLED,
    },
    _S.SENT: {
        _C.RESULT: _S.ANSWERED,
        _C.CALL_ERROR: _S.REFUSED,
        _C.BAD_ANSWER: _S.MALFORMED,
        _C.NO_ANSWER: _S.UNANSWERED,
        _C.INTERRUPTED: _S.UNKNOWN,
        _C.NOT_SENDABLE: _S.NOT_SENT,
        _C.RETURNED: _S.WAITING,
    },
    # Sent again if its action may be; else, and when that is given up, it stays what it is: nobody knows.
    _S.UNKNOWN: {
        _C.SENDING: _S.SENT,
        _C.NOT_SENDABLE: _S.UNKNOWN,
        _C.KEPT_TOO_LONG: _S.UNKNOWN,
        _C.CANCEL: _S.UNKNOWN,
    },
    _S.ANSWERED: {},
    _S.REFUSED: {},
    _S.MALFORMED: {},
    _S.UNANSWERED: {},
    _S.NOT_SENT: {},
    _S.EXPIRED: {},
    _S.CANCELLED: {},
}

# From these nothing moves any more.
ENDS: Final = frozenset(state for state, moves in TRANSITIONS.items() if not moves)

CUE_OF_OUTCOME: Final[Mapping[type[Outcome], Cue]] = {
    Answered: Cue.RESULT,
    Refused: Cue.CALL_ERROR,
    Malformed: Cue.BAD_ANSWER,
    Unanswered: Cue.NO_ANSWER,
    NotSent: Cue.NOT_SENDABLE,
}


def advance(state: CommandState, cue: Cue) -> CommandState:
    """The state after `cue`; raises `LocalProtocolError` naming both where the table has no such move."""
    after = TRANSITIONS[state].get(cue)
    if after is None:
        raise LocalProtocolError(f"a command that is {state.value} cannot be moved by {cue.value!r}")
    return after
