"""The composite schedule (§5.7, errata v4.0 §3.29 f., §3.51, §3.57): what will hold from now on, as far as is known.

It says what holds at each whole second after its start: a change between two seconds shows at the later one.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

import msgspec

from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.charging_profiles.recurrence import SECOND
from chargewright.charging_profiles.timeline import LimitWalk
from chargewright.charging_profiles.units import DirectCurrent, Limit, Supply, one_decimal
from chargewright.charging_profiles.validation import ProfileLimits
from chargewright.protocol.v16.base import UNSET, Timestamp, UnsetType
from chargewright.protocol.v16.datatypes import ChargingRateUnitType, ChargingSchedule, ChargingSchedulePeriod
from chargewright.protocol.v16.smart_charging import (
    GetCompositeScheduleRequest,
    GetCompositeScheduleResponse,
    GetCompositeScheduleStatus,
)

__all__ = [
    "MAX_PERIODS",
    "MAX_STEPS",
    "Sharing",
    "StationSupply",
    "answer_get_composite_schedule",
    "composite_schedule",
]

# Bounds for a request that names a century, unless the caller has others: periods of an answer, and work done for it.
MAX_PERIODS: Final = 1_000
MAX_STEPS: Final = 200_000

# What each connector may take of a maximum for all, by number, given what its own profiles leave it.
Sharing: TypeAlias = Callable[[Limit, Mapping[int, Limit]], Mapping[int, Limit]]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = 1_000


class StationSupply(msgspec.Struct, frozen=True, kw_only=True):
    """How a station is wired: the supply of each connector, from connector 1 on, and that of the grid connection.

    Without `grid` the connection gives what all connectors can take, on three phases.
    """

    connectors: tuple[Supply, ...]
    grid: Supply | None = None

    def __post_init__(self) -> None:
        if not self.connectors:
            raise ValueError("a station has at least one connector")

    @property
    def grid_connection(self) -> Supply:
        """The supply of connector 0."""
        if self.grid is not None:
            return self.grid
        total = sum((supply.max_watts for supply in self.connectors), Decimal(0))
        return Supply(max_watts=total, nominal_voltage=self.connectors[0].nominal_voltage)


class _Rate(NamedTuple):
    """A limit in the unit that was asked for; `phases` is None on DC."""

    value: Decimal
    phases: int | None


def answer_get_composite_schedule(
    request: GetCompositeScheduleRequest,
    profiles: ProfileSet,
    supply: StationSupply,
    limits: ProfileLimits,
    at: int,
    charging_since: Mapping[int, int] | None = None,
    *,
    max_periods: int = MAX_PERIODS,
    sharing: Sharing | None = None,
) -> GetCompositeScheduleResponse:
    """The answer of a station; `at` is the instant of receipt, the rest as in `composite_schedule`.

    Rejected for a connector that there is not, a unit that is not allowed (without one, the first allowed one is
    taken) and a negative duration.
    """
    unit = request.charging_rate_unit
    if isinstance(unit, UnsetType) and limits.allowed_units:
        unit = limits.allowed_units[0]
    if (
        isinstance(unit, UnsetType)
        or not limits.is_supported
        or unit not in limits.allowed_units
        or not 0 <= request.connector_id <= len(supply.connectors)
        or request.duration < 0
    ):
        return GetCompositeScheduleResponse(status=GetCompositeScheduleStatus.REJECTED)
    schedule = composite_schedule(
        profiles,
        supply,
        request.connector_id,
        at,
        request.duration,
        unit,
        charging_since,
        max_periods=max_periods,
        sharing=sharing,
    )
    return GetCompositeScheduleResponse(
        status=GetCompositeScheduleStatus.ACCEPTED,
        connector_id=request.connector_id,
        schedule_start=_stamp(at),
        charging_schedule=schedule,
    )


def composite_schedule(
    profiles: ProfileSet,
    supply: StationSupply,
    connector_id: int,
    start: int,
    duration: int,
    unit: ChargingRateUnitType,
    charging_since: Mapping[int, int] | None = None,
    *,
    max_periods: int = MAX_PERIODS,
    max_steps: int = MAX_STEPS,
    sharing: Sharing | None = None,
) -> ChargingSchedule:
    """What will hold during `duration` seconds from the instant `start` on, which is cut to the millisecond.

    `charging_since` gives the instants at which transactions began to charge, by connector; for the other connectors
    TxDefaultProfiles count as if a transaction began at `start`. Connector 0 is the sum of all connectors, as if their
    currents were all in the same phases, and at most the ChargePointMaxProfile. Neighbours that are equal are one
    period. There is always at least one. `duration` of the result is shorter than asked where there would be more than
    `max_periods`, or more work than `max_steps`. `sharing` divides the ChargePointMaxProfile between the connector and
    those that charge besides it; without it, each connector is told all of the maximum. Raises `ValueError` for an
    unknown connector and a negative duration.
    """
    if not 0 <= connector_id <= len(supply.connectors):
        raise ValueError(f"connector {connector_id}: there are 0 to {len(supply.connectors)}")
    if duration < 0:
        raise ValueError(f"a duration of {duration} s")
    start -= start % _MILLISECOND
    since = {} if charging_since is None else charging_since
    source: _Connector | _GridConnection | _Sharer
    if connector_id == 0:
        source = _GridConnection(profiles, supply, start, since)
    elif sharing is not None and since.keys() - {connector_id}:
        source = _Sharer(profiles, supply, connector_id, start, since, sharing)
    else:
        source = _Connector(profiles, supply.connectors[connector_id - 1], connector_id, start, since)
    periods: list[ChargingSchedulePeriod] = []
    last: _Rate | None = None
    second = steps = 0
    while not periods or second < duration:
        rate, end = source.at(start + second * SECOND, unit)
        if rate != last:
            if len(periods) == max_periods:
                break
            periods.append(_period(second, rate))
            last = rate
        steps += 1
        # Upwards: what changes within a second shows at the next one.
        second = duration if end is None else max(second + 1, -((start - end) // SECOND))
        if steps + source.steps > max_steps:
            break
    return ChargingSchedule(
        charging_rate_unit=unit,
        charging_schedule_period=periods,
        duration=min(second, duration),
        start_schedule=_stamp(start) if profiles.switches.has_start_schedule else UNSET,
    )


def _period(second: int, rate: _Rate) -> ChargingSchedulePeriod:
    phases = UNSET if rate.phases is None else rate.phases
    return ChargingSchedulePeriod(start_period=second, limit=rate.value, number_phases=phases)


def _stamp(instant: int) -> Timestamp:
    return Timestamp.of(_EPOCH + timedelta(microseconds=instant))


class _Connector:
    """What one connector may take, as time goes by."""

    def __init__(
        self,
        profiles: ProfileSet,
        supply: Supply,
        connector_id: int,
        start: int,
        charging_since: Mapping[int, int],
        *,
        capped: bool = True,
    ) -> None:
        self.supply: Final = supply
        self._is_capped_locally: Final = profiles.switches.local_limit == "caps"
        self._walk: Final[LimitWalk] = profiles.walk(
            connector_id, start, charging_since.get(connector_id), capped=capped
        )

    @property
    def steps(self) -> int:
        return self._walk.steps

    def at(self, instant: int, unit: ChargingRateUnitType) -> tuple[_Rate, int | None]:
        limit, end = self.limit_at(instant)
        return _Rate(one_decimal(self.supply.in_unit(limit, unit)), self.phases(limit)), end

    def limit_at(self, instant: int) -> tuple[Limit, int | None]:
        """The profiles' limit with that of the outlet."""
        limit, end = self._walk.at(instant)
        if self._is_capped_locally or limit.is_unlimited:
            limit = limit.lowest(self.supply.maximum)
        return limit, end

    def phases(self, limit: Limit) -> int | None:
        return None if self.supply.direct_current is not None else self.supply.usable_phases(limit)


class _Sharer:
    """What one connector may take while others charge besides it, as time goes by."""

    def __init__(
        self,
        profiles: ProfileSet,
        supply: StationSupply,
        connector_id: int,
        start: int,
        charging_since: Mapping[int, int],
        sharing: Sharing,
    ) -> None:
        self._connector_id: Final = connector_id
        self._sharing: Final = sharing
        self._maximum: Final = profiles.walk(0, start)
        # In the order in which they began, the one that is asked about last if it has not begun.
        self._connectors: Final = {
            number: _Connector(profiles, supply.connectors[number - 1], number, start, charging_since, capped=False)
            for number in dict.fromkeys((*charging_since, connector_id))
        }

    @property
    def steps(self) -> int:
        return self._maximum.steps + sum(connector.steps for connector in self._connectors.values())

    def at(self, instant: int, unit: ChargingRateUnitType) -> tuple[_Rate, int | None]:
        maximum, end = self._maximum.at(instant)
        limits = {}
        for number, connector in self._connectors.items():
            limits[number], sooner = connector.limit_at(instant)
            end = sooner if end is None else end if sooner is None else min(end, sooner)
        own = self._connectors[self._connector_id]
        limit = self._sharing(maximum, limits)[self._connector_id].lowest(maximum).lowest(limits[self._connector_id])
        return _Rate(one_decimal(own.supply.in_unit(limit, unit)), own.phases(limit)), end


class _GridConnection:
    """What all connectors together may take, as time goes by."""

    def __init__(
        self, profiles: ProfileSet, supply: StationSupply, start: int, charging_since: Mapping[int, int]
    ) -> None:
        self._grid: Final = supply.grid_connection
        self._is_capped_locally: Final = profiles.switches.local_limit == "caps"
        self._maximum: Final = profiles.walk(0, start)
        self._connectors: Final = [
            _Connector(profiles, connector, number, start, charging_since, capped=False)
            for number, connector in enumerate(supply.connectors, start=1)
        ]

    @property
    def steps(self) -> int:
        return self._maximum.steps + sum(connector.steps for connector in self._connectors)

    def at(self, instant: int, unit: ChargingRateUnitType) -> tuple[_Rate, int | None]:
        maximum, end = self._maximum.at(instant)
        total, most_phases = Decimal(0), None
        for connector in self._connectors:
            limit, sooner = connector.limit_at(instant)
            total += self._at_grid(limit, unit, connector.supply)
            phases = connector.phases(limit)
            if phases is not None:
                most_phases = phases if most_phases is None else max(most_phases, phases)
            end = sooner if end is None else end if sooner is None else min(end, sooner)
        cap = maximum.lowest(self._grid.maximum) if self._is_capped_locally else maximum
        if not cap.is_unlimited:
            total = min(total, self._grid.in_unit(cap, unit))
        if most_phases is not None:
            most_phases = min(most_phases, self._grid.usable_phases(maximum))
        return _Rate(one_decimal(total), most_phases), end

    def _at_grid(self, limit: Limit, unit: ChargingRateUnitType, supply: Supply) -> Decimal:
        """What a connector adds: ampere at a DC outlet are others than those of the grid connection."""
        if unit is ChargingRateUnitType.A and supply.direct_current is DirectCurrent.OUTLET:
            watts = supply.in_unit(limit, ChargingRateUnitType.W)
            return self._grid.in_unit(Limit(watts=watts), unit)
        return supply.in_unit(limit, unit)
