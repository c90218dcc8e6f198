"""Measurands: what a reading says in OCPP's words."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.station.world import DC_CABLE, SOCKET

from chargewright.protocol.v16.coding import encode
from chargewright.protocol.v16.datatypes import Measurand, ReadingContext
from chargewright.station.hardware.interface import MeterReading, Outlet
from chargewright.station.measurands import MEASURANDS, measure, supported_measurands

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


def values(*measurands: str, reading: MeterReading = AC, since: MeterReading | None = None) -> list[dict[str, Any]]:
    rendered = measure(reading, list(measurands), CONTEXT, since)
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


# One meter that can tell everything there is.
EVERYTHING = msgspec.structs.replace(
    AC,
    soc_percent=50.0,
    export_wh=7,
    reactive_import_varh=11,
    reactive_export_varh=13,
    power_export_w=17.0,
    reactive_power_import_var=19.0,
    reactive_power_export_var=23.0,
    power_factor=0.95,
    currents_export_a=(1.0, 2.0, 3.0),
    fan_rpm=1200.4,
)


def test_every_measurand_of_the_specification_can_be_told() -> None:
    assert set(MEASURANDS) == {measurand.value for measurand in Measurand}
    for name in MEASURANDS:
        assert values(name, reading=EVERYTHING, since=AC if "Active.Import" in name else EVERYTHING), name


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("Energy.Active.Export.Register", "7", "Wh"),
        ("Energy.Reactive.Import.Register", "11", "varh"),
        ("Energy.Reactive.Export.Register", "13", "varh"),
        ("Power.Active.Export", "17.0", "W"),
        ("Power.Reactive.Import", "19.0", "var"),
        ("Power.Reactive.Export", "23.0", "var"),
        ("Power.Factor", "0.950", None),
        ("RPM", "1200", None),
    ],
)
def test_values_and_units(name: str, value: str, unit: str | None) -> None:
    (item,) = values(name, reading=EVERYTHING)
    assert (item["value"], item.get("unit")) == (value, unit)


@pytest.mark.parametrize("direction", ["Active.Import", "Active.Export", "Reactive.Import", "Reactive.Export"])
def test_an_interval_is_the_growth_of_its_register(direction: str) -> None:
    field = {
        "Active.Import": "register_wh",
        "Active.Export": "export_wh",
        "Reactive.Import": "reactive_import_varh",
        "Reactive.Export": "reactive_export_varh",
    }[direction]
    later = msgspec.structs.replace(EVERYTHING, **{field: getattr(EVERYTHING, field) + 42})
    (item,) = values(f"Energy.{direction}.Interval", reading=later, since=EVERYTHING)
    assert item["value"] == "42"
    assert values(f"Energy.{direction}.Interval", reading=later) == []


def test_a_bare_meter_tells_its_register_and_nothing_else() -> None:
    bare = MeterReading(taken_at=AC.taken_at, register_wh=5)
    told = [item["measurand"] for name in MEASURANDS for item in values(name, reading=bare, since=bare)]
    assert told == ["Energy.Active.Import.Register", "Energy.Active.Import.Interval"]
