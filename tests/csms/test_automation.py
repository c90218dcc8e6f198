"""Chores: registered once, woken as often as wanted, run one at a time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.csms.bench import Workbench
from tests.csms.commands.asking import commanding, station

from chargewright.csms.automation import Automation, Unfinished
from chargewright.csms.directory import Directory
from chargewright.csms.ports import CommandSender
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

    async def slow(row: StationRow, sender: CommandSender) -> None:
        done.append("slow begins")
        await gate.wait()
        done.append("slow ends")

    async def quick(row: StationRow, sender: CommandSender) -> None:
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

    async def fail(row: StationRow, sender: CommandSender) -> None:
        raise RuntimeError("a bug")

    async def end(row: StationRow, sender: CommandSender) -> None:
        ended.set()

    automation(settled).register("fails", fail)
    automation(settled).register("ends", end)
    automation(settled).wake(station(settled).id, "fails")
    automation(settled).wake(station(settled).id, "ends")
    await asyncio.wait_for(ended.wait(), 5)


async def test_waking_while_it_runs_runs_it_once_more(settled: Workbench) -> None:
    runs = 0
    twice = asyncio.Event()

    async def run(row: StationRow, sender: CommandSender) -> None:
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
    async def run(row: StationRow, sender: CommandSender) -> None:
        raise AssertionError("never woken")

    automation(bench).register("one", run)
    assert "one" in automation(bench).names
    with pytest.raises(LocalProtocolError, match="there is a chore 'one' already"):
        automation(bench).register("one", run)
    with pytest.raises(LocalProtocolError, match="there is no chore 'two'"):
        automation(bench).wake(1, "two")


async def test_what_did_not_get_done_rests_and_is_tried_at_once_when_the_station_has_settled_again(
    settled: Workbench,
) -> None:
    runs: list[int] = []
    ran = asyncio.Event()

    async def run(row: StationRow, sender: CommandSender) -> None:
        runs.append(len(runs))
        ran.set()
        if len(runs) == 1:
            raise Unfinished("no answer")
        if len(runs) == 2:
            raise RuntimeError("a bug")

    async def wait() -> None:
        await asyncio.wait_for(ran.wait(), 5)
        ran.clear()
        await asyncio.gather(*automation(settled)._running.values())

    row = station(settled)
    automation(settled).register("tries", run)
    automation(settled).wake(row.id, "tries")
    await wait()
    assert automation(settled).is_resting(row.id, "tries")
    automation(settled).reconsider(row.id)
    assert automation(settled)._running == {}, "it rests"
    settle = commanding(settled).settling.on_settled
    for act in settle:
        act(row.id)
    await wait()
    for act in settle:
        act(row.id)
    assert automation(settled)._running == {}, "what failed twice rests, whatever the station does"
    automation(settled).wake(row.id, "tries")
    await wait()
    assert (len(runs), automation(settled).is_resting(row.id, "tries")) == (3, False)


async def test_rests_grow_and_are_bounded() -> None:
    rests: list[float] = []
    loop = asyncio.get_running_loop()
    row = StationRow(id=7, identity="A7", booted=True)
    made = Automation(Directory([row]), AlwaysSettled(), AlwaysThere())  # type: ignore[arg-type]

    async def run(station: StationRow, sender: CommandSender) -> None:
        raise Unfinished("no answer")

    made.register("never", run)
    made.wake(7, "never")
    for _ in range(9):
        await asyncio.gather(*made._running.values())
        wish = made._wanted[7]["never"]
        assert wish.rest is not None
        rests.append(round(wish.rest.when() - loop.time()))
        made.wake(7, "never")
    await made.close()
    assert rests == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


async def test_what_a_person_asks_for_is_run_whatever_automatic_says(settled: Workbench) -> None:
    row = station(settled)
    row.automatic = False
    senders: list[CommandSender] = []
    ended = asyncio.Event()

    async def run(row: StationRow, sender: CommandSender) -> None:
        senders.append(sender)
        ended.set()

    automation(settled).register("asked", run)
    automation(settled).wake(row.id, "asked")
    assert automation(settled)._running == {}
    automation(settled).ask(row.id, "asked")
    assert automation(settled).is_asked(row.id, "asked")
    await asyncio.wait_for(ended.wait(), 5)
    assert senders[0].is_connected(row.id)
    assert not automation(settled).is_asked(row.id, "asked")


async def test_what_was_asked_of_a_station_that_came_anew_is_a_chore_like_any_other(settled: Workbench) -> None:
    row = station(settled)
    row.automatic = False
    began, gate = asyncio.Event(), asyncio.Event()
    ran: list[str] = []

    async def wait(row: StationRow, sender: CommandSender) -> None:
        ran.append("first")
        began.set()
        await gate.wait()

    async def run(row: StationRow, sender: CommandSender) -> None:
        ran.append("second")

    for name, chore in (("first", wait), ("second", run)):
        automation(settled).register(name, chore)
        automation(settled).ask(row.id, name)
    (work,) = automation(settled)._running.values()
    await asyncio.wait_for(began.wait(), 5)
    for act in commanding(settled).settling.on_settled:
        act(row.id)
    gate.set()
    await asyncio.wait_for(work, 5)
    assert ran == ["first"]
    assert not automation(settled).is_asked(row.id, "second")


class AlwaysSettled:
    """Every station is there, and silent."""

    def __init__(self) -> None:
        self.on_settled: list[Callable[[int], None]] = []

    def is_settled(self, station_id: int) -> bool:
        return True

    def arrival(self, station_id: int) -> object:
        return self


class AlwaysThere:
    """Every station is connected."""

    def is_connected(self, station_id: int) -> bool:
        return True
