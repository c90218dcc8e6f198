"""Every cue in every state of a charging profile."""

import itertools

import pytest

from chargewright.csms.services.charging_profile_states import (
    LIVE,
    TRANSITIONS,
    ChargingProfileCue,
    ChargingProfileState,
    next_state,
)

State, Cue = ChargingProfileState, ChargingProfileCue
ANSWERS = {
    Cue.ACCEPTED: State.INSTALLED,
    Cue.START_ACCEPTED: State.AWAITING_START,
    Cue.REFUSED: State.REFUSED,
    Cue.UNSUPPORTED: State.NOT_SUPPORTED,
    Cue.UNANSWERED: State.UNKNOWN,
}
ENDINGS = {Cue.REPLACED: State.REPLACED, Cue.CLEARED: State.CLEARED, Cue.GIVEN_UP: State.ABSENT}


@pytest.mark.parametrize(("state", "cue"), list(itertools.product(State, Cue)))
def test_every_cue_in_every_state(state: State, cue: Cue) -> None:
    after = next_state(state, cue)
    if state not in LIVE:
        assert after is None, "what ended stays ended"
    elif cue is Cue.OVER:
        assert after is State.ENDED
    elif cue in ANSWERS:
        assert after is (ANSWERS[cue] if state is State.SENT else None), "one answer, once"
    elif state is State.SENT:
        assert after is None, "what was sent before is answered before"
    elif cue in ENDINGS:
        assert after is ENDINGS[cue]
    elif cue is Cue.STARTED:
        assert after is (State.INSTALLED if state is State.AWAITING_START else None)
    elif cue is Cue.DOUBTED:
        assert after is (None if state is State.UNKNOWN else State.UNKNOWN)
    else:
        assert cue is Cue.ABSENT
        assert after is (None if state is State.AWAITING_START else State.ABSENT)


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(State)
