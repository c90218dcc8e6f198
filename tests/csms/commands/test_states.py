"""The table of a command's life, walked whole."""

import itertools
import typing

import pytest

from chargewright.csms.commands.states import (
    CUE_OF_OUTCOME,
    ENDS,
    INITIAL,
    TRANSITIONS,
    CommandState,
    Cue,
    advance,
)
from chargewright.csms.outcomes import Outcome
from chargewright.errors import LocalProtocolError


@pytest.mark.parametrize(("state", "cue"), list(itertools.product(CommandState, Cue)))
def test_each_pair_moves_or_says_why_not(state: CommandState, cue: Cue) -> None:
    after = TRANSITIONS[state].get(cue)
    if after is None:
        with pytest.raises(LocalProtocolError, match=rf"{state.value}.*{cue.value}"):
            advance(state, cue)
    else:
        assert advance(state, cue) is after


def test_every_state_can_be_reached_and_what_has_ended_stays() -> None:
    reached = {INITIAL}
    while True:
        further = reached | {after for state in reached for after in TRANSITIONS[state].values()}
        if further == reached:
            break
        reached = further
    assert reached == set(CommandState)
    assert set(CommandState) - {CommandState.WAITING, CommandState.SENT, CommandState.UNKNOWN} == ENDS
    assert set(TRANSITIONS[CommandState.UNKNOWN].values()) == {CommandState.SENT, CommandState.UNKNOWN}


def test_every_outcome_ends_what_was_sent() -> None:
    assert set(CUE_OF_OUTCOME) == set(typing.get_args(Outcome))
    ends = {advance(CommandState.SENT, cue) for cue in CUE_OF_OUTCOME.values()}
    assert len(ends) == 5 and ends <= ENDS
