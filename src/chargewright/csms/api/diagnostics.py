"""Uploads of diagnostics and logs: asking for one, and what stations tell of them."""

import enum
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import Field

from chargewright.csms.api.commands import Force, KeepUntil, TimeoutSeconds
from chargewright.csms.api.errors import Problem
from chargewright.csms.api.models import Body, Instant, InstantIn, View
from chargewright.csms.api.outcomes import failure
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.api.upkeep_commands import ask_upload, keep_upload, stamp
from chargewright.csms.outcomes import Answered
from chargewright.csms.services.diagnostics import UploadRequest
from chargewright.csms.services.diagnostics_states import UploadState
from chargewright.csms.storage.rows.upkeep import DiagnosticsStatusRow, DiagnosticsUploadRow
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.firmware_management import GetDiagnosticsRequest
from chargewright.protocol.v16.security import GetLogRequest, LogParameters, LogType

__all__ = ["diagnostics"]

# The extension's schema bounds it; GetDiagnostics has no bound of its own.
LOCATION_CHARACTERS: Final = 512
_Count = Annotated[int | None, Field(ge=0, le=2**31 - 1)]


class LogKind(enum.StrEnum):
    """What is uploaded."""

    DIAGNOSTICS_LOG = "DiagnosticsLog"
    SECURITY_LOG = "SecurityLog"


class DiagnosticsUpload(View):
    """One upload of one station."""

    id: str
    station: str
    kind: str
    """`Diagnostics` (GetDiagnostics), `DiagnosticsLog` or `SecurityLog` (GetLog)."""
    request_id: int | None
    """The number in the statuses of a log."""
    location: str
    """Without its secrets."""
    start_time: Instant | None
    stop_time: Instant | None
    retries: int | None
    retry_interval: int | None
    """In seconds."""
    file_name: str | None
    """As the station named it; null where it named none: there is nothing to upload."""
    state: str
    """The last status that the station told, or how far the command is."""
    problem: str | None
    created_at: Instant
    changed_at: Instant
    finished_at: Instant | None
    """Null while something may still happen."""


class UploadStatus(View):
    """One status that the station told."""

    status: str
    expected: bool
    """Whether it was next in the sequence."""
    received_at: Instant


class DiagnosticsUploadHistory(DiagnosticsUpload):
    """One upload with everything that the station told of it."""

    history: list[UploadStatus]


class KeptDiagnosticsUpload(DiagnosticsUpload):
    """One upload whose command was kept."""

    command_id: str
    """Of the command, which can be read and taken back under `/commands`."""


class NewDiagnosticsUpload(Body):
    """What is to be uploaded, and where to. With `logType` it is asked for with GetLog."""

    station: Annotated[str, Field(min_length=1, max_length=48)]
    location: Annotated[str, Field(min_length=1, max_length=LOCATION_CHARACTERS)]
    """URL of a directory."""
    start_time: InstantIn | None = None
    stop_time: InstantIn | None = None
    retries: _Count = None
    retry_interval: _Count = None
    log_type: Annotated[LogKind | None, Field(strict=False)] = None


def diagnostics(parts: ApiParts) -> APIRouter:
    """Routes `/diagnostics`."""
    router = APIRouter(prefix="/diagnostics", tags=["diagnostics"])
    admin, service = parts.services.station_admin, parts.services.diagnostics

    def show(row: DiagnosticsUploadRow) -> DiagnosticsUpload:
        return DiagnosticsUpload(**_members(row, admin.identity(row.station_id)))

    @router.post(
        "",
        summary="Let a station upload diagnostics or a log",
        status_code=HTTPStatus.CREATED,
        response_model=DiagnosticsUpload,
        responses={202: {"description": "Kept; see Location", "model": KeptDiagnosticsUpload}},
    )
    async def order_upload(
        body: NewDiagnosticsUpload,
        response: Response,
        timeout_seconds: TimeoutSeconds = None,
        keep_until: KeepUntil = None,
        force: Force = False,
    ) -> DiagnosticsUpload | Response:
        """Answers when the station has answered: 201 where it will do it or has nothing to upload (state `nothing`),
        409 where it refuses or is offline, 502 where it sent CALLERROR, 504 where nothing came in time. What became
        of it stands under `/diagnostics` in any case; problems name its `id`. With `keep_until` 202 at
        once: it is `kept` until the station is there, or `not-sent` when that time is over."""
        station = admin.known(body.station)
        request = await _request(body)
        if keep_until is not None:
            row, command = await keep_upload(
                parts, station, request, keep_until=keep_until, force=force, timeout_seconds=timeout_seconds
            )
            kept = KeptDiagnosticsUpload(**_members(row, body.station), command_id=command.command_id)
            return Response(
                kept.model_dump_json(by_alias=True),
                HTTPStatus.ACCEPTED,
                {"Location": f"/api/v1/diagnostics/{row.upload_id}"},
                "application/json",
            )
        row, outcome = await ask_upload(parts, station, request, force=force, timeout_seconds=timeout_seconds)
        if not isinstance(outcome, Answered):
            problem = failure(outcome)
            problem.members = {**problem.members, "id": row.upload_id}
            raise problem
        if row.state == UploadState.REFUSED:
            raise Problem(
                HTTPStatus.CONFLICT,
                f"The station will not upload: {row.problem}.",
                members={"outcome": "answered", "id": row.upload_id},
            )
        response.headers["Location"] = f"/api/v1/diagnostics/{row.upload_id}"
        return show(row)

    @router.get("", summary="List uploads of diagnostics and logs")
    async def list_uploads(
        asked: PageQuery,
        station: Annotated[str | None, Query(max_length=48, description="Identity of a station")] = None,
        state: Annotated[UploadState | None, Query(description="Only those in this state")] = None,
    ) -> PageOf[DiagnosticsUpload]:
        """The newest first."""
        where: dict[str, Any] = {} if station is None else {"station_id": admin.known(station).id}
        if state is not None:
            where["state"] = state.value
        return await read_page("diagnostics", asked, parts.storage, DiagnosticsUploadRow, where, show, descending=True)

    @router.get("/{id}", summary="Read an upload")
    async def read_upload(id: str) -> DiagnosticsUploadHistory:
        """With the first 500 statuses, oldest first."""
        row = await service.upload(id)
        told = [_status(each) for each in await service.history(id)]
        return DiagnosticsUploadHistory(**_members(row, admin.identity(row.station_id)), history=told)

    async def _request(body: NewDiagnosticsUpload) -> UploadRequest:
        retries = UNSET if body.retries is None else body.retries
        retry_interval = UNSET if body.retry_interval is None else body.retry_interval
        if body.log_type is None:
            return GetDiagnosticsRequest(
                location=body.location,
                retries=retries,
                retry_interval=retry_interval,
                start_time=stamp(body.start_time),
                stop_time=stamp(body.stop_time),
            )
        return GetLogRequest(
            request_id=await service.new_request_id(),
            log_type=LogType(body.log_type.value),
            log=LogParameters(
                remote_location=body.location,
                oldest_timestamp=stamp(body.start_time),
                latest_timestamp=stamp(body.stop_time),
            ),
            retries=retries,
            retry_interval=retry_interval,
        )

    return router


def _members(row: DiagnosticsUploadRow, station: str) -> dict[str, Any]:
    return {
        "id": row.upload_id,
        "station": station,
        "kind": row.kind,
        "request_id": row.request_id,
        "location": row.location,
        "start_time": row.oldest_at,
        "stop_time": row.latest_at,
        "retries": row.retries,
        "retry_interval": row.retry_interval_seconds,
        "file_name": row.file_name,
        "state": row.state,
        "problem": row.problem,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
        "finished_at": row.finished_at,
    }


def _status(row: DiagnosticsStatusRow) -> UploadStatus:
    return UploadStatus(status=row.status, expected=row.expected, received_at=row.received_at)
