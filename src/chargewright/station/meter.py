"""Metering: when readings are taken, and what of them is sent and kept (§3.16, §4.7)."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Final, Protocol

import msgspec

from chargewright.protocol.v16.datatypes import Measurand, MeterValue, ReadingContext
from chargewright.station.context import Context
from chargewright.station.hardware.interface import MeterReading, Timer
from chargewright.station.measurands import measure
from chargewright.station.store import StationStoreError

__all__ = ["Metering"]


_SAMPLED: Final = ("MeterValuesSampledData", "StopTxnSampledData")
_ALIGNED: Final = ("MeterValuesAlignedData", "StopTxnAlignedData")


class Record(Protocol):
    """Takes what was read at a connector: `sent` for MeterValues, `kept` for the transaction's end."""

    def __call__(
        self,
        connector_id: int,
        key: int | None,
        reading: MeterReading,
        sent: MeterValue | None,
        kept: MeterValue | None,
    ) -> None:
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
        # The last reading of each list at each connector: where its Energy.*.Interval counts from.
        self._last: dict[tuple[int, str], MeterReading] = {}
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
        """Begin with clock-aligned readings later than `after` (now), and again once interval or clock changed."""
        self._cancel_aligned()
        interval = self._context.configuration.integer("ClockAlignedDataInterval")
        if interval > 0:
            now = self._context.clock.now()
            moment = _next_multiple(now if after is None else max(now, after), interval)
            for connector_id in range(1, self._connectors + 1):
                for name in _ALIGNED:
                    if (connector_id, name) not in self._last:
                        self._last[connector_id, name] = self._read(connector_id)
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
        return self._sent(connector_id, "MeterValuesSampledData", self._read(connector_id), ReadingContext.TRIGGER)

    def measured(
        self, connector_id: int, name: str, reading: MeterReading, context: ReadingContext
    ) -> MeterValue | None:
        """A reading in the measurands of the list `name`; None when it is empty, or has nothing to tell.

        Amounts of an interval count from the last reading of that list; from the begin of the transaction for the
        first of a sampled list.
        """
        if not reading.is_measured and context is not ReadingContext.TRANSACTION_END:
            # Between begin and end nothing is told rather than a guess; the end needs a register (§4.10).
            return None
        if context is ReadingContext.TRANSACTION_BEGIN:
            self._last |= {(connector_id, sampled): reading for sampled in _SAMPLED}
        since = self._last.get((connector_id, name))
        if context is not ReadingContext.TRIGGER:
            self._last[connector_id, name] = reading
        return measure(reading, self._context.configuration.items(name), context, since)

    def _sample_later(self, connector_id: int) -> None:
        interval = self._context.configuration.integer("MeterValueSampleInterval")
        if interval > 0:
            self._sampling[connector_id] = self._context.call_later(interval, lambda: self._sample(connector_id))

    def _sample(self, connector_id: int) -> None:
        self._sampling.pop(connector_id, None)
        key = self._transaction_of(connector_id)
        if key is None:
            return
        # First of all: a reading that is lost must not be the last one.
        self._sample_later(connector_id)

        def take() -> None:
            reading = self._read(connector_id)
            context = ReadingContext.SAMPLE_PERIODIC
            sent = self._sent(connector_id, "MeterValuesSampledData", reading, context)
            kept = self.measured(connector_id, "StopTxnSampledData", reading, context)
            self._record(connector_id, key, reading, sent, kept)

        self._in_one_commit(connector_id, take)

    def _align(self, moment: datetime) -> None:
        # A timer may fire a rounding error early; the same moment must not come twice.
        self.start(after=moment)
        for connector_id in range(1, self._connectors + 1):
            # Nobody's bill: a long outage must not fill the queue with idle readings.
            if self._transaction_of(connector_id) is not None or self._context.is_online():
                self._in_one_commit(connector_id, partial(self._take_aligned, connector_id, moment))

    def _take_aligned(self, connector_id: int, moment: datetime) -> None:
        reading = msgspec.structs.replace(self._read(connector_id), taken_at=moment)
        sent = self._sent(connector_id, "MeterValuesAlignedData", reading, ReadingContext.SAMPLE_CLOCK)
        kept = self.measured(connector_id, "StopTxnAlignedData", reading, ReadingContext.SAMPLE_CLOCK)
        self._record(connector_id, self._transaction_of(connector_id), reading, sent, kept)

    def _in_one_commit(self, connector_id: int, take: Callable[[], None]) -> None:
        """Keep the register and queue the message together; what cannot be written was never read."""
        last = self._last.copy()
        try:
            with self._context.store.atomically():
                take()
        except StationStoreError as error:
            # The energy of the interval that is lost is told with the next one.
            self._last = last
            self._context.log.warning("a meter value is lost", connector=connector_id, reason=str(error))

    def _sent(self, connector_id: int, name: str, reading: MeterReading, context: ReadingContext) -> MeterValue | None:
        """With an interval set, an empty list means the register (§9.1.17)."""
        if self._context.configuration.items(name):
            return self.measured(connector_id, name, reading, context)
        if not reading.is_measured:
            return None
        return measure(reading, [Measurand.ENERGY_ACTIVE_IMPORT_REGISTER.value], context)

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
