"""Charging profiles: sent to stations, removed there, and what became of them; composite schedules as reported."""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import Field

from chargewright.csms.api.commands import Force, TimeoutSeconds, queue_full, refuse_oddities
from chargewright.csms.api.models import Body, Instant, View
from chargewright.csms.api.outcomes import failure
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.errors import InvalidValue, NotFound
from chargewright.csms.outcomes import Answered, QueueFull
from chargewright.csms.services.charging_profile_states import ChargingProfileState
from chargewright.csms.services.charging_profiles import KIND
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.rows.charging import ChargingProfileRow, CompositeScheduleRow
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.datatypes import ChargingProfilePurposeType
from chargewright.protocol.v16.smart_charging import (
    ClearChargingProfileRequest,
    ClearChargingProfileResponse,
    SetChargingProfileRequest,
)

__all__ = ["charging_profiles"]

# OCPP bounds none of its numbers; no station has so many connectors.
_CONNECTORS: Final = 2**31 - 1
_Connector = Annotated[int | None, Query(ge=0, le=_CONNECTORS, description="Only those of this connector")]
_Purpose = Annotated[ChargingProfilePurposeType | None, Query(description="Only those of this purpose")]
_State = Annotated[ChargingProfileState | None, Query(description="Only those in this state")]
_Transaction = Annotated[
    int | None, Query(ge=0, le=2**63 - 1, description="Only those for the transaction with this number of OCPP's")
]
_REFUSED: Final = (ChargingProfileState.REFUSED, ChargingProfileState.NOT_SUPPORTED)


class ChargingProfileView(View):
    """One sending of a charging profile, and what became of it."""

    id: str
    station: str
    connector_id: int | None
    """Null: the station chooses it at the start of the transaction."""
    charging_profile_id: int
    """OCPP's."""
    stack_level: int
    charging_profile_purpose: str
    transaction_id: int | None
    """OCPP's, of the transaction that it is for, as far as it is known."""
    with_start: bool
    """Whether it was sent with RemoteStartTransaction."""
    profile: dict[str, Any]
    """As it was sent."""
    state: ChargingProfileState
    answer: str | None
    """What the station answered, or why nothing is known, where the state does not say it."""
    sent_at: Instant
    changed_at: Instant


class CompositeSchedule(View):
    """What a station said of the limits of the time to come."""

    connector_id: int
    charging_rate_unit: str | None
    """As asked for; null: the station's choice."""
    duration: int
    """As asked for, in seconds."""
    schedule: dict[str, Any]
    """The station's response, with its `status`."""
    received_at: Instant


class NewChargingProfile(Body):
    """A profile for a connector."""

    connector_id: Annotated[int, Field(ge=-_CONNECTORS, le=_CONNECTORS)]
    """0: the station as a whole, or all of its connectors."""
    profile: dict[str, Any]
    """The `csChargingProfiles` of SetChargingProfile, as on the wire."""


class ClearedChargingProfile(View):
    """What the station answered to ClearChargingProfile."""

    status: str
    """`Accepted`, or `Unknown` where it has no such profile."""


def charging_profiles(parts: ApiParts) -> APIRouter:
    """Routes `/charging-profiles` and those of one station."""
    router = APIRouter(tags=["charging-profiles"])
    service, admin, desk = parts.services.charging_profiles, parts.services.station_admin, parts.desk

    def show(row: ChargingProfileRow) -> ChargingProfileView:
        return ChargingProfileView(
            id=row.installation_id,
            station=admin.identity(row.station_id),
            connector_id=row.connector_id,
            charging_profile_id=row.charging_profile_id,
            stack_level=row.stack_level,
            charging_profile_purpose=row.purpose,
            transaction_id=row.transaction_id,
            with_start=row.with_start,
            profile=msgspec.json.decode(row.profile),
            state=ChargingProfileState(row.state),
            answer=row.answer,
            sent_at=row.sent_at,
            changed_at=row.changed_at,
        )

    async def carry_out(station: StationRow, message: Message, timeout_seconds: float | None, force: bool) -> Message:
        if not force:
            refuse_oddities(await desk.warnings(station, message))
        try:
            outcome = await desk.send(station, message, timeout_seconds=timeout_seconds)
        except QueueFull as error:
            raise queue_full(error) from error
        if not isinstance(outcome, Answered):
            raise failure(outcome)
        return outcome.response

    async def listed(asked: PageQuery, where: dict[str, Any]) -> PageOf[ChargingProfileView]:
        return await read_page(
            "charging-profiles", asked, parts.storage, ChargingProfileRow, where, show, descending=True
        )

    @router.get("/charging-profiles", summary="List charging profiles")
    async def list_charging_profiles(
        asked: PageQuery,
        station: Annotated[str | None, Query(max_length=48, description="Identity of a station")] = None,
        connector: _Connector = None,
        purpose: _Purpose = None,
        state: _State = None,
        transaction: _Transaction = None,
    ) -> PageOf[ChargingProfileView]:
        """The newest first. `connector` and `purpose` only together with `station` or `transaction`."""
        if station is None and transaction is None and (connector is not None or purpose is not None):
            raise InvalidValue("station", None, "the identity of a station, because connector or purpose is given")
        where = _conditions(connector, purpose, state, transaction)
        return await listed(asked, where if station is None else {"station_id": admin.known(station).id, **where})

    @router.get("/charging-profiles/{id}", summary="Read a charging profile")
    async def read_charging_profile(id: str) -> ChargingProfileView:
        return show(await service.get(id))

    @router.get("/stations/{identity}/charging-profiles", summary="List charging profiles of a station")
    async def list_charging_profiles_of_station(
        identity: str,
        asked: PageQuery,
        connector: _Connector = None,
        purpose: _Purpose = None,
        state: _State = None,
        transaction: _Transaction = None,
    ) -> PageOf[ChargingProfileView]:
        """The newest first; with state `installed` those that the station has."""
        where = {"station_id": admin.known(identity).id, **_conditions(connector, purpose, state, transaction)}
        return await listed(asked, where)

    @router.post(
        "/stations/{identity}/charging-profiles",
        summary="Give a station a charging profile",
        status_code=HTTPStatus.CREATED,
        responses={200: {"description": "The station did not take it", "model": ChargingProfileView}},
    )
    async def set_charging_profile(
        identity: str,
        body: NewChargingProfile,
        response: Response,
        timeout_seconds: TimeoutSeconds = None,
        force: Force = False,
    ) -> ChargingProfileView:
        """Sends SetChargingProfile: 201 where the station accepted, 200 with the state `refused` or `not-supported`
        where it did not; 409, 502 or 504 where there was no answer, as for commands, and 422 where it is odd and not
        forced."""
        station = admin.known(identity)
        payload = {"connectorId": body.connector_id, "csChargingProfiles": body.profile}
        request = desk.check("SetChargingProfile", payload)
        if not isinstance(request, SetChargingProfileRequest):
            raise TypeError(f"{type(request).__name__} is no SetChargingProfile")
        await carry_out(station, request, timeout_seconds, force)
        row = await service.newest(station.id, request.cs_charging_profiles.charging_profile_id)
        response.headers["Location"] = f"/api/v1/charging-profiles/{row.installation_id}"
        if ChargingProfileState(row.state) in _REFUSED:
            response.status_code = HTTPStatus.OK
        return show(row)

    @router.delete(
        "/stations/{identity}/charging-profiles/{charging_profile_id}", summary="Remove a charging profile of a station"
    )
    async def clear_charging_profile(
        identity: str, charging_profile_id: str, timeout_seconds: TimeoutSeconds = None, force: Force = False
    ) -> ClearedChargingProfile:
        """Sends ClearChargingProfile with this id of OCPP's; errors as for commands, 422 too where the station is known
        to have others and not this one, unless forced. To remove several at once, send the command itself."""
        station = admin.known(identity)
        request = ClearChargingProfileRequest(id=_number(charging_profile_id))
        answer = await carry_out(station, request, timeout_seconds, force)
        if not isinstance(answer, ClearChargingProfileResponse):
            raise TypeError(f"{type(answer).__name__} is no answer to ClearChargingProfile")
        return ClearedChargingProfile(status=answer.status.value)

    @router.get("/stations/{identity}/composite-schedules", summary="List composite schedules of a station")
    async def list_composite_schedules(identity: str, asked: PageQuery) -> PageOf[CompositeSchedule]:
        """The last answer to GetCompositeSchedule for each connector and unit that it was asked for; nothing is
        sent."""
        where = {"station_id": admin.known(identity).id}
        return await read_page("composite-schedules", asked, parts.storage, CompositeScheduleRow, where, _show_schedule)

    return router


def _conditions(
    connector: int | None,
    purpose: ChargingProfilePurposeType | None,
    state: ChargingProfileState | None,
    transaction: int | None,
) -> dict[str, Any]:
    given = {
        "connector_id": connector,
        "purpose": None if purpose is None else purpose.value,
        "state": None if state is None else state.value,
        "transaction_id": transaction,
    }
    return {name: value for name, value in given.items() if value is not None}


def _number(text: str) -> int:
    """OCPP's id in a path; it may be negative."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise NotFound(KIND, text[:40])
    return int(text)


def _show_schedule(row: CompositeScheduleRow) -> CompositeSchedule:
    return CompositeSchedule(
        connector_id=row.connector_id,
        charging_rate_unit=row.unit or None,
        duration=row.duration,
        schedule=msgspec.json.decode(row.schedule),
        received_at=row.received_at,
    )
