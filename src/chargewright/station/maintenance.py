"""The blocks with which a station is looked after, joined: firmware updates, diagnostics, logs.

Like `blocks`, this is no block: it makes them, and hands on what one has to tell another.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
from cryptography import x509

from chargewright.file_transfer.masking import mask_url
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.core import ChargePointErrorCode, GetConfigurationRequest
from chargewright.protocol.v16.firmware_management import (
    DiagnosticsStatusNotificationRequest,
    FirmwareStatusNotificationRequest,
)
from chargewright.protocol.v16.security import (
    LogStatusNotificationRequest,
    LogType,
    SignedFirmwareStatusNotificationRequest,
)
from chargewright.station.configuration import StationConfiguration
from chargewright.station.connector import Connector
from chargewright.station.context import Context, Serve, StatusReport
from chargewright.station.diagnostics import Diagnostics
from chargewright.station.diagnostics_file import Sections, document
from chargewright.station.diagnostics_log import DiagnosticsLog, LogEntry, within
from chargewright.station.firmware import UnsignedFirmware
from chargewright.station.firmware_updates import FirmwareUpdates
from chargewright.station.log_upload import LogUpload
from chargewright.station.outbox import Outbox
from chargewright.station.signed_firmware import SignedFirmware
from chargewright.station.store import StationStoreError
from chargewright.station.upkeep import Upkeep
from chargewright.station.uploads import Uploads

__all__ = ["Maintenance", "SecurityLog"]

# The entries of the security log between two moments, both included; None: no bound.
SecurityLog: TypeAlias = Callable[[datetime | None, datetime | None], Iterable[LogEntry]]


class Maintenance:
    """What of it a product offers is in `served` and in the three triggers, which are None where it does not.

    `restart` boots the station anew; `statuses_told` returns when changes of status are told, which go first.
    `manufacturer_roots` and `security_log` are what the security extension knows.
    """

    def __init__(
        self,
        context: Context,
        upkeep: Upkeep,
        configuration: StationConfiguration,
        connectors: Sequence[Connector],
        restart: Callable[[], None],
        statuses_told: Callable[[], Awaitable[None]],
        *,
        manufacturer_roots: Callable[[], Iterable[x509.Certificate]],
        security_log: SecurityLog,
    ) -> None:
        product = context.product
        self.served: Final[dict[str, Serve]] = {}
        self.trigger_firmware_status: Callable[[], None] | None = None
        self.trigger_signed_firmware_status: Callable[[], None] | None = None
        self.trigger_diagnostics_status: Callable[[], None] | None = None
        self.trigger_log_status: Callable[[], None] | None = None
        self._context = context
        self._upkeep = upkeep
        self._configuration = configuration
        self._connectors = connectors
        self._security_log = security_log
        self._log = DiagnosticsLog(context.store, context.clock)
        self._is_awake = False
        self._outboxes: list[Outbox[Any]] = []
        self._uploads: list[Uploads] = []
        self._updates: FirmwareUpdates | None = None
        keeps_log = bool(product.file_transfer_protocols) or product.security is not None
        self._keeps_log = keeps_log
        if product.firmware_management is not None:
            self._offer_firmware(restart, statuses_told, manufacturer_roots)
        if product.file_transfer_protocols:
            self._offer_diagnostics(statuses_told)
        if product.security is not None:
            self._offer_logs(statuses_told)

    @property
    def firmware_version(self) -> str:
        """What runs now."""
        return self._upkeep.installer.version

    # Life.

    def wake_up(self) -> None:
        """The station starts, or starts anew: see what runs, and go on with what was interrupted."""
        self._is_awake = True
        if self._updates is not None:
            self._updates.wake_up()
        else:
            self._upkeep.installer.boot()
        for uploads in self._uploads:
            uploads.wake_up()
        self.note("boot", firmware=self.firmware_version)

    def online(self) -> None:
        """The CSMS takes messages from now on."""
        self.note("online")
        for outbox in self._outboxes:
            outbox.online()

    def offline(self) -> None:
        """The connection is gone."""
        self.note("offline")

    def stand_still(self) -> None:
        """Do and write nothing more; what is on disk stays."""
        self._is_awake = False
        if self._updates is not None:
            self._updates.stop()
        for uploads in self._uploads:
            uploads.stop()

    # What others tell.

    def note(self, event: str, **detail: Any) -> None:
        """Write something into the diagnostics log, where a product has one; never raises. No secrets."""
        if self._is_awake and self._keeps_log:
            try:
                self._log.note(event, **detail)
            except StationStoreError as error:
                # What was to be noted goes on all the same.
                self._context.log.error("a diagnostics note was lost", note=event, reason=str(error))

    def status_changed(self, report: StatusReport) -> None:
        """A connector has another status."""
        detail = {"connector": report.connector_id, "status": report.status.value}
        if report.error_code is not ChargePointErrorCode.NO_ERROR:
            detail["error"] = report.error_code.value
        if report.info is not None:
            detail["info"] = report.info
        self.note("status", **detail)
        self._connectors_changed()

    def transaction_changed(self, connector: Connector) -> None:
        """A transaction has begun or ended."""
        if connector.transaction_key is None:
            self.note("transaction stopped", connector=connector.number)
        else:
            self.note("transaction started", connector=connector.number, key=connector.transaction_key)
        self._connectors_changed()

    def _connectors_changed(self) -> None:
        if self._updates is not None:
            self._updates.connectors_changed()

    # What is offered.

    def _offer_firmware(
        self,
        restart: Callable[[], None],
        told: Callable[[], Awaitable[None]],
        manufacturer_roots: Callable[[], Iterable[x509.Certificate]],
    ) -> None:
        context = self._context
        management = context.product.firmware_management
        if management is not None and management.is_signed:
            signed_outbox = Outbox(context, SignedFirmwareStatusNotificationRequest, told)
            updates = FirmwareUpdates(
                context, self._upkeep, self._connectors, restart, signed_outbox.wait_until_told, self.note
            )
            signed = SignedFirmware(context, updates, signed_outbox, manufacturer_roots)
            self._outboxes.append(signed_outbox)
            self.served["SignedUpdateFirmware"] = signed.signed_update_firmware
            self.trigger_signed_firmware_status = signed.tell_again
        else:
            outbox = Outbox(context, FirmwareStatusNotificationRequest, told)
            updates = FirmwareUpdates(
                context, self._upkeep, self._connectors, restart, outbox.wait_until_told, self.note
            )
            unsigned = UnsignedFirmware(context, updates, outbox)
            self._outboxes.append(outbox)
            self.served["UpdateFirmware"] = unsigned.update_firmware
            self.trigger_firmware_status = unsigned.tell_again
        self._updates = updates

    def _offer_diagnostics(self, told: Callable[[], Awaitable[None]]) -> None:
        outbox = Outbox(self._context, DiagnosticsStatusNotificationRequest, told)
        uploads = Uploads(self._context, self._upkeep, "diagnostics", self.note)
        diagnostics = Diagnostics(self._context, uploads, outbox, self._diagnostics_file)
        self._outboxes.append(outbox)
        self._uploads.append(uploads)
        self.served["GetDiagnostics"] = diagnostics.get_diagnostics
        self.trigger_diagnostics_status = diagnostics.tell_again

    def _offer_logs(self, told: Callable[[], Awaitable[None]]) -> None:
        outbox = Outbox(self._context, LogStatusNotificationRequest, told)
        uploads = Uploads(self._context, self._upkeep, "log", self.note)
        makers = {LogType.DIAGNOSTICS_LOG: self._diagnostics_file, LogType.SECURITY_LOG: self._security_file}
        logs = LogUpload(self._context, uploads, outbox, makers)
        self._outboxes.append(outbox)
        self._uploads.append(uploads)
        self.served["GetLog"] = logs.get_log
        self.trigger_log_status = logs.tell_again

    # What the files hold.

    def _diagnostics_file(self, oldest: datetime | None, latest: datetime | None) -> bytes:
        sections: Sections = {
            "product": self._product,
            "firmware": self._firmware,
            "configuration": self._shown_configuration,
            "connectors": self._shown_connectors,
            "transactions": lambda: self._context.store.transactions(),
            "queue": self._queue,
        }
        entries = within(self._log.entries(), oldest, latest)
        return document(self._context.station_id, self._context.clock.now(), sections, entries)

    def _security_file(self, oldest: datetime | None, latest: datetime | None) -> bytes | None:
        entries = list(self._security_log(oldest, latest))
        if not entries:
            return None
        return document(self._context.station_id, self._context.clock.now(), {}, entries, "securityLog")

    def _product(self) -> dict[str, Any]:
        product = self._context.product
        return {
            "vendor": product.vendor,
            "model": product.model,
            "serialNumber": product.serial_number,
            "meterType": product.meter_type,
            "meterSerialNumber": product.meter_serial_number,
            "featureProfiles": sorted(profile.value for profile in product.feature_profiles),
        }

    def _firmware(self) -> dict[str, Any]:
        job = None if self._updates is None else self._updates.job
        shown: dict[str, Any] = {"version": self.firmware_version, "lastUpdate": None}
        if job is not None:
            shown["lastUpdate"] = {
                "stage": job.stage.value,
                "location": mask_url(job.location),
                "retrieveAt": job.retrieve_at,
                "installAt": job.install_at,
                "requestId": job.request_id,
                "version": job.version,
                "sha256": job.sha256,
                "reason": job.reason,
            }
        return shown

    def _shown_configuration(self) -> dict[str, str | None]:
        # What the CSMS would be told: a key that cannot be read does not stand there either.
        answer = self._configuration.get_configuration(GetConfigurationRequest())
        keys = [] if answer.configuration_key is UNSET else answer.configuration_key
        return {item.key: None if item.value is UNSET else item.value for item in keys}

    def _shown_connectors(self) -> list[dict[str, Any]]:
        return [
            {
                "connector": connector.number,
                "status": connector.current_report.status.value,
                "error": connector.current_report.error_code.value,
                "info": connector.current_report.info,
                "isHeldOutOfService": connector.is_held_out_of_service,
                "transaction": connector.transaction_key,
                "registerWh": connector.hardware.meter.peek().register_wh,
            }
            for connector in self._connectors
        ]

    def _queue(self) -> list[dict[str, Any]]:
        return [
            {
                "number": message.sequence,
                "action": message.action,
                "transaction": message.transaction_key,
                "attempts": message.attempts,
                "parkedBecause": message.parked_because,
                "payload": msgspec.Raw(message.payload),
            }
            for message in self._context.store.queue()
        ]
