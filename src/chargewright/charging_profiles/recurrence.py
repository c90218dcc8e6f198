"""When the schedule of a charging profile is in force (§7.9, §7.13, §7.37, errata v4.0 §3.44, §3.78).

Instants are whole microseconds since 1970, UTC, and so are lengths of time. Days have 24 hours and weeks 7 days,
counted from startSchedule: clocks of summer time have no part in it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from chargewright.protocol.v16.base import Timestamp, UnsetType
from chargewright.protocol.v16.datatypes import ChargingProfile, ChargingProfileKindType, RecurrencyKindType

__all__ = ["RECURRENCE", "SECOND", "Timing", "Window", "instant_of", "next_window", "schedule_start", "timing_of"]

SECOND: Final = 1_000_000
RECURRENCE: Final[Mapping[RecurrencyKindType, int]] = {
    RecurrencyKindType.DAILY: 24 * 3600 * SECOND,
    RecurrencyKindType.WEEKLY: 7 * 24 * 3600 * SECOND,
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Timing(msgspec.Struct, frozen=True, gc=False):
    """When a charging profile holds. `start` is None where the schedule counts from the start of charging, `duration`
    where it has no end, `recurrence` where it does not recur; `valid_to` is the first instant that is not valid."""

    start: int | None = None
    duration: int | None = None
    recurrence: int | None = None
    valid_from: int | None = None
    valid_to: int | None = None


class Window(NamedTuple):
    """One execution of a schedule: its periods count from `start`, and it is in force from `begin` until before `end`
    (None: for ever)."""

    start: int
    begin: int
    end: int | None


def instant_of(stamp: Timestamp | UnsetType) -> int | None:
    """The instant of a time stamp; one without zone is in UTC, as all that a CSMS sends should be (§3.14)."""
    if isinstance(stamp, UnsetType):
        return None
    passed = stamp.in_zone(UTC) - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * SECOND + passed.microseconds


def timing_of(profile: ChargingProfile) -> Timing:
    """When the charging profile holds. The startSchedule of a Relative one is ignored: it has none (§7.9)."""
    schedule = profile.charging_schedule
    is_relative = profile.charging_profile_kind is ChargingProfileKindType.RELATIVE
    is_recurring = profile.charging_profile_kind is ChargingProfileKindType.RECURRING
    recurrency = profile.recurrency_kind
    return Timing(
        start=None if is_relative else instant_of(schedule.start_schedule),
        duration=None if isinstance(schedule.duration, UnsetType) else schedule.duration * SECOND,
        recurrence=RECURRENCE[recurrency] if is_recurring and not isinstance(recurrency, UnsetType) else None,
        valid_from=instant_of(profile.valid_from),
        valid_to=instant_of(profile.valid_to),
    )


def next_window(timing: Timing, at: int, charging_start: int, *, recurs_backwards: bool = False) -> Window | None:
    """The execution that is in force at `at`, else the next one; None when there is none any more.

    Whatever lies beyond the recurrence is not executed: the next execution begins (errata v4.0 §3.44).
    """
    start = charging_start if timing.start is None else timing.start
    earliest = at if timing.valid_from is None else max(at, timing.valid_from)
    length = timing.duration
    if timing.recurrence is not None:
        length = timing.recurrence if length is None else min(length, timing.recurrence)
        if length <= 0:
            return None
        rounds = (earliest - start) // timing.recurrence
        start += timing.recurrence * (rounds if recurs_backwards else max(rounds, 0))
        if start + length <= earliest:
            start += timing.recurrence
    end = None if length is None else start + length
    if timing.valid_to is not None:
        end = timing.valid_to if end is None else min(end, timing.valid_to)
    begin = start if timing.valid_from is None else max(start, timing.valid_from)
    if end is not None and (end <= begin or end <= at):
        return None
    return Window(start, begin, end)


def schedule_start(timing: Timing, at: int, charging_start: int, *, recurs_backwards: bool = False) -> int | None:
    """The start of the schedule that is in force at `at`; None when none is."""
    window = next_window(timing, at, charging_start, recurs_backwards=recurs_backwards)
    return window.start if window is not None and window.begin <= at else None
