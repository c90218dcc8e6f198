"""The outgoing slot: one CALL at a time per direction and connection (OCPP-J 4.1.1)."""

import enum
from collections.abc import Mapping
from typing import Final

from chargewright.errors import LocalProtocolError

__all__ = ["INITIAL", "TRANSITIONS", "Cue", "Slot", "advance"]


class Slot(enum.Enum):
    """Where our own CALLs stand on one connection."""

    IDLE = "idle"
    WAITING = "waiting"
    CLOSED = "closed"


class Cue(enum.Enum):
    """What moves the slot."""

    CALL_SENT = "call sent"
    ANSWERED = "answered"
    TIMED_OUT = "timed out"
    CONNECTION_LOST = "connection lost"


INITIAL: Final = Slot.IDLE

# OCPP-J 4.1.1: no second CALL before the first is answered or has timed out. A lost connection does not come back:
# the next one has its own slot, so that an answer of the old one can never meet a CALL of the new one.
TRANSITIONS: Final[Mapping[Slot, Mapping[Cue, Slot]]] = {
    Slot.IDLE: {Cue.CALL_SENT: Slot.WAITING, Cue.CONNECTION_LOST: Slot.CLOSED},
    Slot.WAITING: {Cue.ANSWERED: Slot.IDLE, Cue.TIMED_OUT: Slot.IDLE, Cue.CONNECTION_LOST: Slot.CLOSED},
    Slot.CLOSED: {Cue.CONNECTION_LOST: Slot.CLOSED},
}


def advance(slot: Slot, cue: Cue) -> Slot:
    """The slot after `cue`; raises `LocalProtocolError` naming both where the table has no such move."""
    after = TRANSITIONS[slot].get(cue)
    if after is None:
        raise LocalProtocolError(
            f"the slot for our own CALL is {slot.value}: {cue.value!r} cannot happen (OCPP-J 4.1.1)"
        )
    return after
