"""GetLog and LogStatusNotification (N01)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from chargewright.file_transfer.errors import FileTransferError
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.security import (
    GetLogRequest,
    GetLogResponse,
    LogStatus,
    LogStatusNotificationRequest,
    LogType,
    UploadLogStatus,
)
from chargewright.station.context import Answer, Context
from chargewright.station.diagnostics_file import file_name
from chargewright.station.outbox import Outbox
from chargewright.station.schemes import check_scheme
from chargewright.station.uploads import FileUpload, Uploads, UploadStage

__all__ = ["STATUS_TOLD", "LogUpload", "MakeLog"]

# Gives the file of this moment with what lies between two moments, None where there is nothing.
MakeLog = Callable[[datetime | None, datetime | None], bytes | None]

STATUS_TOLD: Final[Mapping[UploadStage, UploadLogStatus]] = {
    UploadStage.IDLE: UploadLogStatus.IDLE,
    UploadStage.UPLOADING: UploadLogStatus.UPLOADING,
    UploadStage.UPLOADED: UploadLogStatus.UPLOADED,
    UploadStage.BAD_LOCATION: UploadLogStatus.BAD_MESSAGE,
    UploadStage.OTHER_PROTOCOL: UploadLogStatus.NOT_SUPPORTED_OPERATION,
    UploadStage.REFUSED: UploadLogStatus.PERMISSION_DENIED,
    UploadStage.FAILED: UploadLogStatus.UPLOAD_FAILURE,
}

_NAMES: Final[Mapping[LogType, str]] = {LogType.DIAGNOSTICS_LOG: "diagnostics", LogType.SECURITY_LOG: "security"}


class LogUpload:
    """`makers` has one function for each type of log."""

    def __init__(
        self,
        context: Context,
        uploads: Uploads,
        outbox: Outbox[LogStatusNotificationRequest],
        makers: Mapping[LogType, MakeLog],
    ) -> None:
        self._context = context
        self._uploads = uploads
        self._outbox = outbox
        self._makers = makers
        uploads.moved = self._moved

    def get_log(self, request: GetLogRequest) -> Answer:
        """N01: Rejected for a URL that cannot be served; without a name where there is nothing to upload."""
        log = request.log
        try:
            check_scheme(log.remote_location, self._context.product.file_transfer_protocols)
        except FileTransferError as error:
            self._context.log.warning("the upload of a log is refused", reason=str(error))
            return Answer(GetLogResponse(status=LogStatus.REJECTED))
        status = LogStatus.ACCEPTED_CANCELED if self._uploads.is_uploading else LogStatus.ACCEPTED
        content = self._makers[request.log_type](
            None if log.oldest_timestamp is UNSET else log.oldest_timestamp.in_zone(UTC),
            None if log.latest_timestamp is UNSET else log.latest_timestamp.in_zone(UTC),
        )
        if content is None:
            self._uploads.cancel()
            return Answer(GetLogResponse(status=status))
        name = file_name(self._context.station_id, _NAMES[request.log_type], self._context.clock.now())
        upload = FileUpload(
            location=log.remote_location,
            file_name=name,
            content=content,
            retries=None if request.retries is UNSET else request.retries,
            retry_interval=None if request.retry_interval is UNSET else request.retry_interval,
            request_id=request.request_id,
        )
        return Answer(GetLogResponse(status=status, filename=name), then=self._uploads.order(upload))

    def tell_again(self) -> None:
        """ExtendedTriggerMessage: Uploading with the request's id, else Idle without one (N01.FR.08)."""
        if self._uploads.is_uploading:
            request_id = self._uploads.request_id
            request = LogStatusNotificationRequest(
                status=UploadLogStatus.UPLOADING, request_id=UNSET if request_id is None else request_id
            )
        else:
            request = LogStatusNotificationRequest(status=UploadLogStatus.IDLE)
        self._outbox.repeat(request)

    def _moved(self, stage: UploadStage, request_id: int | None) -> None:
        self._outbox.put(
            LogStatusNotificationRequest(
                status=STATUS_TOLD[stage], request_id=UNSET if request_id is None else request_id
            )
        )
