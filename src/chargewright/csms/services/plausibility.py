"""Should somebody look at a transaction before it is billed? Each reason is a word and a rule that can be checked."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from chargewright.csms.storage.base import UNKNOWN_CONNECTOR, MeterValueRow
from chargewright.csms.storage.rows.core import TransactionRow, TransactionStopRow
from chargewright.protocol.v16.datatypes import Location, Measurand, UnitOfMeasure, ValueFormat

__all__ = ["REVIEW_REASONS", "CountedStop", "Plausibility", "counted_stop"]

SECOND: Final = 1_000_000
LONGEST: Final = 7 * 24 * 3600 * SECOND
CLOCK_AHEAD: Final = 300 * SECOND
# Meters send rounded values: one register may be 1 Wh behind itself, and 100 Wh behind another one (0.1 kWh).
ROUNDING_WH: Final = 1.0
SERIES_WH: Final = 100.0
# Clocks and meters are not read at the same instant.
POWER_MARGIN: Final = 1.1
# Meter values of one transaction that are judged.
READINGS: Final = 50_000

REVIEW_REASONS: Final[Mapping[str, str]] = {
    "energy-steps-back": "a register is lower than one before it: meterStart, a meter value or meterStop",
    "energy-exceeds-power": "more energy than the connector can give in that time: `maximum_power_w` of the station, "
    "or `review_power_w`",
    "registers-mixed": "values jump between two registers, or between a register and meterStart or meterStop, so that "
    "the energy cannot be told",
    "stop-before-start": "the stop is dated before the start",
    "longer-than-seven-days": "start and stop are more than seven days apart",
    "clock-ahead": "start or stop is dated more than five minutes after it was received",
    "clock-behind": "start or stop was received more than seven days after its date",
    "stop-corrected": "the station sent a second, different stop",
    "stop-after-close": "the station sent its stop after an operator had closed the transaction",
    "same-content-after-stop": "the same start was sent again after the transaction was stopped",
    "stop-arrived-first": "the stop arrived before the start and was matched by its content",
    "time-unreadable": "the time of the start cannot be read; the time of receipt stands for it",
    "stop-time-unreadable": "the time of the stop cannot be read; the time of receipt stands for it",
    "meter-start-unreadable": "meterStart cannot be read",
    "meter-stop-unreadable": "meterStop cannot be read; the last register stands for it",
    "connector-unreadable": "connectorId cannot be read",
    "id-tag-unreadable": "idTag cannot be read",
}


class CountedStop(msgspec.Struct, frozen=True, kw_only=True):
    """The stop that a bill counts with. `by` is `station` or `operator`; `stop_id` is the row id of a stop that was
    received after an operator had closed the transaction."""

    instant: int
    meter_stop: int
    reason: str | None
    id_tag: str | None
    station_time: str | None
    by: str
    stop_id: int | None = None


def counted_stop(row: TransactionRow, stops: Iterable[TransactionStopRow]) -> CountedStop | None:
    """What the station says goes before what an operator assumed: of a closed transaction, the first stop that came
    after all counts. None while the transaction is open."""
    if row.stop_instant is None or row.meter_stop is None:
        return None
    if row.closed_at is not None:
        for stop in sorted(stops, key=lambda one: (one.received_at, one.id)):
            return CountedStop(
                instant=stop.instant,
                meter_stop=stop.meter_stop,
                reason=stop.reason,
                id_tag=stop.id_tag,
                station_time=stop.station_time,
                by="station",
                stop_id=stop.id,
            )
    return CountedStop(
        instant=row.stop_instant,
        meter_stop=row.meter_stop,
        reason=row.stop_reason,
        id_tag=row.stop_id_tag,
        station_time=row.stop_station_time,
        by="station" if row.closed_at is None else "operator",
    )


class _Sample(msgspec.Struct):
    """What of a stored SampledValue says where its energy comes from."""

    measurand: str = Measurand.ENERGY_ACTIVE_IMPORT_REGISTER.value
    location: str = Location.OUTLET.value
    unit: str = UnitOfMeasure.WH.value
    phase: str | None = None
    format: str | None = None


_samples = msgspec.json.Decoder(list[_Sample]).decode


class Plausibility:
    """Collects the reasons of one transaction: feed it its meter values in order, then ask for `reasons`."""

    def __init__(
        self,
        row: TransactionRow,
        stops: Sequence[TransactionStopRow],
        *,
        maximum_power_w: float,
        readings: int = 50_000,
    ) -> None:
        self._row = row
        self._stops = stops
        self._counted = counted_stop(row, stops)
        self._power_w = maximum_power_w
        self._readings_left = readings
        self._found: set[str] = {flag for flag in row.flags.split() if flag in REVIEW_REASONS}
        self._at = row.start_instant
        self._energy_wh = float(row.meter_start)
        self._register: frozenset[tuple[str, str]] | None = None
        # Without believable times it cannot be told which values belong in between, nor how much can have flowed.
        self._has_times = not self._found & {"time-unreadable", "stop-time-unreadable"}

    @property
    def wants_more(self) -> bool:
        """Whether further values can change anything; a transaction with more than the bound is judged by the first."""
        return self._readings_left > 0

    def feed(self, values: Iterable[MeterValueRow]) -> None:
        """The next values, in the order of their instants."""
        row, counted = self._row, self._counted
        for value in values:
            if value.energy_wh is None or value.connector_id not in (row.connector_id, UNKNOWN_CONNECTOR):
                continue
            if self._has_times and (
                value.instant < row.start_instant or (counted is not None and value.instant > counted.instant)
            ):
                continue
            if not self.wants_more:
                return
            self._readings_left -= 1
            self._step(value.instant, value.energy_wh, _register(value.samples))

    def reasons(self) -> list[str]:
        """The words, in the order of `REVIEW_REASONS`."""
        self._judge_stop()
        return [word for word in REVIEW_REASONS if word in self._found]

    def _judge_stop(self) -> None:
        row, counted, found = self._row, self._counted, self._found
        self._judge_clock(row.start_instant, row.received_at)
        corrections = [stop for stop in self._stops if stop.relation == "correction"]
        if row.closed_at is not None and corrections:
            found.add("stop-after-close")
        if len(corrections) > (row.closed_at is not None):
            found.add("stop-corrected")
        if counted is None:
            return
        for stop in self._stops:
            self._judge_clock(stop.instant, stop.received_at)
        lasted = counted.instant - row.start_instant
        if lasted < 0:
            found.add("stop-before-start")
        elif lasted > LONGEST:
            found.add("longer-than-seven-days")
        if counted.meter_stop < row.meter_start:
            found.add("energy-steps-back")
        elif lasted >= 0 and self._has_times and counted.meter_stop - row.meter_start > self._possible(lasted):
            found.add("energy-exceeds-power")
        if self._register is not None:
            self._step(counted.instant, float(counted.meter_stop), None)

    def _judge_clock(self, instant: int, received_at: int) -> None:
        if instant - received_at > CLOCK_AHEAD:
            self._found.add("clock-ahead")
        elif received_at - instant > LONGEST:
            self._found.add("clock-behind")

    def _step(self, instant: int, energy_wh: float, register: frozenset[tuple[str, str]] | None) -> None:
        """From one value to the next; `register` is None for meterStart and meterStop, which name none."""
        gained = energy_wh - self._energy_wh
        is_same = register is not None and register == self._register
        if gained < -(ROUNDING_WH if is_same else SERIES_WH):
            is_change = register is not None and self._register is not None and not is_same
            self._found.add("registers-mixed" if is_change else "energy-steps-back")
        elif not is_same and self._has_times and gained > self._possible(instant - self._at):
            self._found.add("registers-mixed")
        self._at, self._energy_wh = instant, energy_wh
        if register is not None:
            self._register = register

    def _possible(self, microseconds: int) -> float:
        return self._power_w * max(microseconds, 0) / (3600 * SECOND) * POWER_MARGIN + SERIES_WH


def _register(samples: str) -> frozenset[tuple[str, str]]:
    """Which registers the energy of stored samples comes from: unit, and whether of the whole or of single phases."""
    found = set()
    for sample in _samples(samples):
        if (
            sample.measurand == Measurand.ENERGY_ACTIVE_IMPORT_REGISTER.value
            and sample.location == Location.OUTLET.value
            and sample.format != ValueFormat.SIGNED_DATA.value
        ):
            found.add((sample.unit, "whole" if sample.phase is None else "phases"))
    whole = frozenset(one for one in found if one[1] == "whole")
    return whole or frozenset(found)
