"""A flag: all who wait go on, and who gives up leaves nothing behind."""

import asyncio

import pytest

from chargewright.station.flag import Flag


async def test_all_who_wait_go_on_even_if_it_is_down_again() -> None:
    flag = Flag()
    waiting = [asyncio.create_task(flag.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting) and not flag.is_set()
    flag.set()
    flag.clear()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert not flag.is_set()
    flag.set()
    flag.set()
    await asyncio.wait_for(flag.wait(), 5)


async def test_who_gives_up_does_not_disturb_the_others() -> None:
    flag = Flag()
    patient, impatient = asyncio.create_task(flag.wait()), asyncio.create_task(flag.wait())
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    flag.set()
    await asyncio.wait_for(patient, 5)
