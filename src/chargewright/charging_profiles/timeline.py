"""How limits follow each other in time: one pass forwards over the charging profiles of a purpose.

A profile costs one step when it comes into force and one when it is over and would be next, whatever the number of its
periods; periods are visited only while their profile prevails.
"""

import heapq
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from chargewright.charging_profiles.installed_profile import InstalledProfile
from chargewright.charging_profiles.recurrence import Timing, Window, next_window
from chargewright.charging_profiles.units import UNLIMITED, Limit

__all__ = ["Entry", "LimitWalk", "Segment", "Timeline", "limit_of_entries"]


class Entry(NamedTuple):
    """A charging profile in the order in which those of one purpose prevail.

    `timing` may be narrower than the profile's own; `charging_start` is an instant. Without a profile the entry only
    says that a profile is valid, whatever its schedule says.
    """

    profile: InstalledProfile | None
    timing: Timing
    charging_start: int


class Segment(NamedTuple):
    """What one purpose says until before `end` (None: for ever); `limit` is None where no profile is in force."""

    limit: Limit | None
    end: int | None


class Timeline:
    """The limits of the entries, which are sorted by what prevails, from the instant `at` on.

    `steps` counts the work done.
    """

    def __init__(self, entries: Sequence[Entry], at: int, *, recurs_backwards: bool = False) -> None:
        self.steps = 0
        self._entries: Final = entries
        self._recurs_backwards: Final = recurs_backwards
        self._windows: Final[list[Window | None]] = [None] * len(entries)
        # What comes into force later, soonest first; and what has come into force, what prevails first. In the second
        # an entry stays until it would prevail and is found to be over.
        self._pending: Final[list[tuple[int, int]]] = []
        self._begun: Final[list[int]] = []
        for rank in range(len(entries)):
            self._next_window(rank, at)
        self._segment: Segment = Segment(None, at)

    def at(self, instant: int) -> Segment:
        """What is in force at `instant`, which is never earlier than one asked for before."""
        end = self._segment.end
        if end is None or instant < end:
            return self._segment
        pending, begun = self._pending, self._begun
        while pending and pending[0][0] <= instant:
            heapq.heappush(begun, heapq.heappop(pending)[1])
            self.steps += 1
        while begun:
            rank = begun[0]
            window = self._windows[rank]
            if window is not None and (window.end is None or instant < window.end):
                return self._keep(self._prevailing(rank, window, instant))
            heapq.heappop(begun)
            self._next_window(rank, instant)
        return self._keep(Segment(None, pending[0][0] if pending else None))

    def _keep(self, segment: Segment) -> Segment:
        self.steps += 1
        self._segment = segment
        return segment

    def _next_window(self, rank: int, instant: int) -> None:
        self.steps += 1
        entry = self._entries[rank]
        window = next_window(entry.timing, instant, entry.charging_start, recurs_backwards=self._recurs_backwards)
        self._windows[rank] = window
        if window is None:
            return
        if window.begin <= instant:
            heapq.heappush(self._begun, rank)
        else:
            heapq.heappush(self._pending, (window.begin, rank))

    def _prevailing(self, rank: int, window: Window, instant: int) -> Segment:
        limit, end = _limit_in(self._entries[rank].profile, window, instant)
        if self._pending:
            begin = self._pending[0][0]
            end = begin if end is None else min(end, begin)
        return Segment(limit, end)


def limit_of_entries(entries: Iterable[Entry], instant: int, *, recurs_backwards: bool = False) -> Limit | None:
    """What is in force at one instant; for a single question cheaper than a `Timeline`."""
    for entry in entries:
        window = next_window(entry.timing, instant, entry.charging_start, recurs_backwards=recurs_backwards)
        if window is not None and window.begin <= instant:
            return _limit_in(entry.profile, window, instant)[0]
    return None


def _limit_in(profile: InstalledProfile | None, window: Window, instant: int) -> Segment:
    if profile is None:
        return Segment(UNLIMITED, window.end)
    number = profile.period_at(instant - window.start)
    offset = profile.period_end(number)
    end = window.end
    if offset is not None:
        end = window.start + offset if end is None else min(end, window.start + offset)
    return Segment(profile.limit(number), end)


class LimitWalk:
    """What holds for one connector, from some instant on (§3.13.1): the lowest of the ChargePointMaxProfile and of the
    TxProfile, or of the TxDefaultProfile where there is no TxProfile."""

    def __init__(self, maximum: Timeline, transaction: Timeline, default: Timeline) -> None:
        self._maximum: Final = maximum
        self._transaction: Final = transaction
        self._default: Final = default

    @property
    def steps(self) -> int:
        """The work done so far."""
        return self._maximum.steps + self._transaction.steps + self._default.steps

    def at(self, instant: int) -> tuple[Limit, int | None]:
        """The limit at `instant`, never earlier than one asked for before, and the instant up to which it is known to
        stay (None: for ever)."""
        limit, end = self._maximum.at(instant)
        own, own_end = self._transaction.at(instant)
        if own is None:
            own, default_end = self._default.at(instant)
            own_end = _sooner(own_end, default_end)
        combined = (limit or UNLIMITED).lowest(own or UNLIMITED)
        return combined, _sooner(end, own_end)


def _sooner(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return min(left, right)
