"""Every cue in every state of a reservation."""

import itertools

import pytest

from chargewright.csms.services.reservation_states import (
    LIVE,
    TRANSITIONS,
    ReservationCue,
    ReservationState,
    next_state,
)

ENDED_BY = {
    ReservationCue.STARTED: ReservationState.USED,
    ReservationCue.CANCELLED: ReservationState.CANCELLED,
    ReservationCue.EXPIRED: ReservationState.EXPIRED,
    ReservationCue.OUT_OF_SERVICE: ReservationState.ENDED,
}


@pytest.mark.parametrize(("state", "cue"), list(itertools.product(ReservationState, ReservationCue)))
def test_every_cue_in_every_state(state: ReservationState, cue: ReservationCue) -> None:
    after = next_state(state, cue)
    if state in LIVE and cue in ENDED_BY:
        assert after is ENDED_BY[cue]
    elif cue is ReservationCue.STARTED:
        assert after is (None if state is ReservationState.USED else ReservationState.USED)
    elif state not in LIVE:
        assert after is None, "what ended stays ended"
    elif cue is ReservationCue.ACCEPTED:
        assert after is (None if state is ReservationState.ACTIVE else ReservationState.ACTIVE)
    elif cue is ReservationCue.ABSENT:
        assert after is (None if state is ReservationState.REQUESTED else ReservationState.ENDED)
    else:
        refused = {
            ReservationCue.REFUSED: ReservationState.REFUSED,
            ReservationCue.UNANSWERED: ReservationState.UNKNOWN,
        }
        assert after is (refused[cue] if state is ReservationState.REQUESTED else None)


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(ReservationState)
