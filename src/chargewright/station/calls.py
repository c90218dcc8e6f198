"""The CALLs of a station: which of its own may be made now and under which ids, and which others it answers (§4.2)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar

from chargewright.protocol.v16.actions import ACTIONS, Role
from chargewright.protocol.v16.base import Message
from chargewright.rpc.connection import RpcConnection
from chargewright.station.answer_reading import read_tolerantly
from chargewright.station.boot import Permission
from chargewright.station.context import Answer, CallFailed, CallFailure, Serve
from chargewright.station.dialect import Dialect, numbered_call_ids
from chargewright.station.link import Command
from chargewright.station.store import StationStore

__all__ = ["Calls", "Send"]

ResponseType = TypeVar("ResponseType", bound=Message)


class Send(Protocol):
    """Brings a CALL over the line, in its turn."""

    async def __call__(self, request: Message, response: type[ResponseType], timeout_seconds: float) -> ResponseType:
        """Raises `CallFailed`."""


class Calls:
    """`permission` is what boot allows now, `timeout_seconds` how long an answer may take; `changed` is called after
    each CALL of the CSMS that was served.
    """

    def __init__(
        self,
        store: StationStore,
        spoken: frozenset[Dialect],
        send: Send,
        permission: Callable[[], Permission],
        timeout_seconds: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._spoken = spoken
        self._send = send
        self._permission = permission
        self._timeout_seconds = timeout_seconds
        self._changed = changed
        self._ids: Iterator[str] = iter(())
        self._is_over = False
        self.commands: Mapping[str, Command] = {}

    def serve(self, offered: Mapping[str, Serve]) -> None:
        """Serve these actions, by name, as long as answers are allowed."""
        self.commands = {name: self._allowed(serve) for name, serve in offered.items()}

    def count_boot(self) -> None:
        """The station starts: ids are unique over all connections and boots (OCPP-J 4.1.4, errata 2025-04 §3.1)."""
        boot = self._store.next_boot()
        self._ids = numbered_call_ids(self._store.meta("instance", ""), boot, self._spoken)

    def stop(self) -> None:
        """Nothing is served and answered any more, whatever still comes in. Idempotent."""
        self._is_over = True

    def new_rpc(self) -> RpcConnection:
        """What speaks over one connection."""
        return RpcConnection(
            Role.STATION,
            ACTIONS,
            new_call_id=lambda: next(self._ids),
            salvage=read_tolerantly,
            offered=self.commands.keys(),
        )

    async def call(self, request: Message, response: type[ResponseType], *, is_triggered: bool = False) -> ResponseType:
        """Make a CALL, if it is allowed now; raises `CallFailed`."""
        permission = self._permission()
        if permission is Permission.EVERYTHING or (permission is Permission.WHEN_ASKED and is_triggered):
            return await self.call_anyway(request, response)
        raise CallFailed(type(request).__name__.removesuffix("Request"), CallFailure.OFFLINE)

    async def call_anyway(
        self, request: Message, response: type[ResponseType], *, is_triggered: bool = False
    ) -> ResponseType:
        """Make a CALL that is allowed always; raises `CallFailed`."""
        return await self._send(request, response, self._timeout_seconds())

    def _allowed(self, serve: Serve) -> Command:
        def answer(request: Message) -> Answer | None:
            if self._is_over or self._permission() is Permission.SILENCE:
                return None
            answer = serve(request)
            self._changed()  # A cable that was let go can be seen, though no status may change.
            return answer

        return answer
