"""Events as rows of the unit that they tell of."""

import re
from pathlib import Path

import pytest
from tests.csms.services.call import make_call

import chargewright.csms
from chargewright.csms.services.events import EVENT_KINDS, EventsService, make_event
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


def test_every_documented_kind_is_told_somewhere() -> None:
    texts = "".join(
        path.read_text() for path in Path(chargewright.csms.__path__[0]).rglob("*.py") if path.name != "events.py"
    )
    assert [kind for kind in EVENT_KINDS if not re.search(f'"{re.escape(kind)}"', texts)] == []
