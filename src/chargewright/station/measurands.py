"""Measurands: what one reading, or the difference between two, says in OCPP's words (§7.31, §7.33)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from chargewright.protocol.v16.base import UNSET, Timestamp, UnsetType
from chargewright.protocol.v16.datatypes import (
    Location,
    Measurand,
    MeterValue,
    Phase,
    ReadingContext,
    SampledValue,
    UnitOfMeasure,
)
from chargewright.station.hardware.interface import MeterReading, Outlet

__all__ = ["MEASURANDS", "measure", "supported_measurands"]

# Phase and number; one row per value of the measurand.
Values = Iterator[tuple[str | None, float]]


class MeasurandRow(msgspec.Struct, frozen=True):
    """How a measurand is taken from a reading and an earlier one, None where there is none.

    `is_offered_by`: which outlets can tell it.
    """

    values: Callable[[MeterReading, MeterReading | None], Values]
    unit: UnitOfMeasure | UnsetType
    decimals: int = 0
    location: Location | UnsetType = UNSET
    is_offered_by: Callable[[Outlet], bool] = lambda outlet: True
    has_phases: bool = False


def _one(take: Callable[[MeterReading], float | None]) -> Callable[[MeterReading, MeterReading | None], Values]:
    def values(reading: MeterReading, since: MeterReading | None) -> Values:
        value = take(reading)
        if value is not None:
            yield None, value

    return values


def _interval(take: Callable[[MeterReading], int | None]) -> Callable[[MeterReading, MeterReading | None], Values]:
    """What a register has grown by since the earlier reading."""

    def values(reading: MeterReading, since: MeterReading | None) -> Values:
        now = take(reading)
        before = None if since is None else take(since)
        if now is not None and before is not None:
            yield None, now - before

    return values


def _per_phase(
    take: Callable[[MeterReading], tuple[float, ...]],
) -> Callable[[MeterReading, MeterReading | None], Values]:
    def values(reading: MeterReading, since: MeterReading | None) -> Values:
        phases: tuple[str | None, ...] = reading.phases or (None,)
        yield from zip(phases, take(reading), strict=False)

    return values


# §7.31 with errata v4.0 §3.77; frequency has no unit (errata v4.0 §3.84), neither have power factor and RPM.
MEASURANDS: Final[Mapping[str, MeasurandRow]] = {
    measurand.value: row
    for measurand, row in {
        Measurand.ENERGY_ACTIVE_IMPORT_REGISTER: MeasurandRow(
            _one(lambda reading: reading.register_wh), UnitOfMeasure.WH
        ),
        Measurand.ENERGY_ACTIVE_EXPORT_REGISTER: MeasurandRow(
            _one(lambda reading: reading.export_wh), UnitOfMeasure.WH
        ),
        Measurand.ENERGY_REACTIVE_IMPORT_REGISTER: MeasurandRow(
            _one(lambda reading: reading.reactive_import_varh), UnitOfMeasure.VARH
        ),
        Measurand.ENERGY_REACTIVE_EXPORT_REGISTER: MeasurandRow(
            _one(lambda reading: reading.reactive_export_varh), UnitOfMeasure.VARH
        ),
        Measurand.ENERGY_ACTIVE_IMPORT_INTERVAL: MeasurandRow(
            _interval(lambda reading: reading.register_wh), UnitOfMeasure.WH
        ),
        Measurand.ENERGY_ACTIVE_EXPORT_INTERVAL: MeasurandRow(
            _interval(lambda reading: reading.export_wh), UnitOfMeasure.WH
        ),
        Measurand.ENERGY_REACTIVE_IMPORT_INTERVAL: MeasurandRow(
            _interval(lambda reading: reading.reactive_import_varh), UnitOfMeasure.VARH
        ),
        Measurand.ENERGY_REACTIVE_EXPORT_INTERVAL: MeasurandRow(
            _interval(lambda reading: reading.reactive_export_varh), UnitOfMeasure.VARH
        ),
        Measurand.POWER_ACTIVE_IMPORT: MeasurandRow(_one(lambda reading: reading.power_w), UnitOfMeasure.W, 1),
        Measurand.POWER_ACTIVE_EXPORT: MeasurandRow(_one(lambda reading: reading.power_export_w), UnitOfMeasure.W, 1),
        Measurand.POWER_REACTIVE_IMPORT: MeasurandRow(
            _one(lambda reading: reading.reactive_power_import_var), UnitOfMeasure.VAR, 1
        ),
        Measurand.POWER_REACTIVE_EXPORT: MeasurandRow(
            _one(lambda reading: reading.reactive_power_export_var), UnitOfMeasure.VAR, 1
        ),
        Measurand.POWER_FACTOR: MeasurandRow(_one(lambda reading: reading.power_factor), UNSET, 3),
        Measurand.POWER_OFFERED: MeasurandRow(_one(lambda reading: reading.offered_w), UnitOfMeasure.W, 1),
        Measurand.CURRENT_IMPORT: MeasurandRow(
            _per_phase(lambda reading: reading.currents_a), UnitOfMeasure.A, 2, has_phases=True
        ),
        Measurand.CURRENT_EXPORT: MeasurandRow(
            _per_phase(lambda reading: reading.currents_export_a), UnitOfMeasure.A, 2, has_phases=True
        ),
        Measurand.CURRENT_OFFERED: MeasurandRow(_one(lambda reading: reading.offered_a), UnitOfMeasure.A, 2),
        Measurand.VOLTAGE: MeasurandRow(
            _per_phase(lambda reading: reading.voltages_v), UnitOfMeasure.V, 1, has_phases=True
        ),
        Measurand.FREQUENCY: MeasurandRow(
            _one(lambda reading: reading.frequency_hz), UNSET, 2, is_offered_by=lambda outlet: not outlet.is_dc
        ),
        Measurand.TEMPERATURE: MeasurandRow(
            _one(lambda reading: reading.temperature_celsius), UnitOfMeasure.CELCIUS, 1, Location.BODY
        ),
        Measurand.SOC: MeasurandRow(
            _one(lambda reading: reading.soc_percent),
            UnitOfMeasure.PERCENT,
            1,
            Location.EV,
            is_offered_by=lambda outlet: outlet.is_dc,
        ),
        # Fans are in cabinets that rectify.
        Measurand.RPM: MeasurandRow(
            _one(lambda reading: reading.fan_rpm),
            UNSET,
            0,
            Location.BODY,
            is_offered_by=lambda outlet: outlet.is_dc,
        ),
    }.items()
}


def supported_measurands(outlets: tuple[Outlet, ...]) -> frozenset[str]:
    """What may stand in a measurand list of this station, phase suffixes included (`Voltage.L1`, §9.1.17)."""
    names = {name for name, row in MEASURANDS.items() if any(map(row.is_offered_by, outlets))}
    phases = {phase for outlet in outlets for phase in outlet.conductors}
    return frozenset(names | {f"{name}.{phase}" for name in names if MEASURANDS[name].has_phases for phase in phases})


def measure(
    reading: MeterReading, measurands: list[str], context: ReadingContext, since: MeterReading | None = None
) -> MeterValue | None:
    """The MeterValue of a reading: all named measurands, all phases of them (§3.16.3); None when nothing is left.

    Amounts of an interval (`Energy.*.Interval`) count from `since`, and are left out without it.
    """
    sampled = [value for name in measurands for value in _sampled(reading, name, context, since)]
    return MeterValue(timestamp=Timestamp.of(reading.taken_at), sampled_value=sampled) if sampled else None


def _sampled(
    reading: MeterReading, name: str, context: ReadingContext, since: MeterReading | None
) -> Iterator[SampledValue]:
    wanted: str | None = None
    if name not in MEASURANDS:
        name, _, wanted = name.rpartition(".")
    row = MEASURANDS[name]
    for phase, value in row.values(reading, since):
        if wanted is None or phase == wanted:
            yield SampledValue(
                value=f"{value:.{row.decimals}f}",
                context=context,
                measurand=Measurand(name),
                phase=UNSET if phase is None else Phase(phase),
                location=row.location,
                unit=row.unit,
            )
