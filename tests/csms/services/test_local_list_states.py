"""Every cue in every state of a station's local list."""

import itertools

import pytest

from chargewright.csms.services.local_list_states import TRANSITIONS, LocalListCue, LocalListState, advance

S, C = LocalListState, LocalListCue
QUIET = (S.UNKNOWN, S.IN_STEP, S.BEHIND, S.FAILED)
MOVES = {
    **{(state, C.SAME): S.IN_STEP for state in QUIET},
    **{(state, C.OTHER): S.UNKNOWN for state in S},
    **{(state, C.BEGUN): S.SENDING for state in QUIET},
    **{(state, C.FAILED): S.FAILED for state in (*QUIET, S.SENDING)},
    **{(state, C.NOT_SUPPORTED): S.UNSUPPORTED for state in S},
    (S.IN_STEP, C.CHANGED): S.BEHIND,
    (S.FAILED, C.CHANGED): S.BEHIND,
    (S.FAILED, C.ASKED): S.BEHIND,
    (S.UNSUPPORTED, C.ASKED): S.UNKNOWN,
    (S.SENDING, C.DONE): S.IN_STEP,
    (S.SENDING, C.LOST): S.BEHIND,
}


@pytest.mark.parametrize(("state", "cue"), list(itertools.product(S, C)))
def test_every_cue_in_every_state(state: LocalListState, cue: LocalListCue) -> None:
    assert advance(state, cue) is MOVES.get((state, cue), state)


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(S)
