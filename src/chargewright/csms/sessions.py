"""Who is connected: one session for each station, the newest.

Which one is newest is decided by the epoch that the database gave each claim, so it is the same on every node. A
session whose claim is older is closed here; should it write before it learns that, the journal settles its units as
stale.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
import structlog

from chargewright.clock import Clock
from chargewright.csms.session import Session
from chargewright.csms.session_ports import Hold
from chargewright.csms.storage.base import StationRow
from chargewright.transport.connection import GOING_AWAY, POLICY_VIOLATION, TRY_AGAIN_LATER

__all__ = ["FightRules", "Sessions"]

# So many times `FightRules.evictions` are a fight although address and serial number are the same: devices behind one
# address that evict each other faster than they can boot look like one, and nobody would ever be served.
OFTEN: Final = 10

_log = structlog.get_logger(__name__)


class FightRules(msgspec.Struct, frozen=True):
    """When two devices with one identity are taken for what they are; see the settings `fight_…`. Times in seconds."""

    evictions: int = 5
    window_seconds: float = 300.0
    backoff_seconds: float = 60.0


class _Fight:
    """Evictions of one identity by another address, serial number or node, on the monotonic clock."""

    def __init__(self) -> None:
        self.evictions: deque[float] = deque()
        self.of_one_address: deque[float] = deque()  # evictions that alone say nothing
        self.backoff_until: float | None = None
        self.counted_epoch = 0  # the newest session that was counted: address and serial number are one eviction
        self.is_held_elsewhere = False  # another node's claim was the last; when it ended, nobody tells us


class Sessions:
    """All sessions of this node. `on_storage_unavailable` is told when a unit could not be written for want of a
    database; `tell` writes an event about a station, by row id, that need not be connected here."""

    def __init__(
        self,
        clock: Clock,
        fights: FightRules,
        on_storage_unavailable: Callable[[], None],
        tell: Callable[[int, str, Mapping[str, Any]], None],
    ) -> None:
        self._clock = clock
        self._rules = fights
        self._on_storage_unavailable = on_storage_unavailable
        self._tell = tell
        self._every: dict[int, Session] = {}  # by id(): claimed or not, in the order of their arrival
        self._of_station: dict[int, Session] = {}
        self._newest_epoch: dict[int, int] = {}  # what other nodes told, where it is newer than our session's
        self._fights: dict[int, _Fight] = {}
        self._holds = Hold(0)
        self.on_came: list[Callable[[Session], None]] = []  # a session is its station's newest, or was booted
        self.on_turned_away: list[Callable[[str, str], None]] = []  # identity and address; it is being fought over
        self.on_went: list[Callable[[int], None]] = []  # a station, by row id, has no session here any more
        self.on_spoke_before_boot: Callable[[StationRow], None] = lambda station: None
        self._empty = asyncio.Event()
        self._empty.set()
        self._closed_messages = 0
        # When those were last heard that have gone since it was last written down.
        self._seen_last: dict[int, int] = {}
        self._opened = 0
        self._evicted = 0
        self._closed_counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._every)

    def __iter__(self) -> Iterator[Session]:
        """Every session, those that wait for their claim included; safe against changes meanwhile."""
        return iter(list(self._every.values()))

    def of_station(self, station_id: int) -> Session | None:
        """The station's session on this node; None while it is elsewhere or nowhere."""
        return self._of_station.get(station_id)

    def arrive(self, session: Session) -> None:
        """Let a new connection begin, unless its identity is being fought over and somebody holds it."""
        station_id = session.station.id
        fight = self._fights.get(station_id)
        if (
            fight is not None
            and fight.backoff_until is not None
            and self._clock.monotonic() < fight.backoff_until
            and (fight.is_held_elsewhere or station_id in self._of_station)
        ):
            session.connection.close(TRY_AGAIN_LATER, "another device uses this identity")
            for act in self.on_turned_away:
                act(session.station.identity, session.address)
            return
        self._opened += 1
        self._every[id(session)] = session
        self._empty.clear()
        session.start()
        if self._holds:
            session.hold(self._holds)

    def claimed(self, session: Session) -> None:
        """The session's claim is durable: it is the station's session, unless a newer one has claimed since."""
        station_id = session.station.id
        older = self._of_station.get(station_id)
        newest = self._newest_epoch.get(station_id, 0)
        if session.epoch < newest or (older is not None and older.epoch > session.epoch):
            session.close(POLICY_VIOLATION, "another connection of this station is newer")
            return
        self._newest_epoch.pop(station_id, None)
        self._of_station[station_id] = session
        _log.info("station connected", station=session.station.identity, address=session.address, epoch=session.epoch)
        for act in self.on_came:
            act(session)
        if station_id in self._fights:
            self._fights[station_id].is_held_elsewhere = False
        if older is not None and older is not session:
            self._evict(older)
            if _host(older.address) != _host(session.address):
                self._note_fight(session, session.epoch, address=session.address)
            else:
                self._note_eviction(session)

    def claimed_elsewhere(self, station_id: int, epoch: int, node: str) -> None:
        """Another node committed a claim: a session of ours with an older epoch is over.

        From which address it came, we are not told: it counts as another one.
        """
        session = self._of_station.get(station_id)
        if session is not None and session.epoch >= epoch:
            return
        # Our own claim may be committed and not yet settled: it will find this.
        self._newest_epoch[station_id] = max(epoch, self._newest_epoch.get(station_id, 0))
        if session is not None:
            self._leave(session)
            self._evict(session)
            self._fights[station_id].is_held_elsewhere = True
            self._note_fight(session, epoch, node=node)

    def booted(self, session: Session) -> None:
        """A BootNotification is durable: another serial number than before, right after an eviction, is another
        device."""
        if self._of_station.get(session.station.id) is session:
            for act in self.on_came:
                act(session)
        before, after = session.serial_number_before, session.station.serial_number
        session.serial_number_before = after
        fight = self._fights.get(session.station.id)
        if before is not None and before != after and fight is not None and fight.counted_epoch < session.epoch:
            self._note_fight(session, session.epoch, address=session.address)

    def gone(self, session: Session) -> None:
        """The session's socket is gone; a newer session of the same station is not touched by that."""
        if self._every.pop(id(session), None) is None:
            return
        self._closed_messages += session.messages
        self._closed_counts.update(session.counts)
        if self._of_station.get(session.station.id) is session:
            self._leave(session)
        if not self._every:
            self._empty.set()

    async def wait_empty(self) -> None:
        """Wait until the last socket is gone."""
        await self._empty.wait()

    def storage_unavailable(self) -> None:
        """A unit came back unwritten because the database is away."""
        self._on_storage_unavailable()

    def hold(self, why: Hold) -> None:
        """Read no connection, and none that comes."""
        self._holds |= why
        for session in self:
            session.hold(why)

    def release(self, why: Hold) -> None:
        """Take one reason back."""
        self._holds &= ~why
        for session in self:
            session.release(why)

    def close_all(self, code: int = GOING_AWAY, reason: str = "") -> None:
        """Begin to close every connection."""
        for session in self:
            session.close(code, reason)

    def seen(self) -> dict[int, int]:
        """When each station was last heard that is connected, or was since the last `seen_kept`: station id → µs."""
        return self._seen_last | {
            station_id: session.last_received_at
            for station_id, session in self._of_station.items()
            if session.last_received_at
        }

    def seen_kept(self, seen: Mapping[int, int]) -> None:
        """What `seen` told is on disk."""
        self._seen_last = {key: when for key, when in self._seen_last.items() if seen.get(key) != when}

    def statistics(self) -> dict[str, float]:
        """Connections now, and counters since the start."""
        counts = self._closed_counts.copy()
        for session in self._every.values():
            counts.update(session.counts)
        return {
            "connections": len(self._every),
            "stations_connected": len(self._of_station),
            "connections_opened": self._opened,
            "connections_evicted": self._evicted,
            "messages": self._closed_messages + sum(session.messages for session in self._every.values()),
            **{name.replace(" ", "_"): count for name, count in sorted(counts.items())},
        }

    def _leave(self, session: Session) -> None:
        del self._of_station[session.station.id]
        if session.last_received_at:
            self._seen_last[session.station.id] = session.last_received_at
        for act in self.on_went:
            act(session.station.id)

    def _evict(self, older: Session) -> None:
        self._evicted += 1
        self._fights.setdefault(older.station.id, _Fight())
        older.close(POLICY_VIOLATION, "another connection of this station is newer")

    def _note_fight(self, session: Session, epoch: int, **newest: str) -> None:
        """Count an eviction by another device; `newest` says what is known of the one with `epoch`."""
        fight = self._fights.setdefault(session.station.id, _Fight())
        fight.counted_epoch = epoch
        self._count(session, fight, fight.evictions, self._rules.evictions, newest)

    def _note_eviction(self, session: Session) -> None:
        """Count an eviction from the same address: one device that reconnects, unless it happens too often."""
        fight = self._fights[session.station.id]
        newest = {"address": session.address}
        self._count(session, fight, fight.of_one_address, OFTEN * self._rules.evictions, newest)

    def _count(
        self, session: Session, fight: _Fight, evictions: deque[float], bound: int, newest: Mapping[str, str]
    ) -> None:
        """One more; at the bound it is an alarm, and the newest is left alone for a while."""
        now = self._clock.monotonic()
        evictions.append(now)
        while evictions[0] < now - self._rules.window_seconds:
            evictions.popleft()
        # Those that were let in before the alarm may still evict each other: that is the same fight.
        is_known = fight.backoff_until is not None and now < fight.backoff_until
        if len(evictions) >= bound and not is_known:
            fight.backoff_until = now + self._rules.backoff_seconds
            body = {"evictions": len(evictions), **newest}
            fight.evictions.clear()
            fight.of_one_address.clear()
            _log.error("two devices use one identity", station=session.station.identity, **body)
            self._tell(session.station.id, "alarm.identity_contested", body)


def _host(address: str) -> str:
    return address.rpartition(":")[0] or address
