"""Notifications that tell how far something is: in order, one at a time, kept until they are told.

They are no transaction messages: a central system that refuses one has heard it, and it is not sent again.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from chargewright.protocol.v16.actions import ACTION_OF_REQUEST
from chargewright.protocol.v16.base import Message
from chargewright.protocol.v16.coding import decode, encode
from chargewright.station.context import CallFailed, CallFailure, Context
from chargewright.station.flag import Flag

__all__ = ["Outbox"]

Request = TypeVar("Request", bound=Message)

# Beyond this the oldest are forgotten: nobody has listened for very long.
BOUND: Final = 50
TRIES: Final = 3


class Outbox(Generic[Request]):
    """Tells requests of one `kind`. `ready` returns when what must be told before has been told.

    Made inside the event loop that runs the station.
    """

    def __init__(self, context: Context, kind: type[Request], ready: Callable[[], Awaitable[None]]) -> None:
        self._context = context
        self._kind = kind
        self._action = ACTION_OF_REQUEST[kind]
        self._ready = ready
        self._records = context.store.records(f"notifications: {self._action.name}")
        self._names = [name for name, _ in self._records.items()]
        self._next = int(self._names[-1]) + 1 if self._names else 0
        self._is_idle = Flag()
        self._is_idle.set()
        self._tries = 0

    def put(self, request: Request) -> None:
        """Tell it as soon as possible; it is kept until then (inside the caller's commit, if one is open)."""
        name = f"{self._next:012d}"
        self._next += 1
        self._names.append(name)
        self._records.put(name, encode(request))
        while len(self._names) > BOUND:
            self._records.remove(self._names.pop(0))
        self._context.call_later(0.0, self.online)

    def online(self) -> None:
        """Tell what waits, if the CSMS would take it now. Idempotent."""
        if self._names and self._is_idle.is_set() and self._context.is_online():
            self._is_idle.clear()
            self._context.spawn(self._send())

    def repeat(self, request: Request) -> None:
        """Tell how things are now, as TriggerMessage asks (§5.17); not kept."""
        self._context.spawn(self._send_triggered(request))

    async def wait_until_told(self) -> None:
        """Return when nothing waits, or nothing can be told now."""
        while self._names and self._context.is_online():
            self.online()
            await self._is_idle.wait()

    async def _send(self) -> None:
        try:
            while self._names and self._context.is_online():
                await self._ready()
                if not self._names or not await self._tell(self._names[0]):
                    return
        finally:
            self._is_idle.set()

    async def _tell(self, name: str) -> bool:
        """Tell one; returns whether to go on."""
        payload = self._records.get(name)
        if payload is not None:
            try:
                await self._context.call(decode(self._kind, payload), self._action.response)
            except CallFailed as failure:
                self._context.log.info("a notification was not taken", action=self._action.name, reason=str(failure))
                if failure.failure in (CallFailure.OFFLINE, CallFailure.LOST):
                    return False
                self._tries += 1
                if failure.failure is CallFailure.TIMED_OUT and self._tries < TRIES:
                    return True
        self._tries = 0
        self._records.remove(name)
        if name in self._names:
            self._names.remove(name)
        return True

    async def _send_triggered(self, request: Request) -> None:
        try:
            await self._context.call(request, self._action.response, is_triggered=True)
        except CallFailed as failure:
            self._context.log.info("what was triggered failed", action=self._action.name, reason=str(failure))
