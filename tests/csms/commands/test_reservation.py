"""What belongs to the commands of the Reservation profile is entered, and reaches the service."""

from types import SimpleNamespace
from typing import Any

from chargewright.csms.commands import reservation
from chargewright.csms.commands.table import NOTES, PREPARATIONS, WARNINGS
from chargewright.csms.outcomes import NotSent
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.core import GetConfigurationRequest
from chargewright.protocol.v16.reservation import CancelReservationRequest, ReserveNowRequest

STATION = StationRow(id=1, identity="A1")


def test_every_function_is_in_its_table() -> None:
    assert reservation.warn_reserve in WARNINGS[ReserveNowRequest]
    assert reservation.warn_cancel in WARNINGS[CancelReservationRequest]
    assert reservation.prepare_reservation in PREPARATIONS[ReserveNowRequest]
    assert reservation.note_reserved in NOTES[ReserveNowRequest]
    assert reservation.note_cancelled in NOTES[CancelReservationRequest]
    assert reservation.note_abilities in NOTES[GetConfigurationRequest]


def test_a_cancellation_of_what_is_not_there_is_odd() -> None:
    live = [SimpleNamespace(reservation_id=3)]
    services: Any = SimpleNamespace(reservations=SimpleNamespace(live=lambda station_id: live))
    assert list(reservation.warn_cancel(CancelReservationRequest(reservation_id=3), STATION, services)) == []
    (told,) = reservation.warn_cancel(CancelReservationRequest(reservation_id=4), STATION, services)
    assert told == "reservationId 4: A1 has no such reservation (it has [3])"


async def test_notes_reach_the_service() -> None:
    heard: list[tuple[Any, ...]] = []

    async def hear(*what: Any) -> None:
        heard.append(what)

    doubts = SimpleNamespace(configured=hear)
    services: Any = SimpleNamespace(
        reservations=SimpleNamespace(asking=hear, asked=hear, cancelled=hear, doubts=doubts)
    )
    request: Any = object()
    outcome = NotSent(reason="offline")
    await reservation.prepare_reservation(request, STATION, services)
    await reservation.note_reserved(request, outcome, STATION, services)
    await reservation.note_cancelled(request, outcome, STATION, services)
    await reservation.note_abilities(request, outcome, STATION, services)
    both = (STATION, request, outcome)
    assert heard == [(STATION, request), both, both, (STATION, outcome)]
