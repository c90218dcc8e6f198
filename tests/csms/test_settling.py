"""When a station has settled: served, and silent for the settle time. In virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from chargewright.clock import LoopClock
from chargewright.csms.directory import Directory
from chargewright.csms.settling import PATIENCE, Settling
from chargewright.csms.storage.base import StationRow
from chargewright.simulation import simulate


class Heard:
    """A session as far as it matters here."""

    def __init__(self, clock: LoopClock, **columns: Any) -> None:
        self.station = StationRow(id=1, identity="A1", **columns)
        self.last_heard = clock.monotonic()


def played(play: Callable[[LoopClock, Heard, Settling, list[float]], Awaitable[None]], **columns: Any) -> list[float]:
    """When the station settled, in seconds since its session came."""
    settled: list[float] = []

    async def main(clock: LoopClock) -> None:
        session = Heard(clock, **columns)
        settling = Settling(Directory([session.station]), clock, settle_seconds=10)
        began = clock.monotonic()
        settling.on_settled.append(lambda station_id: settled.append(round(clock.monotonic() - began, 1)))
        settling.came(session)
        await play(clock, session, settling, settled)
        settling.close()

    simulate(main)
    return settled


def test_a_silent_station_settles_once() -> None:
    async def play(clock: LoopClock, session: Heard, settling: Settling, settled: list[float]) -> None:
        assert not settling.is_settled(1)
        await asyncio.sleep(100)
        assert settling.is_settled(1)

    assert played(play) == [10.0]


def test_each_message_puts_it_off() -> None:
    async def play(clock: LoopClock, session: Heard, settling: Settling, settled: list[float]) -> None:
        await asyncio.sleep(9)
        session.last_heard = clock.monotonic()
        await asyncio.sleep(100)

    assert played(play) == [19.0]


def test_not_for_ever() -> None:
    async def play(clock: LoopClock, session: Heard, settling: Settling, settled: list[float]) -> None:
        while not settled:
            session.last_heard = clock.monotonic()
            await asyncio.sleep(1)

    assert played(play) == [10.0 * PATIENCE]


def test_a_station_that_went_does_not_settle() -> None:
    async def play(clock: LoopClock, session: Heard, settling: Settling, settled: list[float]) -> None:
        await asyncio.sleep(5)
        settling.went(1)
        await asyncio.sleep(100)
        assert not settling.is_settled(1)

    assert played(play) == []


def test_one_that_is_not_served_settles_when_it_is() -> None:
    async def play(clock: LoopClock, session: Heard, settling: Settling, settled: list[float]) -> None:
        await asyncio.sleep(50)
        settling.served(1)
        assert not settling.is_settled(1)
        session.station.registration = "Accepted"
        settling.served(1)
        assert settling.is_settled(1)
        session.station.registration = "Rejected"
        assert not settling.is_settled(1)

    assert played(play, registration="Pending") == [50.0]


def test_a_listener_that_fails_does_not_keep_the_others_from_hearing_it() -> None:
    async def play(clock: LoopClock, session: Heard, settling: Settling, settled: list[float]) -> None:
        settling.on_settled.insert(0, lambda station_id: [][station_id])
        await asyncio.sleep(11)

    assert played(play) == [10.0]
