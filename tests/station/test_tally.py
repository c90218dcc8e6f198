"""Counting: percentiles to 5 %, and a day whose messages all have their place."""

import asyncio
from random import Random

import pytest
from tests.station.world import World, car, live

from chargewright.station.tally import Histogram, Tally


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
