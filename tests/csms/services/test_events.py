"""Events as rows of the unit that they tell of."""

import re
from pathlib import Path

import pytest
from tests.csms.services.call import make_call

import chargewright.csms
from chargewright.csms.services.charging_profile_states import ChargingProfileState
from chargewright.csms.services.events import EVENT_KINDS, EventsService, make_event
from chargewright.csms.services.reservation_states import ReservationState
from chargewright.csms.storage.base import EventRecord, StopRecord
from chargewright.errors import LocalProtocolError


def test_absent_values_are_left_out_and_falsehoods_stay() -> None:
    call = make_call()
    stop = StopRecord(transaction_id=0, instant=0, station_time="", meter_stop=0)
    EventsService().tell(call, "transaction.stopped", stop=stop, transactionId=0, reason=None, idTag="")
    (event,) = call.unit.records
    assert isinstance(event, EventRecord)
    assert (event.kind, event.stop, event.start) == ("transaction.stopped", stop, None)
    assert event.body == {"transactionId": 0, "idTag": ""}


def test_a_kind_that_is_not_documented_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match=r"station\.exploded"):
        make_event("station.exploded", {})


# Kinds that are made of a state, and the states that no event tells of: that it was asked for is told by the command.
OF_STATES = {"charging_profile": ChargingProfileState, "reservation": ReservationState}
UNTOLD = {"charging_profile.sent", "reservation.requested"}


def test_every_documented_kind_is_told_somewhere_and_every_state_is_documented() -> None:
    texts = "".join(
        path.read_text() for path in Path(chargewright.csms.__path__[0]).rglob("*.py") if path.name != "events.py"
    )
    of_states = {f"{prefix}.{state.replace('-', '_')}" for prefix, states in OF_STATES.items() for state in states}
    assert of_states - set(EVENT_KINDS) == UNTOLD
    told = {kind for kind in EVENT_KINDS if re.search(f'"{re.escape(kind)}"', texts)}
    assert set(EVENT_KINDS) - told - of_states == set()
    for prefix in OF_STATES:
        assert f'f"{prefix}.{{' in texts
