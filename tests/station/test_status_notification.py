"""Statuses: every change while online, the present one after a silence (§4.9)."""

import asyncio
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.station.bench import Bench, _run_now, failed
from tests.station.scripted_csms import SILENCE
from tests.station.world import World, car, live, product

from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus
from chargewright.station.context import CallFailure, StatusReport
from chargewright.station.status_notification import MOST_WAITING, RETRY_SECONDS, StatusNotifications


def test_info_is_cut_to_what_the_wire_takes() -> None:
    bench = Bench(product())
    notifications = StatusNotifications(bench.context)
    notifications.report(
        StatusReport(1, ChargePointStatus.FAULTED, ChargePointErrorCode.OTHER_ERROR, "very long " * 20)
    )
    assert len(bench.calls[0].info) == 50
    bench.store.close()


def test_what_changed_offline_is_told_once_as_it_is_then() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        csms.cut()
        await asyncio.sleep(5)
        world.virtual.plug(1, car())
        await asyncio.sleep(5)
        world.virtual.unplug(1)
        await asyncio.sleep(5)
        world.virtual.plug(1, car())
        await asyncio.sleep(5)
        csms.is_reachable = True
        await csms.expect("StatusNotification", 3)
        await asyncio.sleep(5)
        assert csms.statuses(1) == ["Available", "Preparing"]
        assert csms.statuses(0) == ["Available"]

    live(main)


def test_a_reconnect_without_change_tells_nothing() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await asyncio.sleep(5)
        world.csms.cut()
        await asyncio.sleep(5)
        world.csms.is_reachable = True
        await asyncio.sleep(60)
        assert len(world.csms.of("StatusNotification")) == 2

    live(main)


def test_a_report_that_was_under_way_when_the_line_broke_is_told_again() -> None:
    bench = Bench(product())
    notifications = StatusNotifications(bench.context)
    report = StatusReport(1, ChargePointStatus.PREPARING)
    bench.answers.append(failed(CallFailure.LOST))
    notifications.report(report)
    notifications.online()
    notifications.online()
    assert [call.status for call in bench.calls] == [ChargePointStatus.PREPARING] * 2
    bench.store.close()


def test_a_refused_report_is_not_told_for_ever() -> None:
    bench = Bench(product())
    notifications = StatusNotifications(bench.context)
    bench.answers.append(failed(CallFailure.REFUSED))
    notifications.report(StatusReport(1, ChargePointStatus.PREPARING))
    notifications.online()
    assert len(bench.calls) == 1
    bench.store.close()


def test_a_fault_is_told_with_its_code() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.virtual.station.set_fault(1, ChargePointErrorCode.GROUND_FAILURE)
        await asyncio.sleep(1)
        told = world.csms.of("StatusNotification")[-1]
        assert (told["status"], told["errorCode"]) == ("Faulted", "GroundFailure")

    live(main)


def test_it_is_known_when_everything_is_told_and_nobody_waits_for_a_line_that_is_away() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.csms.answers["StatusNotification"] = SILENCE
        world.virtual.station.set_fault(1, ChargePointErrorCode.GROUND_FAILURE)
        telling = asyncio.create_task(world.virtual.station.wait_until_told())
        await asyncio.sleep(5)
        assert not telling.done()
        world.csms.cut()
        await asyncio.wait_for(telling, 5)

    live(main)


LIMITED = product(limits_status_notifications=True)


def test_only_what_lasts_is_told() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        assert await world.change("MinimumStatusDuration", "10") == "Accepted"
        world.virtual.plug(1, car())
        await asyncio.sleep(9)
        world.virtual.unplug(1)
        await asyncio.sleep(60)
        assert csms.statuses(1) == ["Available"]
        world.virtual.plug(1, car())
        await asyncio.sleep(9)
        assert csms.statuses(1) == ["Available"]
        await asyncio.sleep(2)
        assert csms.statuses(1) == ["Available", "Preparing"]
        await world.change("MinimumStatusDuration", "0")
        world.virtual.unplug(1)
        world.virtual.plug(1, car())
        await asyncio.sleep(1)
        assert csms.statuses(1) == ["Available", "Preparing", "Available", "Preparing"]

    live(main, LIMITED)


def test_news_of_a_status_that_is_known_are_told_at_once() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MinimumStatusDuration", "100")
        world.virtual.station.set_warning(1, ChargePointErrorCode.HIGH_TEMPERATURE)
        told = await world.csms.expect("StatusNotification", 3, within=5)
        assert (told["status"], told["errorCode"]) == ("Available", "HighTemperature")

    live(main, LIMITED)


def test_what_began_offline_has_lasted_since_then() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("MinimumStatusDuration", "100")
        csms.cut()
        await asyncio.sleep(1)
        world.virtual.plug(1, car())
        await asyncio.sleep(60)
        csms.is_reachable = True
        await asyncio.sleep(30)
        assert csms.statuses(1) == ["Available"]
        await asyncio.sleep(12)
        assert csms.statuses(1) == ["Available", "Preparing"]

    live(main, LIMITED)


def test_after_a_boot_everything_is_told_at_once() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MinimumStatusDuration", "3000")
        await world.csms.call("Reset", type="Hard")
        await world.csms.expect("StatusNotification", 4, within=10)

    live(main, LIMITED)


def test_a_warning_goes_with_a_status_that_allows_charging() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        world.virtual.station.set_warning(1, ChargePointErrorCode.EV_COMMUNICATION_ERROR)
        world.virtual.station.set_warning(0, ChargePointErrorCode.WEAK_SIGNAL)
        await asyncio.sleep(1)
        # No vehicle is there that could fail to answer.
        assert [item["connectorId"] for item in csms.of("StatusNotification")] == [0, 1, 0]
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        await asyncio.sleep(5)
        told = [(item["status"], item["errorCode"]) for item in csms.of("StatusNotification")[2:]]
        assert told == [
            ("Available", "WeakSignal"),
            ("Preparing", "EVCommunicationError"),
            ("Charging", "NoError"),
        ]

    live(main)


def test_what_was_not_answered_is_told_again() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("ConnectionTimeOut", "3000")
        csms.answers["StatusNotification"] = SILENCE
        world.virtual.plug(1, car())
        await asyncio.sleep(90)
        del csms.answers["StatusNotification"]
        await asyncio.sleep(600)
        assert csms.statuses(1) == ["Available", "Preparing", "Preparing"]

    live(main)


def test_a_trigger_that_was_not_answered_is_told_as_a_change_once() -> None:
    bench = Bench(product())
    notifications = StatusNotifications(bench.context)
    notifications.report(StatusReport(1, ChargePointStatus.AVAILABLE))
    bench.answers.append(failed(CallFailure.TIMED_OUT))
    notifications.repeat([1])
    assert len(bench.calls) == 2
    bench.timers.pass_time(RETRY_SECONDS * 3)
    assert len(bench.calls) == 3
    notifications.stop()
    bench.store.close()


def test_a_csms_that_does_not_answer_makes_no_history() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        csms.answers["StatusNotification"] = SILENCE
        world.virtual.plug(1, car())
        for _ in range(500):
            world.virtual.station.set_warning(1, ChargePointErrorCode.WEAK_SIGNAL)
            world.virtual.station.set_warning(1, ChargePointErrorCode.NO_ERROR)
        for _ in range(100):
            world.virtual.unplug(1)
            world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction", within=600)
        del csms.answers["StatusNotification"]
        before = len(csms.statuses(1))
        await asyncio.sleep(600)
        told = csms.statuses(1)[before:]
        assert len(told) <= 11 and told[-1] == "Charging"
        assert len(world.virtual.station._blocks.statuses._waiting) == 0

    live(main)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(list(ChargePointStatus)), max_size=60))
def test_what_is_left_out_leaves_only_moves_that_were_made(statuses: list[ChargePointStatus]) -> None:
    bench = Bench(product())
    held: list[Coroutine[Any, Any, None]] = []
    context = msgspec.structs.replace(bench.context, spawn=held.append)
    notifications = StatusNotifications(context)
    for status in statuses:
        notifications.report(StatusReport(1, status))
    for sending in held:
        _run_now(sending)
    told = [call.status for call in bench.calls]
    assert len(told) <= MOST_WAITING and told[-1:] == statuses[-1:]
    assert set(pairwise(told)) <= set(pairwise(statuses))
    if len(statuses) <= MOST_WAITING:
        assert told == statuses
    bench.store.close()
