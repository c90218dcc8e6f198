"""Counting: percentiles to 5 %, and a day whose messages all have their place."""

import asyncio
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest
from tests.station.bench import Bench, failed
from tests.station.full_disk import FullDisk
from tests.station.timers import Timers
from tests.station.world import World, car, live, product

from chargewright.protocol.v16.base import Message, Timestamp
from chargewright.protocol.v16.core import HeartbeatRequest
from chargewright.protocol.v16.security import SecurityEventNotificationRequest
from chargewright.station.context import CallFailure
from chargewright.station.database import StationDatabase, StationStoreError
from chargewright.station.offline_queue import OfflineQueue
from chargewright.station.security_outbox import SecurityOutbox
from chargewright.station.store import QueuedMessage, StationStore
from chargewright.station.tally import Histogram, Tally

EVENT = SecurityEventNotificationRequest(
    type="SettingSystemTime", timestamp=Timestamp.of(datetime(2026, 1, 1, tzinfo=UTC))
)


def test_percentiles_are_right_to_five_percent() -> None:
    times = Histogram()
    assert times.percentile(0.5) is None
    random = Random(1)
    exact = sorted(random.expovariate(20) + 0.001 for _ in range(5000))
    for seconds in exact:
        times.add(seconds)
    assert times.total == 5000
    for share in (0.01, 0.5, 0.99, 1.0):
        assert times.percentile(share) == pytest.approx(exact[max(0, round(share * 5000) - 1)], rel=0.06)


def test_what_is_very_short_or_very_long_has_a_place() -> None:
    times = Histogram()
    times.add(0.0)
    assert times.percentile(1.0) == pytest.approx(1e-4)
    times.add(1e9)
    assert times.percentile(0.5) == pytest.approx(1e-4)
    assert (times.percentile(1.0) or 0) > 1000


def test_what_was_added_since_a_copy_can_be_told() -> None:
    times = Histogram()
    assert times.since(times.copy()).percentile(0.5) is None
    times.add(10.0)
    before = times.copy()
    times.add(0.1)
    assert before.total == 1
    since = times.since(before)
    assert (since.total, since.percentile(1.0)) == (1, pytest.approx(0.1, rel=0.06))


def test_actions_are_told_apart() -> None:
    tally = Tally()
    for action in ("StartTransaction", "MeterValues", "StopTransaction"):
        tally.message_queued(action)
        tally.message_answered(action)
    tally.message_queued("StopTransaction")
    assert (tally.queued, tally.answered, tally.starts, tally.stops, tally.stopped) == (4, 3, 1, 2, 1)


def test_a_station_counts_what_it_sends_gets_and_owes() -> None:
    async def main(world: World) -> None:
        await world.boot()
        tally = world.virtual.station.tally
        world.virtual.plug(1, car())
        world.virtual.show_tag("ANNA", 1)
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(1)
        assert (tally.starts, tally.queued, tally.answered, tally.stops) == (1, 1, 1, 0)
        world.virtual.stop_charging()
        await world.csms.expect("StopTransaction")
        await asyncio.sleep(1)
        assert (tally.queued, tally.answered, tally.stops, tally.stopped, tally.parked) == (2, 2, 1, 1, 0)
        snapshot = world.virtual.station.snapshot()
        assert (tally.sent, tally.received) == (snapshot.messages_sent, snapshot.messages_received)
        assert tally.answer_times.total == tally.received

    live(main)


def test_what_the_disk_does_not_take_is_not_counted() -> None:
    """A dashboard once told that -2 vehicles were charging."""
    with FullDisk(":memory:") as disk:
        bench = Bench(product(), StationStore(disk, Random(1)))
        bench.is_online = False
        queue = OfflineQueue(bench.context, _Unknown(), lambda: None)
        outbox = SecurityOutbox(bench.context)
        with pytest.raises(StationStoreError), bench.store.atomically():
            queue.put("StopTransaction", HeartbeatRequest(), None)
            disk.is_full = True
        with pytest.raises(StationStoreError):
            outbox.put(EVENT)
        tally = bench.context.tally
        assert (tally.queued, tally.stops) == (0, 0)
        disk.is_full = False
        with bench.store.atomically():
            queue.put("StopTransaction", HeartbeatRequest(), None)
            outbox.put(EVENT)
            assert tally.queued == 0
        assert (tally.queued, tally.stops) == (2, 1)


@pytest.mark.parametrize("is_readable", [True, False])
def test_what_is_not_on_disk_yet_is_neither_queued_nor_answered_nor_parked(is_readable: bool) -> None:
    timers = Timers()
    with StationDatabase(":memory:", call_later=timers.call_later, gathers_in_memory=True) as database:
        bench = Bench(product(), StationStore(database, Random(1)))
        bench.is_online = False
        tally = bench.context.tally
        queue = OfflineQueue(bench.context, _Unknown(is_readable), lambda: None)
        queue.put("MeterValues", HeartbeatRequest(), None)
        SecurityOutbox(bench.context).put(EVENT)
        assert tally.queued == 0
        timers.pass_time(1)
        assert tally.queued == 2
        bench.is_online = True
        queue.wake()
        SecurityOutbox(bench.context).online()
        assert bench.store.queue_length() == 0 and bench.store.security_event_head() is None
        assert (tally.answered, tally.parked) == (0, 0)
        timers.pass_time(1)
        assert (tally.answered, tally.parked) == ((2, 0) if is_readable else (1, 1))


def test_an_event_that_is_refused_was_answered() -> None:
    bench = Bench(product())
    bench.answers.append(failed(CallFailure.REFUSED))
    outbox = SecurityOutbox(bench.context)
    outbox.put(EVENT)
    outbox.online()
    assert (bench.context.tally.queued, bench.context.tally.answered) == (1, 1)


class _Unknown:
    """A message whose content nobody knows."""

    def __init__(self, is_readable: bool = True) -> None:
        self._is_readable = is_readable

    def request(self, message: QueuedMessage) -> Message:
        if not self._is_readable:
            raise msgspec.ValidationError("nonsense")
        return HeartbeatRequest()

    def settle(self, message: QueuedMessage, response: Message | None) -> None:
        return None
