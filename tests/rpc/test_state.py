"""The table of the outgoing slot, walked over its full product."""

import itertools

import pytest

from chargewright.errors import LocalProtocolError
from chargewright.rpc.state import INITIAL, TRANSITIONS, Cue, Slot, advance

MOVES = {
    (Slot.IDLE, Cue.CALL_SENT): Slot.WAITING,
    (Slot.IDLE, Cue.CONNECTION_LOST): Slot.CLOSED,
    (Slot.WAITING, Cue.ANSWERED): Slot.IDLE,
    (Slot.WAITING, Cue.TIMED_OUT): Slot.IDLE,
    (Slot.WAITING, Cue.CONNECTION_LOST): Slot.CLOSED,
    (Slot.CLOSED, Cue.CONNECTION_LOST): Slot.CLOSED,
}


@pytest.mark.parametrize(("slot", "cue"), list(itertools.product(Slot, Cue)))
def test_each_pair_moves_or_raises_naming_both(slot: Slot, cue: Cue) -> None:
    if (slot, cue) in MOVES:
        assert advance(slot, cue) is MOVES[slot, cue]
    else:
        with pytest.raises(LocalProtocolError, match=f"{slot.value}.*{cue.value}"):
            advance(slot, cue)


def test_each_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(Slot)


def test_each_state_is_reachable() -> None:
    reached = {INITIAL}
    frontier = [INITIAL]
    while frontier:
        for after in TRANSITIONS[frontier.pop()].values():
            if after not in reached:
                reached.add(after)
                frontier.append(after)
    assert reached == set(Slot)
