"""How long a station waits before it tries again (OCPP-J 1.6 §5.3 leaves it open; errata ask for a back-off).

The wait doubles with each attempt up to a bound, and is then spread at random: when a CSMS restarts, all its stations
lose their connection in the same second, and must not all come back in the same second.
"""

import random

import msgspec

__all__ = ["BackOff", "back_off_seconds"]


class BackOff(msgspec.Struct, frozen=True):
    """Settings of the wait, named after those of OCPP 2.0.1 (RetryBackOff…).

    `wait_minimum_seconds` before the first new attempt, doubled `repeat_times` times at most, plus up to
    `random_range_seconds` each time.
    """

    wait_minimum_seconds: float = 2.0
    random_range_seconds: float = 5.0
    repeat_times: int = 6

    def __post_init__(self) -> None:
        if self.wait_minimum_seconds < 0 or self.random_range_seconds < 0 or self.repeat_times < 0:
            raise ValueError(f"a back-off has no negative settings: {self}")


def back_off_seconds(attempt: int, settings: BackOff, dice: random.Random) -> float:
    """Seconds to wait before `attempt` (1 = the first one after the connection was lost or refused).

    Between the doubled minimum and that plus the random range; one roll of `dice` per call.
    """
    if attempt < 1:
        raise ValueError(f"attempts count from 1; got {attempt}")
    doublings = min(attempt - 1, settings.repeat_times)
    return settings.wait_minimum_seconds * float(1 << doublings) + dice.uniform(0, settings.random_range_seconds)
