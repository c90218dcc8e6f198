"""Virtual time: a day passes at once, in order, and whatever would spoil the clock is refused."""

import asyncio
import time

import pytest

from chargewright.clock import LoopClock
from chargewright.simulation import EPOCH, SimulationStalled, simulate


def test_a_day_passes_without_waiting() -> None:
    async def main(clock: LoopClock) -> float:
        await asyncio.sleep(86_400)
        return (clock.now() - EPOCH).total_seconds()

    before = time.process_time()
    assert simulate(main) == pytest.approx(86_400, abs=1e-3)
    assert time.process_time() - before < 60


def test_timers_fire_in_the_order_of_their_times() -> None:
    seen: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float, clock: LoopClock) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, round(clock.monotonic(), 3)))

    async def main(clock: LoopClock) -> None:
        await asyncio.gather(sleeper("late", 30, clock), sleeper("early", 10, clock), sleeper("middle", 20, clock))

    simulate(main)
    assert seen == [("early", 10.0), ("middle", 20.0), ("late", 30.0)]


def test_a_thread_is_refused() -> None:
    async def main(clock: LoopClock) -> None:
        await asyncio.get_running_loop().run_in_executor(None, time.monotonic)

    with pytest.raises(SimulationStalled, match="wants a thread"):
        simulate(main)


def test_waiting_for_nothing_is_reported_instead_of_hanging() -> None:
    async def main(clock: LoopClock) -> None:
        await asyncio.Event().wait()

    with pytest.raises(SimulationStalled, match="no timer is left"):
        simulate(main)


def test_tasks_left_over_are_cancelled() -> None:
    ended: list[str] = []

    async def background() -> None:
        try:
            await asyncio.sleep(1_000_000)
        finally:
            ended.append("background")

    async def main(clock: LoopClock) -> asyncio.Task[None]:
        task = asyncio.create_task(background())
        await asyncio.sleep(1)
        return task

    task = simulate(main)
    assert ended == ["background"]
    assert task.cancelled()
