"""How far a firmware update is: one table for unsigned (§5.19) and signed (L01) updates."""

import enum
from collections.abc import Mapping
from typing import Final

from chargewright.errors import LocalProtocolError

__all__ = ["ENDED", "TRANSITIONS", "Cue", "Stage", "next_stage"]


class Stage(enum.Enum):
    """Where an update stands; the value is what is kept on disk."""

    ORDERED = "ordered"
    SCHEDULED = "waits for its time or for transactions, before the download"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    VERIFIED = "the signature holds"
    INSTALL_SCHEDULED = "waits for its time or for transactions, before the installation"
    INSTALLING = "installing"
    REBOOTING = "written, to be started by the next boot"
    INSTALLED = "installed"
    DOWNLOAD_FAILED = "the download failed"
    INVALID_SIGNATURE = "the signature does not hold"
    VERIFICATION_FAILED = "the image is not one for this station"
    INSTALLATION_FAILED = "the installation failed"


ENDED: Final = frozenset(
    {
        Stage.INSTALLED,
        Stage.DOWNLOAD_FAILED,
        Stage.INVALID_SIGNATURE,
        Stage.VERIFICATION_FAILED,
        Stage.INSTALLATION_FAILED,
    }
)


class Cue(enum.Enum):
    """What moves an update."""

    MUST_WAIT = "it is not time yet, or a transaction runs"
    MAY_DOWNLOAD = "the download may begin"
    FETCHED = "the image is there"
    SIGNATURE_HOLDS = "the signature holds"
    SIGNATURE_FAILS = "the signature does not hold"
    MAY_INSTALL = "the installation may begin"
    IMAGE_REFUSED = "the image is not one for this station"
    IMAGE_GONE = "the image is not there any more, or is another one"
    WRITTEN = "the image is in its place"
    NEW_RUNS = "booted with the new firmware"
    OLD_RUNS = "booted with the old firmware"
    FAILED = "it cannot go on"


TRANSITIONS: Final[Mapping[Stage, Mapping[Cue, Stage]]] = {
    Stage.ORDERED: {
        Cue.MUST_WAIT: Stage.SCHEDULED,
        Cue.MAY_DOWNLOAD: Stage.DOWNLOADING,
        Cue.FAILED: Stage.DOWNLOAD_FAILED,
    },
    Stage.SCHEDULED: {Cue.MAY_DOWNLOAD: Stage.DOWNLOADING, Cue.FAILED: Stage.DOWNLOAD_FAILED},
    Stage.DOWNLOADING: {Cue.FETCHED: Stage.DOWNLOADED, Cue.FAILED: Stage.DOWNLOAD_FAILED},
    Stage.DOWNLOADED: {
        Cue.SIGNATURE_HOLDS: Stage.VERIFIED,
        Cue.SIGNATURE_FAILS: Stage.INVALID_SIGNATURE,
        Cue.MUST_WAIT: Stage.INSTALL_SCHEDULED,
        Cue.MAY_INSTALL: Stage.INSTALLING,
        Cue.FAILED: Stage.INSTALLATION_FAILED,
    },
    Stage.VERIFIED: {
        Cue.MUST_WAIT: Stage.INSTALL_SCHEDULED,
        Cue.MAY_INSTALL: Stage.INSTALLING,
        Cue.FAILED: Stage.INSTALLATION_FAILED,
    },
    Stage.INSTALL_SCHEDULED: {Cue.MAY_INSTALL: Stage.INSTALLING, Cue.FAILED: Stage.INSTALLATION_FAILED},
    Stage.INSTALLING: {
        Cue.WRITTEN: Stage.REBOOTING,
        Cue.IMAGE_REFUSED: Stage.VERIFICATION_FAILED,
        Cue.IMAGE_GONE: Stage.DOWNLOADING,
        Cue.FAILED: Stage.INSTALLATION_FAILED,
    },
    Stage.REBOOTING: {Cue.NEW_RUNS: Stage.INSTALLED, Cue.OLD_RUNS: Stage.INSTALLATION_FAILED},
}


def next_stage(stage: Stage, cue: Cue) -> Stage:
    """Where `cue` leads from `stage`; raises `LocalProtocolError` where it cannot happen."""
    try:
        return TRANSITIONS[stage][cue]
    except KeyError:
        raise LocalProtocolError(f"a firmware update is {stage.value}: {cue.value} cannot happen") from None
