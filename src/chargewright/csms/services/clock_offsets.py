"""How far the clocks of stations are off: estimated from the times that they name and when their messages came."""

from collections import deque
from statistics import median
from typing import Final

__all__ = ["ClockOffsets"]

# The newest so many times count. A station that was offline sends old messages, and few of them decide nothing.
SAMPLES: Final = 31


class ClockOffsets:
    """In memory, anew for each connection: a station that was set right should not be judged by what was before."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, deque[int]]] = {}  # station id → epoch of the connection, differences in µs

    def observe(self, station_id: int, epoch: int, named: int, received_at: int) -> None:
        """A message that came at `received_at` says that it is `named`; both in µs."""
        known = self._seen.get(station_id)
        if known is None or known[0] != epoch:
            known = self._seen[station_id] = (epoch, deque(maxlen=SAMPLES))
        known[1].append(named - received_at)

    def seconds(self, station_id: int) -> float | None:
        """The median, in seconds: above 0 the station's clock is fast; None where nothing is known."""
        known = self._seen.get(station_id)
        return None if known is None else median(known[1]) / 1_000_000

    def forget(self, station_id: int) -> None:
        """The station is no longer in service."""
        self._seen.pop(station_id, None)
