"""What happened lately, for whoever has to find out why: a bounded log on disk, oldest entries overwritten."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from chargewright.clock import Clock
from chargewright.station.store import StationStore

__all__ = ["DiagnosticsLog", "LogEntry", "Note", "within"]

ENTRIES: Final = 2000
_NEXT: Final = "diagnostics_log_next"


class LogEntry(msgspec.Struct, frozen=True):
    """Something that happened: when, what, and more about it."""

    at: datetime
    event: str
    detail: dict[str, Any] = {}


class Note(Protocol):
    """Writes something into the diagnostics log."""

    def __call__(self, event: str, **detail: Any) -> None:
        """`detail` must not hold a secret."""


class _Numbered(msgspec.Struct, frozen=True):
    number: int
    entry: LogEntry


class DiagnosticsLog:
    """A ring of `entries` places. Everything is durable when `note` returns."""

    def __init__(self, store: StationStore, clock: Clock, *, entries: int = ENTRIES) -> None:
        self._store = store
        self._clock = clock
        self._entries = entries
        self._records = store.records("diagnostics_log")
        self._next = int(store.meta(_NEXT, "0"))

    def note(self, event: str, **detail: Any) -> None:
        """Write it down. Never put a secret into `detail`."""
        number = self._next
        self._next += 1
        entry = _Numbered(number, LogEntry(self._clock.now(), event, detail))
        with self._store.atomically():
            self._records.put(f"{number % self._entries:06d}", msgspec.json.encode(entry))
            self._store.set_meta(_NEXT, str(self._next))

    def entries(self) -> list[LogEntry]:
        """All that is there, oldest first."""
        found = [msgspec.json.decode(value, type=_Numbered) for _, value in self._records.items()]
        return [item.entry for item in sorted(found, key=lambda item: item.number)]


def within(entries: Iterable[LogEntry], oldest: datetime | None, latest: datetime | None) -> list[LogEntry]:
    """Those from `oldest` to `latest`, both included; None: no bound (§5.9, N01.FR.02)."""
    return [
        entry for entry in entries if (oldest is None or entry.at >= oldest) and (latest is None or entry.at <= latest)
    ]
