"""Chores: registered once, woken as often as wanted, run one at a time."""

import asyncio
from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import commanding, station

from chargewright.csms.automation import Automation
from chargewright.csms.storage.base import StationRow
from chargewright.errors import LocalProtocolError

BOOT = {"chargePointVendor": "Bench", "chargePointModel": "Test"}


@pytest.fixture
async def settled(start_bench: Any) -> Workbench:
    """A1 is connected, accepted and settled."""
    bench: Workbench = await start_bench(settle_seconds=0)
    connection = await bench.connect()
    await bench.exchange(connection, "BootNotification", BOOT)
    while not commanding(bench).settling.is_settled(station(bench).id):  # noqa: ASYNC110  # a timer of the loop
        await asyncio.sleep(0.001)
    return bench


def automation(bench: Workbench) -> Automation:
    return commanding(bench).automation


async def test_chores_run_one_after_the_other_in_the_order_of_waking(settled: Workbench) -> None:
    done: list[str] = []
    gate = asyncio.Event()
    ended = asyncio.Event()

    async def slow(row: StationRow) -> None:
        done.append("slow begins")
        await gate.wait()
        done.append("slow ends")

    async def quick(row: StationRow) -> None:
        done.append(f"quick for {row.identity}")
        ended.set()

    automation(settled).register("slow", slow)
    automation(settled).register("quick", quick)
    for name in ("slow", "quick", "quick"):
        automation(settled).wake(station(settled).id, name)
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait_for(ended.wait(), 5)
    assert done == ["slow begins", "slow ends", "quick for A1"]


async def test_a_chore_that_fails_leaves_the_others_running(settled: Workbench) -> None:
    ended = asyncio.Event()

    async def fail(row: StationRow) -> None:
        raise RuntimeError("a bug")

    async def end(row: StationRow) -> None:
        ended.set()

    automation(settled).register("fails", fail)
    automation(settled).register("ends", end)
    automation(settled).wake(station(settled).id, "fails")
    automation(settled).wake(station(settled).id, "ends")
    await asyncio.wait_for(ended.wait(), 5)


async def test_waking_while_it_runs_runs_it_once_more(settled: Workbench) -> None:
    runs = 0
    twice = asyncio.Event()

    async def run(row: StationRow) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            automation(settled).wake(row.id, "again")
        else:
            twice.set()

    automation(settled).register("again", run)
    automation(settled).wake(station(settled).id, "again")
    await asyncio.wait_for(twice.wait(), 5)
    assert runs == 2


async def test_names_are_checked(bench: Workbench) -> None:
    async def run(row: StationRow) -> None:
        raise AssertionError("never woken")

    automation(bench).register("one", run)
    assert "one" in automation(bench).names
    with pytest.raises(LocalProtocolError, match="there is a chore 'one' already"):
        automation(bench).register("one", run)
    with pytest.raises(LocalProtocolError, match="there is no chore 'two'"):
        automation(bench).wake(1, "two")
