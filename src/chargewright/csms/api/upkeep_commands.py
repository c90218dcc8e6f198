"""Sending the commands of firmware updates and uploads, with the warnings and the errors that any command has."""

from chargewright.csms.api.commands import queue_full, refuse_oddities
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.instants import moment
from chargewright.csms.outcomes import NotSent, Outcome, QueueFull
from chargewright.csms.services.diagnostics import UploadRequest
from chargewright.csms.services.firmware import UpdateRequest
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.rows.upkeep import DiagnosticsUploadRow, FirmwareUpdateRow
from chargewright.protocol.v16.base import UNSET, Timestamp, UnsetType

__all__ = ["ask_update", "ask_upload", "stamp"]


async def ask_update(
    parts: ApiParts, station: StationRow, request: UpdateRequest, *, force: bool, timeout_seconds: float | None
) -> tuple[FirmwareUpdateRow, Outcome]:
    """Write an update down and send its command; the row as it is after the end of the command, and the outcome.

    Raises a 422 `Problem` where it is odd and not forced, 429 where too many commands wait for the station.
    """
    if not force:
        refuse_oddities(await parts.desk.warnings(station, request))
    service = parts.services.firmware
    row = await service.asking(station, request)
    try:
        outcome = await parts.desk.send(station, request, timeout_seconds=timeout_seconds)
    except QueueFull as error:
        await service.asked(station, request, NotSent(reason=str(error)))
        raise queue_full(error) from error
    return await service.update(row.update_id), outcome


async def ask_upload(
    parts: ApiParts, station: StationRow, request: UploadRequest, *, force: bool, timeout_seconds: float | None
) -> tuple[DiagnosticsUploadRow, Outcome]:
    """As `ask_update`, for an upload."""
    if not force:
        refuse_oddities(await parts.desk.warnings(station, request))
    service = parts.services.diagnostics
    row = await service.asking(station, request)
    try:
        outcome = await parts.desk.send(station, request, timeout_seconds=timeout_seconds)
    except QueueFull as error:
        await service.asked(station, request, NotSent(reason=str(error)))
        raise queue_full(error) from error
    return await service.upload(row.upload_id), outcome


def stamp(instant: int | None) -> Timestamp | UnsetType:
    """What a command says for an instant; unset where there is none."""
    return UNSET if instant is None else Timestamp.of(moment(instant))
