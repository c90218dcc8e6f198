"""MaxEnergyOnInvalidId: what a transaction may still take after its tag turned out not to be valid (§9.1.14)."""

from collections.abc import Callable
from typing import Final

from chargewright.station.context import Context
from chargewright.station.hardware.interface import MeterReading, Timer

__all__ = ["EnergyAllowance"]

# How closely the meter is watched at most. A vehicle that takes nothing may begin to at any moment, with all its power.
SHORTEST_WAIT_SECONDS: Final = 1.0


class EnergyAllowance:
    """Watches the meters of transactions whose energy is counted out; `read` looks at a connector's meter.

    `max_power_w` is the most that flows there: looking again after the time in which the rest would flow at that power,
    it is never late by more than a second.
    """

    def __init__(
        self, context: Context, read: Callable[[int], MeterReading], max_power_w: Callable[[int], float]
    ) -> None:
        self._context = context
        self._read = read
        self._max_power_w = max_power_w
        self._timers: dict[int, Timer] = {}

    def allow(self, connector_id: int, energy_wh: int, used_up: Callable[[], None]) -> None:
        """From now on `energy_wh` more, then `used_up`; at once where that is 0."""
        self.forget(connector_id)
        self._watch(connector_id, self._read(connector_id).register_wh + energy_wh, used_up)

    def forget(self, connector_id: int) -> None:
        """The transaction has ended. Idempotent."""
        timer = self._timers.pop(connector_id, None)
        if timer is not None:
            timer.cancel()

    def stop(self) -> None:
        """Watch nothing any more. Idempotent."""
        for connector_id in list(self._timers):
            self.forget(connector_id)

    def _watch(self, connector_id: int, until_wh: int, used_up: Callable[[], None]) -> None:
        self._timers.pop(connector_id, None)
        left_wh = until_wh - self._read(connector_id).register_wh
        if left_wh <= 0:
            used_up()
            return
        seconds = max(SHORTEST_WAIT_SECONDS, left_wh / self._max_power_w(connector_id) * 3600)
        self._timers[connector_id] = self._context.call_later(
            seconds, lambda: self._watch(connector_id, until_wh, used_up)
        )
