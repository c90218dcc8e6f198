"""The table of firmware updates, walked."""

import itertools

import pytest

from chargewright.errors import LocalProtocolError
from chargewright.station import firmware, signed_firmware
from chargewright.station.firmware_stages import ENDED, TRANSITIONS, Cue, Stage, next_stage


@pytest.mark.parametrize(("stage", "cue"), list(itertools.product(Stage, Cue)))
def test_each_pair_moves_or_raises_naming_both(stage: Stage, cue: Cue) -> None:
    target = TRANSITIONS.get(stage, {}).get(cue)
    if target is not None:
        assert next_stage(stage, cue) is target
        return
    with pytest.raises(LocalProtocolError) as caught:
        next_stage(stage, cue)
    assert stage.value in str(caught.value)
    assert cue.value in str(caught.value)


def test_every_stage_is_reached_and_only_ends_lead_nowhere() -> None:
    reached, border = {Stage.ORDERED}, {Stage.ORDERED}
    while border:
        border = {target for stage in border for target in TRANSITIONS.get(stage, {}).values()} - reached
        reached |= border
    assert reached == set(Stage)
    assert {stage for stage in Stage if not TRANSITIONS.get(stage)} == ENDED


def test_whatever_has_not_ended_can_fail_but_for_the_boot_itself() -> None:
    for stage in set(Stage) - ENDED - {Stage.REBOOTING}:
        assert next_stage(stage, Cue.FAILED) in ENDED


def test_each_stage_has_its_word_for_the_csms() -> None:
    for table in (firmware.STATUS_TOLD, firmware.STATUS_ASKED_FOR, signed_firmware.STATUS_TOLD):
        assert set(table) == set(Stage)
    assert all(firmware.STATUS_TOLD[stage] is not None for stage in ENDED)
    assert all(signed_firmware.STATUS_TOLD[stage] is not None for stage in ENDED)
