"""Instants as integers: microseconds since 1970-01-01 UTC, and back."""

import threading
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["UnreadableTimes", "microseconds", "moment"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(aware: datetime) -> int:
    """The integer for an aware moment; exact for every year from 1 to 9999 and every zone."""
    passed = aware - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def moment(instant: int) -> datetime:
    """The moment in UTC for an integer; raises `OverflowError` outside the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=instant)


class UnreadableTimes:
    """Which instant stands for a time that could not be read: the receipt of the message, the same for each repeat of
    it.

    Repeats of a transaction message are recognised by content, and its instant is part of that. A message that is sent
    again because our answer was lost must not get another one. The last `bound` messages are remembered, by the digest
    of their payload. May be used by several threads.
    """

    def __init__(self, bound: int = 10_000) -> None:
        self._bound = bound
        self._seen: OrderedDict[tuple[int, bytes], int] = OrderedDict()
        self._lock = threading.Lock()

    def instant(self, station_id: int, payload_digest: bytes, received_at: int) -> int:
        """`received_at`, or what it was when the station sent the same payload before."""
        key = (station_id, payload_digest)
        with self._lock:
            instant = self._seen.setdefault(key, received_at)
            self._seen.move_to_end(key)
            if len(self._seen) > self._bound:
                self._seen.popitem(last=False)
        return instant
