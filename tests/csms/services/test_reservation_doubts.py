"""What is odd about a reservation, from what the station last said."""

from collections.abc import AsyncIterator

import pytest
from tests.csms.services.list_station import Office

from chargewright.clock import SystemClock
from chargewright.csms.instants import moment
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.outcomes import Answered, NotSent
from chargewright.csms.services.reservation_doubts import CONNECTORS_KEPT, ReservationDoubts
from chargewright.csms.storage.base import IdTagRow, StationRow, StatusRecord
from chargewright.csms.storage.rows.charging import ReservationRow
from chargewright.protocol.v16.base import Timestamp
from chargewright.protocol.v16.core import (
    ChargePointErrorCode,
    ChargePointStatus,
    GetConfigurationResponse,
    StatusNotificationRequest,
)
from chargewright.protocol.v16.datatypes import KeyValue
from chargewright.protocol.v16.reservation import ReserveNowRequest

LATER = 4_000_000_000_000_000


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    """A database with station A1, and the tags TAG, OLD and BAD."""
    one = await Office.open()
    one.directory.put_id_tag(IdTagRow(id=1, id_tag="TAG"))
    one.directory.put_id_tag(IdTagRow(id=2, id_tag="OLD", expires_at=1))
    one.directory.put_id_tag(IdTagRow(id=3, id_tag="BAD", blocked=True))
    yield one
    await one.close()


@pytest.fixture
async def doubts(office: Office) -> ReservationDoubts:
    """With connector 1 Available and connector 2 Charging, as the database tells."""
    ledger = JournalLedger(office.storage.journal, SystemClock())
    for connector_id, status in ((1, "Available"), (2, "Charging")):
        await ledger.write(
            1, StatusRecord(connector_id=connector_id, status=status, error_code="NoError", instant=connector_id)
        )
    made = ReservationDoubts(office.storage, office.directory, SystemClock(), office.abilities)
    await made.load()
    return made


def about(doubts: ReservationDoubts, office: Office, *live: ReservationRow, **changes: object) -> list[str]:
    wanted = {"connector_id": 1, "id_tag": "TAG", "reservation_id": 1, "expiry_date": Timestamp.of(moment(LATER))}
    station = office.directory.station("A1")
    assert isinstance(station, StationRow)
    return list(doubts.about(station, ReserveNowRequest(**(wanted | changes)), live))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"connector_id": 0}, None),
        ({"id_tag": "tag"}, None),
        ({"connector_id": 2}, "reported it as Charging"),
        ({"connector_id": 3}, "never reported it"),
        ({"connector_id": -1}, "no connectors below 0"),
        ({"expiry_date": Timestamp.of(moment(10**12))}, "it is past"),
        ({"id_tag": "nobody"}, "nobody registered it"),
        ({"id_tag": "OLD"}, "it expired on 1970-01-01"),
        ({"id_tag": "BAD"}, "it is blocked"),
    ],
)
async def test_each_doubt(
    changes: dict[str, object], words: str | None, doubts: ReservationDoubts, office: Office
) -> None:
    told = about(doubts, office, **changes)
    assert (told == []) if words is None else (len(told) == 1 and words in told[0]), told


async def test_a_connector_that_is_reserved_already(doubts: ReservationDoubts, office: Office) -> None:
    row = ReservationRow(
        station_id=1,
        reservation_id=7,
        connector_id=1,
        id_tag="X",
        id_tag_key="x",
        expires_at=LATER,
        state="active",
        created_at=1,
        changed_at=1,
    )
    assert about(doubts, office, row) == ["connectorId 1: reserved already, with reservationId 7"]
    assert about(doubts, office, row, reservation_id=7) == [], "it takes that one's place"


async def test_what_the_configuration_says_is_remembered(doubts: ReservationDoubts, office: Office) -> None:
    station = office.directory.station("A1")
    assert station is not None
    keys = [
        KeyValue(key="supportedFeatureProfiles", readonly=True, value="Core, LocalAuthListManagement"),
        KeyValue(key="ReserveConnectorZeroSupported", readonly=True, value="False"),
    ]
    response = GetConfigurationResponse(configuration_key=keys)
    await doubts.configured(station, Answered(response=response, elapsed_seconds=0.1))
    await doubts.configured(station, Answered(response=GetConfigurationResponse(), elapsed_seconds=0.1))
    await doubts.configured(station, NotSent(reason="offline"))
    told = " ".join(about(doubts, office, connector_id=0))
    assert "does not list Reservation" in told
    assert "ReserveConnectorZeroSupported false" in told


async def test_connectors_without_end_do_not_fill_the_memory(doubts: ReservationDoubts) -> None:
    for number in range(3, CONNECTORS_KEPT + 50):
        doubts.saw(
            1,
            StatusNotificationRequest(
                connector_id=number, error_code=ChargePointErrorCode.NO_ERROR, status=ChargePointStatus.AVAILABLE
            ),
        )
    assert len(doubts._statuses[1]) == CONNECTORS_KEPT
