"""One pass forwards over the profiles of a purpose."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.charging_profiles.building import DAILY, DAY, DEFAULT, RECURRING, SECOND, at, make
from tests.charging_profiles.strategies import placed

from chargewright.charging_profiles.installed_profile import InstalledProfile
from chargewright.charging_profiles.recurrence import Timing
from chargewright.charging_profiles.timeline import Entry, LimitWalk, Segment, Timeline, limit_of_entries
from chargewright.charging_profiles.units import UNLIMITED, Limit


def entry(profile) -> Entry:
    installed = InstalledProfile(profile, 1, at())
    return Entry(installed, installed.timing, at(-10))


def amperes(number: float) -> Limit:
    return Limit(amperes=Decimal(str(number)), phases=3)


def test_without_entries_nothing_is_ever_in_force() -> None:
    assert Timeline((), at()).at(at(5)) == Segment(None, None)


def test_segments_end_where_something_may_change() -> None:
    high = entry(make(DEFAULT, {0: 9}, level=1, start=20, duration=30))
    low = entry(make(DEFAULT, {0: 6, 10: 7}, start=0, duration=60))
    timeline = Timeline([high, low], at(-5))
    seen = []
    instant: int | None = at(-5)
    while instant is not None:
        segment = timeline.at(instant)
        seen.append((instant - at(), segment.limit))
        instant = segment.end
    assert [(offset // SECOND, limit) for offset, limit in seen] == [
        (-5, None),
        (0, amperes(6)),
        (10, amperes(7)),
        (20, amperes(9)),
        (50, amperes(7)),
        (60, None),
    ]


def test_an_entry_without_a_profile_says_that_nothing_limits() -> None:
    timeline = Timeline([Entry(None, Timing(start=at(), valid_to=at(9)), at())], at())
    assert timeline.at(at(3)) == Segment(UNLIMITED, at(9))
    assert timeline.at(at(9)) == Segment(None, None)


def test_what_never_prevails_is_left_alone() -> None:
    top = entry(make(DEFAULT, {0: 9}, level=1, start=-DAY))
    below = [
        entry(make(DEFAULT, {0: 6}, kind=RECURRING, recurrency=DAILY, start=-DAY + number, duration=1))
        for number in range(100)
    ]
    timeline = Timeline([top, *below], at(5000))
    steps = 0
    instant: int | None = at(5000)
    while instant is not None and instant < at(100 * DAY):
        instant = timeline.at(instant).end
        steps += 1
    # Each comes into force once, and is never asked for its next time.
    assert steps <= 101
    assert timeline.steps <= 101 + 100 + steps


@given(
    st.lists(placed(), max_size=6),
    st.lists(st.integers(-60_000, 120_000), max_size=30).map(sorted),
    st.booleans(),
)
def test_leaps_forwards_see_what_single_questions_see(items, milliseconds: list[int], backwards: bool) -> None:
    entries = [entry(profile) for _, profile in items]
    timeline = Timeline(entries, at(-60), recurs_backwards=backwards)
    for offset in milliseconds:
        instant = at(offset / 1000)
        segment = timeline.at(instant)
        assert segment.limit == limit_of_entries(entries, instant, recurs_backwards=backwards)
        if segment.end is not None:
            assert segment.end > instant
            assert limit_of_entries(entries, segment.end - 1, recurs_backwards=backwards) == segment.limit


def test_defaults_are_not_asked_while_a_tx_profile_is_there() -> None:
    maximum = Timeline([entry(make(DEFAULT, {0: 20, 40: 5}))], at())
    own = Timeline([entry(make(DEFAULT, {0: 10}, duration=30))], at())
    default = Timeline([entry(make(DEFAULT, {0: 6, 5: 7}))], at())
    walk = LimitWalk(maximum, own, default)
    before = default.steps
    assert walk.at(at()) == (amperes(10), at(30))
    assert default.steps == before
    assert walk.at(at(30)) == (amperes(7), at(40))
    assert walk.at(at(40)) == (amperes(5), None)
    assert walk.steps == maximum.steps + own.steps + default.steps
