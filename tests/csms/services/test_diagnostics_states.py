"""The tables of uploads: walked whole, and along the ways that the specification names."""

import itertools
from typing import Any

import pytest

from chargewright.csms.services.diagnostics_states import DIAGNOSTICS, LOG, UploadState
from chargewright.csms.services.jobs import Answer, Machine
from chargewright.protocol.v16.firmware_management import DiagnosticsStatus
from chargewright.protocol.v16.security import UploadLogStatus

PRODUCT = [
    (machine, state, cue)
    for machine, statuses in [(DIAGNOSTICS, DiagnosticsStatus), (LOG, UploadLogStatus)]
    for state, cue in itertools.product(UploadState, [*statuses, *Answer])
]


@pytest.mark.parametrize(("machine", "state", "cue"), PRODUCT)
def test_every_cue_in_every_state_leads_to_a_state(machine: Machine, state: UploadState, cue: Any) -> None:
    after, is_expected = machine.move(state.value, cue.value)
    assert UploadState(after) == after
    if is_expected:
        assert machine.table[state][cue] == after
    if state in machine.closed:
        assert after == state
    elif not is_expected and cue.value != "Idle" and not isinstance(cue, Answer):
        assert after == cue.value


@pytest.mark.parametrize(
    ("machine", "told"),
    [
        (DIAGNOSTICS, "accepted Uploading Uploaded Idle"),
        (DIAGNOSTICS, "Uploading accepted Uploaded"),
        (DIAGNOSTICS, "accepted Uploading UploadFailed Uploading Uploaded"),
        (DIAGNOSTICS, "accepted UploadFailed"),
        (DIAGNOSTICS, "nothing Idle"),
        (LOG, "accepted Uploading Uploaded"),
        (LOG, "accepted Uploading BadMessage"),
        (LOG, "accepted PermissionDenied"),
        (LOG, "unanswered Uploading NotSupportedOperation"),
        (LOG, "accepted Idle Uploading UploadFailure Uploading"),
        (LOG, "accepted Uploading canceled"),
    ],
)
def test_the_ways_of_the_specification(machine: Machine, told: str) -> None:
    state = "requested"
    for cue in told.split():
        before = state
        state, is_expected = machine.move(state, cue)
        # The answer to the command may come after the first status; it changes nothing then.
        assert is_expected or (before, cue) == ("Uploading", "accepted"), (before, cue)
        assert state == (before if cue == "Idle" or not is_expected else cue)


def test_a_file_after_all_where_none_was_announced_is_followed() -> None:
    assert DIAGNOSTICS.move("nothing", "Uploading") == ("Uploading", False)


@pytest.mark.parametrize("machine", [DIAGNOSTICS, LOG])
def test_what_is_kept_is_moved_by_its_own_command_alone(machine: Machine) -> None:
    moves = {answer.value: machine.move("kept", answer)[0] for answer in Answer}
    assert {after for after in moves.values() if after != "kept"} == {"requested", "not-sent"}
    assert "kept" not in machine.finished
