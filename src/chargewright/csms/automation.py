"""What the CSMS sends on its own: chores of services, one at a time for each station, and only where that is welcome.

A chore runs when the station's boot was accepted at some time, its operator left `automatic` on, and it is connected
and settled (see `settling`). All of that is looked at again before each command that it sends; where it is so no
longer, nothing more goes out. What did not get done stays wanted until it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec
import structlog

from chargewright.csms.directory import Directory
from chargewright.csms.outcomes import NotSent, Outcome
from chargewright.csms.ports import CommandSender
from chargewright.csms.settling import Settling
from chargewright.csms.storage.base import StationRow
from chargewright.errors import ChargewrightError, LocalProtocolError
from chargewright.protocol.v16.base import Message

__all__ = ["Automation", "Carrier", "Chore", "Unfinished"]

Chore = Callable[[StationRow, CommandSender], Awaitable[None]]

# How long a chore that did not get done rests, twice as long after each further time, in seconds.
FIRST_REST_SECONDS: Final = 60.0
LONGEST_REST_SECONDS: Final = 3600.0
_DOUBLINGS: Final = 10

_log = structlog.get_logger(__name__)


class Unfinished(ChargewrightError):
    """A chore ended before it was done, for a reason that may pass: it stays wanted."""


class _Unwelcome(ChargewrightError):
    """What was to be sent unasked is not welcome at the station any more."""


class Carrier(CommandSender, Protocol):
    """A sender that asks once more right before a command leaves."""

    async def carry(
        self,
        station_id: int,
        request: Message,
        *,
        timeout_seconds: float | None = None,
        before_sending: Callable[[object], Awaitable[None]] | None = None,
    ) -> Outcome:
        """As `send`; what `before_sending` raises of `ChargewrightError` ends the command as `NotSent`."""


class _Entered(msgspec.Struct, frozen=True):
    run: Chore
    is_before_boot: bool


class _Wish:
    """A chore that waits for its station. `tries`: how often in a row it did not get done; `rest` runs until it may be
    tried again; `is_asked`: a person asked for it, so that it needs no welcome."""

    __slots__ = ("is_asked", "rest", "tries")

    def __init__(self, tries: int = 0) -> None:
        self.tries = tries
        self.rest: asyncio.TimerHandle | None = None
        self.is_asked = False

    def end_rest(self) -> None:
        if self.rest is not None:
            self.rest.cancel()
            self.rest = None


class _UnaskedSender:
    """Sends for one run of a chore, as long as that is welcome."""

    def __init__(self, carrier: Carrier, is_welcome: Callable[[], bool]) -> None:
        self._carrier = carrier
        self._is_welcome = is_welcome

    def is_connected(self, station_id: int) -> bool:
        return self._is_welcome() and self._carrier.is_connected(station_id)

    async def send(self, station_id: int, request: Message, *, timeout_seconds: float | None = None) -> Outcome:
        if not self._is_welcome():
            return NotSent(reason=_REASON)
        return await self._carrier.carry(
            station_id, request, timeout_seconds=timeout_seconds, before_sending=self._ask_again
        )

    async def _ask_again(self, link: object) -> None:
        # It may have waited behind other commands of the station.
        if not self._is_welcome():
            raise _Unwelcome(_REASON)


_REASON: Final = "nothing may be sent unasked to the station now"


class Automation:
    """Chores by name, and which of them each station waits for."""

    def __init__(
        self,
        directory: Directory,
        settling: Settling,
        carrier: Carrier,
        *,
        first_rest_seconds: float = FIRST_REST_SECONDS,
    ) -> None:
        self._directory = directory
        self._settling = settling
        self._carrier = carrier
        self._first_rest_seconds = first_rest_seconds
        self._chores: dict[str, _Entered] = {}
        self._wanted: dict[int, dict[str, _Wish]] = {}  # by station, in the order of waking
        self._running: dict[int, asyncio.Task[None]] = {}
        self._is_closed = False
        settling.on_settled.append(self._settled)

    @property
    def names(self) -> tuple[str, ...]:
        """The chores there are."""
        return tuple(self._chores)

    def register(self, name: str, run: Chore, *, is_before_boot: bool = False) -> None:
        """Enter a chore. It sends with the sender that it is given: that one refuses, with `NotSent`, as soon as the
        station is not to be spoken to unasked any more. `is_before_boot`: it is for stations whose boot was never
        accepted, too. Where it raises, `Unfinished` or anything else, it stays wanted. Raises `LocalProtocolError` for
        a name that is taken."""
        if name in self._chores:
            raise LocalProtocolError(f"there is a chore {name!r} already")
        self._chores[name] = _Entered(run, is_before_boot)

    def wake(self, station_id: int, name: str) -> None:
        """Run the chore for the station as soon as that is welcome: perhaps at once, perhaps in days. Waking it again
        before it has begun changes nothing, but ends its rest; while it runs, it will run once more."""
        self._want(station_id, name).end_rest()
        self.reconsider(station_id)

    def ask(self, station_id: int, name: str) -> None:
        """A person asks for the chore: run it as soon as no other one runs for the station, whether or not something
        may be sent unasked. Where the station connects anew or boots before that, it is a chore like any other."""
        wish = self._want(station_id, name)
        wish.end_rest()
        wish.is_asked = True
        self.reconsider(station_id)

    def is_asked(self, station_id: int, name: str) -> bool:
        """Whether a person asked for the chore, and it has yet to begin, which it will."""
        wish = self._wanted.get(station_id, {}).get(name)
        return wish is not None and wish.is_asked and self._carrier.is_connected(station_id)

    def is_resting(self, station_id: int, name: str) -> bool:
        """Whether the chore did not get done, and is tried again after a while."""
        wish = self._wanted.get(station_id, {}).get(name)
        return wish is not None and wish.rest is not None

    def reconsider(self, station_id: int) -> None:
        """The station has settled, or its operator changed something: go on with what waits."""
        if not self._is_closed and station_id not in self._running and self._next(station_id) is not None:
            task = asyncio.get_running_loop().create_task(self._work(station_id), name=f"chores of {station_id}")
            self._running[station_id] = task

    async def close(self) -> None:
        """Stop what runs, and begin nothing more."""
        self._is_closed = True
        for wishes in self._wanted.values():
            for wish in wishes.values():
                wish.end_rest()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _want(self, station_id: int, name: str) -> _Wish:
        if name not in self._chores:
            raise LocalProtocolError(f"there is no chore {name!r}")
        return self._wanted.setdefault(station_id, {}).setdefault(name, _Wish())

    def _settled(self, station_id: int) -> None:
        # What failed once is tried at once, over the new connection. What failed more often goes on resting: it may be
        # what makes the station lose its connection.
        for wish in self._wanted.get(station_id, {}).values():
            if wish.tries <= 1:
                wish.end_rest()
            # What a person asked for was asked of the station as it was before it came anew.
            wish.is_asked = False
        self.reconsider(station_id)

    def _is_welcome(self, station_id: int, entered: _Entered) -> bool:
        station = self._directory.station_by_id(station_id)
        return (
            station is not None
            and station.automatic
            and (station.booted or entered.is_before_boot)
            and self._settling.is_settled(station_id)
        )

    def _next(self, station_id: int) -> str | None:
        for name, wish in self._wanted.get(station_id, {}).items():
            if wish.is_asked and self._carrier.is_connected(station_id):
                return name
            if wish.rest is None and self._is_welcome(station_id, self._chores[name]):
                return name
        return None

    def _sender(self, station_id: int, name: str, wish: _Wish) -> CommandSender:
        if wish.is_asked and self._carrier.is_connected(station_id):
            return self._carrier
        entered, arrival = self._chores[name], self._settling.arrival(station_id)
        # One arrival: a station that connects anew or boots in the middle may be another one, or have forgotten what
        # it was sent.
        return _UnaskedSender(
            self._carrier,
            lambda: self._is_welcome(station_id, entered) and self._settling.arrival(station_id) is arrival,
        )

    async def _work(self, station_id: int) -> None:
        try:
            while (name := self._next(station_id)) is not None:
                wanted = self._wanted[station_id]
                wish = wanted.pop(name)
                if not wanted:
                    del self._wanted[station_id]
                station = self._directory.station_by_id(station_id)
                assert station is not None, "it was there a moment ago"
                sender = self._sender(station_id, name, wish)
                try:
                    await self._chores[name].run(station, sender)
                except ChargewrightError as error:
                    _log.info("a chore did not get done", station=station.identity, chore=name, error=str(error))
                    self._want_again(station_id, name, wish, sender)
                except Exception as error:
                    _log.warning("a chore failed", station=station.identity, chore=name, exc_info=error)
                    self._want_again(station_id, name, wish, sender)
        finally:
            del self._running[station_id]

    def _want_again(self, station_id: int, name: str, wish: _Wish, sender: CommandSender) -> None:
        if name in self._wanted.get(station_id, {}):
            return  # it was woken while it ran
        again = self._wanted.setdefault(station_id, {})[name] = _Wish(wish.tries)
        if sender.is_connected(station_id):
            # Otherwise it waits for the station, or for its operator, and not for the time.
            again.tries += 1
            rest = self._first_rest_seconds * 2 ** min(wish.tries, _DOUBLINGS)
            loop = asyncio.get_running_loop()
            again.rest = loop.call_later(min(LONGEST_REST_SECONDS, rest), self._rested, station_id, again)

    def _rested(self, station_id: int, wish: _Wish) -> None:
        wish.end_rest()
        self.reconsider(station_id)
