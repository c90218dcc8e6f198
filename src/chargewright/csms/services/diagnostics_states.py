"""How an upload of diagnostics (§4.4, §5.9) or of a log (use case N01) goes on."""

import enum
from collections.abc import Mapping
from typing import Final

from chargewright.csms.services.jobs import Answer, Machine
from chargewright.protocol.v16.firmware_management import DiagnosticsStatus
from chargewright.protocol.v16.security import UploadLogStatus

__all__ = ["DIAGNOSTICS", "DIAGNOSTICS_TRANSITIONS", "LOG", "LOG_TRANSITIONS", "UploadState"]

Table = Mapping["UploadState", Mapping[enum.StrEnum, "UploadState"]]


class UploadState(enum.StrEnum):
    """The last status that the station told, or how far the command is (lower case)."""

    KEPT = "kept"  # the command waits for the station
    REQUESTED = "requested"  # the command is on its way
    ACCEPTED = "accepted"  # the station named a file
    UNANSWERED = "unanswered"  # it was sent, and nobody knows whether it arrived
    UPLOADING = "Uploading"
    UPLOADED = "Uploaded"
    UPLOAD_FAILED = "UploadFailed"  # of diagnostics
    UPLOAD_FAILURE = "UploadFailure"  # of a log
    BAD_MESSAGE = "BadMessage"
    PERMISSION_DENIED = "PermissionDenied"
    NOT_SUPPORTED_OPERATION = "NotSupportedOperation"
    NOTHING = "nothing"  # the station named no file: there is nothing to upload
    REFUSED = "refused"
    NOT_SENT = "not-sent"
    CANCELED = "canceled"  # by a newer one, says the station
    SUPERSEDED = "superseded"  # by a newer one, of which statuses cannot be told apart


_S: Final = UploadState
_LOG_FAILURES: Final = (_S.UPLOAD_FAILURE, _S.BAD_MESSAGE, _S.PERMISSION_DENIED, _S.NOT_SUPPORTED_OPERATION)
_CLOSED: Final = frozenset({_S.UPLOADED, _S.REFUSED, _S.NOT_SENT, _S.CANCELED, _S.SUPERSEDED})
_FINISHED: Final = _CLOSED | {_S.NOTHING, _S.UPLOAD_FAILED, *_LOG_FAILURES}
_ASKED: Final = (_S.REQUESTED, _S.ACCEPTED, _S.UNANSWERED)

_DIAGNOSTICS_STEPS: Final[Mapping[UploadState, tuple[UploadState, ...]]] = {
    **dict.fromkeys(_ASKED, (_S.UPLOADING, _S.UPLOAD_FAILED)),
    _S.UPLOADING: (_S.UPLOADED, _S.UPLOAD_FAILED),
    _S.UPLOAD_FAILED: (_S.UPLOADING,),  # the next try
}
_LOG_STEPS: Final[Mapping[UploadState, tuple[UploadState, ...]]] = {
    **dict.fromkeys(_ASKED, (_S.UPLOADING, *_LOG_FAILURES)),
    _S.UPLOADING: (_S.UPLOADED, *_LOG_FAILURES),
    **dict.fromkeys(_LOG_FAILURES, (_S.UPLOADING,)),
}


def _table(statuses: type[enum.StrEnum], steps: Mapping[UploadState, tuple[UploadState, ...]]) -> Table:
    """The steps, with what goes without saying: a status may be told again, Idle changes nothing where nothing is
    going on, and answers come before, among and after statuses."""
    table: dict[UploadState, dict[enum.StrEnum, UploadState]] = {}
    words = {status.value for status in statuses}
    for state in UploadState:
        moves: dict[enum.StrEnum, UploadState] = {statuses(step.value): step for step in steps.get(state, ())}
        if state.value in words:
            moves[statuses(state.value)] = state
        if state in _ASKED or state in _FINISHED:
            moves[statuses("Idle")] = state
        if state in _ASKED:
            moves |= {
                Answer.ACCEPTED: _S.ACCEPTED,
                Answer.NOTHING: _S.NOTHING,
                Answer.UNANSWERED: _S.UNANSWERED,
                Answer.REFUSED: _S.REFUSED,
                Answer.NOT_SENT: _S.NOT_SENT,
            }
        if state is _S.KEPT:
            # No status is of a job that the station has not heard of.
            moves = {Answer.REQUESTED: _S.REQUESTED, Answer.NOT_SENT: _S.NOT_SENT}
        elif state not in _FINISHED:
            moves |= {Answer.CANCELED: _S.CANCELED, Answer.SUPERSEDED: _S.SUPERSEDED}
        table[state] = moves
    return table


DIAGNOSTICS_TRANSITIONS: Final = _table(DiagnosticsStatus, _DIAGNOSTICS_STEPS)
LOG_TRANSITIONS: Final = _table(UploadLogStatus, _LOG_STEPS)
DIAGNOSTICS: Final = Machine(DIAGNOSTICS_TRANSITIONS, _FINISHED, _CLOSED)
LOG: Final = Machine(LOG_TRANSITIONS, _FINISHED, _CLOSED)
