"""What charging profiles allow, worked out for one instant at a time in the plainest way: a scan of all messages,
with times as `datetime`, rates as fractions, and none of the code under test but its plain data."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction

from tests.charging_profiles.building import DAILY, DEFAULT, MAXIMUM, RECURRING, RELATIVE, TX, A, W

from chargewright.charging_profiles.composite_schedule import StationSupply
from chargewright.charging_profiles.switches import Switches
from chargewright.charging_profiles.units import DirectCurrent, Supply
from chargewright.protocol.v16.base import UNSET
from chargewright.protocol.v16.datatypes import ChargingProfile, ChargingProfilePurposeType, ChargingRateUnitType

# Connector, instant of installation, profile.
Installed = tuple[int, datetime, ChargingProfile]
# Watt, ampere, phases.
Constraint = tuple[Fraction | None, Fraction | None, int | None]
NOTHING: Constraint = (None, None, None)


def is_valid(profile: ChargingProfile, now: datetime) -> bool:
    begun = profile.valid_from is UNSET or profile.valid_from <= now
    return begun and (profile.valid_to is UNSET or now < profile.valid_to)


def constraint_of(profile: ChargingProfile, now: datetime, origin: datetime, switches: Switches) -> Constraint | None:
    """What the profile says at that instant; None where it says nothing."""
    schedule = profile.charging_schedule
    start = schedule.start_schedule
    if start is UNSET or profile.charging_profile_kind is RELATIVE:
        start = origin
    starts = [start]
    if profile.charging_profile_kind is RECURRING:
        cycle = timedelta(hours=24 if profile.recurrency_kind is DAILY else 24 * 7)
        rounds = range(-40 if switches.recurs_backwards else 0, 41)
        starts = [start + number * cycle for number in rounds]
    starts = [candidate for candidate in starts if candidate <= now]
    if not starts or not is_valid(profile, now):
        return None
    passed = now - max(starts)
    if schedule.duration is not UNSET and passed >= timedelta(seconds=schedule.duration):
        return None
    periods = [
        period for period in schedule.charging_schedule_period if timedelta(seconds=period.start_period) <= passed
    ]
    period = periods[-1]
    phases = 3 if period.number_phases is UNSET else period.number_phases
    rate = Fraction(period.limit)
    return (rate, None, phases) if schedule.charging_rate_unit is W else (None, rate, phases)


def both(left: Constraint, right: Constraint) -> Constraint:
    def lower(one, other):
        return min((value for value in (one, other) if value is not None), default=None)

    return lower(left[0], right[0]), lower(left[1], right[1]), lower(left[2], right[2])


def highest(found: list[tuple[int, datetime, ChargingProfile]], now: datetime, switches: Switches) -> Constraint | None:
    """That of the highest level which says anything."""
    for _, origin, profile in sorted(found, key=lambda item: -item[0]):
        constraint = constraint_of(profile, now, origin, switches)
        if constraint is not None:
            return constraint
    return None


def of_purpose(
    installed: list[Installed], purpose: ChargingProfilePurposeType, connector: int
) -> list[ChargingProfile]:
    return [
        profile for where, _, profile in installed if where == connector and profile.charging_profile_purpose is purpose
    ]


def maximum_at(installed: list[Installed], now: datetime, asked: datetime, switches: Switches) -> Constraint:
    found = [
        (profile.stack_level, min(since, asked), profile)
        for _, since, profile in installed
        if profile.charging_profile_purpose is MAXIMUM
    ]
    return highest(found, now, switches) or NOTHING


def own_at(
    installed: list[Installed],
    connector: int,
    now: datetime,
    begun: datetime | None,
    idle: datetime,
    switches: Switches,
) -> Constraint:
    """What TxProfiles or else TxDefaultProfiles say; without transaction one counts as begun at `idle`, and none
    begins after that."""
    if begun is not None:
        begun = min(begun, idle)
        own = of_purpose(installed, TX, connector)
        constraint = highest([(profile.stack_level, begun, profile) for profile in own], now, switches)
        if constraint is not None:
            return constraint
        if switches.exhausted_tx_profile == "no-limit" and any(is_valid(profile, now) for profile in own):
            return NOTHING
    origin = idle if begun is None else begun
    special = of_purpose(installed, DEFAULT, connector)
    unexpired = {profile.stack_level for profile in special if profile.valid_to is UNSET or now < profile.valid_to}
    general = [profile for profile in of_purpose(installed, DEFAULT, 0) if profile.stack_level not in unexpired]
    return highest([(profile.stack_level, origin, profile) for profile in special + general], now, switches) or NOTHING


def number_of(constraint: Constraint, unit: ChargingRateUnitType, supply: Supply) -> Fraction:
    watts, amperes, _ = constraint
    volts = Fraction(supply.nominal_voltage) * phases_of(constraint, supply)
    if supply.direct_current is DirectCurrent.OUTLET:
        volts = Fraction(supply.outlet_voltage)
    if unit is W:
        return min(value for value in (watts, None if amperes is None else amperes * volts) if value is not None)
    return min(value for value in (amperes, None if watts is None else watts / volts) if value is not None)


def phases_of(constraint: Constraint, supply: Supply) -> int:
    if supply.direct_current is not None or constraint[2] is None:
        return supply.phases
    return min(supply.phases, constraint[2])


def maximum_of(supply: Supply) -> Constraint:
    amperes = None if supply.max_amperes is None else Fraction(supply.max_amperes)
    return Fraction(supply.max_watts), amperes, supply.phases


def with_local(constraint: Constraint, supply: Supply, switches: Switches) -> Constraint:
    if switches.local_limit == "caps" or constraint == NOTHING:
        return both(constraint, maximum_of(supply))
    return constraint


def tenths(value: Fraction) -> Fraction:
    return Fraction(math.floor(value * 10), 10)


def composite_at(
    installed: list[Installed],
    supply: StationSupply,
    connector: int,
    now: datetime,
    idle: datetime,
    begun: Mapping[int, datetime],
    unit: ChargingRateUnitType,
    switches: Switches,
) -> tuple[Fraction, int | None]:
    """The limit and the number of phases (None on DC) that a composite schedule asked for at `idle` says of `now`."""
    maximum = maximum_at(installed, now, idle, switches)
    if connector:
        outlet = supply.connectors[connector - 1]
        own = own_at(installed, connector, now, begun.get(connector), idle, switches)
        constraint = with_local(both(maximum, own), outlet, switches)
        phases = None if outlet.direct_current is not None else phases_of(constraint, outlet)
        return tenths(number_of(constraint, unit, outlet)), phases
    grid = supply.grid_connection
    total, most = Fraction(0), []
    for number, outlet in enumerate(supply.connectors, start=1):
        own = with_local(own_at(installed, number, now, begun.get(number), idle, switches), outlet, switches)
        if unit is A and outlet.direct_current is DirectCurrent.OUTLET:
            total += number_of(own, W, outlet) / (Fraction(grid.nominal_voltage) * grid.phases)
        else:
            total += number_of(own, unit, outlet)
        if outlet.direct_current is None:
            most.append(phases_of(own, outlet))
    cap = both(maximum, maximum_of(grid)) if switches.local_limit == "caps" else maximum
    if cap != NOTHING:
        total = min(total, number_of(cap, unit, grid))
    return tenths(total), min(max(most), phases_of(maximum, grid)) if most else None
