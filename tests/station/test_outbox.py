"""Notifications that are kept until they are told."""

import asyncio
from typing import Any

import msgspec
from tests.station.bench import Bench, failed
from tests.station.world import product

from chargewright.protocol.v16.firmware_management import FirmwareStatus, FirmwareStatusNotificationRequest
from chargewright.simulation import simulate
from chargewright.station.context import CallFailure
from chargewright.station.outbox import BOUND, TRIES, Outbox


async def told_before() -> None:
    """Nothing has to be told before."""


def make(bench: Bench) -> Outbox[FirmwareStatusNotificationRequest]:
    return Outbox(bench.context, FirmwareStatusNotificationRequest, told_before)


def notification(status: FirmwareStatus = FirmwareStatus.DOWNLOADING) -> FirmwareStatusNotificationRequest:
    return FirmwareStatusNotificationRequest(status=status)


def in_loop(main: Any) -> None:
    async def run(clock: object) -> None:
        main()

    simulate(run)


def test_what_cannot_be_told_now_is_told_in_order_later_also_by_the_next_start() -> None:
    def main() -> None:
        bench = Bench(product())
        bench.is_online = False
        outbox = make(bench)
        for status in (FirmwareStatus.DOWNLOADING, FirmwareStatus.DOWNLOADED):
            outbox.put(notification(status))
        bench.timers.pass_time(1)
        assert bench.calls == []
        bench.is_online = True
        outbox = make(bench)
        outbox.put(notification(FirmwareStatus.INSTALLING))
        outbox.online()
        assert [call.status.value for call in bench.calls] == ["Downloading", "Downloaded", "Installing"]
        make(bench).online()
        assert len(bench.calls) == 3

    in_loop(main)


def test_a_lost_line_costs_nothing_and_a_refusal_is_the_end() -> None:
    def main() -> None:
        bench = Bench(product())
        outbox = make(bench)
        bench.answers = [failed(CallFailure.LOST)]
        outbox.put(notification())
        bench.timers.pass_time(1)
        assert len(bench.calls) == 1
        bench.answers = [failed(CallFailure.REFUSED)]
        outbox.online()
        outbox.online()
        assert len(bench.calls) == 2

    in_loop(main)


def test_silence_is_borne_a_few_times() -> None:
    def main() -> None:
        bench = Bench(product())
        outbox = make(bench)
        bench.answers = [failed(CallFailure.TIMED_OUT)] * 10
        outbox.put(notification())
        bench.timers.pass_time(1)
        assert len(bench.calls) == TRIES

    in_loop(main)


def test_the_oldest_are_forgotten_beyond_the_bound() -> None:
    def main() -> None:
        bench = Bench(product())
        bench.is_online = False
        outbox = make(bench)
        outbox.put(notification(FirmwareStatus.INSTALLED))
        for _ in range(BOUND):
            outbox.put(notification())
        bench.is_online = True
        outbox.online()
        assert [call.status.value for call in bench.calls] == ["Downloading"] * BOUND

    in_loop(main)


def test_what_must_be_told_before_is_waited_for() -> None:
    async def main(clock: object) -> None:
        bench = Bench(product())
        gate = asyncio.Event()
        tasks: list[asyncio.Task[None]] = []
        context = msgspec.structs.replace(
            bench.context, spawn=lambda coroutine: tasks.append(asyncio.get_running_loop().create_task(coroutine))
        )

        async def ready() -> None:
            await gate.wait()

        outbox = Outbox(context, FirmwareStatusNotificationRequest, ready)
        outbox.put(notification())
        outbox.online()
        await asyncio.sleep(1)
        assert bench.calls == []
        gate.set()
        await outbox.wait_until_told()
        assert len(bench.calls) == 1

    simulate(main)


def test_a_repeated_one_is_not_kept() -> None:
    def main() -> None:
        bench = Bench(product())
        bench.answers = [failed(CallFailure.LOST)]
        outbox = make(bench)
        outbox.repeat(notification(FirmwareStatus.IDLE))
        assert len(bench.calls) == 1
        outbox.online()
        assert len(bench.calls) == 1

    in_loop(main)
