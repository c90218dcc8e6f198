"""Files on their way from the station to a server of the operator: one at a time of each kind, and how far it is.

What the states are called on the wire is the business of `diagnostics` (§5.9) and `log_upload` (N01).
"""

import enum
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from chargewright.errors import LocalProtocolError
from chargewright.file_transfer.errors import AccessDenied, FileTransferError, MalformedUrl, UnsupportedScheme
from chargewright.file_transfer.files import BytesSource
from chargewright.file_transfer.masking import mask_url
from chargewright.file_transfer.transfers import Retries
from chargewright.station.context import Context
from chargewright.station.diagnostics_log import Note
from chargewright.station.errand import Errand
from chargewright.station.schemes import check_scheme
from chargewright.station.upkeep import Upkeep

__all__ = ["CUE_OF_ERROR", "TRANSITIONS", "FileUpload", "UploadCue", "UploadStage", "Uploads", "next_stage"]


class UploadStage(enum.Enum):
    """How the upload of this kind stands; the value is what is kept on disk."""

    IDLE = "nothing was asked for yet"
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    BAD_LOCATION = "the location is no URL"
    OTHER_PROTOCOL = "the location needs another protocol"
    REFUSED = "the server did not let us in"
    FAILED = "the upload failed"


class UploadCue(enum.Enum):
    """What moves it."""

    ORDERED = "ordered"
    ARRIVED = "the server has it"
    BAD_LOCATION = "the location is no URL"
    OTHER_PROTOCOL = "the location needs another protocol"
    REFUSED = "the server did not let us in"
    BROKEN = "it did not arrive"


_STARTS: Final = {UploadCue.ORDERED: UploadStage.UPLOADING}

TRANSITIONS: Final[Mapping[UploadStage, Mapping[UploadCue, UploadStage]]] = {
    UploadStage.IDLE: _STARTS,
    UploadStage.UPLOADING: {
        **_STARTS,
        UploadCue.ARRIVED: UploadStage.UPLOADED,
        UploadCue.BAD_LOCATION: UploadStage.BAD_LOCATION,
        UploadCue.OTHER_PROTOCOL: UploadStage.OTHER_PROTOCOL,
        UploadCue.REFUSED: UploadStage.REFUSED,
        UploadCue.BROKEN: UploadStage.FAILED,
    },
    UploadStage.UPLOADED: _STARTS,
    UploadStage.BAD_LOCATION: _STARTS,
    UploadStage.OTHER_PROTOCOL: _STARTS,
    UploadStage.REFUSED: _STARTS,
    UploadStage.FAILED: _STARTS,
}

CUE_OF_ERROR: Final[Mapping[type[FileTransferError], UploadCue]] = {
    FileTransferError: UploadCue.BROKEN,
    MalformedUrl: UploadCue.BAD_LOCATION,
    UnsupportedScheme: UploadCue.OTHER_PROTOCOL,
    AccessDenied: UploadCue.REFUSED,
}
"""A class that is not named follows its parent."""


class FileUpload(msgspec.Struct, frozen=True, kw_only=True):
    """One file, and where it shall go: `location` is the URL of a directory (§6.25)."""

    location: str
    file_name: str
    content: bytes
    retries: int | None = None
    retry_interval: int | None = None
    request_id: int | None = None


class _Kept(msgspec.Struct, frozen=True):
    stage: UploadStage = UploadStage.IDLE
    request_id: int | None = None


class Uploads:
    """Uploads of one `kind`; a new order takes the place of the one that is under way.

    `note` writes into the diagnostics log. Whoever knows the messages sets `moved`, which gets each new stage and the
    request's id inside the commit that keeps them. An upload that was cut off by a boot has failed: the file was made
    of what was true before.
    """

    def __init__(self, context: Context, upkeep: Upkeep, kind: str, note: Note) -> None:
        self.moved: Callable[[UploadStage, int | None], None] = _nobody_is_told
        self._context = context
        self._upkeep = upkeep
        self._kind = kind
        self._note = note
        self._records = context.store.records("uploads")
        self._errand = Errand(context.spawn)
        kept = self._records.get(kind)
        self._state = _Kept() if kept is None else msgspec.json.decode(kept, type=_Kept)

    @property
    def stage(self) -> UploadStage:
        """How the last upload stands."""
        return self._state.stage

    @property
    def request_id(self) -> int | None:
        """What it was asked for by."""
        return self._state.request_id

    @property
    def is_uploading(self) -> bool:
        """Whether one is under way."""
        return self._state.stage is UploadStage.UPLOADING

    def wake_up(self) -> None:
        """The station has booted."""
        if self.is_uploading:
            self._move(UploadCue.BROKEN, self.request_id)

    def stop(self) -> None:
        """Do nothing more."""
        self._errand.stop()

    def order(self, upload: FileUpload) -> Callable[[], None]:
        """Keep that it was asked for, and call off what is under way. Returns what begins it."""
        self._errand.stop()
        self._move(UploadCue.ORDERED, upload.request_id)
        return lambda: self._errand.begin(lambda: self._upload(upload))

    def cancel(self) -> None:
        """Call off what is under way, without a word: something else was asked for, and there is nothing of it."""
        self._errand.stop()
        self._keep(_Kept())

    async def _upload(self, upload: FileUpload) -> None:
        shown = mask_url(upload.location)
        try:
            check_scheme(upload.location, self._context.product.file_transfer_protocols)
            self._upkeep.look_at_roots()
            sent = await self._upkeep.transfers.upload(
                upload.location,
                BytesSource(upload.content),
                file_name=upload.file_name,
                retries=Retries.asked_for(upload.retries, upload.retry_interval),
            )
        except FileTransferError as error:
            self._context.log.warning("an upload failed", kind=self._kind, reason=str(error))
            self._note("upload failed", kind=self._kind, reason=str(error))
            self._move(
                next(CUE_OF_ERROR[kind] for kind in type(error).__mro__ if kind in CUE_OF_ERROR), self.request_id
            )
        else:
            self._context.log.info("uploaded", kind=self._kind, location=shown, size=sent.size)
            self._note("uploaded", kind=self._kind, location=shown, size=sent.size)
            self._move(UploadCue.ARRIVED, self.request_id)

    def _move(self, cue: UploadCue, request_id: int | None) -> None:
        with self._context.store.atomically():
            self._keep(_Kept(next_stage(self._state.stage, cue), request_id))
            self.moved(self.stage, request_id)

    def _keep(self, state: _Kept) -> None:
        self._records.put(self._kind, msgspec.json.encode(state))
        self._state = state


def next_stage(stage: UploadStage, cue: UploadCue) -> UploadStage:
    """Where `cue` leads from `stage`; raises `LocalProtocolError` where it cannot happen."""
    try:
        return TRANSITIONS[stage][cue]
    except KeyError:
        raise LocalProtocolError(f"an upload is {stage.value}: {cue.value} cannot happen") from None


def _nobody_is_told(stage: UploadStage, request_id: int | None) -> None:
    """Until the block with the messages has set `moved`."""
