"""The tables of firmware updates: walked whole, and along the ways that the specification names."""

import itertools
from typing import Any

import pytest

from chargewright.csms.services.firmware_states import SIGNED, UNSIGNED, FirmwareState
from chargewright.csms.services.jobs import Answer, Machine
from chargewright.protocol.v16.firmware_management import FirmwareStatus
from chargewright.protocol.v16.security import SignedFirmwareStatus

KINDS = [(UNSIGNED, FirmwareStatus), (SIGNED, SignedFirmwareStatus)]
PRODUCT = [
    (machine, state, cue)
    for machine, statuses in KINDS
    for state, cue in itertools.product(FirmwareState, [*statuses, *Answer])
]


@pytest.mark.parametrize(("machine", "state", "cue"), PRODUCT)
def test_every_cue_in_every_state_leads_to_a_state(machine: Machine, state: FirmwareState, cue: Any) -> None:
    after, is_expected = machine.move(state.value, cue.value)
    assert FirmwareState(after) == after
    if is_expected:
        assert machine.table[state][cue] == after
    if state in machine.closed:
        assert after == state
    elif not is_expected and cue.value != "Idle" and not isinstance(cue, Answer):
        assert after == cue.value, "the station knows better than we do what it is doing"


@pytest.mark.parametrize(
    ("machine", "told"),
    [
        (UNSIGNED, "Downloading Downloaded Installing Installed"),
        (UNSIGNED, "Downloading Downloaded Installing Installed Installed"),
        (UNSIGNED, "Downloading DownloadFailed"),
        (UNSIGNED, "DownloadFailed"),
        (UNSIGNED, "Downloading DownloadFailed Downloading Downloaded InstallationFailed"),
        (UNSIGNED, "Idle Downloading Downloading Downloaded Installing InstallationFailed Idle"),
        (SIGNED, "Downloading Downloaded SignatureVerified Installing Installed"),
        (
            SIGNED,
            "DownloadScheduled Downloading DownloadPaused Downloading Downloaded SignatureVerified InstallScheduled "
            "InstallRebooting Installing Installed",
        ),
        (SIGNED, "Downloading Downloaded SignatureVerified Installing InstallRebooting Installed"),
        (SIGNED, "Downloading Downloaded SignatureVerified Installed"),
        (SIGNED, "Downloading Downloaded InvalidSignature"),
        (SIGNED, "Downloading Downloaded SignatureVerified InstallVerificationFailed"),
        (SIGNED, "Downloading DownloadFailed DownloadScheduled Downloading"),
    ],
)
@pytest.mark.parametrize("begin", ["requested", "accepted", "unanswered"])
def test_the_ways_of_the_specification_are_expected(machine: Machine, told: str, begin: str) -> None:
    state = begin
    for status in told.split():
        before = state
        state, is_expected = machine.move(state, status)
        assert is_expected, (before, status)
        assert state == (before if status == "Idle" else status)


@pytest.mark.parametrize(
    ("machine", "state", "cue", "after"),
    [
        (UNSIGNED, "Downloading", "Idle", "Downloading"),
        (UNSIGNED, "accepted", "Installed", "Installed"),
        (UNSIGNED, "Installed", "Downloading", "Installed"),
        (UNSIGNED, "Downloading", "refused", "Downloading"),
        (SIGNED, "Downloaded", "Installing", "Installing"),
        (SIGNED, "canceled", "Installed", "canceled"),
        (SIGNED, "InvalidSignature", "Downloading", "Downloading"),
    ],
)
def test_what_is_unexpected_is_followed_unless_all_is_over(machine: Machine, state: str, cue: str, after: str) -> None:
    assert machine.move(state, cue) == (after, False)


@pytest.mark.parametrize("machine", [UNSIGNED, SIGNED])
def test_what_is_finished_waits_for_nothing(machine: Machine) -> None:
    running = set(FirmwareState) - machine.finished - {FirmwareState.KEPT}
    assert machine.closed < machine.finished
    for state in running:
        assert machine.move(state, "superseded") == ("superseded", True)


@pytest.mark.parametrize("machine", [UNSIGNED, SIGNED])
def test_what_is_kept_is_moved_by_its_own_command_alone(machine: Machine) -> None:
    moves = {answer.value: machine.move("kept", answer)[0] for answer in Answer}
    assert {after for after in moves.values() if after != "kept"} == {"requested", "not-sent"}
    assert "kept" not in machine.finished
