"""A vehicle battery that takes power as real ones do: constant first, then less and less towards full.

Up to the knee the battery takes its maximum power; from there that power falls linearly with the state of charge down
to a small share at 100 % (the constant-voltage phase). That curve has a closed solution in time, so energies are
exact whatever the step: charging for an hour at once or in seconds gives the same.
"""

import math
from typing import Final

__all__ = ["Battery", "ac_power_w"]

SECONDS_PER_HOUR: Final = 3600.0
# Below this, a battery counts as full: floating point must not keep a vehicle charging for ever.
TOLERANCE_WH: Final = 1e-6


def ac_power_w(phases: int, current_a: float, voltage_v: float) -> float:
    """Active power of an onboard charger (power factor 1) that draws `current_a` on each of `phases`."""
    return phases * current_a * voltage_v


class Battery:
    """`capacity_wh` usable, `soc` 0 … 1; takes `max_power_w` up to `knee`, from there falling to `end_share` of it."""

    def __init__(
        self, capacity_wh: float, soc: float, max_power_w: float, *, knee: float = 0.8, end_share: float = 0.05
    ) -> None:
        if capacity_wh <= 0 or max_power_w <= 0:
            raise ValueError(f"a battery of {capacity_wh} Wh that takes {max_power_w} W cannot be charged")
        if not 0 <= soc <= 1 or not 0 < knee < 1 or not 0 < end_share < 1:
            raise ValueError(f"soc {soc}, knee {knee}, end_share {end_share}: shares lie between 0 and 1")
        self.capacity_wh = capacity_wh
        self.max_power_w = max_power_w
        self.knee = knee
        self.end_share = end_share
        self._energy_wh = soc * capacity_wh

    @property
    def soc(self) -> float:
        """State of charge, 0 … 1."""
        return self._energy_wh / self.capacity_wh

    @property
    def energy_wh(self) -> float:
        """What is stored now."""
        return self._energy_wh

    def acceptance_w(self) -> float:
        """What the battery would take now if offered without limit; 0 when full."""
        return 0.0 if self._is_at(1.0) else self._curve_w(self._energy_wh)

    def power_w(self, offered_w: float) -> float:
        """What it takes of `offered_w` now."""
        return max(0.0, min(offered_w, self.acceptance_w()))

    def charge(self, seconds: float, offered_w: float) -> float:
        """Charge for `seconds` with `offered_w` at hand; returns the energy taken, in Wh."""
        before = self._energy_wh
        if offered_w > 0 and not self._is_at(1.0):
            self._energy_wh = min(self.capacity_wh, self._energy_after(seconds / SECONDS_PER_HOUR, offered_w))
        return self._energy_wh - before

    def seconds_until(self, soc: float, offered_w: float) -> float:
        """How long `charge` would need to reach `soc`; infinite when nothing is offered."""
        if self._is_at(soc):
            return 0.0
        if offered_w <= 0:
            return math.inf
        constant_w, crossing_wh = self._constant_phase(offered_w)
        target_wh = soc * self.capacity_wh
        start_wh = self._energy_wh
        hours = max(0.0, min(target_wh, crossing_wh) - start_wh) / constant_w
        if target_wh > crossing_wh:
            from_w, to_w = self._curve_w(max(start_wh, crossing_wh)), self._curve_w(target_wh)
            hours += math.log(from_w / to_w) / self._decay_per_hour()
        return hours * SECONDS_PER_HOUR

    def _is_at(self, soc: float) -> bool:
        return self._energy_wh >= soc * self.capacity_wh - TOLERANCE_WH

    def _curve_w(self, energy_wh: float) -> float:
        beyond = max(0.0, energy_wh / self.capacity_wh - self.knee) / (1 - self.knee)
        return self.max_power_w * (1 - (1 - self.end_share) * beyond)

    def _decay_per_hour(self) -> float:
        """In the falling phase power is linear in energy, hence exponential in time, with this rate."""
        return self.max_power_w * (1 - self.end_share) / ((1 - self.knee) * self.capacity_wh)

    def _constant_phase(self, offered_w: float) -> tuple[float, float]:
        """The power of the constant phase and the stored energy at which the curve takes over."""
        constant_w = min(offered_w, self.max_power_w)
        beyond = min(1.0, (1 - constant_w / self.max_power_w) / (1 - self.end_share))
        return constant_w, (self.knee + (1 - self.knee) * beyond) * self.capacity_wh

    def _energy_after(self, hours: float, offered_w: float) -> float:
        constant_w, crossing_wh = self._constant_phase(offered_w)
        energy_wh = self._energy_wh
        if energy_wh < crossing_wh:
            until_crossing = (crossing_wh - energy_wh) / constant_w
            if hours <= until_crossing:
                return energy_wh + constant_w * hours
            hours -= until_crossing
            energy_wh = crossing_wh
        decay = self._decay_per_hour()
        return energy_wh + self._curve_w(energy_wh) / decay * -math.expm1(-decay * hours)
