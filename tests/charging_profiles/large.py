"""A profile set at the limits of a large station: 1,000 stack levels of 1,000 periods each."""

from functools import cache

from tests.charging_profiles.building import DAILY, DEFAULT, RECURRING, at, make

from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.protocol.v16.datatypes import ChargingProfile

LEVELS = 1_000
PERIODS = 1_000


@cache
def large_profiles() -> list[ChargingProfile]:
    """Level n is in force for 80 seconds every day, 86 seconds after level n - 1; only level 0 is always there."""
    periods = {second: 6 + (second % 20) / 10 for second in range(PERIODS)}
    return [
        make(
            DEFAULT,
            periods,
            number=level,
            level=level,
            kind=RECURRING,
            recurrency=DAILY,
            start=-86_400 + level * 86,
            duration=80 if level else None,
        )
        for level in range(LEVELS)
    ]


def large_set() -> ProfileSet:
    """The same, installed."""
    profiles = ProfileSet()
    for profile in large_profiles():
        profiles.install(profile, 1, at())
    return profiles
