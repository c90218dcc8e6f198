"""How a firmware update goes on, unsigned (§4.5, §5.19, errata v4.0 §3.47) and signed (use case L01)."""

import enum
from collections.abc import Mapping
from typing import Final

from chargewright.csms.services.jobs import Answer, Machine
from chargewright.protocol.v16.firmware_management import FirmwareStatus
from chargewright.protocol.v16.security import SignedFirmwareStatus

__all__ = ["SIGNED", "SIGNED_TRANSITIONS", "UNSIGNED", "UNSIGNED_TRANSITIONS", "FirmwareState"]

Table = Mapping["FirmwareState", Mapping[enum.StrEnum, "FirmwareState"]]


class FirmwareState(enum.StrEnum):
    """The last status that the station told, or how far the command is (lower case)."""

    KEPT = "kept"  # the command waits for the station
    REQUESTED = "requested"  # the command is on its way
    ACCEPTED = "accepted"  # the station will do it
    UNANSWERED = "unanswered"  # it was sent, and nobody knows whether it arrived
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOADING = "Downloading"
    DOWNLOAD_PAUSED = "DownloadPaused"
    DOWNLOADED = "Downloaded"
    SIGNATURE_VERIFIED = "SignatureVerified"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALLING = "Installing"
    INSTALLED = "Installed"
    DOWNLOAD_FAILED = "DownloadFailed"
    INVALID_SIGNATURE = "InvalidSignature"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    INSTALLATION_FAILED = "InstallationFailed"
    REFUSED = "refused"
    NOT_SENT = "not-sent"
    CANCELED = "canceled"  # by a newer one, says the station
    SUPERSEDED = "superseded"  # by a newer one, of which statuses cannot be told apart


_S: Final = FirmwareState
_CLOSED: Final = frozenset({_S.INSTALLED, _S.REFUSED, _S.NOT_SENT, _S.CANCELED, _S.SUPERSEDED})
_FAILED: Final = frozenset(
    {_S.DOWNLOAD_FAILED, _S.INVALID_SIGNATURE, _S.INSTALL_VERIFICATION_FAILED, _S.INSTALLATION_FAILED}
)
_FINISHED: Final = _CLOSED | _FAILED
_ASKED: Final = (_S.REQUESTED, _S.ACCEPTED, _S.UNANSWERED)

# Installing may be left out where the station fails at once, or where its boot loader cannot speak; Installed may come
# before the reboot, after it, or both.
_INSTALLATION_FAILURES: Final = (_S.INSTALLATION_FAILED, _S.INSTALL_VERIFICATION_FAILED)
_UNSIGNED_STEPS: Final[Mapping[FirmwareState, tuple[FirmwareState, ...]]] = {
    **dict.fromkeys(_ASKED, (_S.DOWNLOADING, _S.DOWNLOAD_FAILED)),
    _S.DOWNLOADING: (_S.DOWNLOADED, _S.DOWNLOAD_FAILED),
    _S.DOWNLOADED: (_S.INSTALLING, _S.INSTALLATION_FAILED),
    _S.INSTALLING: (_S.INSTALLED, _S.INSTALLATION_FAILED),
    _S.DOWNLOAD_FAILED: (_S.DOWNLOADING,),  # the next try
}
_SIGNED_STEPS: Final[Mapping[FirmwareState, tuple[FirmwareState, ...]]] = {
    **dict.fromkeys(_ASKED, (_S.DOWNLOAD_SCHEDULED, _S.DOWNLOADING, _S.DOWNLOAD_FAILED)),
    _S.DOWNLOAD_SCHEDULED: (_S.DOWNLOADING, _S.DOWNLOAD_FAILED),
    _S.DOWNLOADING: (_S.DOWNLOAD_PAUSED, _S.DOWNLOADED, _S.DOWNLOAD_FAILED),
    _S.DOWNLOAD_PAUSED: (_S.DOWNLOADING, _S.DOWNLOAD_FAILED),
    _S.DOWNLOADED: (_S.SIGNATURE_VERIFIED, _S.INVALID_SIGNATURE),
    _S.SIGNATURE_VERIFIED: (
        _S.INSTALL_SCHEDULED,
        _S.INSTALL_REBOOTING,
        _S.INSTALLING,
        _S.INSTALLED,
        *_INSTALLATION_FAILURES,
    ),
    _S.INSTALL_SCHEDULED: (_S.INSTALL_REBOOTING, _S.INSTALLING, _S.INSTALLED, *_INSTALLATION_FAILURES),
    _S.INSTALL_REBOOTING: (_S.INSTALLING, _S.INSTALLED, *_INSTALLATION_FAILURES),
    _S.INSTALLING: (_S.INSTALL_REBOOTING, _S.INSTALLED, *_INSTALLATION_FAILURES),
    _S.DOWNLOAD_FAILED: (_S.DOWNLOADING, _S.DOWNLOAD_SCHEDULED),
}


def _table(statuses: type[enum.StrEnum], steps: Mapping[FirmwareState, tuple[FirmwareState, ...]]) -> Table:
    """The steps, with what goes without saying: a status may be told again, Idle changes nothing where nothing is
    going on, and answers come before, among and after statuses."""
    table: dict[FirmwareState, dict[enum.StrEnum, FirmwareState]] = {}
    words = {status.value for status in statuses}
    for state in FirmwareState:
        moves: dict[enum.StrEnum, FirmwareState] = {statuses(step.value): step for step in steps.get(state, ())}
        if state.value in words:
            moves[statuses(state.value)] = state
        if state in _ASKED or state in _FINISHED:
            moves[statuses("Idle")] = state
        if state in _ASKED:
            moves |= {
                Answer.ACCEPTED: _S.ACCEPTED,
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


UNSIGNED_TRANSITIONS: Final = _table(FirmwareStatus, _UNSIGNED_STEPS)
SIGNED_TRANSITIONS: Final = _table(SignedFirmwareStatus, _SIGNED_STEPS)
UNSIGNED: Final = Machine(UNSIGNED_TRANSITIONS, _FINISHED, _CLOSED)
SIGNED: Final = Machine(SIGNED_TRANSITIONS, _FINISHED, _CLOSED)
