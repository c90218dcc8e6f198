"""Reservations in the database and in memory, through restarts, on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.csms.services.list_station import Office

from chargewright.clock import SystemClock
from chargewright.csms.errors import NotFound
from chargewright.csms.instants import moment
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.outcomes import Answered, Malformed, NotSent, Outcome, Refused, Unanswered
from chargewright.csms.services.reservations import ReservationsService
from chargewright.csms.storage.base import IdTagRow, StartRecord, StationRow
from chargewright.csms.storage.postgresql import open_postgresql
from chargewright.csms.storage.sqlite import open_sqlite
from chargewright.protocol.v16.base import UNSET, Timestamp
from chargewright.protocol.v16.reservation import (
    CancelReservationRequest,
    CancelReservationResponse,
    CancelReservationStatus,
    ReservationStatus,
    ReserveNowRequest,
    ReserveNowResponse,
)

LATER = 4_000_000_000_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
async def office(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Office]:
    """A database of each kind, with station A1."""
    storage: Any
    if request.param == "postgresql":
        storage = await open_postgresql(request.getfixturevalue("empty_postgresql_url"), SystemClock())
    else:
        storage = await open_sqlite(tmp_path / "csms.db", SystemClock())
    one = await Office.on(storage)
    yield one
    await one.close()


async def service_of(office: Office) -> ReservationsService:
    """A new one, which knows what the database knows."""
    clock = SystemClock()
    ledger = JournalLedger(office.storage.journal, clock)
    service = ReservationsService(office.storage, ledger, office.directory, clock, office.abilities)
    await service.load()
    return service


def station_of(office: Office) -> StationRow:
    station = office.directory.station("A1")
    assert station is not None
    return station


def answered(status: ReservationStatus) -> Answered:
    return Answered(response=ReserveNowResponse(status=status), elapsed_seconds=0.1)


async def reserve(service: ReservationsService, station: StationRow, outcome: Outcome) -> ReserveNowRequest:
    """One sent to its end."""
    request = await service.request(station, 1, "Tag", LATER)
    await service.asking(station, request)
    await service.asked(station, request, outcome)
    return request


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (answered(ReservationStatus.ACCEPTED), "active"),
        (answered(ReservationStatus.FAULTED), "refused"),
        (Refused(code="NotSupported"), "refused"),
        (NotSent(reason="the station is not connected"), "refused"),
        (Unanswered(reason="no answer"), "unknown"),
        (Malformed(reason="nonsense"), "unknown"),
    ],
)
async def test_every_end_of_reserve_now(outcome: Outcome, state: str, office: Office) -> None:
    service, station = await service_of(office), station_of(office)
    request = await reserve(service, station, outcome)
    row = await service.find(station.id, request.reservation_id)
    assert row is not None
    assert row.state == state
    again = await service_of(office)
    assert [one.state for one in again.live(station.id)] == ([state] if state in ("active", "unknown") else [])


async def test_what_was_being_asked_at_the_end_may_be_there(office: Office) -> None:
    service, station = await service_of(office), station_of(office)
    await service.asking(station, await service.request(station, 1, "Tag", LATER))
    assert [row.state for row in service.live(station.id)] == ["requested"]
    again = await service_of(office)
    (row,) = again.live(station.id)
    assert (row.state, row.end_reason) == ("unknown", "the CSMS ended before the answer came")


async def test_a_number_is_given_once_and_never_one_that_an_operator_chose(office: Office) -> None:
    service, station = await service_of(office), station_of(office)
    await service.asking(station, await service.request(station, 1, "Tag", LATER, number=2))
    numbers = [(await service.request(station, 1, "Tag", LATER)).reservation_id for _ in range(2)]
    assert numbers == [1, 3]


async def test_the_parent_is_that_of_the_tag_unless_one_is_given(office: Office) -> None:
    service, station = await service_of(office), station_of(office)
    assert (await service.request(station, 1, "Tag", LATER)).parent_id_tag is UNSET
    office.directory.put_id_tag(IdTagRow(id=1, id_tag="TAG", parent_id_tag="FLEET"))
    assert (await service.request(station, 1, "Tag", LATER)).parent_id_tag == "FLEET"
    assert (await service.request(station, 1, "Tag", LATER, parent_id_tag="P")).parent_id_tag == "P"


async def test_a_cancellation_without_an_answer_changes_nothing(office: Office) -> None:
    service, station = await service_of(office), station_of(office)
    request = await reserve(service, station, answered(ReservationStatus.ACCEPTED))
    cancel = CancelReservationRequest(reservation_id=request.reservation_id)
    for outcome in (Unanswered(reason="no answer"), Refused(code="InternalError"), NotSent(reason="offline")):
        await service.cancelled(station, cancel, outcome)
        assert [row.state for row in service.live(station.id)] == ["active"]
    accepted = CancelReservationResponse(status=CancelReservationStatus.ACCEPTED)
    await service.cancelled(station, cancel, Answered(response=accepted, elapsed_seconds=0.1))
    assert service.live(station.id) == []


async def test_a_transaction_whose_number_was_not_linked_in_time_is_linked_at_the_next_start(office: Office) -> None:
    service, station = await service_of(office), station_of(office)
    request = await reserve(service, station, answered(ReservationStatus.ACCEPTED))
    (row,) = service.live(station.id)
    row.state = "used"
    start = StartRecord(
        connector_id=1,
        id_tag="Tag",
        instant=1,
        station_time="",
        meter_start=0,
        id_tag_status="Accepted",
        reservation_id=request.reservation_id,
    )
    await JournalLedger(office.storage.journal, SystemClock()).write(station.id, start, row)
    again = await service_of(office)
    linked = await again.find(station.id, request.reservation_id)
    assert linked is not None
    assert linked.transaction_id == start.transaction_id > 0


async def test_an_expiry_without_zone_is_taken_for_utc(office: Office) -> None:
    service, station = await service_of(office), station_of(office)
    stamp = Timestamp.parse("2031-01-01T00:00:00")
    request = ReserveNowRequest(connector_id=1, expiry_date=stamp, id_tag="Tag", reservation_id=5)
    await service.asking(station, request)
    (row,) = service.live(station.id)
    assert moment(row.expires_at) == datetime(2031, 1, 1, tzinfo=UTC)


async def test_an_unknown_id_is_told(office: Office) -> None:
    with pytest.raises(NotFound, match="reservation '7'"):
        await (await service_of(office)).get(7)
