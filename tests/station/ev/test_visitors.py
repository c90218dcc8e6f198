"""Arrivals out of one timer: as many as the file says, at the hours it says, at every connector alike."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

import pytest
from tests.station.scripted_csms import SILENCE
from tests.station.world import SOCKET, World, car, live, product

from chargewright.clock import LoopClock
from chargewright.protocol.v16.core import ChargePointStatus
from chargewright.simulation import simulate
from chargewright.station.behaviour import Arrivals, Behaviour, Charging, Drivers, Failures
from chargewright.station.ev.driver import Hands
from chargewright.station.ev.visitors import Visitors


def visitors(clock: LoopClock, behaviour: Behaviour, seen: list[tuple[float, int]], speed: float = 1.0) -> Visitors:
    """At connectors where nobody can stay: only the arrivals are looked at."""

    def draw_place(dice: Random) -> None:
        seen.append((clock.monotonic(), dice.randrange(1000)))

    return Visitors(
        behaviour,
        "1",
        connectors=1000,
        draw_place=draw_place,
        fault=lambda hands, connector_id: None,
        clock=clock,
        call_later=asyncio.get_running_loop().call_later,
        speed=speed,
    )


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_arrivals_follow_the_hours(speed: float) -> None:
    seen: list[tuple[float, int]] = []
    per_hour = (0.0,) * 8 + (0.5,) * 4 + (2.0,) * 12

    async def main(clock: LoopClock) -> None:
        coming = visitors(clock, Behaviour(arrivals=Arrivals(per_hour=per_hour)), seen, speed)
        coming.start()
        await asyncio.sleep(86_400)
        coming.call_off()
        before = len(seen)
        await asyncio.sleep(86_400)
        assert len(seen) == before

    simulate(main)
    hours = Counter(int(when // 3600) for when, _ in seen)
    for hour, rate in enumerate(per_hour):
        assert hours[hour] == pytest.approx(1000 * rate * speed, rel=0.15)
    connectors = Counter(connector // 100 for _, connector in seen)
    assert all(count == pytest.approx(len(seen) / 10, rel=0.1) for count in connectors.values())


def test_no_arrivals_at_all_are_no_error() -> None:
    async def main(clock: LoopClock) -> None:
        seen: list[tuple[float, int]] = []
        coming = visitors(clock, Behaviour(arrivals=Arrivals(per_hour=(0.0,) * 24)), seen)
        coming.start()
        await asyncio.sleep(86_400)
        assert seen == []
        coming.call_off()
        await coming.wait_until_gone()

    simulate(main)


def test_who_finds_no_free_connector_goes_away_and_all_leave_when_called_off() -> None:
    async def main(world: World) -> None:
        await world.boot()
        faults: list[int] = []

        def draw_place(dice: Random) -> tuple[Hands, int]:
            return world.virtual, 1

        coming = Visitors(
            Behaviour(
                arrivals=Arrivals(per_hour=(60.0,) * 24),
                charging=Charging(stay_minutes=(30.0, 30.0), capacity_kwh=(1000.0, 1000.0)),
                failures=Failures(fault_share=1.0),
            ),
            "1",
            connectors=1,
            draw_place=draw_place,
            fault=lambda hands, connector_id: faults.append(connector_id),
            clock=world.clock,
            call_later=asyncio.get_running_loop().call_later,
        )
        coming.start()
        await asyncio.sleep(3 * 3600)
        assert 4 <= coming.came <= 6 and coming.turned_away > 100 and coming.present == 1
        assert faults and set(faults) == {1}
        coming.call_off()
        await coming.wait_until_gone()
        assert coming.present == 0
        await world.csms.expect("StopTransaction", coming.came)

    live(main, product(SOCKET))


def test_nobody_comes_to_a_connector_where_somebody_shows_a_tag_and_own_hands_are_given_way() -> None:
    troubles: list[dict[str, Any]] = []

    async def main(world: World) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: troubles.append(context))
        await world.boot()
        world.csms.answers["Authorize"] = SILENCE
        coming = Visitors(
            Behaviour(arrivals=Arrivals(per_hour=(3600.0,) * 24), drivers=Drivers(tag_first_share=1.0)),
            "1",
            connectors=1,
            draw_place=lambda dice: (world.virtual, 1),
            fault=lambda hands, connector_id: None,
            clock=world.clock,
            call_later=asyncio.get_running_loop().call_later,
        )
        coming.start()
        await asyncio.sleep(20)
        assert world.virtual.look(1).status is ChargePointStatus.AVAILABLE
        assert (coming.came, coming.present) == (1, 1) and coming.turned_away > 5
        world.virtual.plug(1, car())
        await asyncio.sleep(20)
        assert coming.present == 0 and world.virtual.look(1).status is ChargePointStatus.PREPARING
        coming.call_off()

    live(main, product(SOCKET))
    assert troubles == []
