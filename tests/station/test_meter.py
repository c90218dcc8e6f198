"""Meter values: what they say, and when."""

import asyncio
from datetime import datetime, timedelta

import pytest
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product

from chargewright.station.hardware.interface import Outlet
from chargewright.station.store import StationStoreError


async def charge(world: World) -> datetime:
    world.virtual.plug(1, car())
    world.virtual.show_tag("TAG")
    await world.csms.expect("StartTransaction")
    return world.clock.now()


def moments(world: World, context: str) -> list[float]:
    return [
        datetime.fromisoformat(item["timestamp"]).timestamp()
        for payload in world.csms.of("MeterValues")
        for item in payload["meterValue"]
        if item["sampledValue"][0]["context"] == context
    ]


def test_sampling_counts_from_the_start_and_follows_a_new_interval_at_once() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await asyncio.sleep(17)
        began = (await charge(world)).timestamp()
        await asyncio.sleep(125)
        await world.change("MeterValueSampleInterval", "10")
        await asyncio.sleep(25)
        await world.change("MeterValueSampleInterval", "0")
        await asyncio.sleep(100)
        offsets = [round(moment - began) for moment in moments(world, "Sample.Periodic")]
        assert offsets == [60, 120, 135, 145]
        assert all(payload["transactionId"] == world.csms.transaction_id for payload in world.csms.of("MeterValues"))

    live(main)


def test_clock_aligned_values_come_at_multiples_of_the_interval_with_and_without_a_transaction() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MeterValueSampleInterval", "0")
        await asyncio.sleep(100)
        await world.change("ClockAlignedDataInterval", "900")
        await asyncio.sleep(1000)
        (idle,) = world.csms.of("MeterValues")
        assert "transactionId" not in idle
        await charge(world)
        await asyncio.sleep(1000)
        assert world.csms.of("MeterValues")[1]["transactionId"] == world.csms.transaction_id
        aligned = moments(world, "Sample.Clock")
        assert [moment % 900 for moment in aligned] == [0, 0]

    live(main)


def test_clock_aligned_values_start_anew_at_midnight() -> None:
    async def main(world: World) -> list[float]:
        await world.boot()
        await world.change("ClockAlignedDataInterval", "50000")
        await asyncio.sleep(140_000)
        return [moment % 86_400 for moment in moments(world, "Sample.Clock")]

    assert live(main) == [50_000, 0, 50_000]


def test_an_idle_station_offline_fills_no_queue() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("ClockAlignedDataInterval", "60")
        world.csms.cut()
        await asyncio.sleep(10_000)
        assert world.store.queue() == []

    live(main)


def test_aligned_data_can_be_carried_to_the_end_alone() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("StopTxnAlignedData", "Energy.Active.Import.Register")
        await world.change("ClockAlignedDataInterval", "300")
        await charge(world)
        await asyncio.sleep(700)
        world.virtual.show_tag("TAG")
        data = (await world.csms.expect("StopTransaction"))["transactionData"]
        assert [item["timestamp"][11:16] for item in data] == ["00:05", "00:10"]

    live(main)


@pytest.mark.parametrize("outlet", [SOCKET, DC_CABLE], ids=["AC", "DC"])
def test_the_energy_told_is_the_energy_metered(outlet: Outlet) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MeterValuesSampledData", "Energy.Active.Import.Register,Power.Active.Import")
        await charge(world)
        await asyncio.sleep(610)
        sampled = [payload["meterValue"][0]["sampledValue"] for payload in world.csms.of("MeterValues")]
        registers = [int(item[0]["value"]) for item in sampled]
        powers = [float(item[1]["value"]) for item in sampled]
        assert registers == sorted(registers) and len(registers) == 10
        # Constant power in this part of the curve: the register is its integral.
        assert registers[-1] - registers[0] == pytest.approx(powers[0] * 540 / 3600, abs=2)

    live(main, product(outlet))


def sampled(world: World, measurand: str) -> list[tuple[str, float]]:
    """Context and value of every sample of a measurand that was sent."""
    return [
        (value["context"], float(value["value"]))
        for payload in world.csms.of("MeterValues")
        for item in payload["meterValue"]
        for value in item["sampledValue"]
        if value["measurand"] == measurand
    ]


def test_the_energy_of_intervals_adds_up_to_that_of_the_register() -> None:
    async def main(world: World) -> None:
        await world.boot()
        both = "Energy.Active.Import.Register,Energy.Active.Import.Interval"
        for key in ("MeterValuesSampledData", "MeterValuesAlignedData"):
            await world.change(key, both)
        await world.change("StopTxnSampledData", both)
        await world.change("ClockAlignedDataInterval", "300")
        await charge(world)
        start = world.csms.of("StartTransaction")[0]["meterStart"]
        await asyncio.sleep(1801)
        for context in ("Sample.Periodic", "Sample.Clock"):
            registers = [v for c, v in sampled(world, "Energy.Active.Import.Register") if c == context]
            intervals = [v for c, v in sampled(world, "Energy.Active.Import.Interval") if c == context]
            assert len(intervals) == len(registers) == (30 if context == "Sample.Periodic" else 6)
            assert sum(intervals) == registers[-1] - start and min(intervals) > 0
        world.virtual.show_tag("TAG")
        stop = await world.csms.expect("StopTransaction")
        parts = [float(item["sampledValue"][1]["value"]) for item in stop["transactionData"]]
        assert parts[0] == 0 and sum(parts) == stop["meterStop"] - start

    live(main)


def test_a_trigger_looks_at_an_interval_without_ending_it() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MeterValuesSampledData", "Energy.Active.Import.Interval")
        await charge(world)
        await asyncio.sleep(90)
        await world.csms.call("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        await asyncio.sleep(60)
        first, triggered, second = sampled(world, "Energy.Active.Import.Interval")
        assert [item[0] for item in (first, triggered, second)] == ["Sample.Periodic", "Trigger", "Sample.Periodic"]
        assert 0 < triggered[1] < second[1] == pytest.approx(first[1], abs=2)

    live(main)


def test_a_trigger_brings_all_sampled_measurands() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MeterValuesSampledData", "Voltage,Current.Import,Power.Factor,Power.Active.Export")
        await charge(world)
        await world.csms.call("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        await asyncio.sleep(1)
        (payload,) = world.csms.of("MeterValues")
        values = payload["meterValue"][0]["sampledValue"]
        assert [value["measurand"] for value in values] == (
            ["Voltage"] * 3 + ["Current.Import"] * 3 + ["Power.Factor", "Power.Active.Export"]
        )
        assert {value["context"] for value in values} == {"Trigger"}

    live(main)


def test_a_clock_that_was_set_moves_the_next_aligned_moment() -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("ClockAlignedDataInterval", "900")
        await asyncio.sleep(100)
        world.virtual.clock.set(world.virtual.clock.now() + timedelta(seconds=600))
        await asyncio.sleep(190)
        assert moments(world, "Sample.Clock") == []
        await asyncio.sleep(20)
        assert [moment % 900 for moment in moments(world, "Sample.Clock")] == [0]

    live(main)


@pytest.mark.parametrize("key", ["MeterValueSampleInterval", "ClockAlignedDataInterval"])
def test_a_reading_that_cannot_be_written_is_not_the_last_one(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(world: World) -> None:
        await world.boot()
        await world.change("MeterValueSampleInterval", "0")
        for name in ("MeterValuesSampledData", "MeterValuesAlignedData"):
            await world.change(name, "Energy.Active.Import.Register,Energy.Active.Import.Interval")
        await world.change(key, "60")
        await charge(world)
        await asyncio.sleep(125)
        with monkeypatch.context() as disk:
            disk.setattr(world.store.database, "_execute", full_disk)
            await asyncio.sleep(60)
        assert world.virtual.look(1).status.value == "Charging"
        await asyncio.sleep(600)
        registers = [value for _, value in sampled(world, "Energy.Active.Import.Register")]
        intervals = [value for _, value in sampled(world, "Energy.Active.Import.Interval")]
        assert len(registers) == 12
        # What was used while nothing could be written is told with the next one.
        assert sum(intervals[1:]) == registers[-1] - registers[0] and intervals[2] > 1.5 * intervals[1]

    live(main)


def full_disk(statement: str, parameters: object = (), *, many: bool = False) -> None:
    raise StationStoreError("file", "database or disk is full")
