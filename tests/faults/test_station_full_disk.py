"""The disk takes nothing for a while, again and again: stations live on, and every bill arrives."""

import asyncio
import traceback
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from tests.faults.station_life import Books, silence
from tests.station.full_disk import FullDisk
from tests.station.world import car

from chargewright.clock import LoopClock
from chargewright.protocol.v16.core import Reason
from chargewright.simulation import simulate
from chargewright.station.running import product_from
from chargewright.station.store import StationStore, StationStoreError
from chargewright.station.virtual import VirtualStation

PRODUCT = product_from("reference")
CONNECTORS = range(1, len(PRODUCT.outlets) + 1)
VISITS = 6


class Memory(FullDisk):
    """In memory; with `call_later` shared, like the file of a fleet."""

    def __init__(self, call_later: Callable[..., Any] | None) -> None:
        super().__init__(":memory:")
        self._call_later = call_later
        self.times_full = 0

    async def fill_and_empty(self, dice: Random) -> None:
        """Full for seconds or minutes, with room in between."""
        while True:
            await asyncio.sleep(dice.uniform(1, 400))
            self.is_full, self.takes_all_back = True, dice.random() < 0.3
            self.times_full += 1
            await asyncio.sleep(dice.choice([0.005, 1.0, 15.0, 100.0, 300.0]) * dice.uniform(0.5, 1.5))
            self.is_full = False


class Life:
    """One station of several on one disk, with a central system of its own that keeps the books."""

    def __init__(self, memory: Memory, clock: LoopClock, number: int, seed: int) -> None:
        self.dice = Random(f"{seed} {number} story")
        self.csms = Books(clock.now, Random(f"{seed} {number} csms"), trouble=0.1)
        self.virtual = VirtualStation(
            f"CW {number}",
            "ws://memory/ocpp",
            PRODUCT,
            StationStore(memory, Random(f"{seed} {number} store"), f"CW {number}"),
            connect=self.csms.connect,
            clock=clock,
            random=Random(f"{seed} {number} station"),
            delay_seconds=lambda attempt, random: 10.0,
        )
        self.running = asyncio.get_running_loop().create_task(self.virtual.run())

    async def visits(self, connector: int) -> None:
        """People come and go, whatever the disk does."""
        for _ in range(VISITS):
            await asyncio.sleep(self.dice.uniform(1, 300))
            self.virtual.plug(connector, car(capacity_wh=200_000.0))
            attempt(lambda: self.virtual.show_tag(f"TAG-{connector}", connector))
            await asyncio.sleep(self.dice.uniform(1, 900))
            if self.dice.random() < 0.2:
                self.csms.cut()
                await asyncio.sleep(self.dice.uniform(1, 100))
                self.csms.is_reachable = True
            await self.leave(connector)

    async def leave(self, connector: int) -> None:
        """Stop, and take the cable; where that does not work, try again after a while."""
        virtual = self.virtual
        while virtual.connectors[connector - 1].vehicle is not None:
            if virtual.look(connector).has_transaction:
                attempt(lambda: virtual.station.end_transactions(Reason.LOCAL, connector))
            elif virtual.is_locked(connector):
                attempt(lambda: virtual.show_tag(f"TAG-{connector}", connector))
            if not virtual.is_locked(connector):
                attempt(lambda: virtual.unplug(connector))
            await asyncio.sleep(20)

    async def end(self) -> None:
        """All is told, and adds up."""
        await asyncio.wait_for(self.virtual.station.wait_until_told(), 7200)
        assert self.virtual.station.snapshot().messages_queued == 0
        registers = {number: item.peek().register_wh for number, item in enumerate(self.virtual.connectors, 1)}
        self.csms.check(registers)
        assert not self.running.done()
        await self.virtual.close()
        await self.running


def attempt(act: Callable[[], object]) -> None:
    """What a person does; the store may refuse it, which is seen by nothing happening."""
    try:
        act()
    except StationStoreError as error:
        assert "disk is full" in str(error) or "could not be written" in str(error)


def live(stations: int, seed: int) -> tuple[Memory, list[Life], list[BaseException]]:
    errors: list[BaseException] = []

    async def main(clock: LoopClock) -> tuple[Memory, list[Life]]:
        nonlocal errors
        loop = asyncio.get_running_loop()
        errors = silence(loop)
        memory = Memory(loop.call_later if stations > 1 else None)
        lives = [Life(memory, clock, number, seed) for number in range(stations)]
        await asyncio.sleep(30)
        for life in lives:
            for key, value in (("AllowOfflineTxForUnknownId", "true"), ("MeterValueSampleInterval", "60")):
                answer = await life.csms.call("ChangeConfiguration", key=key, value=value)
                assert answer == {"status": "Accepted"}
        filling = asyncio.create_task(memory.fill_and_empty(Random(f"{seed} disk")))
        await asyncio.gather(*(life.visits(connector) for life in lives for connector in CONNECTORS))
        filling.cancel()
        memory.is_full = False
        for life in lives:
            await life.end()
        memory.close()
        return memory, lives

    memory, lives = simulate(main)
    return memory, lives, errors


@pytest.mark.parametrize("seed", range(20))
def test_a_station_lives_on_and_every_bill_arrives(seed: int) -> None:
    memory, lives, errors = live(1, seed)
    assert memory.times_full > 3 and len(lives[0].csms.start_of) >= VISITS // 2
    assert errors == [], [(repr(error), traceback.format_tb(error.__traceback__)[-4:]) for error in errors[:2]]


@pytest.mark.parametrize("seed", range(10))
def test_a_fleet_on_one_file_lives_on_and_every_bill_arrives(seed: int) -> None:
    memory, lives, errors = live(3, seed)
    assert memory.times_full > 3
    assert all(len(life.csms.start_of) >= VISITS // 2 for life in lives)
    assert errors == [], [(repr(error), traceback.format_tb(error.__traceback__)[-4:]) for error in errors[:2]]
