"""Security events: every one into the security log, the critical ones to the CSMS as well (A04, N01.FR.05)."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from chargewright.protocol.v16.base import UNSET, Timestamp
from chargewright.protocol.v16.security import SecurityEventNotificationRequest
from chargewright.protocol.v16.security_events import CRITICAL_SECURITY_EVENTS, SecurityEvent
from chargewright.station.context import Context

__all__ = ["SENT", "SecurityEvents", "SecurityLogEntry"]

# Not critical, but a use case wants the CSMS to hear of them (A00.FR.309, 315, 318, 413; A02.FR.07; L01.FR.02, 03).
SENT: Final = CRITICAL_SECURITY_EVENTS | {
    SecurityEvent.INVALID_FIRMWARE_SIGNING_CERTIFICATE,
    SecurityEvent.INVALID_FIRMWARE_SIGNATURE,
    SecurityEvent.INVALID_CHARGE_POINT_CERTIFICATE,
    SecurityEvent.INVALID_CENTRAL_SYSTEM_CERTIFICATE,
    SecurityEvent.INVALID_TLS_VERSION,
    SecurityEvent.INVALID_TLS_CIPHER_SUITE,
}
# A rolling log: the oldest entries go.
LOG_ENTRIES: Final = 1000
# Whoever sends nonsense must not wash everything else out of the log.
RATE_LIMITED: Final = frozenset({SecurityEvent.INVALID_MESSAGES, SecurityEvent.ATTEMPTED_REPLAY_ATTACKS})
QUIET_SECONDS: Final = 60.0
TECH_INFO_CHARACTERS: Final = 255


class SecurityLogEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of the security log; `timestamp` is when it happened."""

    timestamp: datetime
    kind: str
    tech_info: str = ""


class SecurityEvents:
    """The security log of a station, and the way of its events to the CSMS.

    `send` keeps a message until it is answered; it goes out once the CSMS has accepted the station. On a product
    without the security extension an event is only a line in the station's log.
    """

    def __init__(self, context: Context, send: Callable[[SecurityEventNotificationRequest], None]) -> None:
        self._context = context
        self._send = send
        self._records = context.store.records("security_log")
        names = [name for name, _ in self._records.items()]
        self._oldest = int(names[0]) if names else 0
        self._next = int(names[-1]) + 1 if names else 0
        self._last: dict[SecurityEvent, float] = {}
        self._left_out: dict[SecurityEvent, int] = {}

    def note(self, kind: SecurityEvent, tech_info: str = "") -> None:
        """Write an event into the log, and queue it where the CSMS must hear of it; on disk when this returns."""
        if kind in RATE_LIMITED:
            now = self._context.clock.monotonic()
            last = self._last.get(kind)
            if last is not None and now - last < QUIET_SECONDS:
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
                return
            self._last[kind] = now
            left_out = self._left_out.pop(kind, 0)
            if left_out:
                tech_info = f"{left_out} more since the last entry; now: {tech_info}"
        self._context.log.info("security event", kind=kind.value, detail=tech_info)
        if self._context.product.security is None:
            return
        # What strangers send ends up in here, and a NUL could not be sent on.
        told = tech_info.replace("\0", "\ufffd")[:TECH_INFO_CHARACTERS]
        entry = SecurityLogEntry(self._context.clock.now(), kind.value, told)
        with self._context.store.atomically():
            self._append(entry)
            if kind in SENT:
                self._send(
                    SecurityEventNotificationRequest(
                        type=entry.kind, timestamp=Timestamp.of(entry.timestamp), tech_info=entry.tech_info or UNSET
                    ),
                )

    def entries(self, oldest: datetime | None = None, latest: datetime | None = None) -> Iterator[SecurityLogEntry]:
        """What the log holds, oldest first, both bounds included (N01.FR.02)."""
        for _, value in self._records.items():
            entry = msgspec.json.decode(value, type=SecurityLogEntry)
            if (oldest is None or entry.timestamp >= oldest) and (latest is None or entry.timestamp <= latest):
                yield entry

    def text(self, oldest: datetime | None = None, latest: datetime | None = None) -> str:
        """The same as lines: when, what, and more, separated by tabs."""
        return "".join(
            f"{entry.timestamp.astimezone(UTC).isoformat()}\t{entry.kind}\t{' '.join(entry.tech_info.split())}\n"
            for entry in self.entries(oldest, latest)
        )

    def clear(self) -> None:
        """Empty the log; that it was emptied is its first entry."""
        with self._context.store.atomically():
            self._records.clear()
            self._oldest = self._next
            self.note(SecurityEvent.SECURITY_LOG_WAS_CLEARED)

    def _append(self, entry: SecurityLogEntry) -> None:
        self._records.put(f"{self._next:012d}", msgspec.json.encode(entry))
        self._next += 1
        while self._next - self._oldest > LOG_ENTRIES:
            self._records.remove(f"{self._oldest:012d}")
            self._oldest += 1
