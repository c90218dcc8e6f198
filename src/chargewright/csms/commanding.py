"""Everything that sends to stations, put together: commands, and what the CSMS does on its own."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import chargewright.csms.commands.core
import chargewright.csms.commands.remote_trigger  # noqa: F401  # both enter what belongs to their commands
from chargewright.clock import Clock
from chargewright.csms.automation import Automation
from chargewright.csms.boot_trigger import BootTrigger
from chargewright.csms.commands.bulk import BulkCommands
from chargewright.csms.commands.commander import Commander
from chargewright.csms.commands.desk import CommandDesk
from chargewright.csms.commands.kept import KeptCommands
from chargewright.csms.config import Settings
from chargewright.csms.directory import Directory
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.services.registry import Services
from chargewright.csms.sessions import Sessions
from chargewright.csms.settling import Settling
from chargewright.csms.storage.base import StationRow, Storage

__all__ = ["Commanding"]

# How long the end waits for what is still to be noted.
CLOSE_SECONDS: Final = 2.0


class Commanding:
    """`commander` sends; `kept` and `bulk` write down what is to be sent; `automation` decides when the CSMS may send
    on its own. `tell` writes an event about a station, by row id, without waiting for it; `new_id` makes opaque ids."""

    def __init__(
        self,
        settings: Settings,
        directory: Directory,
        sessions: Sessions,
        clock: Clock,
        tell: Callable[[int, str, Mapping[str, Any]], None],
        storage: Storage,
        new_id: Callable[[], str],
    ) -> None:
        ledger = JournalLedger(storage.journal, clock)
        self._sessions = sessions
        self.settling = Settling(directory, clock, settle_seconds=settings.settle_seconds)
        self.commander = Commander(
            directory,
            clock,
            sessions.of_station,
            tell,
            timeout_seconds=settings.command_timeout_seconds,
            per_station=settings.commands_per_station,
        )
        self.automation = Automation(directory, self.settling, self.commander)
        self.kept = KeptCommands(
            self.commander,
            directory,
            storage,
            ledger,
            clock,
            is_settled=self.settling.is_settled,
            new_id=new_id,
            timeout_seconds=settings.command_timeout_seconds,
            per_station=settings.commands_per_station,
            at_once=settings.bulk_stations,
        )
        self.bulk = BulkCommands(self.kept, self.commander, directory, storage, ledger, clock, new_id)
        self.settling.on_settled.append(self.kept.go)
        sessions.on_came.append(self.settling.came)
        sessions.on_went.append(self.settling.went)

    async def begin(self, services: Services) -> None:
        """Before anything listens."""
        self.commander.services = services
        trigger = BootTrigger(self.automation, services.abilities)
        self._sessions.on_spoke_before_boot = trigger.spoke
        for told in (services.station_admin.on_changed, services.station_admin.on_registered):
            told.append(self._decided)
        await self.kept.begin()

    def desk(self, services: Services) -> CommandDesk:
        """What the API is given."""
        return CommandDesk(services, self.commander, self.kept, self.bulk)

    def _decided(self, station: StationRow) -> None:
        """The operator accepted the station, or allowed what it was not allowed before: go on with what waits."""
        self.settling.served(station.id)
        self.automation.reconsider(station.id)
        self.kept.go(station.id)

    def work(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Loops that run while the CSMS does, by name."""
        return {"kept commands": self.kept.watch}

    async def close(self) -> None:
        """Send nothing more; when all connections are gone, and the storage is still there."""
        self.settling.close()
        await self.automation.close()
        await self.kept.close()
        await self.commander.close(CLOSE_SECONDS)
