"""What stations of one process did, counted where it happens: messages, transaction messages, answer times.

One tally may be shared by thousands of stations, over their restarts; nothing here grows with time.
"""

import math
from typing import Final

import msgspec

__all__ = ["Histogram", "Tally"]

# Answer times from 0.1 ms on, each step 5 % longer than the one before, up to some twenty minutes.
FIRST_SECONDS: Final = 1e-4
STEPS: Final = 340
_LOG_STEP: Final = math.log(1.05)


class Histogram:
    """Durations, to 5 %."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self.total = 0
        self._counts: list[int] = []

    def add(self, seconds: float) -> None:
        """One more."""
        if not self._counts:
            self._counts = [0] * STEPS
        step = 0 if seconds <= FIRST_SECONDS else math.ceil(math.log(seconds / FIRST_SECONDS) / _LOG_STEP)
        self._counts[min(step, STEPS - 1)] += 1
        self.total += 1

    def copy(self) -> "Histogram":
        """As it is now."""
        copied = Histogram()
        copied.total, copied._counts = self.total, list(self._counts)
        return copied

    def since(self, earlier: "Histogram") -> "Histogram":
        """What was added after `earlier` was copied."""
        added = Histogram()
        added.total = self.total - earlier.total
        before = earlier._counts or [0] * len(self._counts)
        added._counts = [now - then for now, then in zip(self._counts, before, strict=True)]
        return added

    def percentile(self, share: float) -> float | None:
        """The seconds that `share` (0 to 1) of them do not exceed; None while there are none."""
        wanted = max(1, math.ceil(share * self.total))
        passed = 0
        for step, count in enumerate(self._counts):
            passed += count
            if passed >= wanted:
                return FIRST_SECONDS * math.exp(step * _LOG_STEP)
        return None


class Tally(msgspec.Struct):
    """Counted since it was made.

    `sent` and `received` are messages, answers included. Of the messages that wait on disk until they are answered
    (StartTransaction, MeterValues, StopTransaction, critical security events) `queued` became durable, `answered` got a
    CALLRESULT (or are events that were refused), `parked` were given up after their last CALLERROR; `starts` and
    `stops` are what of the first is the beginning and the end of a transaction, `stopped` the ends that were answered.
    `answer_times` are those of our CALLs.
    """

    sent: int = 0
    received: int = 0
    queued: int = 0
    answered: int = 0
    parked: int = 0
    starts: int = 0
    stops: int = 0
    stopped: int = 0
    answer_times: Histogram = msgspec.field(default_factory=Histogram)

    def message_queued(self, action: str) -> None:
        """A message is durable."""
        self.queued += 1
        self.starts += action == "StartTransaction"
        self.stops += action == "StopTransaction"

    def message_answered(self, action: str) -> None:
        """The CSMS has taken such a message, and that is durable."""
        self.answered += 1
        self.stopped += action == "StopTransaction"

    def message_parked(self) -> None:
        """Such a message was given up, and that is durable."""
        self.parked += 1
