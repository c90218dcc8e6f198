"""Work that can be called off."""

import asyncio

from chargewright.simulation import simulate
from chargewright.station.errand import Errand


def make(done: list[str]) -> tuple[Errand, set[asyncio.Task[None]]]:
    tasks: set[asyncio.Task[None]] = set()
    errand = Errand(lambda coroutine: tasks.add(asyncio.get_running_loop().create_task(coroutine)))
    return errand, tasks


async def work(done: list[str], name: str) -> None:
    done.append(f"{name} begins")
    await asyncio.sleep(10)
    done.append(f"{name} ends")


def test_the_newer_one_takes_the_place_of_the_older() -> None:
    async def main(clock: object) -> None:
        done: list[str] = []
        errand, _ = make(done)
        errand.begin(lambda: work(done, "one"))
        await asyncio.sleep(5)
        errand.begin(lambda: work(done, "two"))
        await asyncio.sleep(20)
        assert done == ["one begins", "two begins", "two ends"]

    simulate(main)


def test_what_is_called_off_before_its_first_step_does_nothing() -> None:
    async def main(clock: object) -> None:
        done: list[str] = []
        errand, tasks = make(done)
        errand.begin(lambda: work(done, "one"))
        errand.stop()
        errand.stop()
        await asyncio.sleep(20)
        assert done == []
        assert all(task.done() and task.exception() is None for task in tasks)

    simulate(main)


def test_an_errand_that_has_ended_can_be_followed_by_another() -> None:
    async def main(clock: object) -> None:
        done: list[str] = []
        errand, _ = make(done)
        for name in ("one", "two"):
            errand.begin(lambda name=name: work(done, name))  # type: ignore[misc]  # mypy cannot infer a default's type
            await asyncio.sleep(11)
        assert done == ["one begins", "one ends", "two begins", "two ends"]

    simulate(main)
