"""A loop that fails is begun again, ever more slowly; one that ends is left alone."""

import asyncio
from datetime import UTC, datetime

import pytest

from chargewright.clock import ManualClock
from chargewright.csms.supervision import FIRST_PAUSE_SECONDS, HEALTHY_SECONDS, LONGEST_PAUSE_SECONDS, Supervisor


async def test_pauses_grow_and_begin_anew_after_a_healthy_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("chargewright.csms.supervision.asyncio.sleep", sleep)
    runs = 0

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs == 9:
            clock.advance(HEALTHY_SECONDS)
        if runs < 11:
            raise ValueError("a bad row")

    supervisor = Supervisor(clock)
    await supervisor.run("reviews", loop)
    assert runs == 11
    assert pauses[:3] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert pauses[7] == LONGEST_PAUSE_SECONDS
    assert pauses[8] == FIRST_PAUSE_SECONDS
    assert supervisor.failures == {"reviews": 10}


async def test_the_end_cancels_what_runs_and_a_failed_task_is_forgotten() -> None:
    supervisor = Supervisor(ManualClock(datetime(2030, 1, 1, tzinfo=UTC)))
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def failing() -> None:
        raise ValueError("once")

    supervisor.begin(failing(), "fails")
    supervisor.begin_loop("works", work)
    await began.wait()
    await supervisor.end()
    assert ended.is_set()
