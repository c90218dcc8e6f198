"""A bench for services that keep jobs: a real database, stations' CALLs as a session settles them, and restarts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from chargewright.clock import ManualClock
from chargewright.csms.instants import UnreadableTimes
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.outcomes import Answered
from chargewright.csms.ports import CallContext
from chargewright.csms.services.diagnostics import DiagnosticsService
from chargewright.csms.services.firmware import FirmwareService
from chargewright.csms.services.security_events import SecurityEventsService
from chargewright.csms.storage.base import ANY_EPOCH, Settlement, StationRow, Storage, Unit
from chargewright.csms.storage.opening import open_storage
from chargewright.protocol.v16.base import Timestamp

__all__ = ["NOON", "UpkeepBench", "answered"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Result = TypeVar("Result")


def answered(response: Any) -> Any:
    """The outcome of a command with that response."""
    return Answered(response=response, elapsed_seconds=0.1)


class UpkeepBench:
    """Services over one database; `a` and `b` are two stations."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ids = iter(range(1, 1000))
        self.clock = ManualClock(NOON)
        self.storage: Storage
        self.firmware: FirmwareService
        self.diagnostics: DiagnosticsService
        self.security: SecurityEventsService
        self.a: StationRow
        self.b: StationRow

    async def start(self) -> "UpkeepBench":
        """Open the database, and load what is in it."""
        self.storage = await open_storage(self._url, self.clock)
        self.storage.journal.begin()
        ledger = JournalLedger(self.storage.journal, self.clock)
        self.firmware = FirmwareService(self.storage, ledger, self.clock, self._new_id)
        self.diagnostics = DiagnosticsService(self.storage, ledger, self.clock, self._new_id)
        self.security = SecurityEventsService(self.storage, ledger, self._new_id)
        self.a, self.b = [await self.storage.add_station(StationRow(id=0, identity=name)) for name in ("A", "B")]
        for service in (self.firmware, self.diagnostics, self.security):
            await service.load()
        return self

    async def restart(self) -> None:
        """Another run of the server on the same database."""
        await self.storage.close()
        await self.start()

    def call(self, station: StationRow | None = None) -> CallContext:
        """A CALL that is being served."""
        row = station or self.a
        unit = Unit(row.id, ANY_EPOCH, self.clock.now_microseconds(), "Action", b"[2]", lambda unit, settlement: None)
        return CallContext(row, unit, 0.0, UTC, lambda: Timestamp.of(self.clock.now()), (), UnreadableTimes())

    async def settle(self, *calls: CallContext) -> None:
        """Commit the units of CALLs, in this order, and do what follows a commit."""
        settled: list[Settlement] = []
        for call in calls:

            def on_settled(unit: Unit, settlement: Settlement, call: CallContext = call) -> None:
                settled.append(settlement)
                for act in call.afterwards or ():
                    act()

            call.unit.on_settled = on_settled
            self.storage.journal.submit(call.unit)
        await self.storage.journal.drain()
        assert settled == [Settlement.DURABLE] * len(calls)

    async def tell(self, act: Callable[[CallContext], Result], station: StationRow | None = None) -> Result:
        """What a service makes of one CALL, committed; a second passes first."""
        self.clock.advance(1)
        call = self.call(station)
        result = act(call)
        await self.settle(call)
        return result

    async def events(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the events of a kind."""
        rows = await self.storage.events_after(0, 1000)
        return [msgspec.json.decode(row.body) for row in rows if row.kind == kind]

    def _new_id(self) -> str:
        return f"id{next(self._ids)}"
