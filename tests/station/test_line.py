"""Staying connected: attempts, back-off, early messages, and both ways to end."""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
import structlog
from tests.station.scripted_csms import ScriptedCsms

from chargewright.clock import LoopClock
from chargewright.errors import ConfigurationError, ConnectionLost
from chargewright.simulation import simulate
from chargewright.station.line import Line
from chargewright.station.store import StationStoreError
from chargewright.transport.connection import CloseInfo, Connection


class Subject:
    def __init__(self, clock: LoopClock) -> None:
        self.clock = clock
        self.csms = ScriptedCsms(clock.now)
        self.attempts: list[float] = []
        self.seen: list[Any] = []
        self.error: Exception | None = None
        self.on_open: Callable[[Any], None] = lambda connection: None
        self.answer = asyncio.Event()
        self.answer.set()
        self.is_given_up = False
        self.line = Line(
            self.open,
            opened=lambda connection: self.seen.append("opened"),
            received=lambda message: self.seen.append(message),
            lost=lambda: self.seen.append("lost"),
            delay_seconds=lambda attempt, random: attempt * 10.0,
            random=Random(1),
            log=structlog.get_logger(),
        )

    async def open(self, **callbacks: Any) -> Any:
        self.attempts.append(self.clock.monotonic())
        if self.error is not None:
            raise self.error
        try:
            await self.answer.wait()
        except asyncio.CancelledError:
            self.is_given_up = True
            raise
        connection = await self.csms.connect("memory", **callbacks)
        self.on_open(connection)
        return connection


def live(main: Callable[[Subject], Any]) -> None:
    async def run(clock: LoopClock) -> None:
        subject = Subject(clock)
        running = asyncio.create_task(subject.line.run())
        await main(subject)
        subject.line.end()
        await running

    simulate(run)


def test_the_wait_grows_with_each_attempt_and_starts_anew_after_success() -> None:
    async def main(subject: Subject) -> None:
        subject.error = ConnectionLost("nobody there")
        await asyncio.sleep(65)
        assert subject.attempts == pytest.approx([0, 10, 30, 60], abs=0.01)
        subject.error = None
        await asyncio.sleep(40)
        assert subject.seen == ["opened"]
        assert subject.csms.wire is not None
        subject.csms.wire.abort()
        await asyncio.sleep(15)
        assert subject.seen == ["opened", "lost", "opened"]
        assert subject.attempts[-1] - subject.attempts[-2] == pytest.approx(15, abs=0.1)

    live(main)


def test_a_message_that_comes_with_the_handshake_is_not_lost() -> None:
    async def main(subject: Subject) -> None:
        subject.on_open = lambda connection: connection.on_message(b"early")
        await asyncio.sleep(1)
        assert subject.seen == ["opened", b"early"]

    live(main)


def test_a_connection_that_is_closed_before_it_is_handed_over_counts_as_lost() -> None:
    async def main(subject: Subject) -> None:
        subject.on_open = lambda connection: connection.on_close(CloseInfo(1008))
        await asyncio.sleep(1)
        assert subject.seen == ["lost"]
        subject.on_open = lambda connection: None
        await asyncio.sleep(15)
        assert subject.seen == ["lost", "opened"]

    live(main)


def test_dropping_and_restarting_lead_to_new_connections() -> None:
    async def main(subject: Subject) -> None:
        await asyncio.sleep(1)
        subject.line.drop()
        await asyncio.sleep(20)
        subject.line.restart(3.0)
        await asyncio.sleep(4)
        assert subject.seen == ["opened", "lost", "opened", "lost", "opened"]
        assert subject.csms.closed == [1006, 1000]

    live(main)


def test_ending_says_goodbye_and_interrupts_a_wait() -> None:
    async def main(subject: Subject) -> None:
        await asyncio.sleep(1)

    async def waiting(subject: Subject) -> None:
        subject.error = ConnectionLost("nobody there")
        await asyncio.sleep(1)

    live(main)
    live(waiting)


@pytest.mark.parametrize("at_once", [True, False])
def test_ending_does_not_wait_for_an_answer_to_the_upgrade(at_once: bool) -> None:
    async def main(subject: Subject) -> None:
        subject.answer.clear()
        running = asyncio.create_task(subject.line.run())
        await asyncio.sleep(1)
        subject.line.end(at_once=at_once)
        async with asyncio.timeout(1):
            await running
        assert len(subject.attempts) == 1 and subject.is_given_up and subject.seen == []

    simulate(lambda clock: main(Subject(clock)))


def test_a_line_that_is_cancelled_is_not_one_that_has_ended() -> None:
    async def main(subject: Subject) -> None:
        subject.answer.clear()
        running = asyncio.create_task(subject.line.run())
        await asyncio.sleep(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert subject.is_given_up

    simulate(lambda clock: main(Subject(clock)))


def test_a_line_that_has_ended_opens_nothing() -> None:
    async def main(subject: Subject) -> None:
        subject.line.end()
        await subject.line.run()
        assert subject.attempts == []

    simulate(lambda clock: main(Subject(clock)))


def test_a_connection_that_comes_as_the_power_goes_is_dropped_without_a_goodbye() -> None:
    async def main(subject: Subject) -> None:
        # Behind the opening, and before whoever waits for it goes on.
        ending = partial(subject.line.end, at_once=True)
        subject.on_open = lambda connection: asyncio.get_running_loop().call_soon(ending)
        await subject.line.run()
        assert subject.csms.closed == [1006] and subject.seen == ["lost"]

    simulate(lambda clock: main(Subject(clock)))


def test_an_address_that_cannot_be_used_is_not_tried_again() -> None:
    async def run(clock: LoopClock) -> None:
        subject = Subject(clock)
        subject.error = ConfigurationError("--csms", "", "http://x", "ws://")
        with pytest.raises(ConfigurationError):
            await subject.line.run()
        assert len(subject.attempts) == 1

    simulate(run)


def test_who_cannot_bear_a_connection_gets_another_one() -> None:
    async def main(subject: Subject) -> None:
        refusals = [StationStoreError("file", "database or disk is full")]

        def open_with_a_full_disk(connection: Connection) -> None:
            subject.seen.append("opened")
            if refusals:
                raise refusals.pop()

        subject.line._opened = open_with_a_full_disk
        await asyncio.sleep(30)
        assert subject.seen == ["opened", "lost", "opened"]
        assert subject.attempts == pytest.approx([0, 10], abs=0.1)

    live(main)


def test_the_pause_of_a_restart_is_not_that_of_a_later_loss() -> None:
    async def main(subject: Subject) -> None:
        subject.error = ConnectionLost("nobody there")
        await asyncio.sleep(1)
        # As after an installation of firmware while the CSMS is away.
        subject.line.restart(3.0)
        subject.error = None
        await asyncio.sleep(100)
        assert subject.seen == ["opened"] and subject.csms.wire is not None
        lost_at = subject.clock.monotonic()
        subject.csms.wire.abort()
        await asyncio.sleep(15)
        assert subject.attempts[-1] - lost_at == pytest.approx(10, abs=0.1)

    live(main)
