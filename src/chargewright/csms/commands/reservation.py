"""Commands of the Reservation feature profile (§5.1, §5.13)."""

from collections.abc import Iterable

from chargewright.csms.commands.table import notes, prepares, warns
from chargewright.csms.outcomes import Outcome
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.core import GetConfigurationRequest
from chargewright.protocol.v16.reservation import CancelReservationRequest, ReserveNowRequest

__all__ = ["note_abilities", "note_cancelled", "note_reserved", "prepare_reservation", "warn_cancel", "warn_reserve"]


@warns(ReserveNowRequest)
def warn_reserve(request: ReserveNowRequest, station: StationRow, services: Services) -> Iterable[str]:
    """What a station will refuse, or nobody can want."""
    live = services.reservations.live(station.id)
    return services.reservations.doubts.about(station, request, live)


@warns(CancelReservationRequest)
def warn_cancel(request: CancelReservationRequest, station: StationRow, services: Services) -> Iterable[str]:
    """A number that the station is not known to have."""
    numbers = [row.reservation_id for row in services.reservations.live(station.id)]
    if request.reservation_id not in numbers:
        yield f"reservationId {request.reservation_id}: {station.identity} has no such reservation (it has {numbers})"


@prepares(ReserveNowRequest)
async def prepare_reservation(request: ReserveNowRequest, station: StationRow, services: Services) -> None:
    """Written down before it is sent."""
    await services.reservations.asking(station, request)


@notes(ReserveNowRequest)
async def note_reserved(request: ReserveNowRequest, outcome: Outcome, station: StationRow, services: Services) -> None:
    """Whether the station took it."""
    await services.reservations.asked(station, request, outcome)


@notes(CancelReservationRequest)
async def note_cancelled(
    request: CancelReservationRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Whether the station had it."""
    await services.reservations.cancelled(station, request, outcome)


@notes(GetConfigurationRequest)
async def note_abilities(
    request: GetConfigurationRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Whether the station takes reservations, and of connector 0."""
    await services.reservations.doubts.configured(station, outcome)
