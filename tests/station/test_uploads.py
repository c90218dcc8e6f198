"""The table of uploads, walked, and which failure is which."""

import itertools

import pytest

from chargewright.errors import LocalProtocolError
from chargewright.file_transfer import errors
from chargewright.station import diagnostics, log_upload
from chargewright.station.uploads import CUE_OF_ERROR, TRANSITIONS, UploadCue, UploadStage, next_stage


@pytest.mark.parametrize(("stage", "cue"), list(itertools.product(UploadStage, UploadCue)))
def test_each_pair_moves_or_raises_naming_both(stage: UploadStage, cue: UploadCue) -> None:
    target = TRANSITIONS[stage].get(cue)
    if target is not None:
        assert next_stage(stage, cue) is target
        return
    with pytest.raises(LocalProtocolError) as caught:
        next_stage(stage, cue)
    assert stage.value in str(caught.value)
    assert cue.value in str(caught.value)


def test_every_stage_is_reached_and_a_new_order_is_always_taken() -> None:
    reached = {target for row in TRANSITIONS.values() for target in row.values()}
    assert reached | {UploadStage.IDLE} == set(UploadStage)
    assert all(next_stage(stage, UploadCue.ORDERED) is UploadStage.UPLOADING for stage in UploadStage)


def test_every_cue_of_an_error_ends_an_upload() -> None:
    assert all(
        kind in errors.FileTransferError.__subclasses__() or kind is errors.FileTransferError for kind in CUE_OF_ERROR
    )
    for cue in CUE_OF_ERROR.values():
        assert next_stage(UploadStage.UPLOADING, cue) is not UploadStage.UPLOADING


def test_each_stage_has_its_word_for_the_csms() -> None:
    for table in (diagnostics.STATUS_TOLD, diagnostics.STATUS_ASKED_FOR, log_upload.STATUS_TOLD):
        assert set(table) == set(UploadStage)
