"""Coroutines that nobody waits for."""

import asyncio

import structlog

from chargewright.simulation import simulate
from chargewright.station.tasks import Tasks


def test_they_run_and_one_that_fails_is_told() -> None:
    async def main(clock: object) -> None:
        done = asyncio.Event()

        async def work() -> None:
            await asyncio.sleep(1)
            done.set()

        async def fail() -> None:
            raise ZeroDivisionError

        with structlog.testing.capture_logs() as logs:
            tasks = Tasks(structlog.get_logger())
            tasks.spawn(work())
            tasks.spawn(fail())
            await asyncio.wait_for(done.wait(), 5)
        assert [(entry["event"], type(entry["exc_info"])) for entry in logs] == [("a task failed", ZeroDivisionError)]

    simulate(main)


def test_those_that_are_cancelled_do_nothing_more_and_tell_nothing() -> None:
    async def main(clock: object) -> None:
        done: list[int] = []

        async def work(seconds: float) -> None:
            await asyncio.sleep(seconds)
            done.append(1)

        with structlog.testing.capture_logs() as logs:
            tasks = Tasks(structlog.get_logger())
            for seconds in (1, 5, 10):
                tasks.spawn(work(seconds))
            await asyncio.sleep(2)
            tasks.cancel()
            await asyncio.sleep(60)
            tasks.cancel()
        assert (done, logs) == ([1], [])

    simulate(main)
