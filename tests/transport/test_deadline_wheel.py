"""Many deadlines, one timer; in virtual time."""

import gc
import logging
import weakref
from collections.abc import Callable

import pytest

from chargewright.clock import LoopClock
from chargewright.simulation import SimulationLoop, simulate
from chargewright.transport.deadline_wheel import TICK_SECONDS, DeadlineWheel, wheel_of


class Probe:
    def __init__(self, answer: Callable[[float], float | None] = lambda now: None) -> None:
        self.check_tick = 0
        self.checks: list[float] = []
        self.answer = answer

    def check(self, now: float) -> float | None:
        self.checks.append(now)
        return self.answer(now)


def run(script: Callable[[DeadlineWheel], None], seconds: float) -> None:
    import asyncio

    async def main(clock: LoopClock) -> None:
        script(DeadlineWheel(asyncio.get_running_loop()))
        await asyncio.sleep(seconds)

    simulate(main)


def test_checks_are_never_early_and_at_most_a_tick_late() -> None:
    probes = {when / 7: Probe() for when in range(1, 50)}
    run(lambda wheel: [wheel.check_at(when, probe) for when, probe in probes.items()] and None, 10)
    for when, probe in probes.items():
        (checked,) = probe.checks
        assert when <= checked <= when + TICK_SECONDS


def test_a_check_names_the_next() -> None:
    probe = Probe(lambda now: now + 1 if now < 3 else None)
    run(lambda wheel: wheel.check_at(1, probe), 10)
    assert probe.checks == [1, 2, 3]


def test_earlier_wins_and_later_is_left_to_the_check() -> None:
    earlier, later = Probe(), Probe()

    def script(wheel: DeadlineWheel) -> None:
        wheel.check_at(5, earlier)
        wheel.check_at(1, earlier)
        wheel.check_at(1, later)
        wheel.check_at(5, later)

    run(script, 10)
    assert earlier.checks == [1]
    assert later.checks == [1]


def test_what_is_forgotten_is_neither_checked_nor_kept() -> None:
    probe = Probe()
    other = Probe()

    def script(wheel: DeadlineWheel) -> None:
        wheel.check_at(1, probe)
        wheel.check_at(2, other)
        wheel.forget(probe)
        wheel.forget(probe)

    run(script, 3)
    assert probe.checks == []
    assert other.checks == [2]


def test_one_fault_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def fail(now: float) -> None:
        raise RuntimeError("broken check")

    broken, good = Probe(fail), Probe()

    def script(wheel: DeadlineWheel) -> None:
        wheel.check_at(1, broken)
        wheel.check_at(1, good)

    with caplog.at_level(logging.ERROR):
        run(script, 3)
    assert good.checks == [1]
    assert "broken check" in caplog.text


def test_a_check_that_is_always_due_does_not_starve_the_loop() -> None:
    probe = Probe(lambda now: now)
    run(lambda wheel: wheel.check_at(0, probe), 1)
    assert 10 <= len(probe.checks) <= 1 / TICK_SECONDS + 1


def test_a_loop_has_one_wheel_and_does_not_outlive_itself() -> None:
    loop = SimulationLoop()
    wheel = wheel_of(loop)
    assert wheel_of(loop) is wheel
    gone = weakref.ref(loop)
    loop.close()
    del loop, wheel
    gc.collect()
    assert gone() is None
