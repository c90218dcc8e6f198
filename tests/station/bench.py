"""One block on the bench: a context on a manual clock, and a note-taker in place of the transactions."""

import inspect
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import structlog
from tests.station.timers import Timers

from chargewright.protocol.v16.core import Reason
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.configuration import StationConfiguration
from chargewright.station.context import Authorization, CallFailed, CallFailure, Context
from chargewright.station.hardware.interface import MeterReading
from chargewright.station.product import Product
from chargewright.station.store import StationStore


class Bench:
    """`calls` is what blocks sent; `answers` what they get (a CallFailed is raised). Coroutines run at once."""

    def __init__(self, made: Product, store: StationStore | None = None) -> None:
        self.timers = Timers()
        self.clock = self.timers.clock
        self.store = StationStore(":memory:", Random(1)) if store is None else store
        self.configuration = StationConfiguration(made, self.store)
        self.is_online = True
        self.calls: list[Any] = []
        self.security_events: list[tuple[SecurityEvent, str]] = []
        self.answers: list[Any] = []
        self.context = Context(
            station_id="CW",
            clock=self.clock,
            random=Random(1),
            store=self.store,
            product=made,
            configuration=self.configuration,
            call=self._call,
            is_online=lambda: self.is_online,
            call_later=self.timers.call_later,
            spawn=_run_now,
            log=structlog.get_logger(),
            note_security_event=lambda kind, tech_info="": self.security_events.append((kind, tech_info)),
        )

    async def _call(self, request: Any, response: Any, *, is_triggered: bool = False) -> Any:
        self.calls.append(request)
        answer = self.answers.pop(0) if self.answers else response()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def set(self, key: str, value: str) -> None:
        self.configuration.set(key, value)


def _run_now(coroutine: Coroutine[Any, Any, None]) -> None:
    """Nothing on the bench waits, so a coroutine runs to its end in one go."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    state = inspect.getcoroutinestate(coroutine)
    coroutine.close()
    raise AssertionError(f"a coroutine waits on the bench: {state}")


def failed(failure: CallFailure) -> CallFailed:
    return CallFailed("Test", failure)


class NoteTaker:
    """A TransactionLog that notes what it is told."""

    def __init__(self) -> None:
        self.started: list[tuple[int, str]] = []
        self.stopped: list[tuple[int, Reason, str | None]] = []
        self.on_start: Callable[[], None] = lambda: None

    def start(
        self,
        connector_id: int,
        authorization: Authorization,
        reading: MeterReading,
        reservation_id: int | None = None,
    ) -> int:
        self.on_start()
        self.started.append((connector_id, authorization.id_tag))
        return len(self.started)

    def stop(self, key: int, reason: Reason, id_tag: str | None, reading: MeterReading) -> None:
        self.stopped.append((key, reason, id_tag))
