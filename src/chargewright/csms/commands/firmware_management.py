"""Commands of the Firmware Management feature profile (§5.9, §5.19)."""

from collections.abc import Iterable, Sequence

from chargewright.csms.commands.doubts import (
    FILE_TRANSFER_PROTOCOLS,
    location_doubts,
    order_doubts,
    past_doubts,
    retry_doubts,
)
from chargewright.csms.commands.table import notes, prepares, warns
from chargewright.csms.outcomes import Answered, Outcome
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.rows.upkeep import DiagnosticsUploadRow, FirmwareUpdateRow
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.core import GetConfigurationRequest, GetConfigurationResponse
from chargewright.protocol.v16.firmware_management import GetDiagnosticsRequest, UpdateFirmwareRequest

__all__ = [
    "note_diagnostics",
    "note_protocols",
    "note_update",
    "prepare_diagnostics",
    "prepare_update",
    "running_doubts",
    "warn_diagnostics",
    "warn_update",
]

# From here on a station has the security extension, with which it refuses unsigned updates (L01.FR.20).
SIGNED_FROM_PROFILE = 2


def running_doubts(
    what: str,
    jobs: Sequence[FirmwareUpdateRow | DiagnosticsUploadRow],
    station: StationRow,
    request_id: int | None = None,
) -> Iterable[str]:
    """What is going on at the station already, and whether its number is to be used a second time."""
    running = [row for row in jobs if row.state not in ("kept", "requested", "unanswered")]
    if running:
        yield f"{station.identity} has {what} going on, which is {running[0].state}: it may be given up or this refused"
    if request_id is not None and any(row.request_id == request_id for row in jobs):
        yield f"requestId {request_id}: {what} of {station.identity} has it; their statuses cannot be told apart"


@warns(UpdateFirmwareRequest)
def warn_update(request: UpdateFirmwareRequest, station: StationRow, services: Services) -> Iterable[str]:
    """What a station will not do, or not in the way that is meant."""
    yield from location_doubts("location", request.location, station, services)
    yield from past_doubts("retrieveDate", request.retrieve_date, services.firmware.now())
    yield from retry_doubts(request.retries, request.retry_interval)
    if station.security_profile >= SIGNED_FROM_PROFILE:
        yield (
            f"{station.identity} uses security profile {station.security_profile}: a station with the security "
            "extension refuses unsigned updates (L01.FR.20); use SignedUpdateFirmware"
        )
    yield from running_doubts("a firmware update", services.firmware.unfinished(station.id), station)


@warns(GetDiagnosticsRequest)
def warn_diagnostics(request: GetDiagnosticsRequest, station: StationRow, services: Services) -> Iterable[str]:
    """What a station will not do, or not in the way that is meant."""
    yield from location_doubts("location", request.location, station, services)
    yield from order_doubts("startTime", request.start_time, "stopTime", request.stop_time)
    yield from retry_doubts(request.retries, request.retry_interval)
    yield from running_doubts("an upload", services.diagnostics.unfinished(station.id), station)


@prepares(UpdateFirmwareRequest)
async def prepare_update(request: UpdateFirmwareRequest, station: StationRow, services: Services) -> None:
    """Written down before it is sent: the first status may come before the answer."""
    await services.firmware.asking(station, request)


@prepares(GetDiagnosticsRequest)
async def prepare_diagnostics(request: GetDiagnosticsRequest, station: StationRow, services: Services) -> None:
    """Written down before it is sent."""
    await services.diagnostics.asking(station, request)


@notes(UpdateFirmwareRequest)
async def note_update(
    request: UpdateFirmwareRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Whether the station will do it."""
    await services.firmware.asked(station, request, outcome)


@notes(GetDiagnosticsRequest)
async def note_diagnostics(
    request: GetDiagnosticsRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Whether there is anything to upload, and under which name."""
    await services.diagnostics.asked(station, request, outcome)


@notes(GetConfigurationRequest)
async def note_protocols(
    request: GetConfigurationRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """How the station can fetch and send files."""
    if not isinstance(outcome, Answered) or not isinstance(outcome.response, GetConfigurationResponse):
        return
    entries = outcome.response.configuration_key
    for entry in () if isinstance(entries, UnsetType) else entries:
        if entry.key.casefold() == "supportedfiletransferprotocols" and not isinstance(entry.value, UnsetType):
            await services.abilities.learn(station.id, FILE_TRANSFER_PROTOCOLS, entry.value)
