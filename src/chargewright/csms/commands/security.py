"""Commands of the security extension (use cases A02 to A04, L01, M03 to M05, N01)."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from chargewright.csms.commands.doubts import (
    base64_doubts,
    location_doubts,
    order_doubts,
    past_doubts,
    pem_doubts,
    retry_doubts,
)
from chargewright.csms.commands.firmware_management import running_doubts
from chargewright.csms.commands.table import notes, prepares, warns
from chargewright.csms.outcomes import Answered, Outcome, Refused
from chargewright.csms.services.abilities import refused_trigger
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.security import (
    CertificateSignedRequest,
    DeleteCertificateRequest,
    ExtendedMessageTrigger,
    ExtendedTriggerMessageRequest,
    ExtendedTriggerMessageResponse,
    GetLogRequest,
    HashAlgorithm,
    InstallCertificateRequest,
    SignedUpdateFirmwareRequest,
    TriggerMessageStatus,
)

__all__ = [
    "note_log",
    "note_signed_update",
    "note_trigger",
    "prepare_log",
    "prepare_signed_update",
    "warn_certificate",
    "warn_certificate_signed",
    "warn_delete_certificate",
    "warn_log",
    "warn_signed_update",
    "warn_trigger",
]

_HASH_DIGITS: Final[Mapping[HashAlgorithm, int]] = {
    HashAlgorithm.SHA256: 64,
    HashAlgorithm.SHA384: 96,
    HashAlgorithm.SHA512: 128,
}
_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]+")
# Only these are of a connector; of the others a station ignores the number (§5.17).
_OF_CONNECTOR: Final = (ExtendedMessageTrigger.METER_VALUES, ExtendedMessageTrigger.STATUS_NOTIFICATION)


@warns(SignedUpdateFirmwareRequest)
def warn_signed_update(request: SignedUpdateFirmwareRequest, station: StationRow, services: Services) -> Iterable[str]:
    """What a station will not do, or not in the way that is meant. Whether certificate and signature are right is not
    checked: the file is not here."""
    firmware = request.firmware
    yield from location_doubts("firmware.location", firmware.location, station, services)
    yield from past_doubts("firmware.retrieveDateTime", firmware.retrieve_date_time, services.firmware.now())
    yield from order_doubts(
        "firmware.retrieveDateTime",
        firmware.retrieve_date_time,
        "firmware.installDateTime",
        firmware.install_date_time,
    )
    yield from retry_doubts(request.retries, request.retry_interval)
    yield from pem_doubts("firmware.signingCertificate", firmware.signing_certificate)
    yield from base64_doubts("firmware.signature", firmware.signature)
    yield from running_doubts(
        "a firmware update", services.firmware.unfinished(station.id), station, request.request_id
    )


@warns(GetLogRequest)
def warn_log(request: GetLogRequest, station: StationRow, services: Services) -> Iterable[str]:
    """What a station will not do, or not in the way that is meant."""
    log = request.log
    yield from location_doubts("log.remoteLocation", log.remote_location, station, services)
    yield from order_doubts("log.oldestTimestamp", log.oldest_timestamp, "log.latestTimestamp", log.latest_timestamp)
    yield from retry_doubts(request.retries, request.retry_interval)
    yield from running_doubts("an upload", services.diagnostics.unfinished(station.id), station, request.request_id)


@warns(ExtendedTriggerMessageRequest)
def warn_trigger(request: ExtendedTriggerMessageRequest, station: StationRow, services: Services) -> Iterable[str]:
    """A message that has no connector, or that the station does not send."""
    message = request.requested_message
    connector_id = request.connector_id
    if not isinstance(connector_id, UnsetType):
        if message not in _OF_CONNECTOR:
            yield f"connectorId {connector_id}: {message.value} is of no connector; a station ignores it (§5.17)"
        elif connector_id < 0:
            yield f"connectorId {connector_id}: is less than 0"
    answer = services.abilities.of(station.id, _refused(message))
    if answer is not None:
        yield f"requestedMessage {message.value}: {station.identity} answered {answer} to it before"


@warns(InstallCertificateRequest)
def warn_certificate(request: InstallCertificateRequest, station: StationRow, services: Services) -> Iterable[str]:
    """What is no certificate."""
    yield from pem_doubts("certificate", request.certificate)
    if request.certificate.count("-----BEGIN CERTIFICATE-----") > 1:
        yield "certificate: holds several; a station installs one"


@warns(DeleteCertificateRequest)
def warn_delete_certificate(
    request: DeleteCertificateRequest, station: StationRow, services: Services
) -> Iterable[str]:
    """What cannot name a certificate."""
    data = request.certificate_hash_data
    digits = _HASH_DIGITS[data.hash_algorithm]
    for field, value in (("issuerNameHash", data.issuer_name_hash), ("issuerKeyHash", data.issuer_key_hash)):
        if len(value) != digits or _HEXADECIMAL.fullmatch(value) is None:
            yield f"{field} {value!r}: {data.hash_algorithm.value} has {digits} hexadecimal digits"
    number = data.serial_number
    if _HEXADECIMAL.fullmatch(number) is None or (number.startswith("0") and number != "0"):
        yield f"serialNumber {number!r}: is not hexadecimal without leading zeros"


@warns(CertificateSignedRequest)
def warn_certificate_signed(
    request: CertificateSignedRequest, station: StationRow, services: Services
) -> Iterable[str]:
    """A certificate that nobody asked for, or none."""
    if not services.security_events.has_asked(station.id):
        yield f"{station.identity} never asked for a certificate (SignCertificate): it has no key that this one fits"
    yield from pem_doubts("certificateChain", request.certificate_chain)


@prepares(SignedUpdateFirmwareRequest)
async def prepare_signed_update(request: SignedUpdateFirmwareRequest, station: StationRow, services: Services) -> None:
    """Written down before it is sent: the first status may come before the answer."""
    await services.firmware.asking(station, request)


@prepares(GetLogRequest)
async def prepare_log(request: GetLogRequest, station: StationRow, services: Services) -> None:
    """Written down before it is sent."""
    await services.diagnostics.asking(station, request)


@notes(SignedUpdateFirmwareRequest)
async def note_signed_update(
    request: SignedUpdateFirmwareRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Whether the station will do it, and gave an older one up for it."""
    await services.firmware.asked(station, request, outcome)


@notes(GetLogRequest)
async def note_log(request: GetLogRequest, outcome: Outcome, station: StationRow, services: Services) -> None:
    """Whether there is anything to upload, under which name, and whether an older upload was given up for it."""
    await services.diagnostics.asked(station, request, outcome)


@notes(ExtendedTriggerMessageRequest)
async def note_trigger(
    request: ExtendedTriggerMessageRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Which messages the station does not send when asked."""
    name = _refused(request.requested_message)
    match outcome:
        case Answered(response=ExtendedTriggerMessageResponse(status=TriggerMessageStatus.NOT_IMPLEMENTED)):
            await services.abilities.learn(station.id, name, TriggerMessageStatus.NOT_IMPLEMENTED.value)
        case Refused(code="NotImplemented" | "NotSupported"):
            await services.abilities.learn(station.id, name, f"CALLERROR {outcome.code}")
        case Answered(response=ExtendedTriggerMessageResponse(status=TriggerMessageStatus.ACCEPTED)):
            await services.abilities.forget(station.id, name)


def _refused(message: ExtendedMessageTrigger) -> str:
    # Apart from those of TriggerMessage: the same word may mean another message there.
    return refused_trigger(f"extended {message.value}")
