"""Events as rows of the unit that they tell of."""

from tests.csms.services.call import make_call

from chargewright.csms.services.events import EventsService
from chargewright.csms.storage.base import EventRecord, StopRecord


def test_absent_values_are_left_out_and_falsehoods_stay() -> None:
    call = make_call()
    stop = StopRecord(transaction_id=0, instant=0, station_time="", meter_stop=0)
    EventsService().tell(call, "transaction.stopped", stop=stop, transactionId=0, reason=None, idTag="")
    (event,) = call.unit.records
    assert isinstance(event, EventRecord)
    assert (event.kind, event.stop, event.start) == ("transaction.stopped", stop, None)
    assert event.body == {"transactionId": 0, "idTag": ""}
