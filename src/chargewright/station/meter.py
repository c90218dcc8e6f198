"""Meter values: what a reading says in OCPP's words, and when one is taken (§3.16, §4.7)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, time, timedelta
from typing import Final, Protocol

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
from chargewright.station.context import Context
from chargewright.station.hardware.interface import MeterReading, Outlet, Timer

__all__ = ["MEASURANDS", "Metering", "measure", "supported_measurands"]

# Phase and number; one row per value of the measurand.
Values = Iterator[tuple[str | None, float]]


class MeasurandRow(msgspec.Struct, frozen=True):
    """How a measurand is taken from a reading. `is_offered_by`: which outlets can tell it."""

    values: Callable[[MeterReading], Values]
    unit: UnitOfMeasure | UnsetType
    decimals: int = 0
    location: Location | UnsetType = UNSET
    is_offered_by: Callable[[Outlet], bool] = lambda outlet: True
    has_phases: bool = False


def _one(value: float | None) -> Values:
    if value is not None:
        yield None, value


def _per_phase(reading: MeterReading, values: tuple[float, ...]) -> Values:
    phases: tuple[str | None, ...] = reading.phases or (None,)
    yield from zip(phases, values, strict=False)


# §7.31 with errata v4.0 §3.77; frequency has no unit (errata v4.0 §3.84).
MEASURANDS: Final[Mapping[str, MeasurandRow]] = {
    Measurand.ENERGY_ACTIVE_IMPORT_REGISTER.value: MeasurandRow(
        lambda reading: _one(reading.register_wh), UnitOfMeasure.WH
    ),
    Measurand.POWER_ACTIVE_IMPORT.value: MeasurandRow(lambda reading: _one(reading.power_w), UnitOfMeasure.W, 1),
    Measurand.CURRENT_IMPORT.value: MeasurandRow(
        lambda reading: _per_phase(reading, reading.currents_a), UnitOfMeasure.A, 2, has_phases=True
    ),
    Measurand.VOLTAGE.value: MeasurandRow(
        lambda reading: _per_phase(reading, reading.voltages_v), UnitOfMeasure.V, 1, has_phases=True
    ),
    Measurand.POWER_OFFERED.value: MeasurandRow(lambda reading: _one(reading.offered_w), UnitOfMeasure.W, 1),
    Measurand.CURRENT_OFFERED.value: MeasurandRow(lambda reading: _one(reading.offered_a), UnitOfMeasure.A, 2),
    Measurand.FREQUENCY.value: MeasurandRow(
        lambda reading: _one(reading.frequency_hz), UNSET, 2, is_offered_by=lambda outlet: not outlet.is_dc
    ),
    Measurand.TEMPERATURE.value: MeasurandRow(
        lambda reading: _one(reading.temperature_celsius), UnitOfMeasure.CELCIUS, 1, Location.BODY
    ),
    Measurand.SOC.value: MeasurandRow(
        lambda reading: _one(reading.soc_percent),
        UnitOfMeasure.PERCENT,
        1,
        Location.EV,
        is_offered_by=lambda outlet: outlet.is_dc,
    ),
}


def supported_measurands(outlets: tuple[Outlet, ...]) -> frozenset[str]:
    """What may stand in a measurand list of this station, phase suffixes included (`Voltage.L1`, §9.1.17)."""
    names = {name for name, row in MEASURANDS.items() if any(map(row.is_offered_by, outlets))}
    phases = {phase for outlet in outlets for phase in outlet.conductors}
    return frozenset(names | {f"{name}.{phase}" for name in names if MEASURANDS[name].has_phases for phase in phases})


def measure(reading: MeterReading, measurands: list[str], context: ReadingContext) -> MeterValue | None:
    """The MeterValue of a reading: all named measurands, all phases of them (§3.16.3); None when nothing is left."""
    sampled = [value for name in measurands for value in _sampled(reading, name, context)]
    return MeterValue(timestamp=Timestamp.of(reading.taken_at), sampled_value=sampled) if sampled else None


def _sampled(reading: MeterReading, name: str, context: ReadingContext) -> Iterator[SampledValue]:
    wanted: str | None = None
    if name not in MEASURANDS:
        name, _, wanted = name.rpartition(".")
    row = MEASURANDS[name]
    for phase, value in row.values(reading):
        if wanted is None or phase == wanted:
            yield SampledValue(
                value=f"{value:.{row.decimals}f}",
                context=context,
                measurand=Measurand(name),
                phase=UNSET if phase is None else Phase(phase),
                location=row.location,
                unit=row.unit,
            )


class Record(Protocol):
    """Takes what was read: `sent` for MeterValues, `kept` for the transaction's end."""

    def __call__(self, connector_id: int, key: int | None, sent: MeterValue | None, kept: MeterValue | None) -> None:
        """Durable when it returns."""


class Metering:
    """Takes readings in time: every MeterValueSampleInterval of a transaction, and at multiples of
    ClockAlignedDataInterval from midnight UTC on.

    `read` reads a connector's meter; `transaction_of` names the transaction that runs there.
    """

    def __init__(
        self,
        context: Context,
        connectors: int,
        read: Callable[[int], MeterReading],
        transaction_of: Callable[[int], int | None],
        record: Record,
    ) -> None:
        self._context = context
        self._connectors = connectors
        self._read = read
        self._transaction_of = transaction_of
        self._record = record
        self._sampling: dict[int, Timer] = {}
        self._aligned: Timer | None = None

    def transaction_started(self, connector_id: int) -> None:
        """Begin sampling a connector."""
        self._sample_later(connector_id)

    def transaction_stopped(self, connector_id: int) -> None:
        """End sampling a connector. Idempotent."""
        timer = self._sampling.pop(connector_id, None)
        if timer is not None:
            timer.cancel()

    def start(self, after: datetime | None = None) -> None:
        """Begin with clock-aligned readings later than `after` (now), and again after the interval has changed."""
        self._cancel_aligned()
        interval = self._context.configuration.integer("ClockAlignedDataInterval")
        if interval > 0:
            now = self._context.clock.now()
            moment = _next_multiple(now if after is None else max(now, after), interval)
            self._aligned = self._context.call_later((moment - now).total_seconds(), lambda: self._align(moment))

    def stop(self) -> None:
        """Take no more readings. Idempotent."""
        self._cancel_aligned()
        for connector_id in list(self._sampling):
            self.transaction_stopped(connector_id)

    def configuration_changed(self, name: str) -> None:
        """A new interval takes effect at once, on running transactions too."""
        if name == "ClockAlignedDataInterval":
            self.start()
        if name == "MeterValueSampleInterval":
            for connector_id in range(1, self._connectors + 1):
                self.transaction_stopped(connector_id)
                if self._transaction_of(connector_id) is not None:
                    self._sample_later(connector_id)

    def triggered(self, connector_id: int) -> MeterValue | None:
        """What TriggerMessage asks for: the measurands of MeterValuesSampledData, now (errata v4.0 §3.46)."""
        return measure(self._read(connector_id), self._items("MeterValuesSampledData"), ReadingContext.TRIGGER)

    def _sample_later(self, connector_id: int) -> None:
        interval = self._context.configuration.integer("MeterValueSampleInterval")
        if interval > 0:
            self._sampling[connector_id] = self._context.call_later(interval, lambda: self._sample(connector_id))

    def _sample(self, connector_id: int) -> None:
        self._sampling.pop(connector_id, None)
        key = self._transaction_of(connector_id)
        if key is None:
            return
        with self._commit():
            reading = self._read(connector_id)
            sent = measure(reading, self._items("MeterValuesSampledData"), ReadingContext.SAMPLE_PERIODIC)
            kept = measure(
                reading, self._context.configuration.items("StopTxnSampledData"), ReadingContext.SAMPLE_PERIODIC
            )
            self._record(connector_id, key, sent, kept)
        self._sample_later(connector_id)

    def _align(self, moment: datetime) -> None:
        self._aligned = None
        for connector_id in range(1, self._connectors + 1):
            key = self._transaction_of(connector_id)
            if key is None and not self._context.is_online():
                # Nobody's bill: a long outage must not fill the queue with idle readings.
                continue
            with self._commit():
                reading = msgspec.structs.replace(self._read(connector_id), taken_at=moment)
                sent = measure(reading, self._items("MeterValuesAlignedData"), ReadingContext.SAMPLE_CLOCK)
                kept = measure(
                    reading, self._context.configuration.items("StopTxnAlignedData"), ReadingContext.SAMPLE_CLOCK
                )
                self._record(connector_id, key, sent, kept)
        # A timer may fire a rounding error early; the same moment must not come twice.
        self.start(after=moment)

    def _commit(self) -> AbstractContextManager[None]:
        # The register is kept and the message queued in one commit.
        return self._context.store.atomically()

    def _items(self, name: str) -> list[str]:
        """With an interval set, an empty list means the register (§9.1.17)."""
        return self._context.configuration.items(name) or [Measurand.ENERGY_ACTIVE_IMPORT_REGISTER.value]

    def _cancel_aligned(self) -> None:
        if self._aligned is not None:
            self._aligned.cancel()
            self._aligned = None


def _next_multiple(now: datetime, interval: int) -> datetime:
    """The first multiple of `interval` seconds, counted from midnight UTC of its day, after `now`."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    passed = (now - midnight) // timedelta(seconds=interval)
    following = midnight + timedelta(seconds=interval * (passed + 1))
    return min(following, midnight + timedelta(days=1))
