"""Limits in ampere and watt, and how one becomes the other (§7.12, §7.14, errata v4.0 §3.68).

An ampere limit is per phase, a watt limit is the total; between them stand the *nominal* voltage and the number of
phases. Both kinds stay apart as long as profiles are combined, and are converted once, at the end: 10 A on three phases
and 16 A on one phase together allow 10 A on one phase, which is 2,300 W, and neither of the two alone says so.
"""

import decimal
import enum
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from chargewright.protocol.v16.datatypes import ChargingRateUnitType

__all__ = ["DEFAULT_PHASES", "UNLIMITED", "DirectCurrent", "Limit", "Supply", "convert", "one_decimal"]

# §7.14: what an absent numberPhases means.
DEFAULT_PHASES: Final = 3

Number = TypeVar("Number", int, Decimal)

_UNIT: Final = ChargingRateUnitType
_TENTH: Final = Decimal("0.1")
# Down: a limit that was converted never allows more than the one that was set.
_DOWN: Final = decimal.Context(prec=28, rounding=decimal.ROUND_FLOOR)
_NEAREST: Final = decimal.Context(prec=28, rounding=decimal.ROUND_HALF_EVEN)


class DirectCurrent(enum.Enum):
    """What ampere mean on a DC outlet, of which §7.12 says nothing."""

    GRID_SIDE = "current of each phase that feeds the outlet"
    OUTLET = "current at the outlet"


class Limit(msgspec.Struct, frozen=True, gc=False):
    """What charging profiles allow at some instant: at most `watts` in total, and at most `amperes` on each phase, and
    at most `phases` phases. None: not limited in that way. 0 W or 0 A: charging is paused."""

    watts: Decimal | None = None
    amperes: Decimal | None = None
    phases: int | None = None

    @property
    def is_unlimited(self) -> bool:
        """Whether no charging profile says anything."""
        return self.watts is None and self.amperes is None

    def lowest(self, other: "Limit") -> "Limit":
        """What both allow."""
        return Limit(
            _lower(self.watts, other.watts), _lower(self.amperes, other.amperes), _lower(self.phases, other.phases)
        )


UNLIMITED: Final = Limit()


# What a result is exact to, whatever was divided and added before.
_EXACT: Final = Decimal("1E-12")


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """How an outlet, or the whole station, is wired, and the most that it can give.

    `max_watts` in total; `max_amperes` in the sense that ampere have here (per phase, or as `direct_current` says).
    `phases` are those of the grid that feed it; `nominal_voltage` is theirs, phase to neutral, in volt.
    `direct_current` is None for AC; `outlet_voltage` is the nominal voltage of a DC outlet, used only where ampere are
    those at the outlet. Raises `ValueError` for what no outlet has.
    """

    max_watts: Decimal
    max_amperes: Decimal | None = None
    phases: int = DEFAULT_PHASES
    nominal_voltage: Decimal = Decimal(230)
    direct_current: DirectCurrent | None = None
    outlet_voltage: Decimal = Decimal(400)

    def __post_init__(self) -> None:
        if not 1 <= self.phases <= 3:
            raise ValueError(f"{self.phases} phases: there are 1 to 3")
        if self.nominal_voltage <= 0 or self.outlet_voltage <= 0:
            raise ValueError(f"{self.nominal_voltage} V and {self.outlet_voltage} V: a voltage is above 0")
        if self.max_watts < 0 or (self.max_amperes is not None and self.max_amperes < 0):
            raise ValueError(f"{self.max_watts} W, {self.max_amperes} A: a maximum is not below 0")

    @property
    def maximum(self) -> Limit:
        """What can be given at most, as a limit."""
        return Limit(self.max_watts, self.max_amperes, self.phases)

    def usable_phases(self, limit: Limit) -> int:
        """How many phases the limit leaves. More phases than there are change nothing about the limit (errata v4.0
        §3.34); on DC the phases of the limit do not count."""
        if self.direct_current is not None or limit.phases is None:
            return self.phases
        return min(self.phases, limit.phases)

    def volts(self, limit: Limit) -> Decimal:
        """Watt for each ampere under this limit."""
        if self.direct_current is DirectCurrent.OUTLET:
            return self.outlet_voltage
        return self.nominal_voltage * self.usable_phases(limit)

    def in_unit(self, limit: Limit, unit: ChargingRateUnitType) -> Decimal:
        """The limit as one number, not rounded to tenths; raises `ValueError` where it is unlimited, which is why it
        is combined with `maximum` first."""
        volts = self.volts(limit)
        if unit is _UNIT.W:
            rate = _lower(limit.watts, None if limit.amperes is None else _DOWN.multiply(limit.amperes, volts))
        else:
            rate = _lower(limit.amperes, None if limit.watts is None else _DOWN.divide(limit.watts, volts))
        if rate is None:
            raise ValueError("no number stands for unlimited")
        return rate


def one_decimal(value: Decimal) -> Decimal:
    """Rounded down to one decimal place, the most that may be sent (§7.14).

    What thirds of several connectors lose when they are added up is not rounded down: 19.999… is 20.
    """
    return _DOWN.quantize(_NEAREST.quantize(value, _EXACT), _TENTH)


def convert(
    value: Decimal,
    source: ChargingRateUnitType,
    target: ChargingRateUnitType,
    supply: Supply,
    number_phases: int = DEFAULT_PHASES,
) -> Decimal:
    """A rate in another unit, rounded down to one decimal place, at the supply's nominal voltage."""
    if source is target:
        return one_decimal(value)
    volts = supply.volts(Limit(phases=number_phases))
    return one_decimal(_DOWN.multiply(value, volts) if target is _UNIT.W else _DOWN.divide(value, volts))


def _lower(left: Number | None, right: Number | None) -> Number | None:
    if left is None or right is None:
        return right if left is None else left
    return min(left, right)
