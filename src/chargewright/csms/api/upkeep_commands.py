"""Sending the commands of firmware updates and uploads, with the warnings and the errors that any command has."""

from chargewright.csms.api.commands import check_instant, queue_full, refuse_oddities
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.instants import moment
from chargewright.csms.outcomes import NotSent, Outcome, QueueFull
from chargewright.csms.services.diagnostics import UploadRequest
from chargewright.csms.services.firmware import UpdateRequest
from chargewright.csms.storage.base import Record, StationRow
from chargewright.csms.storage.rows.commands import CommandRow
from chargewright.csms.storage.rows.upkeep import DiagnosticsUploadRow, FirmwareUpdateRow
from chargewright.protocol.v16.base import UNSET, Timestamp, UnsetType

__all__ = ["ask_update", "ask_upload", "keep_update", "keep_upload", "stamp"]


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


async def keep_update(
    parts: ApiParts,
    station: StationRow,
    request: UpdateRequest,
    *,
    keep_until: int,
    force: bool,
    timeout_seconds: float | None,
) -> tuple[FirmwareUpdateRow, CommandRow]:
    """Write an update down together with its command, to be sent when the station is there, until `keep_until` (µs).

    Raises as `ask_update`, `InvalidValue` for an instant that is over, and `Conflict` where the same is asked for.
    """
    check_instant(parts, "keep_until", keep_until)
    if not force:
        refuse_oddities(await parts.desk.warnings(station, request))
    keeping = _Keeping(parts, station, request, keep_until, timeout_seconds)
    row = await parts.services.firmware.asking(station, request, keep=keeping.write)
    return row, keeping.command


async def keep_upload(
    parts: ApiParts,
    station: StationRow,
    request: UploadRequest,
    *,
    keep_until: int,
    force: bool,
    timeout_seconds: float | None,
) -> tuple[DiagnosticsUploadRow, CommandRow]:
    """As `keep_update`, for an upload."""
    check_instant(parts, "keep_until", keep_until)
    if not force:
        refuse_oddities(await parts.desk.warnings(station, request))
    keeping = _Keeping(parts, station, request, keep_until, timeout_seconds)
    row = await parts.services.diagnostics.asking(station, request, keep=keeping.write)
    return row, keeping.command


class _Keeping:
    """Keeps one command, with the records of what it asks for in the same unit."""

    command: CommandRow

    def __init__(
        self,
        parts: ApiParts,
        station: StationRow,
        request: UpdateRequest | UploadRequest,
        keep_until: int,
        timeout_seconds: float | None,
    ) -> None:
        self._desk = parts.desk
        self._station = station
        self._request = request
        self._keep_until = keep_until
        self._timeout_seconds = timeout_seconds

    async def write(self, *records: Record) -> None:
        try:
            self.command = await self._desk.keep(
                self._station,
                self._request,
                keep_until=self._keep_until,
                timeout_seconds=self._timeout_seconds,
                alongside=records,
            )
        except QueueFull as error:
            raise queue_full(error) from error


def stamp(instant: int | None) -> Timestamp | UnsetType:
    """What a command says for an instant; unset where there is none."""
    return UNSET if instant is None else Timestamp.of(moment(instant))
