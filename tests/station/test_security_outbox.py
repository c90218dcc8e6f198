"""Security events reach the CSMS, and hold nothing up on their way (A04)."""

import asyncio
import sqlite3
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from tests.station.bench import Bench, failed
from tests.station.scripted_csms import SILENCE
from tests.station.test_security import SECURITY
from tests.station.world import World, car, live, product

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.base import Timestamp
from chargewright.protocol.v16.security import SecurityEventNotificationRequest
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.context import CallFailure
from chargewright.station.security_outbox import LEAST_WAIT_SECONDS, MOST_WAIT_SECONDS, SecurityOutbox


def event(bench: Bench, kind: str = "StartupOfTheDevice") -> SecurityEventNotificationRequest:
    return SecurityEventNotificationRequest(type=kind, timestamp=Timestamp.of(bench.clock.now()))


def kinds(bench: Bench) -> list[str]:
    return [call.type for call in bench.calls]


def test_events_that_are_never_answered_hold_no_bill_up_and_are_told_in_the_end() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        csms.answers["SecurityEventNotification"] = SILENCE
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction", within=120)
        await asyncio.sleep(600)
        world.virtual.show_tag("TAG")
        await csms.expect("StopTransaction", within=120)
        await world.virtual.station.wait_until_told()
        assert world.virtual.station.snapshot().messages_queued == 0
        await asyncio.sleep(6 * 3600)
        # Seldom, and without giving up a line that is good.
        assert len(csms.of("SecurityEventNotification")) < 20
        assert csms.closed == []
        del csms.answers["SecurityEventNotification"]
        await asyncio.sleep(MOST_WAIT_SECONDS + 60)
        assert world.store.queue() == []
        assert {item["type"] for item in csms.of("SecurityEventNotification")} == {"StartupOfTheDevice"}

    live(main, product(security=SECURITY))


def test_the_wait_grows_to_a_bound_and_a_new_connection_ends_it() -> None:
    bench = Bench(product())
    outbox = SecurityOutbox(bench.context)
    bench.answers = [failed(CallFailure.TIMED_OUT)] * 100
    begin = bench.clock.monotonic()
    outbox.put(event(bench))
    bench.timers.pass_time(0)
    times = [0.0]
    for _ in range(5 * 3600):
        before = len(bench.calls)
        bench.timers.pass_time(1)
        times += [bench.clock.monotonic() - begin] * (len(bench.calls) - before)
    gaps = [round(later - sooner) for sooner, later in pairwise(times)]
    assert gaps[:3] == [LEAST_WAIT_SECONDS, 2 * LEAST_WAIT_SECONDS, 4 * LEAST_WAIT_SECONDS]
    assert max(gaps) == gaps[-1] == MOST_WAIT_SECONDS
    outbox.online()
    outbox.online()
    assert len(bench.calls) == len(times) + 2
    bench.answers.clear()
    bench.timers.pass_time(LEAST_WAIT_SECONDS)
    assert bench.store.queue() == []


@pytest.mark.parametrize(
    ("failure", "is_heard"),
    [
        (CallFailure.OFFLINE, False),
        (CallFailure.LOST, False),
        (CallFailure.TIMED_OUT, False),
        (CallFailure.REFUSED, True),
        (CallFailure.MALFORMED, True),
    ],
)
def test_what_counts_as_heard(failure: CallFailure, is_heard: bool) -> None:
    bench = Bench(product())
    outbox = SecurityOutbox(bench.context)
    bench.answers = [failed(failure)]
    outbox.put(event(bench, "A"))
    outbox.put(event(bench, "B"))
    bench.timers.pass_time(1)
    assert kinds(bench) == (["A", "B"] if is_heard else ["A"])
    bench.timers.pass_time(LEAST_WAIT_SECONDS)
    assert kinds(bench) == (["A", "B"] if is_heard else ["A", "A", "B"])
    assert bench.store.queue() == []


def test_they_are_counted_and_those_that_cannot_be_sent_are_set_aside() -> None:
    bench = Bench(product())
    outbox = SecurityOutbox(bench.context)
    bench.is_online = False
    outbox.put(event(bench, "A"))
    outbox.put(event(bench, "B"))
    bench.timers.pass_time(1)
    assert bench.calls == [] and [item.action for item in bench.store.queue()] == ["SecurityEventNotification"] * 2
    bench.is_online = True
    bench.answers = [LocalProtocolError("a lone surrogate")]
    outbox.online()
    tally = bench.context.tally
    assert (tally.queued, tally.answered, tally.parked) == (2, 1, 1)
    assert [item.parked_because for item in bench.store.queue()] == ["a lone surrogate"]


def test_one_that_cannot_be_read_holds_no_other_up() -> None:
    bench = Bench(product())
    outbox = SecurityOutbox(bench.context)
    outbox.put(event(bench, "A\0"))
    outbox.put(event(bench, "B"))
    bench.timers.pass_time(1)
    assert kinds(bench) == ["B"] and bench.context.tally.parked == 1
    (parked,) = bench.store.queue()
    assert parked.parked_because is not None and "NUL" in parked.parked_because


def test_a_disk_that_fails_once_stops_nothing() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.csms.expect("SecurityEventNotification")
        await asyncio.sleep(1)
        write = world.store.database.write

        def full(statement: str, *parameters: Any) -> int:
            if "DELETE FROM queue" in statement:
                raise sqlite3.OperationalError("database or disk is full")
            return write(statement, *parameters)

        world.store.database.write = full  # type: ignore[method-assign]  # a disk that is full
        world.virtual.station.security.events.note(SecurityEvent.TAMPER_DETECTION_ACTIVATED)
        await asyncio.sleep(5)
        world.store.database.write = write  # type: ignore[method-assign]  # and is not any more
        assert len(world.store.queue()) == 1
        begin = world.clock.now()
        await asyncio.sleep(LEAST_WAIT_SECONDS)
        assert world.store.queue() == [] and world.clock.now() - begin < timedelta(seconds=61)

    live(main, product(security=SECURITY))


def test_transaction_messages_and_events_pass_one_another_by() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        csms.answers["StartTransaction"] = SILENCE
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await csms.expect("StartTransaction")
        world.virtual.station.security.events.note(SecurityEvent.TAMPER_DETECTION_ACTIVATED)
        await csms.expect("SecurityEventNotification", 2, within=60)

    live(main, product(security=SECURITY))
