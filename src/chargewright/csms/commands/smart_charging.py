"""Commands of the Smart Charging feature profile (§5.5, §5.7, §5.16), and profiles that go with a remote start."""

import itertools
from collections.abc import Iterable
from datetime import UTC
from typing import Final

from chargewright.csms.commands.station_doubts import connector_doubts, profile_doubts
from chargewright.csms.commands.table import notes, prepares, warns
from chargewright.csms.instants import microseconds
from chargewright.csms.outcomes import Outcome
from chargewright.csms.services.charging_profile_rules import is_cleared_by
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import StationRow
from chargewright.protocol.v16.actions import FeatureProfile
from chargewright.protocol.v16.base import Timestamp, UnsetType
from chargewright.protocol.v16.core import RemoteStartTransactionRequest
from chargewright.protocol.v16.datatypes import (
    ChargingProfile,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
)
from chargewright.protocol.v16.smart_charging import (
    ClearChargingProfileRequest,
    GetCompositeScheduleRequest,
    SetChargingProfileRequest,
)

__all__ = [
    "note_cleared",
    "note_composite_schedule",
    "note_profile",
    "note_profile_of_start",
    "prepare_profile",
    "prepare_profile_of_start",
    "warn_clear",
    "warn_composite_schedule",
    "warn_profile",
    "warn_profile_of_start",
]

_Kind, _Purpose = ChargingProfileKindType, ChargingProfilePurposeType
# In the words of ChargingScheduleAllowedChargingRateUnit.
_UNIT_WORDS: Final = {ChargingRateUnitType.A: "current", ChargingRateUnitType.W: "power"}


@warns(SetChargingProfileRequest)
async def warn_profile(request: SetChargingProfileRequest, station: StationRow, services: Services) -> Iterable[str]:
    """What the station will refuse, or nobody can want."""
    profile = request.cs_charging_profiles
    found = list(profile_doubts(FeatureProfile.SMART_CHARGING, station, services))
    found += connector_doubts(request.connector_id, station, services, lowest=0)
    found += _purpose_doubts(request.connector_id, profile)
    if profile.charging_profile_purpose is _Purpose.TX_PROFILE:
        found += await _transaction_doubts(request.connector_id, profile, station, services)
    elif not isinstance(profile.transaction_id, UnsetType):
        purpose = profile.charging_profile_purpose.value
        found.append(f"transactionId {profile.transaction_id}: a {purpose} is for no single transaction (§3.13.1)")
    return found + await _profile_doubts(profile, station, services)


@warns(RemoteStartTransactionRequest)
async def warn_profile_of_start(
    request: RemoteStartTransactionRequest, station: StationRow, services: Services
) -> Iterable[str]:
    """The same of a profile that goes with a remote start; that it must be a TxProfile without transactionId is said
    with the command's own warnings."""
    if isinstance(request.charging_profile, UnsetType):
        return ()
    found = list(profile_doubts(FeatureProfile.SMART_CHARGING, station, services))
    return found + await _profile_doubts(request.charging_profile, station, services)


@warns(ClearChargingProfileRequest)
def warn_clear(request: ClearChargingProfileRequest, station: StationRow, services: Services) -> Iterable[str]:
    """Fields that the station ignores, or that no profile known to us matches."""
    yield from profile_doubts(FeatureProfile.SMART_CHARGING, station, services)
    others = {
        "connectorId": request.connector_id,
        "chargingProfilePurpose": request.charging_profile_purpose,
        "stackLevel": request.stack_level,
    }
    given = [name for name, value in others.items() if not isinstance(value, UnsetType)]
    if not isinstance(request.id, UnsetType) and given:
        yield f"id {request.id}: {', '.join(given)} beside it will be ignored (errata v4.0 §3.25)"
    if not isinstance(request.connector_id, UnsetType):
        yield from connector_doubts(request.connector_id, station, services, lowest=0)
    live = services.charging_profiles.live(station.id)
    if live and not any(is_cleared_by(row, request) for row in live):
        known = ", ".join(str(number) for number in sorted({row.charging_profile_id for row in live})[:20])
        yield f"no profile that {station.identity} is known to have matches (it has the ids {known})"


@warns(GetCompositeScheduleRequest)
async def warn_composite_schedule(
    request: GetCompositeScheduleRequest, station: StationRow, services: Services
) -> Iterable[str]:
    """A connector that there is not, a time that is none, a unit that the station does not know."""
    found = list(profile_doubts(FeatureProfile.SMART_CHARGING, station, services))
    found += connector_doubts(request.connector_id, station, services, lowest=0)
    if request.duration <= 0:
        found.append(f"duration {request.duration}: nothing lasts so short; it is in seconds (§5.7)")
    if not isinstance(request.charging_rate_unit, UnsetType):
        found += _unit_doubts(request.charging_rate_unit, await _reported(station, services), station)
    return found


@prepares(SetChargingProfileRequest)
async def prepare_profile(request: SetChargingProfileRequest, station: StationRow, services: Services) -> None:
    """Written down before it is sent."""
    await services.charging_profiles.asking(station, request)


@prepares(RemoteStartTransactionRequest)
async def prepare_profile_of_start(
    request: RemoteStartTransactionRequest, station: StationRow, services: Services
) -> None:
    """The same for a profile that goes with a start."""
    await services.charging_profiles.asking(station, request)


@notes(SetChargingProfileRequest)
async def note_profile(
    request: SetChargingProfileRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Whether the station took it, and what it took it for."""
    await services.charging_profiles.asked(station, request, outcome)


@notes(RemoteStartTransactionRequest)
async def note_profile_of_start(
    request: RemoteStartTransactionRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """The same for a profile that goes with a start."""
    await services.charging_profiles.asked(station, request, outcome)


@notes(ClearChargingProfileRequest)
async def note_cleared(
    request: ClearChargingProfileRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Which profiles are gone."""
    await services.charging_profiles.cleared(station, request, outcome)


@notes(GetCompositeScheduleRequest)
async def note_composite_schedule(
    request: GetCompositeScheduleRequest, outcome: Outcome, station: StationRow, services: Services
) -> None:
    """Keep what was reported."""
    await services.charging_profiles.reported(station, request, outcome)


def _purpose_doubts(connector_id: int, profile: ChargingProfile) -> Iterable[str]:
    purpose = profile.charging_profile_purpose
    if purpose is _Purpose.CHARGE_POINT_MAX_PROFILE and connector_id != 0:
        yield f"connectorId {connector_id}: a ChargePointMaxProfile is for connector 0 only (§3.13.1)"
    if purpose is _Purpose.TX_PROFILE and connector_id == 0:
        yield "connectorId 0: a TxProfile is for a connector from 1 (§3.13.1)"


async def _transaction_doubts(
    connector_id: int, profile: ChargingProfile, station: StationRow, services: Services
) -> Iterable[str]:
    running = await services.known_transactions.open_at(station.id)
    here = [row.transaction_id for row in running if row.connector_id == connector_id]
    shown = ", ".join(str(number) for number in here) or "none"
    number = profile.transaction_id
    if isinstance(number, UnsetType):
        if not here:
            return [f"connectorId {connector_id}: no transaction is open there that a TxProfile could be for (§5.16)"]
        return [f"transactionId is missing: the TxProfile may get the next transaction instead of {shown} (§5.16)"]
    if number not in here:
        return [f"transactionId {number}: not open on connector {connector_id} (open there: {shown})"]
    return ()


async def _profile_doubts(profile: ChargingProfile, station: StationRow, services: Services) -> list[str]:
    reported = await _reported(station, services)
    found = [*_level_doubts(profile, reported, station), *_time_doubts(profile), *_period_doubts(profile)]
    found += _unit_doubts(profile.charging_schedule.charging_rate_unit, reported, station)
    periods = len(profile.charging_schedule.charging_schedule_period)
    most = _number(reported.get("chargingschedulemaxperiods"))
    if most is not None and periods > most:
        found.append(f"{periods} periods: {station.identity} takes {most} (ChargingScheduleMaxPeriods)")
    for row in services.charging_profiles.live(station.id):
        purpose = profile.charging_profile_purpose.value
        if row.charging_profile_id == profile.charging_profile_id and row.purpose != purpose:
            found.append(
                f"chargingProfileId {row.charging_profile_id}: is that of a {row.purpose} ({row.state}), which this "
                f"{purpose} would replace (§5.16.4)"
            )
    return found


async def _reported(station: StationRow, services: Services) -> dict[str, str]:
    """What the station reported of its configuration, by casefolded key."""
    entries = await services.configuration.entries(station.id)
    return {entry.key.casefold(): entry.reported for entry in entries if entry.reported is not None}


def _level_doubts(profile: ChargingProfile, reported: dict[str, str], station: StationRow) -> Iterable[str]:
    level = profile.stack_level
    highest = _number(reported.get("chargeprofilemaxstacklevel"))
    if level < 0:
        yield f"stackLevel {level}: is less than 0 (§7.8)"
    elif highest is not None and level > highest:
        yield f"stackLevel {level}: {station.identity} knows levels up to {highest} (ChargeProfileMaxStackLevel)"


def _unit_doubts(unit: ChargingRateUnitType, reported: dict[str, str], station: StationRow) -> Iterable[str]:
    listed = reported.get("chargingscheduleallowedchargingrateunit", "")
    words = {word.strip().casefold() for word in listed.split(",") if word.strip()}
    if words and not words & {_UNIT_WORDS[unit], unit.value.casefold()}:
        yield (
            f"chargingRateUnit {unit.value}: {station.identity} allows {listed} "
            "(ChargingScheduleAllowedChargingRateUnit)"
        )


def _time_doubts(profile: ChargingProfile) -> Iterable[str]:
    kind = profile.charging_profile_kind
    start = profile.charging_schedule.start_schedule
    if kind is _Kind.RECURRING:
        if isinstance(profile.recurrency_kind, UnsetType):
            yield "recurrencyKind is missing: a Recurring profile needs it (§7.8)"
        if isinstance(start, UnsetType):
            yield "startSchedule is missing: a Recurring profile needs it (§7.9)"
    elif not isinstance(profile.recurrency_kind, UnsetType):
        yield f"recurrencyKind {profile.recurrency_kind.value}: only with Recurring (errata v4.0 §3.56)"
    if kind is _Kind.ABSOLUTE and isinstance(start, UnsetType):
        yield "startSchedule is missing: without it an Absolute profile counts from the start of charging (§7.13)"
    if kind is _Kind.RELATIVE:
        if not isinstance(start, UnsetType):
            yield f"startSchedule {start.text}: a Relative profile has none (§7.9)"
        if profile.charging_profile_purpose is _Purpose.CHARGE_POINT_MAX_PROFILE:
            yield "chargingProfileKind Relative: nothing begins that a ChargePointMaxProfile could be relative to"
    first, last = _instant(profile.valid_from), _instant(profile.valid_to)
    if first is not None and last is not None and last <= first:
        yield "validTo: is not after validFrom, so the profile never holds"


def _period_doubts(profile: ChargingProfile) -> Iterable[str]:
    schedule = profile.charging_schedule
    periods = schedule.charging_schedule_period
    if not periods:
        yield "chargingSchedulePeriod: is empty (§7.13)"
        return
    if periods[0].start_period != 0:
        yield f"startPeriod {periods[0].start_period}: the first one must be 0 (errata v4.0 §3.45)"
    starts = [period.start_period for period in periods]
    for before, after in itertools.pairwise(starts):
        if after <= before:
            yield f"startPeriod {after}: comes after {before}, and must be greater (§7.14)"
            break
    for period in periods:
        if period.limit < 0:
            yield f"limit {period.limit}: is less than 0 (§7.14)"
            break
    for period in periods:
        if not isinstance(period.number_phases, UnsetType) and not 1 <= period.number_phases <= 3:
            yield f"numberPhases {period.number_phases}: there are 1 to 3 (§7.14)"
            break
    if not isinstance(schedule.duration, UnsetType) and schedule.duration <= 0:
        yield f"duration {schedule.duration}: the schedule never holds; it is in seconds (§7.13)"


def _number(text: str | None) -> int | None:
    if text is None or not text.strip().isascii() or not text.strip().isdigit():
        return None
    return int(text.strip()[:18])


def _instant(stamp: Timestamp | UnsetType) -> int | None:
    if isinstance(stamp, UnsetType):
        return None
    return microseconds(stamp if stamp.tzinfo is not None else stamp.in_zone(UTC))
