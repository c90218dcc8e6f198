"""Work beside the loop."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from chargewright.clock import LoopClock
from chargewright.csms.side_thread import SideThread
from chargewright.simulation import simulate


@pytest.fixture
def side_thread() -> Iterator[SideThread]:
    one = SideThread("aside")
    yield one
    one.close()


async def test_work_is_done_in_order_in_one_other_thread(side_thread: SideThread) -> None:
    names: list[str] = []

    def work(number: int) -> int:
        names.append(threading.current_thread().name)
        return number

    assert await asyncio.gather(*(side_thread.run(work, number) for number in range(5))) == [0, 1, 2, 3, 4]
    assert set(names) == {"aside_0"}


async def test_the_loop_goes_on_meanwhile(side_thread: SideThread) -> None:
    gate = threading.Event()
    waiting = asyncio.ensure_future(side_thread.run(gate.wait, 10))
    await asyncio.sleep(0)
    gate.set()
    assert await waiting


async def test_what_the_work_raises_comes_back(side_thread: SideThread) -> None:
    with pytest.raises(ZeroDivisionError):
        await side_thread.run(divmod, 1, 0)


def test_virtual_time_needs_no_thread(side_thread: SideThread) -> None:
    async def main(clock: LoopClock) -> str:
        return await side_thread.run(lambda: threading.current_thread().name)

    assert simulate(main) == threading.current_thread().name


async def test_closing_cancels_what_has_not_begun_and_does_not_wait_for_the_rest() -> None:
    one = SideThread("aside")
    gate, has_begun = threading.Event(), threading.Event()

    def wait() -> str:
        has_begun.set()
        gate.wait(10)
        return "done"

    first = asyncio.ensure_future(one.run(wait))
    second = asyncio.ensure_future(one.run(wait))
    await asyncio.get_running_loop().run_in_executor(None, has_begun.wait, 10)
    one.close()
    gate.set()
    assert await first == "done"
    with pytest.raises(asyncio.CancelledError):
        await second
