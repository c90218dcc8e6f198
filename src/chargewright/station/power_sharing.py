"""From limits to offers: what each vehicle may take when several charge under one maximum (§3.13.1, §3.13.7).

Shares are even; what a connector cannot use of its share is given on to the others. Where the shares would be too small
for vehicles to charge with, those that began last wait. A vehicle that takes nothing for now keeps only as much as it
needs to begin again.
"""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

import msgspec

from chargewright.charging_profiles.composite_schedule import StationSupply
from chargewright.charging_profiles.units import DirectCurrent, Limit, Supply, one_decimal
from chargewright.protocol.v16.datatypes import ChargingRateUnitType
from chargewright.station.hardware.interface import NO_OFFER, Offer, Outlet

__all__ = ["LEAST_DC_A", "Claim", "offer_under", "shared", "shares", "station_supply", "supply_of"]

# On DC a vehicle is at least told a whole ampere; on AC the outlet says what it can tell.
LEAST_DC_A: Final = Decimal(1)
# No DC vehicle charges at less; a limit in watt leaves as much current as it can mean.
_LOWEST_DC_V: Final = Decimal(200)

_A, _W = ChargingRateUnitType.A, ChargingRateUnitType.W
_THREE: Final = 3
_NOTHING: Final = Limit(watts=Decimal(0))
# Down: shares never add up to more than there is.
_DOWN: Final = Context(prec=28, rounding=ROUND_FLOOR)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One connector that takes part; `limit` is what charging profiles leave it by itself.

    `phases`: how many are switched to its vehicle, None before the first offer of a transaction. `switches_phases`:
    they may be changed while the transaction runs. `is_resting`: the vehicle takes nothing for now.
    """

    number: int
    outlet: Outlet
    supply: Supply
    limit: Limit
    phases: int | None = None
    switches_phases: bool = False
    is_resting: bool = False


def supply_of(outlet: Outlet, nominal_voltage_v: float) -> Supply:
    """How an outlet is fed. On DC ampere limits are those of each phase that feeds it."""
    if outlet.is_dc:
        return Supply(
            max_watts=_exact(outlet.max_power_w),
            nominal_voltage=_exact(nominal_voltage_v),
            direct_current=DirectCurrent.GRID_SIDE,
        )
    return Supply(
        max_watts=_exact(outlet.max_power_w),
        max_amperes=_exact(outlet.max_current_a),
        phases=outlet.phases,
        nominal_voltage=_exact(nominal_voltage_v),
    )


def station_supply(outlets: Sequence[Outlet], nominal_voltage_v: float) -> StationSupply:
    """The supplies of all outlets, and a grid connection that is as strong as all of them together."""
    supplies = tuple(supply_of(outlet, nominal_voltage_v) for outlet in outlets)
    amperes = sum((supply.in_unit(supply.maximum, _A) for supply in supplies), Decimal(0))
    phases = max(supply.phases for supply in supplies)
    volts = _exact(nominal_voltage_v)
    # Single-phase outlets may all be on one phase: counted in watt, less than the sum of their currents would be left.
    grid = Supply(max_watts=amperes * volts * phases, max_amperes=amperes, phases=phases, nominal_voltage=volts)
    return StationSupply(connectors=supplies, grid=grid)


def shared(maximum: Limit, claims: Sequence[Claim]) -> dict[int, Offer]:
    """What each connector offers, by number; all of it together is within `maximum`.

    `claims` are in the order in which their transactions began.
    """
    limits = shares(maximum, claims)
    return {claim.number: offer_under(limits[claim.number], claim) for claim in claims}


def shares(maximum: Limit, claims: Sequence[Claim]) -> dict[int, Limit]:
    """The same as limits: what a connector may take, whether a vehicle can charge with it or not."""
    limits = {claim.number: claim.limit.lowest(maximum) for claim in claims}
    if maximum.is_unlimited:
        return limits
    # Those that rest are the first to give way, and then those that began last.
    standing = sorted(
        (claim for claim in claims if not offer_under(limits[claim.number], claim).is_nothing),
        key=lambda item: item.is_resting,
    )
    while standing:
        even = _even_shares(maximum, standing)
        given = {claim.number: share.lowest(claim.limit) for claim, share in zip(standing, even, strict=True)}
        if not any(offer_under(given[claim.number], claim).is_nothing for claim in standing):
            return limits | given
        limits[standing.pop().number] = _NOTHING
    return limits


def offer_under(limit: Limit, claim: Claim) -> Offer:
    """The most that can be offered under a limit: nothing when that is less than a vehicle can charge with."""
    supply, outlet = claim.supply, claim.outlet
    if outlet.is_dc:
        watts = one_decimal(supply.in_unit(limit.lowest(supply.maximum), _W))
        if watts >= supply.max_watts:
            return outlet.most
        amperes = min(_exact(outlet.max_current_a), one_decimal(watts / _LOWEST_DC_V))
        return NO_OFFER if amperes < LEAST_DC_A else Offer(float(amperes), float(watts), 0)
    for phases in _phase_choices(limit, claim):
        amperes, watts = _on_phases(limit, supply, phases)
        if amperes >= _exact(outlet.least_current_a):
            return Offer(float(amperes), float(watts), phases)
    return NO_OFFER


def _phase_choices(limit: Limit, claim: Claim) -> tuple[int, ...]:
    """Numbers of phases that can be switched to the vehicle, the one to be preferred first (§3.13.7)."""
    every = claim.outlet.phases
    is_narrow = limit.phases is not None and limit.phases < every
    if claim.switches_phases and every == _THREE:
        return (1,) if is_narrow else (every, 1)
    if claim.phases is not None:
        return (claim.phases,)
    return (1,) if is_narrow else (every,)


def _on_phases(limit: Limit, supply: Supply, phases: int) -> tuple[Decimal, Decimal]:
    """Ampere on each of `phases`, and watt. A limit for fewer phases than cannot be switched off bounds the power."""
    bound = limit.lowest(supply.maximum)
    watts = supply.in_unit(bound.lowest(Limit(phases=phases)), _W)
    amperes = _DOWN.divide(watts, supply.nominal_voltage * phases)
    if bound.amperes is not None:
        amperes = min(amperes, bound.amperes)
    return one_decimal(amperes), one_decimal(watts)


def _even_shares(maximum: Limit, claims: Sequence[Claim]) -> list[Limit]:
    """Of ampere and watt each on its own; a connector is held to both."""
    most = [_most(maximum, claim) for claim in claims]
    amperes = _filled(maximum.amperes, [item.amperes for item in most])
    watts = _filled(maximum.watts, [item.watts for item in most])
    return [Limit(watt, ampere, maximum.phases) for watt, ampere in zip(watts, amperes, strict=True)]


def _most(maximum: Limit, claim: Claim) -> Limit:
    """What a connector can use of the maximum, in ampere of each phase of the grid and in watt."""
    offer = offer_under(claim.limit.lowest(maximum), claim)
    watts, amperes = _exact(offer.power_w), _exact(offer.current_a)
    if claim.outlet.is_dc:
        if claim.is_resting:
            watts = min(watts, LEAST_DC_A * _LOWEST_DC_V)
        return Limit(watts, _DOWN.divide(watts, claim.supply.volts(claim.limit)))
    if claim.is_resting:
        amperes = min(amperes, _exact(claim.outlet.least_current_a))
        watts = min(watts, amperes * claim.supply.nominal_voltage * offer.phases)
    return Limit(watts, amperes)


def _filled(total: Decimal | None, most: Sequence[Decimal | None]) -> list[Decimal | None]:
    """`total` spread evenly, nobody over what they can use, what they leave given on."""
    shares: list[Decimal | None] = [None] * len(most)
    if total is None:
        return shares
    wanted = [Decimal(0) if item is None else item for item in most]
    for place, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        share = min(wanted[index], _DOWN.divide(total, Decimal(len(wanted) - place)))
        shares[index] = share
        total -= share
    return shares


def _exact(value: float) -> Decimal:
    return Decimal(str(value))
