"""Charging profiles and instants for the tests of this folder, written shortly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from chargewright.charging_profiles.composite_schedule import StationSupply
from chargewright.charging_profiles.units import Supply
from chargewright.protocol.v16.base import UNSET, Timestamp
from chargewright.protocol.v16.datatypes import (
    ChargingProfile,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    ChargingSchedule,
    ChargingSchedulePeriod,
    RecurrencyKindType,
)

A, W = ChargingRateUnitType.A, ChargingRateUnitType.W
ABSOLUTE = ChargingProfileKindType.ABSOLUTE
RELATIVE = ChargingProfileKindType.RELATIVE
RECURRING = ChargingProfileKindType.RECURRING
DAILY, WEEKLY = RecurrencyKindType.DAILY, RecurrencyKindType.WEEKLY
MAXIMUM = ChargingProfilePurposeType.CHARGE_POINT_MAX_PROFILE
DEFAULT = ChargingProfilePurposeType.TX_DEFAULT_PROFILE
TX = ChargingProfilePurposeType.TX_PROFILE

# Half a minute before clocks in Central Europe go from 2 to 3 o'clock.
BASE = datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC)
SECOND = 1_000_000
DAY = 86_400


def at(seconds: float = 0) -> int:
    """The instant that many seconds after `BASE`."""
    return round(BASE.timestamp()) * SECOND + round(seconds * SECOND)


def stamp(seconds: float) -> Timestamp:
    """The same as a time stamp."""
    return Timestamp.of(BASE + timedelta(milliseconds=round(seconds * 1000)))


def make(
    purpose: ChargingProfilePurposeType,
    periods: dict[int, float | str],
    *,
    number: int = 1,
    level: int = 0,
    kind: ChargingProfileKindType = ABSOLUTE,
    recurrency: RecurrencyKindType | None = None,
    start: float | None = 0,
    duration: int | None = None,
    valid_from: float | None = None,
    valid_to: float | None = None,
    unit: ChargingRateUnitType = A,
    phases: int | None = None,
    transaction_id: int | None = None,
) -> ChargingProfile:
    """A charging profile; `periods` maps startPeriod to limit, times are seconds after `BASE`."""
    return ChargingProfile(
        charging_profile_id=number,
        stack_level=level,
        charging_profile_purpose=purpose,
        charging_profile_kind=kind,
        charging_schedule=ChargingSchedule(
            charging_rate_unit=unit,
            charging_schedule_period=[
                ChargingSchedulePeriod(
                    start_period=begin,
                    limit=Decimal(str(limit)),
                    number_phases=UNSET if phases is None else phases,
                )
                for begin, limit in periods.items()
            ],
            duration=UNSET if duration is None else duration,
            start_schedule=UNSET if start is None or kind is RELATIVE else stamp(start),
        ),
        transaction_id=UNSET if transaction_id is None else transaction_id,
        recurrency_kind=UNSET if recurrency is None else recurrency,
        valid_from=UNSET if valid_from is None else stamp(valid_from),
        valid_to=UNSET if valid_to is None else stamp(valid_to),
    )


def station(connectors: int = 1, **supply: object) -> StationSupply:
    """Equal connectors: 22 kW, 32 A, three phases unless told otherwise."""
    values = {"max_watts": Decimal(22_080), "max_amperes": Decimal(32), **supply}
    return StationSupply(connectors=(Supply(**values),) * connectors)  # type: ignore[arg-type]


def steps(schedule: ChargingSchedule) -> dict[int, float]:
    """The periods of a schedule: startPeriod to limit."""
    return {period.start_period: float(period.limit) for period in schedule.charging_schedule_period}
