"""SignedUpdateFirmware and SignedFirmwareStatusNotification: updates that the maker has signed (L01)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC
from typing import Final

from cryptography import x509

from chargewright.file_transfer.errors import FileTransferError
from chargewright.pki.certificates import PkiError, load_certificate
from chargewright.pki.firmware_signatures import check_signing_certificate, verify_signature
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.coding import decode, encode
from chargewright.protocol.v16.security import (
    SignedFirmwareStatus,
    SignedFirmwareStatusNotificationRequest,
    SignedUpdateFirmwareRequest,
    SignedUpdateFirmwareResponse,
    UpdateFirmwareStatus,
)
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.context import Answer, Context
from chargewright.station.firmware_stages import Stage
from chargewright.station.firmware_updates import FirmwareJob, FirmwareUpdates
from chargewright.station.outbox import Outbox
from chargewright.station.schemes import check_scheme

__all__ = ["STATUS_TOLD", "SignedFirmware"]

STATUS_TOLD: Final[Mapping[Stage, SignedFirmwareStatus | None]] = {
    Stage.ORDERED: None,
    Stage.SCHEDULED: SignedFirmwareStatus.DOWNLOAD_SCHEDULED,
    Stage.DOWNLOADING: SignedFirmwareStatus.DOWNLOADING,
    Stage.DOWNLOADED: SignedFirmwareStatus.DOWNLOADED,
    Stage.VERIFIED: SignedFirmwareStatus.SIGNATURE_VERIFIED,
    Stage.INSTALL_SCHEDULED: SignedFirmwareStatus.INSTALL_SCHEDULED,
    Stage.INSTALLING: SignedFirmwareStatus.INSTALLING,
    Stage.REBOOTING: None,
    Stage.INSTALLED: SignedFirmwareStatus.INSTALLED,
    Stage.DOWNLOAD_FAILED: SignedFirmwareStatus.DOWNLOAD_FAILED,
    Stage.INVALID_SIGNATURE: SignedFirmwareStatus.INVALID_SIGNATURE,
    Stage.VERIFICATION_FAILED: SignedFirmwareStatus.INSTALL_VERIFICATION_FAILED,
    Stage.INSTALLATION_FAILED: SignedFirmwareStatus.INSTALLATION_FAILED,
}
"""What is told when an update comes to a stage; no InstallRebooting, for Installing was told and a boot follows."""

_LAST: Final = "last"


class SignedFirmware:
    """Orders with a signature. `manufacturer_roots` are the installed ManufacturerRootCertificates of now."""

    def __init__(
        self,
        context: Context,
        updates: FirmwareUpdates,
        outbox: Outbox[SignedFirmwareStatusNotificationRequest],
        manufacturer_roots: Callable[[], Iterable[x509.Certificate]],
    ) -> None:
        self._context = context
        self._updates = updates
        self._outbox = outbox
        self._manufacturer_roots = manufacturer_roots
        self._records = context.store.records("signed_firmware")
        updates.moved = self._moved
        updates.trouble_with_signature = self._trouble_with_signature

    def signed_update_firmware(self, request: SignedUpdateFirmwareRequest) -> Answer:
        """The certificate is checked before the answer (L01.FR.02); the newest order counts (L01.FR.26)."""
        firmware = request.firmware
        try:
            check_signing_certificate(
                firmware.signing_certificate, self._manufacturer_roots(), self._context.clock.now()
            )
        except PkiError as error:
            why = str(error)
            self._context.log.warning("a firmware update is refused", reason=why)
            return _answer(
                UpdateFirmwareStatus.INVALID_CERTIFICATE,
                lambda: self._context.note_security_event(SecurityEvent.INVALID_FIRMWARE_SIGNING_CERTIFICATE, why),
            )
        try:
            check_scheme(firmware.location, self._context.product.file_transfer_protocols)
        except FileTransferError as error:
            self._context.log.warning("a firmware update is refused", reason=str(error))
            return _answer(UpdateFirmwareStatus.REJECTED)
        if not self._updates.can_be_replaced:
            return _answer(UpdateFirmwareStatus.REJECTED)
        is_replacing = self._updates.order(
            FirmwareJob(
                location=firmware.location,
                retrieve_at=firmware.retrieve_date_time.in_zone(UTC),
                install_at=None if firmware.install_date_time is UNSET else firmware.install_date_time.in_zone(UTC),
                retries=None if request.retries is UNSET else request.retries,
                retry_interval=None if request.retry_interval is UNSET else request.retry_interval,
                request_id=request.request_id,
                certificate=firmware.signing_certificate,
                signature=firmware.signature,
            )
        )
        status = UpdateFirmwareStatus.ACCEPTED_CANCELED if is_replacing else UpdateFirmwareStatus.ACCEPTED
        return _answer(status, self._updates.go_on)

    def tell_again(self) -> None:
        """ExtendedTriggerMessage: Idle after Installed and before the first update, else what was last (L01.FR.28)."""
        kept = self._records.get(_LAST)
        last = None if kept is None else decode(SignedFirmwareStatusNotificationRequest, kept)
        if last is None or last.status is SignedFirmwareStatus.INSTALLED:
            last = SignedFirmwareStatusNotificationRequest(status=SignedFirmwareStatus.IDLE)
        self._outbox.repeat(last)

    def _trouble_with_signature(self, job: FirmwareJob) -> str:
        try:
            verify_signature(load_certificate(job.certificate), bytes.fromhex(job.sha256), job.signature)
        except PkiError as error:
            return str(error)
        return ""

    def _moved(self, job: FirmwareJob) -> None:
        status = STATUS_TOLD[job.stage]
        if status is not None:
            request = SignedFirmwareStatusNotificationRequest(
                status=status, request_id=UNSET if job.request_id is None else job.request_id
            )
            self._records.put(_LAST, encode(request))
            self._outbox.put(request)
        if job.stage is Stage.INVALID_SIGNATURE:
            self._context.note_security_event(SecurityEvent.INVALID_FIRMWARE_SIGNATURE, job.reason)


def _answer(status: UpdateFirmwareStatus, then: Callable[[], None] | None = None) -> Answer:
    return Answer(SignedUpdateFirmwareResponse(status=status), then)
