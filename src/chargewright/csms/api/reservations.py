"""Reservations: asked of stations, cancelled there, and what became of them."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from chargewright.csms.api.commands import Force, TimeoutSeconds, queue_full, refuse_oddities
from chargewright.csms.api.models import ID_TAG_PATTERN, Body, Instant, InstantIn, View, row_id
from chargewright.csms.api.outcomes import failure
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.errors import Conflict, NotFound
from chargewright.csms.outcomes import Answered, Outcome, QueueFull
from chargewright.csms.services.reservation_states import LIVE, ReservationState
from chargewright.csms.services.reservations import KIND
from chargewright.csms.storage.base import StationRow
from chargewright.csms.storage.rows.charging import ReservationRow
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.reservation import CancelReservationRequest

__all__ = ["reservations"]

_Tag = Annotated[str, Field(pattern=ID_TAG_PATTERN)]
_Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
# OCPP bounds no connectorId; no station has so many.
_Connector = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Reservation(View):
    """A reservation as far as the CSMS knows."""

    id: str
    station: str
    reservation_id: int
    """OCPP's."""
    connector_id: int
    """0: one connector, whichever is free."""
    id_tag: str
    parent_id_tag: str | None
    expiry_date: Instant
    state: ReservationState
    reason: str | None
    """Why it is in this state, where the state does not say it."""
    transaction_id: int | None
    """OCPP's, of the transaction that used it."""
    created_at: Instant
    changed_at: Instant


class NewReservation(Body):
    """A connector to be kept for an id tag."""

    station: str
    connector_id: _Connector
    """0: one connector, whichever is free."""
    id_tag: _Tag
    parent_id_tag: _Tag | None = None
    """Absent: that of the registered tag."""
    expiry_date: InstantIn
    reservation_id: _Number | None = None
    """Absent: one that nobody had. That of a live reservation replaces it."""


def reservations(parts: ApiParts) -> APIRouter:
    """Routes `/reservations`."""
    router = APIRouter(prefix="/reservations", tags=["reservations"])
    service, admin, desk = parts.services.reservations, parts.services.station_admin, parts.desk

    def show(row: ReservationRow) -> Reservation:
        return Reservation(
            id=str(row.id),
            station=admin.identity(row.station_id),
            reservation_id=row.reservation_id,
            connector_id=row.connector_id,
            id_tag=row.id_tag,
            parent_id_tag=row.parent_id_tag,
            expiry_date=row.expires_at,
            state=ReservationState(row.state),
            reason=row.end_reason,
            transaction_id=row.transaction_id,
            created_at=row.created_at,
            changed_at=row.changed_at,
        )

    async def carry_out(station: StationRow, message: Message, timeout_seconds: float | None) -> Outcome:
        try:
            return await desk.send(station, message, timeout_seconds=timeout_seconds)
        except QueueFull as error:
            raise queue_full(error) from error

    @router.get("", summary="List reservations")
    async def list_reservations(
        asked: PageQuery,
        station: Annotated[str | None, Query(max_length=48, description="Identity of a station")] = None,
        state: Annotated[ReservationState | None, Query(description="Only those in this state")] = None,
    ) -> PageOf[Reservation]:
        """The newest first."""
        where: dict[str, Any] = {}
        if station is not None:
            where["station_id"] = admin.known(station).id
        if state is not None:
            where["state"] = state.value
        return await read_page(KIND, asked, parts.storage, ReservationRow, where, show, descending=True)

    @router.post("", summary="Reserve a connector", status_code=HTTPStatus.CREATED)
    async def reserve(
        body: NewReservation, response: Response, timeout_seconds: TimeoutSeconds = None, force: Force = False
    ) -> Reservation:
        """Asks the station: 201 where it accepted, 200 with the state `refused` where it did not; 409, 502 or 504
        where there was no answer, as for commands, and 422 where it is odd and not forced."""
        station = admin.known(body.station)
        request = await service.request(
            station,
            body.connector_id,
            body.id_tag,
            body.expiry_date,
            parent_id_tag=body.parent_id_tag,
            number=body.reservation_id,
        )
        if not force:
            refuse_oddities(await desk.warnings(station, request))
        outcome = await carry_out(station, request, timeout_seconds)
        if not isinstance(outcome, Answered):
            raise failure(outcome)
        row = await service.find(station.id, request.reservation_id)
        if row is None:
            raise NotFound(KIND, str(request.reservation_id))
        response.headers["Location"] = f"/api/v1/reservations/{row.id}"
        if row.state == ReservationState.REFUSED:
            response.status_code = HTTPStatus.OK
        return show(row)

    @router.get("/{id}", summary="Read a reservation")
    async def read_reservation(id: str) -> Reservation:
        return show(await service.get(row_id(KIND, id)))

    @router.delete("/{id}", summary="Cancel a reservation")
    async def cancel(id: str, timeout_seconds: TimeoutSeconds = None) -> Reservation:
        """Asks the station; `ended` where it says that it does not have it. 409 where it ended already, and 409, 502
        or 504 where there was no answer."""
        row = await service.get(row_id(KIND, id))
        if ReservationState(row.state) not in LIVE:
            raise Conflict(f"The reservation is {row.state}: there is nothing to cancel.")
        request = CancelReservationRequest(reservation_id=row.reservation_id)
        outcome = await carry_out(admin.known(admin.identity(row.station_id)), request, timeout_seconds)
        if not isinstance(outcome, Answered):
            raise failure(outcome)
        return show(await service.get(row.id))

    return router
