"""An electric vehicle at the end of a cable: battery, onboard charger, and how full its driver wants it."""

import math
from typing import Final

from chargewright.station.ev.battery import Battery, ac_power_w

__all__ = ["Vehicle"]

# Pack voltage, empty and full, of the 400 V class.
PACK_EMPTY_V: Final = 330.0
PACK_FULL_V: Final = 410.0


class Vehicle:
    """A battery with what stands before it.

    `phases` and `max_current_a` bound the onboard charger (AC only); `efficiency` is the share of metered AC energy
    that reaches the battery. `target_soc` is where the vehicle stops asking.
    """

    def __init__(
        self,
        battery: Battery,
        *,
        phases: int = 3,
        max_current_a: float = 16.0,
        efficiency: float = 0.92,
        target_soc: float = 1.0,
    ) -> None:
        if phases not in (1, 2, 3):
            raise ValueError(f"an onboard charger has 1 to 3 phases, not {phases}")
        self.battery = battery
        self.phases = phases
        self.max_current_a = max_current_a
        self.efficiency = efficiency
        self.target_soc = target_soc

    @property
    def wants_energy(self) -> bool:
        """Whether it would take energy if it were offered."""
        return self.battery.seconds_until(self.target_soc, 1.0) > 0

    @property
    def pack_voltage_v(self) -> float:
        """DC voltage at the inlet; rises with the state of charge."""
        return PACK_EMPTY_V + (PACK_FULL_V - PACK_EMPTY_V) * self.battery.soc

    def ac_offer_w(self, phases: int, offered_a: float, voltage_v: float, *, least_a: float = 6.0) -> float:
        """What the onboard charger can use of an AC offer on `phases`, per-phase current `offered_a`.

        Below `least_a` a vehicle takes nothing: by a control pilot that is 6 A (IEC 61851-1, annex A).
        """
        if offered_a < least_a:
            return 0.0
        return ac_power_w(min(phases, self.phases), min(offered_a, self.max_current_a), voltage_v)

    def draw_w(self, offered_w: float, *, is_dc: bool) -> float:
        """Power at the outlet now, with `offered_w` at hand."""
        efficiency = 1.0 if is_dc else self.efficiency
        return self.battery.power_w(offered_w * efficiency) / efficiency if self.wants_energy else 0.0

    def take(self, seconds: float, offered_w: float, *, is_dc: bool) -> float:
        """Charge for `seconds`, not beyond the target; returns the energy that passed the outlet, in Wh."""
        efficiency = 1.0 if is_dc else self.efficiency
        seconds = min(seconds, self.seconds_until_satisfied(offered_w, is_dc=is_dc))
        if not math.isfinite(seconds):
            return 0.0
        return self.battery.charge(seconds, offered_w * efficiency) / efficiency

    def seconds_until_satisfied(self, offered_w: float, *, is_dc: bool) -> float:
        """How long until the target is reached with `offered_w`; infinite when nothing is offered."""
        efficiency = 1.0 if is_dc else self.efficiency
        return self.battery.seconds_until(self.target_soc, offered_w * efficiency)
