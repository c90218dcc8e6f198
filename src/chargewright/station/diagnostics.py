"""GetDiagnostics and DiagnosticsStatusNotification (§4.4, §5.9; errata v4.0 §3.31, §3.50)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.firmware_management import (
    DiagnosticsStatus,
    DiagnosticsStatusNotificationRequest,
    GetDiagnosticsRequest,
    GetDiagnosticsResponse,
)
from chargewright.station.context import Answer, Context
from chargewright.station.diagnostics_file import file_name
from chargewright.station.outbox import Outbox
from chargewright.station.uploads import FileUpload, Uploads, UploadStage

__all__ = ["STATUS_ASKED_FOR", "STATUS_TOLD", "Diagnostics"]

STATUS_TOLD: Final[Mapping[UploadStage, DiagnosticsStatus]] = {
    UploadStage.IDLE: DiagnosticsStatus.IDLE,
    UploadStage.UPLOADING: DiagnosticsStatus.UPLOADING,
    UploadStage.UPLOADED: DiagnosticsStatus.UPLOADED,
    UploadStage.BAD_LOCATION: DiagnosticsStatus.UPLOAD_FAILED,
    UploadStage.OTHER_PROTOCOL: DiagnosticsStatus.UPLOAD_FAILED,
    UploadStage.REFUSED: DiagnosticsStatus.UPLOAD_FAILED,
    UploadStage.FAILED: DiagnosticsStatus.UPLOAD_FAILED,
}

STATUS_ASKED_FOR: Final[Mapping[UploadStage, DiagnosticsStatus]] = {
    stage: DiagnosticsStatus.UPLOADING if stage is UploadStage.UPLOADING else DiagnosticsStatus.IDLE
    for stage in UploadStage
}
"""What TriggerMessage brings: Idle where nothing is going on (§4.4)."""


class Diagnostics:
    """`make(oldest, latest)` gives the file of this moment; its log is narrowed to that time."""

    def __init__(
        self,
        context: Context,
        uploads: Uploads,
        outbox: Outbox[DiagnosticsStatusNotificationRequest],
        make: Callable[[datetime | None, datetime | None], bytes],
    ) -> None:
        self._context = context
        self._uploads = uploads
        self._outbox = outbox
        self._make = make
        uploads.moved = self._moved

    def get_diagnostics(self, request: GetDiagnosticsRequest) -> Answer:
        """§5.9. There is always something to upload: the state of the station, if nothing else."""
        name = file_name(self._context.station_id, "diagnostics", self._context.clock.now())
        upload = FileUpload(
            location=request.location,
            file_name=name,
            content=self._make(
                None if request.start_time is UNSET else request.start_time.in_zone(UTC),
                None if request.stop_time is UNSET else request.stop_time.in_zone(UTC),
            ),
            retries=None if request.retries is UNSET else request.retries,
            retry_interval=None if request.retry_interval is UNSET else request.retry_interval,
        )
        return Answer(GetDiagnosticsResponse(file_name=name), then=self._uploads.order(upload))

    def tell_again(self) -> None:
        """TriggerMessage asks how far it is (§5.17)."""
        self._outbox.repeat(DiagnosticsStatusNotificationRequest(status=STATUS_ASKED_FOR[self._uploads.stage]))

    def _moved(self, stage: UploadStage, request_id: int | None) -> None:
        self._outbox.put(DiagnosticsStatusNotificationRequest(status=STATUS_TOLD[stage]))
