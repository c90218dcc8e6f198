"""Meter values: what they say, and when."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product

from chargewright.protocol.v16.coding import encode
from chargewright.protocol.v16.datatypes import ReadingContext
from chargewright.station.hardware.interface import MeterReading, Outlet
from chargewright.station.meter import MEASURANDS, measure, supported_measurands

AC = MeterReading(
    taken_at=datetime(2026, 1, 1, tzinfo=UTC),
    register_wh=123,
    power_w=11_040.04,
    currents_a=(16.0, 16.0, 16.0),
    voltages_v=(230.0, 231.0, 232.0),
    phases=("L1", "L2", "L3"),
    offered_a=32.0,
    offered_w=22_080.0,
    frequency_hz=50.0,
    temperature_celsius=31.25,
)
CONTEXT = ReadingContext.SAMPLE_PERIODIC


def values(*measurands: str, reading: MeterReading = AC) -> list[dict[str, Any]]:
    import json

    rendered = measure(reading, list(measurands), CONTEXT)
    return [] if rendered is None else json.loads(encode(rendered))["sampledValue"]


def test_the_register_is_raw_in_watt_hours() -> None:
    assert values("Energy.Active.Import.Register") == [
        {"value": "123", "context": "Sample.Periodic", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    ]


def test_every_phase_is_told_unless_one_is_asked_for() -> None:
    assert [(item["phase"], item["value"]) for item in values("Voltage")] == [
        ("L1", "230.0"),
        ("L2", "231.0"),
        ("L3", "232.0"),
    ]
    assert [(item["phase"], item["value"]) for item in values("Voltage.L2")] == [("L2", "231.0")]
    assert "phase" not in values("Power.Active.Import")[0]


def test_frequency_has_no_unit_and_temperature_is_that_of_the_body() -> None:
    assert "unit" not in values("Frequency")[0]
    assert values("Temperature")[0] | {"unit": "Celcius", "location": "Body"} == values("Temperature")[0]


def test_what_the_vehicle_does_not_tell_is_left_out() -> None:
    assert values("SoC") == []


def test_each_measurand_can_be_offered_by_some_outlet_and_only_ac_has_phases() -> None:
    assert set(MEASURANDS) <= supported_measurands((SOCKET, DC_CABLE))
    assert "SoC" not in supported_measurands((SOCKET,))
    assert "Frequency" not in supported_measurands((DC_CABLE,))
    assert "Voltage.L1" not in supported_measurands((DC_CABLE,))
    assert {"Voltage.L1", "Current.Import.L3"} <= supported_measurands((SOCKET,))
    single = Outlet(1, 3680.0, 16.0, has_fixed_cable=True)
    assert "Voltage.L2" not in supported_measurands((single,))


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
