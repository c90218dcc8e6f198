"""Firmware updates: ordering one, and what stations tell of them."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import Field, model_validator

from chargewright.csms.api.commands import Force, KeepUntil, TimeoutSeconds
from chargewright.csms.api.errors import Problem
from chargewright.csms.api.models import Body, Instant, InstantIn, View
from chargewright.csms.api.outcomes import failure
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.api.upkeep_commands import ask_update, keep_update, stamp
from chargewright.csms.instants import moment
from chargewright.csms.outcomes import Answered
from chargewright.csms.services.firmware import UpdateRequest, refused_unsigned
from chargewright.csms.services.firmware_states import FirmwareState
from chargewright.csms.storage.rows.upkeep import FirmwareStatusRow, FirmwareUpdateRow
from chargewright.protocol.v16.base import UNSET, Timestamp
from chargewright.protocol.v16.firmware_management import UpdateFirmwareRequest
from chargewright.protocol.v16.security import Firmware, SignedUpdateFirmwareRequest

__all__ = ["firmware_updates"]

# The extension's schema bounds it; UpdateFirmware has no bound of its own.
LOCATION_CHARACTERS: Final = 512
_Count = Annotated[int | None, Field(ge=0, le=2**31 - 1)]


class FirmwareUpdate(View):
    """One update of one station."""

    id: str
    station: str
    signed: bool
    request_id: int | None
    """The number in the statuses of a signed update."""
    location: str
    """Without its secrets."""
    retrieve_date: Instant
    install_date: Instant | None
    retries: int | None
    retry_interval: int | None
    """In seconds."""
    state: str
    """The last status that the station told, or how far the command is."""
    problem: str | None
    version_before: str | None
    version_after: str | None
    """What the station said it runs when it booted in the middle of the update or after it."""
    created_at: Instant
    changed_at: Instant
    finished_at: Instant | None
    """Null while something may still happen."""


class FirmwareStatus(View):
    """One status that the station told."""

    status: str
    expected: bool
    """Whether it was next in the sequence."""
    received_at: Instant


class FirmwareUpdateHistory(FirmwareUpdate):
    """One update with everything that the station told of it."""

    history: list[FirmwareStatus]


class KeptFirmwareUpdate(FirmwareUpdate):
    """One update whose command was kept."""

    command_id: str
    """Of the command, which can be read and taken back under `/commands`."""


class NewFirmwareUpdate(Body):
    """What is to be installed. With `signingCertificate` and `signature` it is a signed update."""

    station: Annotated[str, Field(min_length=1, max_length=48)]
    location: Annotated[str, Field(min_length=1, max_length=LOCATION_CHARACTERS)]
    retrieve_date: InstantIn | None = None
    """From when on the station may fetch it; absent: now."""
    retries: _Count = None
    retry_interval: _Count = None
    signing_certificate: Annotated[str | None, Field(min_length=1, max_length=5500)] = None
    signature: Annotated[str | None, Field(min_length=1, max_length=800)] = None
    install_date: InstantIn | None = None
    """When a signed update is to be installed; absent: as soon as possible."""

    @model_validator(mode="after")
    def _whole(self) -> "NewFirmwareUpdate":
        if (self.signing_certificate is None) != (self.signature is None):
            raise ValueError("both signingCertificate and signature, or neither")
        if self.install_date is not None and self.signature is None:
            raise ValueError("installDate only with signingCertificate and signature")
        return self


def firmware_updates(parts: ApiParts) -> APIRouter:
    """Routes `/firmware-updates`."""
    router = APIRouter(prefix="/firmware-updates", tags=["firmware-updates"])
    admin, service = parts.services.station_admin, parts.services.firmware

    def show(row: FirmwareUpdateRow) -> FirmwareUpdate:
        return FirmwareUpdate(**_members(row, admin.identity(row.station_id)))

    @router.post(
        "",
        summary="Update the firmware of a station",
        status_code=HTTPStatus.CREATED,
        response_model=FirmwareUpdate,
        responses={202: {"description": "Kept; see Location", "model": KeptFirmwareUpdate}},
    )
    async def order_firmware_update(
        body: NewFirmwareUpdate,
        response: Response,
        timeout_seconds: TimeoutSeconds = None,
        keep_until: KeepUntil = None,
        force: Force = False,
    ) -> FirmwareUpdate | Response:
        """Answers when the station has answered: 201 where it will do it, 409 where it refuses or is offline, 502
        where it sent CALLERROR, 504 where nothing came in time. What became of it stands under `/firmware-updates`
        in any case; problems name its `id`. With `keep_until` 202 at
        once: it is `kept` until the station is there, or `not-sent` when that time is over."""
        station = admin.known(body.station)
        request = await _request(body)
        if keep_until is not None:
            row, command = await keep_update(
                parts, station, request, keep_until=keep_until, force=force, timeout_seconds=timeout_seconds
            )
            kept = KeptFirmwareUpdate(**_members(row, body.station), command_id=command.command_id)
            return Response(
                kept.model_dump_json(by_alias=True),
                HTTPStatus.ACCEPTED,
                {"Location": f"/api/v1/firmware-updates/{row.update_id}"},
                "application/json",
            )
        row, outcome = await ask_update(parts, station, request, force=force, timeout_seconds=timeout_seconds)
        url = f"/api/v1/firmware-updates/{row.update_id}"
        if not isinstance(outcome, Answered):
            problem = failure(outcome)
            problem.members = {**problem.members, "id": row.update_id}
            if refused_unsigned(outcome) and not row.signed:
                problem.detail = (
                    f"{problem.detail} {body.station} updates no firmware over OCPP, or only signed one, which wants "
                    "signingCertificate and signature."
                )
            raise problem
        if row.state == FirmwareState.REFUSED:
            raise Problem(
                HTTPStatus.CONFLICT,
                f"The station will not update: {row.problem}.",
                members={"outcome": "answered", "id": row.update_id},
            )
        response.headers["Location"] = url
        return show(row)

    @router.get("", summary="List firmware updates")
    async def list_firmware_updates(
        asked: PageQuery,
        station: Annotated[str | None, Query(max_length=48, description="Identity of a station")] = None,
        state: Annotated[FirmwareState | None, Query(description="Only those in this state")] = None,
    ) -> PageOf[FirmwareUpdate]:
        """The newest first."""
        where: dict[str, Any] = {} if station is None else {"station_id": admin.known(station).id}
        if state is not None:
            where["state"] = state.value
        return await read_page(
            "firmware-updates", asked, parts.storage, FirmwareUpdateRow, where, show, descending=True
        )

    @router.get("/{id}", summary="Read a firmware update")
    async def read_firmware_update(id: str) -> FirmwareUpdateHistory:
        """With the first 500 statuses, oldest first."""
        row = await service.update(id)
        told = [_status(each) for each in await service.history(id)]
        return FirmwareUpdateHistory(**_members(row, admin.identity(row.station_id)), history=told)

    async def _request(body: NewFirmwareUpdate) -> UpdateRequest:
        retries = UNSET if body.retries is None else body.retries
        retry_interval = UNSET if body.retry_interval is None else body.retry_interval
        retrieve = Timestamp.of(parts.clock.now() if body.retrieve_date is None else moment(body.retrieve_date))
        if body.signing_certificate is None or body.signature is None:
            return UpdateFirmwareRequest(
                location=body.location, retrieve_date=retrieve, retries=retries, retry_interval=retry_interval
            )
        return SignedUpdateFirmwareRequest(
            request_id=await service.new_request_id(),
            firmware=Firmware(
                location=body.location,
                retrieve_date_time=retrieve,
                signing_certificate=body.signing_certificate,
                signature=body.signature,
                install_date_time=stamp(body.install_date),
            ),
            retries=retries,
            retry_interval=retry_interval,
        )

    return router


def _members(row: FirmwareUpdateRow, station: str) -> dict[str, Any]:
    return {
        "id": row.update_id,
        "station": station,
        "signed": row.signed,
        "request_id": row.request_id,
        "location": row.location,
        "retrieve_date": row.retrieve_at,
        "install_date": row.install_at,
        "retries": row.retries,
        "retry_interval": row.retry_interval_seconds,
        "state": row.state,
        "problem": row.problem,
        "version_before": row.version_before,
        "version_after": row.version_after,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
        "finished_at": row.finished_at,
    }


def _status(row: FirmwareStatusRow) -> FirmwareStatus:
    return FirmwareStatus(status=row.status, expected=row.expected, received_at=row.received_at)
