"""A stop that is wanted is tried again until it is on disk, and the car gets no energy meanwhile."""

import asyncio
from typing import Any

import pytest
from tests.station.bench import Bench
from tests.station.world import World, car, live, product

from chargewright.protocol.v16.core import ChargePointErrorCode, Reason
from chargewright.station.store import StationStoreError
from chargewright.station.wanted_stop import AGAIN_SECONDS, Stop, WantedStop

REMOTE = Stop(Reason.REMOTE, "ALICE")
LOCAL = Stop(Reason.LOCAL, "BOB", "info")


def test_it_is_tried_again_until_done_and_the_first_one_counts() -> None:
    bench, tried = Bench(product()), list[Stop]()
    wanted = WantedStop(bench.context, tried.append)
    assert wanted.want(REMOTE) == REMOTE
    bench.timers.pass_time(2.5 * AGAIN_SECONDS)
    assert tried == [REMOTE, REMOTE]
    assert wanted.want(LOCAL) == REMOTE
    bench.timers.pass_time(1.5 * AGAIN_SECONDS)
    assert tried == [REMOTE] * 3
    wanted.done()
    wanted.done()
    bench.timers.pass_time(10 * AGAIN_SECONDS)
    assert tried == [REMOTE] * 3
    assert wanted.want(LOCAL) == LOCAL


def test_an_error_of_any_kind_ends_no_trying() -> None:
    bench, tried = Bench(product()), list[Stop]()

    def fail(stop: Stop) -> None:
        tried.append(stop)
        raise RuntimeError("whatever")

    wanted = WantedStop(bench.context, fail)
    wanted.want(REMOTE)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            bench.timers.pass_time(AGAIN_SECONDS)
    assert len(tried) == 3


async def remotely(world: World) -> Reason:
    answer = await world.csms.call("RemoteStopTransaction", transactionId=world.csms.transaction_id)
    assert answer["status"] == "Accepted"
    return Reason.REMOTE


async def by_tag(world: World) -> Reason:
    world.virtual.show_tag("TAG")
    return Reason.LOCAL


async def by_button(world: World) -> Reason:
    world.virtual.emergency_stop.press()
    return Reason.EMERGENCY_STOP


async def by_reset(world: World) -> Reason:
    await world.csms.call("Reset", type="Hard")
    return Reason.HARD_RESET


@pytest.mark.parametrize("stop", [remotely, by_tag, by_button, by_reset])
def test_no_energy_flows_after_a_stop_whose_write_failed_and_the_bill_comes_later(stop: Any) -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        await asyncio.sleep(60)
        database = world.store.database
        write = database.write

        def full(statement: str, *parameters: Any) -> int:
            if "charging_transaction" in statement:
                raise StationStoreError(database.path, "the disk is full")
            return write(statement, *parameters)

        database.write = full  # type: ignore[method-assign]  # a disk that is full for a while
        reason = await stop(world)
        await asyncio.sleep(3 * AGAIN_SECONDS)
        assert world.csms.of("StopTransaction") == []
        before = world.virtual.station.meter_readings()[1]
        world.virtual.station.set_warning(1, ChargePointErrorCode.HIGH_TEMPERATURE)
        await asyncio.sleep(600)
        assert not world.virtual.connectors[0].is_closed
        assert world.csms.statuses(1)[-1] == ("Faulted" if reason is Reason.EMERGENCY_STOP else "SuspendedEVSE")
        database.write = write  # type: ignore[method-assign]  # there is room again
        told = await world.csms.expect("StopTransaction")
        assert (told["reason"], told["meterStop"]) == (reason.value, before)
        assert world.virtual.station.meter_readings()[1] == before
        assert not world.virtual.is_locked(1)
        await asyncio.sleep(3600)
        assert len(world.csms.of("StopTransaction")) == 1

    live(main)


def test_after_a_power_cut_the_next_boot_ends_what_could_not_be_written() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await world.csms.expect("StartTransaction")
        database = world.store.database
        write = database.write

        def full(statement: str, *parameters: Any) -> int:
            raise StationStoreError(database.path, "the disk is full")

        database.write = full  # type: ignore[method-assign]  # a disk that is full for a while
        world.virtual.show_tag("TAG")
        await asyncio.sleep(1)
        await world.cut_power()
        database.write = write  # type: ignore[method-assign]  # there is room again
        await world.restart()
        assert (await world.csms.expect("StopTransaction"))["reason"] == "PowerLoss"
        await asyncio.sleep(60)
        assert len(world.csms.of("StopTransaction")) == 1

    live(main)
