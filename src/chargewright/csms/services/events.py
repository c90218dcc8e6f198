"""The event log: what readers are told, as rows of the unit that the event tells of."""

from collections.abc import Mapping
from typing import Any, Final

from chargewright.csms.ports import CallContext
from chargewright.csms.storage.base import EventRecord, StartRecord, StopRecord
from chargewright.errors import LocalProtocolError

__all__ = ["EVENT_KINDS", "EventsService", "make_event"]

_RESERVATION: Final = "`reservationId`, `connectorId`, `idTag`, `expiryDate`, `previously` (its state), `reason`"

_PROFILE: Final = (
    "`chargingProfileId`, `connectorId`, `stackLevel`, `purpose`, `transactionId`, `previously` (its state), `answer`"
)

EVENT_KINDS: Final[Mapping[str, str]] = {
    "alarm.identity_contested": "two devices use one identity: `evictions` so far, `address` of the newest, or the "
    "`node` that it came to",
    "alarm.message_too_big": "the station sent more than `message_bytes` and will send it again: `reason`",
    "alarm.quarantined": "the database refused a message of the station; its frame is in quarantine: `action`",
    "alarm.certificates_refused": "something is wrong with the changed TLS certificates, those in use stay: `error`",
    "certificates.renewed": "the TLS certificates were read again, new connections get them: `files`",
    "bulk.created": "a command for many stations was written down: `bulkId`, `action`, `stations` (how many), "
    "`keepUntil` in µs, `payload` as in `command.sent`",
    "charging_profile.absent": f"the station says that it does not have a charging profile: {_PROFILE}",
    "charging_profile.awaiting_start": f"the station accepted a charging profile with a remote start: {_PROFILE}",
    "charging_profile.cleared": f"the station removed a charging profile: {_PROFILE}",
    "charging_profile.composite_schedule": "the station told its limits for the coming time: `connectorId`, "
    "`duration` as asked for, `status`",
    "charging_profile.ended": f"the transaction of a charging profile ended, and with it the profile: {_PROFILE}",
    "charging_profile.installed": f"the station accepted a charging profile: {_PROFILE}",
    "charging_profile.not_supported": f"the station knows no charging profiles: {_PROFILE}",
    "charging_profile.refused": f"the station did not take a charging profile: {_PROFILE}",
    "charging_profile.replaced": f"the station has another charging profile in the place of one: {_PROFILE}",
    "charging_profile.unknown": f"it is not known whether the station has a charging profile: {_PROFILE}",
    "command.kept": "a command was written down, to be sent when the station is there: `commandId`, `action`, "
    "`keepUntil` in µs, `payload` as in `command.sent`",
    "command.finished": "a command ended: `action`, `outcome` (answered, refused, malformed, unanswered, not-sent), "
    "`status` of the answer, `code` and `description` of a CALLERROR, `reason`; of one that was kept, `commandId` and "
    "its `state`",
    "command.sent": "a command went to the station: `action`, `payload` without passwords and secrets of URLs "
    "(its length as `payloadBytes` where it is long), `commandId`",
    "configuration.state": "whether the station has the configuration that is wanted: `state`, `previously`",
    "configuration.wanted": "the operator wants other values: `scope` (a station or a group), `keys`",
    "connector.status": "StatusNotification: `connectorId`, `status`, `errorCode` as sent, `info`, `vendorErrorCode`, "
    "`timestamp` as sent",
    "data_transfer.failed": "the extension for a vendor failed at a DataTransfer, answered with Rejected: `vendorId`, "
    "`messageId`, `error`",
    "data_transfer.received": "DataTransfer: `vendorId`, `messageId`, `status` is our answer",
    "diagnostics.requested": "diagnostics or a log are asked for: `uploadId`, `kind`, `location` without secrets, "
    "`requestId`, `kept` where it waits for the station",
    "diagnostics.state": "an upload of diagnostics or of a log stands otherwise, by what became of its command or of a "
    "later one: `uploadId`, `state`, `fileName`, `problem`",
    "diagnostics.status": "DiagnosticsStatusNotification or LogStatusNotification: `status`, `requestId`, `expected` "
    "(whether it was next in the sequence), `uploadId` and `state` of the upload that it belongs to",
    "firmware.requested": "a firmware update is asked for: `updateId`, `signed`, `location` without secrets, "
    "`requestId`, `kept` where it waits for the station",
    "firmware.state": "a firmware update stands otherwise, by what became of its command or of a later one: "
    "`updateId`, `state`, `problem`",
    "firmware.status": "FirmwareStatusNotification, or SignedFirmwareStatusNotification where `signed`: `status`, "
    "`requestId`, `expected` (whether it was next in the sequence), `updateId` and `state` of the update that it "
    "belongs to",
    "firmware.version": "the station booted with other firmware than before: `before`, `after`, `updateId` of an "
    "update that it may come from",
    "group.changed": "an operator made or removed a group, `group`, or put the station into it or took it out",
    "id_tag.changed": "the operator registered or changed an id tag: `idTag`",
    "id_tag.pseudonymised": "an id tag was replaced in everything that tells of the past: `pseudonym`, `changed` (how "
    "many values)",
    "id_tag.removed": "the operator removed an id tag: `idTag`",
    "local_list.failed": "the station did not take the wanted local list: `version`, `entries`, `partial`, `problem`",
    "local_list.in_step": "the station has the wanted local list: `version` (its listVersion), `entries`, `partial` "
    "(whether it holds fewer than are wanted)",
    "local_list.unsupported": "the station says that it has no local lists: `problem`",
    "local_list.wanted": "another local list is wanted: `scope`, `version` and `entries`, null where none is any more",
    "reservation.active": f"the station accepted a reservation: {_RESERVATION}",
    "reservation.cancelled": f"the station cancelled a reservation: {_RESERVATION}",
    "reservation.ended": "a reservation ended because its connector became Faulted or Unavailable, or because the "
    f"station does not have it: {_RESERVATION}",
    "reservation.expired": f"expiryDate of a reservation passed: {_RESERVATION}",
    "reservation.refused": f"the station did not take a reservation: {_RESERVATION}",
    "reservation.unknown": f"it is not known whether the station took a reservation: {_RESERVATION}",
    "reservation.used": f"a transaction took a reservation: {_RESERVATION}; `transactionId`, `flags`",
    "security.certificate_requested": "SignCertificate: `status` is our answer, `certificateRequestId`",
    "security.event": "SecurityEventNotification: `type`, `critical`, `timestamp` as sent, `techInfo`",
    "station.booted": "BootNotification: `status` is our answer; `chargePointVendor`, `chargePointModel`, "
    "`chargePointSerialNumber`, `firmwareVersion`",
    "station.changed": "the operator changed a station: `changed` names what",
    "station.password_changed": "the station has a new password: it said so, or came with it",
    "station.security_profile_changed": "the station came with the security profile that it was told to change to: "
    "`before`, `now`",
    "station.connected": "a connection took the station over: `address`, `subprotocol`, `node`",
    "station.disconnected": "the connection is gone: `code`, `reason`, `byPeer` (who began to close), `node`",
    "station.registered": "the operator took a station into service: `securityProfile`",
    "station.removed": "the operator took a station out of service",
    "transaction.closed": "an operator ended a transaction whose stop did not come: `transactionId`, `connectorId`, "
    "`meterStop`, `reason`, `note`",
    "transaction.linked": "an operator linked an orphan stop to a transaction: `transactionId`, `stop` (its id), "
    "`meterStop`, `relation` (`stop` or `correction`)",
    "transaction.review": "somebody should look at a transaction: `transactionId`, `reasons`",
    "transaction.reviewed": "somebody has looked at a transaction: `transactionId`, `reasons`, `note`",
    "transaction.started": "StartTransaction, once: `transactionId`, `connectorId`, `idTag`, `idTagStatus`, "
    "`meterStart`, `timestamp` as sent, `reservationId`, `flags`",
    "transaction.stopped": "StopTransaction, once: `transactionId` as sent, `matched` (whether it ended an open "
    "transaction), `idTag`, `meterStop`, `reason`, `timestamp` as sent, `flags`",
}


def make_event(
    kind: str, body: Mapping[str, Any], start: StartRecord | None = None, stop: StopRecord | None = None
) -> EventRecord:
    """An event of one of `EVENT_KINDS`; raises `LocalProtocolError` for any other: readers know only what is
    documented."""
    if kind not in EVENT_KINDS:
        raise LocalProtocolError(f"{kind!r} is not in EVENT_KINDS")
    return EventRecord(kind=kind, body=body, start=start, stop=stop)


class EventsService:
    """Adds events to a CALL's unit. Names in a body are those of the wire; absent ones are left out."""

    def tell(
        self,
        call: CallContext,
        kind: str,
        *,
        start: StartRecord | None = None,
        stop: StopRecord | None = None,
        **body: Any,
    ) -> None:
        """Add an event of that kind; into the body of one with `start` or `stop` the journal writes what it found
        out."""
        present = {name: value for name, value in body.items() if value is not None}
        call.add(make_event(kind, present, start, stop))
