"""The event log is read both ways by its key, on every database."""

from tests.csms.storage.conftest import Desk

from chargewright.csms.services.events import make_event
from chargewright.csms.storage.base import NO_STATION

NEWEST = 2**63 - 1


async def test_events_are_read_from_both_ends(desk: Desk) -> None:
    for number in range(5):
        station = desk.stations[number % 2] if number else NO_STATION
        await desk.write(make_event("station.changed", {"number": number}), station=station)
    events = await desk.storage.events_after(0, 10)
    assert [event.station for event in events] == [None, "CP2", "CP1", "CP2", "CP1"]
    assert bytes(events[0].body).replace(b" ", b"") == b'{"number":0}'
    assert await desk.storage.events_before(NEWEST, 10) == events[::-1]
    assert await desk.storage.events_before(NEWEST, 2) == events[:2:-1]
    assert await desk.storage.events_before(events[2].sequence, 10) == events[1::-1]
    assert await desk.storage.events_after(events[2].sequence, 1) == events[3:4]
    assert await desk.storage.events_before(events[0].sequence, 10) == []
