"""As slow as the certificate says, and never two answers out of turn."""

import asyncio
from random import Random
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.station.bench import Bench
from tests.station.world import World, car, live, product

from chargewright.pics.loading import load, names
from chargewright.pics.station import StationPics
from chargewright.protocol.v16.base import Timestamp
from chargewright.protocol.v16.core import HeartbeatResponse
from chargewright.station.context import Answer
from chargewright.station.product import Spread, Timing
from chargewright.station.shape import timing_of
from chargewright.station.timing import Pace, draw

SLOW = Timing(
    answer=Spread(least=0.25, most=5.0, mean=0.5),
    triggered=Spread(least=6.0, most=8.0, mean=7.0),
    remote_start=Spread(least=42.0, most=43.0, mean=42.5),
    remote_stop=Spread(least=20.0, most=20.0, mean=20.0),
)


@given(least=st.floats(0, 50), width=st.floats(0, 50), share=st.floats(0, 1), seed=st.integers(0, 1000))
def test_every_draw_lies_between_least_and_most(least: float, width: float, share: float, seed: int) -> None:
    spread = Spread(least=least, most=least + width, mean=least + width * share)
    assert least <= draw(spread, Random(seed)) <= least + width + 1e-9


CERTIFIED = [name for name in names() if isinstance(pics := load(name), StationPics) and pics.performance is not None]


@pytest.mark.parametrize("row", Timing.__struct_fields__)
@pytest.mark.parametrize("name", CERTIFIED)
def test_the_draws_of_each_certificate_have_its_mean(name: str, row: str) -> None:
    pics = load(name)
    assert isinstance(pics, StationPics)
    spread: Spread = getattr(timing_of(pics), row)
    random = Random(1)
    mean = fmean(draw(spread, random) for _ in range(20_000))
    assert mean == pytest.approx(spread.mean, abs=0.02 * (spread.most - spread.least) + 1e-9)


def test_without_a_timing_commands_are_left_alone() -> None:
    pace = Pace(Bench(product()).context)
    served: dict[str, Any] = {"TriggerMessage": object()}
    assert pace.is_fast and pace.answer_seconds() == 0 and pace.paced(served) is served


def test_what_was_put_off_is_forgotten_when_the_station_stops() -> None:
    bench = Bench(product(timing=SLOW))
    pace, done = Pace(bench.context), list[str]()
    response = HeartbeatResponse(current_time=Timestamp.of(bench.clock.now()))
    served = pace.paced(
        {
            "RemoteStopTransaction": lambda request: Answer(response, lambda: done.append("stopped")),
            "Reset": lambda request: Answer(response, lambda: done.append("reset")),
        }
    )
    for action in served:
        then = served[action](None).then
        assert then is not None
        then()
    assert done == ["reset"]
    bench.timers.pass_time(20.1)
    assert done == ["reset", "stopped"]
    then = served["RemoteStopTransaction"](None).then
    assert then is not None
    then()
    pace.stop()
    bench.timers.pass_time(100)
    assert done == ["reset", "stopped"]


def test_a_slow_station_answers_starts_and_stops_late() -> None:
    async def main(world: World) -> None:
        loop = asyncio.get_running_loop()
        await world.boot()
        world.virtual.plug(1, car())
        began = loop.time()
        await world.csms.call("RemoteStartTransaction", idTag="TAG", connectorId=1)
        assert 0.25 <= loop.time() - began <= 5.0
        await world.csms.expect("StartTransaction")
        assert 42.0 <= loop.time() - began <= 43.1
        await asyncio.sleep(1)
        await world.csms.call("TriggerMessage", requestedMessage="Heartbeat")
        # What was triggered is waited for from the answer on.
        began = loop.time()
        before = len(world.csms.of("Heartbeat"))
        await asyncio.sleep(5.9 - (loop.time() - began))
        assert len(world.csms.of("Heartbeat")) == before
        await asyncio.sleep(8.1 - (loop.time() - began))
        assert len(world.csms.of("Heartbeat")) == before + 1
        began = loop.time()
        await world.csms.call("RemoteStopTransaction", transactionId=world.csms.transaction_id)
        await world.csms.expect("StopTransaction")
        assert 20.0 <= loop.time() - began <= 20.1

    live(main, product(timing=SLOW))


def test_a_stop_that_comes_late_never_hits_the_next_transaction() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(1)
        await world.csms.call("RemoteStopTransaction", transactionId=world.csms.transaction_id)
        world.virtual.show_tag("TAG")
        await world.csms.expect("StopTransaction")
        world.virtual.unplug(1)
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction", 2)
        await asyncio.sleep(60)
        assert len(world.csms.of("StopTransaction")) == 1

    live(main, product(timing=SLOW))
