"""No transaction message is lost, doubled or reordered, whatever happens to the line, the power or the CSMS."""

import asyncio
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.station.scripted_csms import SILENCE
from tests.station.world import World, car, live

from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.station.context import Authorization
from chargewright.station.store import StationStore, StationStoreError

TRANSACTION_MESSAGES = ("StartTransaction", "MeterValues", "StopTransaction")


async def charge(world: World, seconds: float, tag: str = "TAG") -> None:
    world.virtual.plug(1, car())
    world.virtual.show_tag(tag)
    await asyncio.sleep(seconds)
    world.virtual.show_tag(tag)
    await asyncio.sleep(1)
    world.virtual.unplug(1)


def transaction_messages(world: World) -> list[tuple[str, dict[str, Any]]]:
    return [(name, payload) for _, name, payload in world.csms.calls if name in TRANSACTION_MESSAGES]


def test_an_offline_transaction_is_told_later_with_its_true_times() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("AllowOfflineTxForUnknownId", "true")
        csms.cut()
        await asyncio.sleep(100)
        started_at = world.clock.now()
        await charge(world, 150)
        assert world.virtual.station.snapshot().messages_queued == 4
        await asyncio.sleep(3600)
        csms.is_reachable = True
        stop = await csms.expect("StopTransaction")
        messages = transaction_messages(world)
        assert [name for name, _ in messages] == ["StartTransaction", "MeterValues", "MeterValues", "StopTransaction"]
        assert messages[0][1]["timestamp"] == started_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert all(payload["transactionId"] == csms.transaction_id for _, payload in messages[1:])
        energy_wh = stop["meterStop"] - messages[0][1]["meterStart"]
        assert (
            energy_wh
            == world.virtual.station.snapshot().energy_completed_wh
            == world.virtual.station.meter_readings()[1]
        )
        await asyncio.sleep(1)
        assert world.store.transactions() == []

    live(main)


def test_without_the_key_an_unknown_tag_does_not_charge_offline() -> None:
    async def main(world: World) -> None:
        await world.boot()
        world.csms.cut()
        await asyncio.sleep(10)
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(10)
        assert world.virtual.look(1).status.value == "Preparing"
        assert world.store.queue() == []

    live(main)


def test_a_power_cut_in_a_transaction_loses_nothing() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("StopTxnSampledData", "Energy.Active.Import.Register")
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        start = await csms.expect("StartTransaction")
        await asyncio.sleep(90)
        drawn_wh = world.virtual.look(1).register_wh
        await world.cut_power()
        await asyncio.sleep(600)
        await world.restart()
        stop = await csms.expect("StopTransaction")
        assert csms.of("StartTransaction") == []
        assert stop["transactionId"] == csms.transaction_id
        assert stop["reason"] == "PowerLoss"
        assert stop["idTag"] == "TAG"
        assert stop["meterStop"] - start["meterStart"] == drawn_wh > 0
        # No later than the cut, and no earlier than the energy since the last kept reading can have flowed.
        assert "2026-01-01T00:01:15" <= stop["timestamp"] <= "2026-01-01T00:01:31"
        contexts = [value["context"] for item in stop["transactionData"] for value in item["sampledValue"]]
        assert contexts == ["Transaction.Begin", "Sample.Periodic", "Transaction.End"]
        await asyncio.sleep(1)
        assert csms.statuses(1) == ["Finishing"]
        world.virtual.unplug(1)

    live(main)


def test_a_power_cut_before_the_start_is_answered_keeps_start_and_stop_together() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        csms.answers["StartTransaction"] = SILENCE
        await world.boot()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        first = await csms.expect("StartTransaction")
        await world.cut_power()
        del csms.answers["StartTransaction"]
        await world.restart()
        await csms.expect("StopTransaction")
        messages = transaction_messages(world)
        assert [name for name, _ in messages] == ["StartTransaction", "StopTransaction"]
        assert messages[0][1] == first
        assert messages[1][1]["transactionId"] == csms.transaction_id

    live(main)


def test_everything_survives_in_the_file_of_a_process_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "station.sqlite3"

    async def before(world: World) -> dict[str, Any]:
        await world.boot()
        await world.change("AllowOfflineTxForUnknownId", "true")
        world.csms.cut()
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(200)
        world.virtual.station.cut_power()
        return {"register_wh": world.virtual.look(1).register_wh}

    async def after(world: World) -> None:
        world.start()
        stop = await world.csms.expect("StopTransaction")
        messages = transaction_messages(world)
        names = [name for name, _ in messages]
        assert names == ["StartTransaction", "MeterValues", "MeterValues", "MeterValues", "StopTransaction"]
        registers = [int(payload["meterValue"][0]["sampledValue"][0]["value"]) for _, payload in messages[1:4]]
        assert registers == sorted(registers)
        # What flowed after the last kept reading is gone with the simulated meter; nothing else is told.
        assert registers[-1] <= stop["meterStop"] == world.virtual.station.meter_readings()[1]
        # Ten seconds at 11 kW are the most that can be missing.
        assert seen["register_wh"] - 32 <= stop["meterStop"] <= seen["register_wh"]

    with StationStore(path, Random(1)) as store:
        seen = live(before, store=store)
    with StationStore(path, Random(2)) as store:
        live(after, store=store)


def test_a_refused_message_is_retried_ever_later_then_parked_and_the_queue_goes_on() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        csms.answers["StartTransaction"] = "InternalError"
        await world.boot()
        await world.change("TransactionMessageAttempts", "3")
        await world.change("TransactionMessageRetryInterval", "20")
        await charge(world, 30)
        stop = await csms.expect("StopTransaction")
        times = [moment for moment, name, _ in csms.calls if name == "StartTransaction"]
        gaps = [round((later - sooner).total_seconds()) for sooner, later in pairwise(times)]
        assert gaps == [20, 40]
        assert stop["transactionId"] == -1
        await asyncio.sleep(1)
        (parked,) = world.store.queue()
        assert parked.action == "StartTransaction" and "InternalError" in (parked.parked_because or "")

    live(main)


def test_silence_costs_no_attempt_and_in_the_end_the_line_is_renewed() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        csms.answers["StartTransaction"] = SILENCE
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(400)
        assert len(csms.of("StartTransaction")) > 5
        assert 1006 in csms.closed
        del csms.answers["StartTransaction"]
        await asyncio.sleep(210)
        assert world.store.queue() == []
        assert len({str(payload) for payload in csms.of("StartTransaction")}) == 1
        assert world.virtual.look(1).transaction_id == csms.transaction_id

    live(main)


def test_no_message_id_is_used_twice_not_even_after_a_power_cut() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await charge(world, 100)
        await world.cut_power()
        await world.restart()
        await world.csms.expect("StatusNotification", 2)
        assert len(world.csms.ids) == len(set(world.csms.ids)) > 6
        assert all(len(call_id) <= 36 for call_id in world.csms.ids)

    live(main)


events = st.lists(
    st.sampled_from(
        ["start", "stop", "charge", "cut line", "mend line", "power cut", "refuse", "ignore", "serve", "wait"]
    ),
    max_size=16,
)


@settings(max_examples=60, deadline=None)
@given(events=events)
@example(events=["ignore", "charge", "start"])
def test_whatever_happens_every_transaction_is_told_once_in_order_and_with_its_energy(events: list[str]) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        told: list[tuple[str, dict[str, Any]]] = []

        def settled(name: str) -> Any:
            def answer(payload: dict[str, Any]) -> Any:
                if mood[0] != "serve":
                    return {"refuse": "GenericError", "ignore": SILENCE}[mood[0]]
                told.append((name, payload))
                return csms._well(name)

            return answer

        mood = ["serve"]
        csms.answers.update({name: settled(name) for name in TRANSACTION_MESSAGES})
        await world.boot()
        await world.change("AllowOfflineTxForUnknownId", "true")
        await world.change("TransactionMessageAttempts", "999")
        await world.change("TransactionMessageRetryInterval", "5")
        for event in events:
            if event == "charge":
                if world.virtual.connectors[0].vehicle is None:
                    await charge(world, 130)
            elif event == "start":
                if world.virtual.connectors[0].vehicle is None:
                    world.virtual.plug(1, car())
                    world.virtual.show_tag("TAG")
            elif event == "stop":
                if world.virtual.look(1).has_transaction:
                    world.virtual.show_tag("TAG")
                if world.virtual.connectors[0].vehicle is not None and not world.virtual.is_locked(1):
                    world.virtual.unplug(1)
            elif event == "cut line":
                csms.cut()
            elif event == "mend line":
                csms.is_reachable = True
            elif event == "power cut":
                await world.cut_power()
                await world.restart()
            elif event == "wait":
                await asyncio.sleep(45)
            else:
                mood[0] = event
            await asyncio.sleep(1)
        csms.is_reachable, mood[0] = True, "serve"
        # A tag may still wait behind a call that was ignored; it starts something once that has timed out.
        await asyncio.sleep(60)
        if world.virtual.look(1).has_transaction:
            world.virtual.show_tag("TAG")
        async with asyncio.timeout(100_000):
            while world.store.queue() or not world.virtual.station.snapshot().is_accepted:  # noqa: ASYNC110 - no event
                await asyncio.sleep(10)

        starts = [payload for name, payload in told if name == "StartTransaction"]
        stops = [payload for name, payload in told if name == "StopTransaction"]
        # A start may be repeated when its answer was lost, but never differs; what follows carries the last id given.
        distinct = list({str(payload): payload for payload in starts}.values())
        assert len(distinct) == len(stops)
        energy_wh = sum(stop["meterStop"] - start["meterStart"] for start, stop in zip(distinct, stops, strict=True))
        assert energy_wh == sum(world.virtual.station.meter_readings().values())
        moments = [payload.get("timestamp") or payload["meterValue"][0]["timestamp"] for _, payload in told]
        assert moments == sorted(moments)
        assert all(stop["transactionId"] > 0 for stop in stops)

    live(main)


@pytest.mark.parametrize("action", ["MeterValues", "StopTransaction"])
def test_any_message_can_be_parked_and_the_others_still_go(action: str) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        csms.answers[action] = "NotSupported"
        await world.boot()
        await world.change("TransactionMessageAttempts", "1")
        await charge(world, 70)
        await charge(world, 70)
        await csms.expect("StartTransaction", 2)
        await csms.expect("StopTransaction", 2)
        await asyncio.sleep(1)
        assert {item.action for item in world.store.queue()} == {action}
        assert all(item.parked_because for item in world.store.queue())
        assert world.store.transactions() == []

    live(main)


def test_a_message_that_cannot_be_read_is_parked_and_stops_nobody_elses_bill() -> None:
    async def main(world: World) -> None:
        reading = world.virtual.station._blocks.connectors[0].read_meter()
        spoilt = Authorization("A\tB", AuthorizationStatus.ACCEPTED)  # as an earlier release let it in
        world.virtual.station._blocks.transactions.start(1, spoilt, reading)
        await world.boot()
        await charge(world, 60)
        start = await world.csms.expect("StartTransaction")
        await world.csms.expect("StopTransaction")
        assert start["idTag"] == "TAG"
        parked = [message.action for message in world.store.queue() if message.parked_because is not None]
        assert parked == ["StartTransaction", "StopTransaction"]

    live(main)


@pytest.mark.parametrize("action", ["StartTransaction", "StopTransaction"])
def test_an_answer_that_the_disk_did_not_take_is_kept_and_written_later(action: str) -> None:
    async def main(world: World) -> None:
        csms, database = world.csms, world.store.database
        await world.boot()
        write = database.write

        def full(statement: str, *parameters: Any) -> int:
            if "DELETE FROM queue" in statement and world.csms.of(action):
                raise StationStoreError(":memory:", "database or disk is full")
            return write(statement, *parameters)

        database.write = full  # type: ignore[method-assign]  # a disk that is full
        await charge(world, 30)
        await csms.expect("StartTransaction")
        await asyncio.sleep(60)
        assert world.store.queue()[0].action == action
        database.write = write  # type: ignore[method-assign]  # and is not any more
        await asyncio.sleep(60)
        # Asked once: a CSMS might make two bills of two messages.
        assert len(csms.of("StartTransaction")) == len(csms.of("StopTransaction")) == 1
        assert csms.of("StopTransaction")[0]["transactionId"] == csms.transaction_id
        assert world.store.queue() == [] and world.store.transactions() == []

    live(main)
