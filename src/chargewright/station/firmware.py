"""UpdateFirmware and FirmwareStatusNotification: updates without a signature (§4.5, §5.19; errata v4.0 §3.47–3.50)."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Final

from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.firmware_management import (
    FirmwareStatus,
    FirmwareStatusNotificationRequest,
    UpdateFirmwareRequest,
    UpdateFirmwareResponse,
)
from chargewright.rpc.errors import GenericFault
from chargewright.station.context import Answer, Context
from chargewright.station.firmware_stages import Stage
from chargewright.station.firmware_updates import FirmwareJob, FirmwareUpdates
from chargewright.station.outbox import Outbox

__all__ = ["STATUS_ASKED_FOR", "STATUS_TOLD", "UnsignedFirmware"]

STATUS_TOLD: Final[Mapping[Stage, FirmwareStatus | None]] = {
    Stage.ORDERED: None,
    Stage.SCHEDULED: None,
    Stage.DOWNLOADING: FirmwareStatus.DOWNLOADING,
    Stage.DOWNLOADED: FirmwareStatus.DOWNLOADED,
    Stage.VERIFIED: None,
    Stage.INSTALL_SCHEDULED: None,
    Stage.INSTALLING: FirmwareStatus.INSTALLING,
    Stage.REBOOTING: None,
    Stage.INSTALLED: FirmwareStatus.INSTALLED,
    Stage.DOWNLOAD_FAILED: FirmwareStatus.DOWNLOAD_FAILED,
    Stage.INVALID_SIGNATURE: FirmwareStatus.INSTALLATION_FAILED,
    Stage.VERIFICATION_FAILED: FirmwareStatus.INSTALLATION_FAILED,
    Stage.INSTALLATION_FAILED: FirmwareStatus.INSTALLATION_FAILED,
}
"""What is told when an update comes to a stage."""

STATUS_ASKED_FOR: Final[Mapping[Stage, FirmwareStatus]] = {
    Stage.ORDERED: FirmwareStatus.IDLE,
    Stage.SCHEDULED: FirmwareStatus.IDLE,
    Stage.DOWNLOADING: FirmwareStatus.DOWNLOADING,
    Stage.DOWNLOADED: FirmwareStatus.DOWNLOADED,
    Stage.VERIFIED: FirmwareStatus.DOWNLOADED,
    Stage.INSTALL_SCHEDULED: FirmwareStatus.DOWNLOADED,
    Stage.INSTALLING: FirmwareStatus.INSTALLING,
    Stage.REBOOTING: FirmwareStatus.INSTALLING,
    Stage.INSTALLED: FirmwareStatus.IDLE,
    Stage.DOWNLOAD_FAILED: FirmwareStatus.IDLE,
    Stage.INVALID_SIGNATURE: FirmwareStatus.IDLE,
    Stage.VERIFICATION_FAILED: FirmwareStatus.IDLE,
    Stage.INSTALLATION_FAILED: FirmwareStatus.IDLE,
}
"""What TriggerMessage brings: Idle where nothing is going on (§4.5)."""


class UnsignedFirmware:
    """Orders without a signature; the newest one counts, until an image is being written."""

    def __init__(
        self, context: Context, updates: FirmwareUpdates, outbox: Outbox[FirmwareStatusNotificationRequest]
    ) -> None:
        self._context = context
        self._updates = updates
        self._outbox = outbox
        updates.moved = self._moved

    def update_firmware(self, request: UpdateFirmwareRequest) -> Answer:
        """§5.19. The answer has no field to refuse with, so an order that comes too late is a CALLERROR."""
        order = FirmwareJob(
            location=request.location,
            retrieve_at=request.retrieve_date.in_zone(UTC),
            retries=None if request.retries is UNSET else request.retries,
            retry_interval=None if request.retry_interval is UNSET else request.retry_interval,
        )
        job = self._updates.job
        is_repeated = job is not None and (job.location, job.retrieve_at) == (order.location, order.retrieve_at)
        then: Callable[[], None] | None = None
        if not is_repeated or job is None or job.has_ended:
            if not self._updates.can_be_replaced:
                raise GenericFault("a firmware image is being installed; order the next one when that has ended")
            self._updates.order(order)
            then = self._updates.go_on
        return Answer(UpdateFirmwareResponse(), then)

    def tell_again(self) -> None:
        """TriggerMessage asks how far it is (§5.17)."""
        job = self._updates.job
        status = FirmwareStatus.IDLE if job is None else STATUS_ASKED_FOR[job.stage]
        self._outbox.repeat(FirmwareStatusNotificationRequest(status=status))

    def _moved(self, job: FirmwareJob) -> None:
        status = STATUS_TOLD[job.stage]
        if status is not None:
            self._outbox.put(FirmwareStatusNotificationRequest(status=status))
