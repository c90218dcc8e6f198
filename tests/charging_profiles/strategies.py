"""Random charging profiles, close together in time so that they meet."""

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st
from tests.charging_profiles.building import (
    ABSOLUTE,
    BASE,
    DAILY,
    DAY,
    DEFAULT,
    MAXIMUM,
    RECURRING,
    RELATIVE,
    TX,
    WEEKLY,
    A,
    W,
    at,
    make,
    stamp,
)
from tests.charging_profiles.oracle import Installed

from chargewright.charging_profiles.composite_schedule import StationSupply
from chargewright.charging_profiles.profile_set import ProfileSet
from chargewright.charging_profiles.switches import Switches
from chargewright.charging_profiles.units import DirectCurrent, Supply
from chargewright.protocol.v16.datatypes import ChargingProfile

CONNECTORS = 2

# Seconds around BASE, whole ones and others.
near = st.builds(
    lambda second, fraction: second + fraction,
    st.integers(-40, 90),
    st.sampled_from([0, 0, 0, 0.001, 0.5, 0.999]),
)
limits = st.sampled_from([0, 5.9, 6, 6, 10, 16, 16.1, 32, 63])
periods = st.lists(st.integers(1, 60), max_size=4, unique=True).flatmap(
    lambda later: st.tuples(st.just(sorted({0, *later})), st.lists(limits, min_size=5, max_size=5))
)
outlets = st.builds(
    Supply,
    max_watts=st.sampled_from([Decimal(7_360), Decimal(22_080), Decimal(80_000)]),
    max_amperes=st.sampled_from([None, Decimal(32), Decimal("15.5")]),
    phases=st.integers(1, 3),
    direct_current=st.sampled_from([None, None, *DirectCurrent]),
)
supplies = st.builds(
    StationSupply,
    connectors=st.tuples(outlets, outlets),
    grid=st.sampled_from([None, Supply(max_watts=Decimal(30_000), max_amperes=Decimal(40))]),
)
all_switches = st.builds(
    Switches,
    exhausted_tx_profile=st.sampled_from(["no-limit", "default"]),
    recurs_backwards=st.booleans(),
    local_limit=st.sampled_from(["caps", "fills"]),
    relative_maximum=st.just("accept"),
)


@st.composite
def placed(draw: st.DrawFn) -> tuple[int, ChargingProfile]:
    """A charging profile and its connector."""
    purpose = draw(st.sampled_from([MAXIMUM, DEFAULT, DEFAULT, TX]))
    connector = draw(st.integers(0, CONNECTORS)) if purpose is DEFAULT else 0
    if purpose is TX:
        connector = draw(st.integers(1, CONNECTORS))
    kind = draw(st.sampled_from([ABSOLUTE, RELATIVE, RECURRING]))
    start = draw(near)
    recurrency = None
    if kind is RECURRING:
        recurrency = draw(st.sampled_from([DAILY, WEEKLY]))
        start += draw(st.integers(-8, 2)) * DAY
    elif kind is ABSOLUTE and draw(st.booleans()) and draw(st.booleans()):
        start = None
    unit = draw(st.sampled_from([A, A, W]))
    starts, values = draw(periods)
    if kind is RECURRING and draw(st.booleans()):
        # Beyond one cycle, where nothing is executed.
        starts = [*starts, DAY - draw(st.integers(0, 60)), DAY + 5, 8 * DAY]
        values = [*values, 11, 12, 13]
    factor = 100 if unit is W else 1
    profile = make(
        purpose,
        {begin: round(value * factor, 1) for begin, value in zip(starts, values, strict=False)},
        number=draw(st.integers(1, 12)),
        level=draw(st.integers(0, 3)),
        kind=kind,
        recurrency=recurrency,
        start=start,
        duration=draw(st.none() | st.integers(1, 70) | st.sampled_from([DAY - 10, DAY + 10])),
        valid_from=draw(st.none() | near),
        valid_to=draw(st.none() | near),
        unit=unit,
        phases=draw(st.none() | st.integers(1, 3)),
    )
    return connector, profile


@dataclass
class Scene:
    """A profile set and the same as a list of messages; when transactions began, in seconds after BASE."""

    profiles: ProfileSet
    installed: list[Installed]
    begun: dict[int, float]
    supply: StationSupply


def install_naively(installed: list[Installed], connector: int, seconds: float, profile: ChargingProfile) -> None:
    """What §5.16.4 says, as a list."""
    key = (connector, profile.charging_profile_purpose, profile.stack_level)
    installed[:] = [
        item
        for item in installed
        if item[2].charging_profile_id != profile.charging_profile_id
        and (item[0], item[2].charging_profile_purpose, item[2].stack_level) != key
    ]
    installed.append((connector, stamp(seconds), profile))


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Up to ten installed profiles, transactions on some connectors."""
    profiles = ProfileSet(draw(all_switches))
    installed: list[Installed] = []
    for connector, profile in draw(st.lists(placed(), max_size=10)):
        seconds = draw(st.integers(-40, 0))
        profiles.install(profile, connector, at(seconds))
        install_naively(installed, connector, seconds, profile)
    begun = draw(st.dictionaries(st.integers(1, CONNECTORS), st.integers(-40, 0), max_size=CONNECTORS))
    return Scene(profiles, installed, begun, draw(supplies))


__all__ = ["BASE", "CONNECTORS", "Scene", "install_naively", "placed", "scenes"]
