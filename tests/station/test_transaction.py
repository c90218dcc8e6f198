"""The life of a transaction: the table, and what is told of it."""

import asyncio
import itertools
from datetime import datetime

import pytest
from tests.station.scripted_csms import SILENCE
from tests.station.world import SOCKET, World, car, live, product

from chargewright.errors import LocalProtocolError
from chargewright.station.transaction import TRANSITIONS, TransactionCue, TransactionState, next_state


@pytest.mark.parametrize(("state", "cue"), list(itertools.product(TransactionState, TransactionCue)))
def test_every_pair_moves_or_raises_naming_both(state: TransactionState, cue: TransactionCue) -> None:
    if cue in TRANSITIONS[state]:
        assert next_state(state, cue) is TRANSITIONS[state][cue]
    else:
        with pytest.raises(LocalProtocolError) as caught:
            next_state(state, cue)
        assert state.value in str(caught.value) and cue.value in str(caught.value)


def test_every_state_has_a_row_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(TransactionState)
    reached = {TransactionState.STARTED}
    for _ in TransactionState:
        reached |= {after for state in reached for after in TRANSITIONS[state].values()}
    assert reached == set(TransactionState)


async def start(world: World, tag: str = "TAG") -> None:
    world.virtual.plug(1, car())
    world.virtual.show_tag(tag)
    await world.csms.expect("StartTransaction")
    await asyncio.sleep(1)


def test_nothing_is_carried_to_the_end_unless_configured() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await start(world)
        world.virtual.show_tag("TAG")
        assert "transactionData" not in await world.csms.expect("StopTransaction")

    live(main)


def test_begin_and_end_values_are_never_thinned_out() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("StopTxnSampledData", "Energy.Active.Import.Register,Power.Active.Import")
        await world.change("MeterValueSampleInterval", "10")
        await start(world)
        await asyncio.sleep(2000)
        world.virtual.show_tag("TAG")
        data = (await world.csms.expect("StopTransaction"))["transactionData"]
        contexts = [item["sampledValue"][0]["context"] for item in data]
        assert len(data) <= 20
        assert contexts[0] == "Transaction.Begin" and contexts[-1] == "Transaction.End"
        assert set(contexts[1:-1]) == {"Sample.Periodic"}
        moments = [datetime.fromisoformat(item["timestamp"]).timestamp() for item in data]
        gaps = [later - sooner for sooner, later in itertools.pairwise(moments)]
        # Thinned out evenly, not from one end.
        assert min(gaps[:-1]) > 0 and max(gaps) <= 250
        assert all(len(item["sampledValue"]) == 2 for item in data)

    live(main, product(max_transaction_meter_values=20))


@pytest.mark.parametrize(("on_invalid", "status"), [("true", "Finishing"), ("false", "SuspendedEVSE")])
def test_a_tag_that_turns_out_not_to_be_valid_gets_no_more_energy(on_invalid: str, status: str) -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("StopTransactionOnInvalidId", on_invalid)
        csms.answers["StartTransaction"] = {"transactionId": 7, "idTagInfo": {"status": "Blocked"}}
        await start(world)
        await asyncio.sleep(10)
        assert world.virtual.look(1).status.value == status
        assert world.virtual.look(1).power_w == 0
        if on_invalid == "true":
            stop = await csms.expect("StopTransaction")
            assert (stop["reason"], stop["transactionId"]) == ("DeAuthorized", 7)
            # Only the same user gets the cable back (errata v4.0 §3.5).
            assert world.virtual.is_locked(1)
            world.virtual.show_tag("tag")
            assert not world.virtual.is_locked(1)
        else:
            assert csms.of("StopTransaction") == []

    live(main)


def test_an_invalid_tag_is_stopped_even_when_the_answer_comes_late() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        await world.change("AllowOfflineTxForUnknownId", "true")
        csms.cut()
        await asyncio.sleep(5)
        world.virtual.plug(1, car())
        world.virtual.show_tag("TAG")
        await asyncio.sleep(300)
        assert world.virtual.look(1).power_w > 0
        csms.answers["StartTransaction"] = {"transactionId": 7, "idTagInfo": {"status": "Invalid"}}
        csms.is_reachable = True
        assert (await csms.expect("StopTransaction"))["reason"] == "DeAuthorized"

    live(main)


def test_a_transaction_that_was_stopped_before_its_start_was_answered_is_not_stopped_twice() -> None:
    async def main(world: World) -> None:
        csms = world.csms
        await world.boot()
        csms.answers["StartTransaction"] = SILENCE
        await start(world)
        world.virtual.show_tag("TAG")
        csms.answers["StartTransaction"] = {"transactionId": 9, "idTagInfo": {"status": "Blocked"}}
        stop = await csms.expect("StopTransaction")
        await asyncio.sleep(100)
        assert stop["transactionId"] == 9
        assert len(csms.of("StopTransaction")) == 1

    live(main)


def test_totals_count_what_was_stopped() -> None:
    async def main(world: World) -> None:
        await world.boot()
        for _ in range(2):
            await start(world)
            await asyncio.sleep(300)
            running = world.virtual.station.snapshot()
            assert running.energy_running_wh > 0
            world.virtual.show_tag("TAG")
            await asyncio.sleep(1)
            world.virtual.unplug(1)
            world.csms.calls.clear()
        snapshot = world.virtual.station.snapshot()
        assert snapshot.transactions_completed == 2
        assert snapshot.energy_completed_wh == world.virtual.station.meter_readings()[1]
        assert snapshot.energy_running_wh == 0

    live(main)


def test_what_power_cut_off_ended_no_earlier_than_its_last_meter_value() -> None:
    """The register may stand still meanwhile, and then it is not written down."""

    async def main(world: World) -> None:
        await world.boot()
        await world.change("MeterValueSampleInterval", "60")
        world.virtual.show_tag("TAG")
        world.virtual.plug(1, car(soc=0.5, target_soc=0.5))  # takes nothing
        await world.csms.expect("MeterValues", 3)
        told = world.csms.of("MeterValues")[-1]["meterValue"][0]["timestamp"]
        await world.cut_power()
        await world.restart()
        stop = await world.csms.expect("StopTransaction")
        assert stop["reason"] == "PowerLoss" and stop["timestamp"] >= told

    live(main)


@pytest.mark.parametrize("interval", ["0", "60"])
def test_what_power_cut_off_lasted_as_long_as_its_energy_needs(interval: str) -> None:
    """The meter has a memory of its own, fresher than the last moment that was kept."""

    async def main(world: World) -> None:
        await world.boot()
        await world.change("MeterValueSampleInterval", interval)
        await start(world)
        begin = world.csms.of("StartTransaction")[0]
        await asyncio.sleep(147)
        await world.cut_power()
        cut_at = world.clock.now()
        await asyncio.sleep(3600)
        await world.restart()
        stop = await world.csms.expect("StopTransaction")
        began, stopped = (datetime.fromisoformat(message["timestamp"]) for message in (begin, stop))
        energy_wh = stop["meterStop"] - begin["meterStart"]
        assert energy_wh > 400
        needed_seconds = energy_wh / SOCKET.max_power_w * 3600
        assert (stopped - began).total_seconds() >= needed_seconds - 0.001
        assert stopped <= cut_at
        if interval == "60":
            # Two minutes were told; what flowed after them took its time as well.
            assert (stopped - began).total_seconds() > 120 + (energy_wh / 148 * 26) / SOCKET.max_power_w * 3600

    live(main)


def test_what_power_cut_off_never_ended_later_than_now() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MeterValueSampleInterval", "0")
        await start(world)
        await asyncio.sleep(60)
        await world.cut_power()
        # A meter that was exchanged: no power could have brought it there.
        world.virtual.connectors[0]._register_wh += 1e18
        await world.restart()
        stop = await world.csms.expect("StopTransaction")
        assert datetime.fromisoformat(stop["timestamp"]) <= world.clock.now()

    live(main)


def test_what_flowed_after_the_last_meter_value_took_its_time_where_the_meter_keeps_its_register_elsewhere() -> None:
    """As hardware of one's own does: the station knows the register from its own readings only."""

    async def main(world: World) -> None:
        # Nothing that the meter keeps reaches the memory of the station.
        world.virtual.connectors[0]._keep = lambda register_wh: None
        await world.boot()
        await world.change("MeterValueSampleInterval", "60")
        await start(world)
        await asyncio.sleep(147)
        await world.cut_power()
        await world.restart()
        told = world.store.transactions()[0].last_reading_at
        stop = await world.csms.expect("StopTransaction")
        assert told is not None
        flowed_wh = stop["meterStop"] - world.store.register(1)[0]
        assert flowed_wh > 50
        needed_seconds = flowed_wh / SOCKET.max_power_w * 3600
        assert (datetime.fromisoformat(stop["timestamp"]) - told).total_seconds() >= needed_seconds - 0.001

    live(main)
