"""The control pilot's table, walked over its full product."""

import itertools

import pytest

from chargewright.errors import LocalProtocolError
from chargewright.station.ev.pilot import TRANSITIONS, PilotCue, next_state
from chargewright.station.hardware.interface import PilotState


@pytest.mark.parametrize(("state", "cue"), list(itertools.product(PilotState, PilotCue)))
def test_every_pair_moves_or_raises_naming_both(state: PilotState, cue: PilotCue) -> None:
    if cue in TRANSITIONS[state]:
        assert next_state(state, cue) is TRANSITIONS[state][cue]
    else:
        with pytest.raises(LocalProtocolError) as caught:
            next_state(state, cue)
        assert state.name in str(caught.value) and cue.value in str(caught.value)


def test_every_state_has_a_row_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(PilotState)
    reached = {PilotState.A}
    for _ in PilotState:
        reached |= {after for state in reached for after in TRANSITIONS[state].values()}
    assert reached == set(PilotState)


def test_energy_is_asked_for_only_where_a_vehicle_is() -> None:
    asking = {PilotCue.READY, PilotCue.READY_VENTILATED}
    assert all(not asking & TRANSITIONS[state].keys() for state in (PilotState.A, PilotState.E, PilotState.F))
