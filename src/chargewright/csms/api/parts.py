"""What the routes of the REST API are made of: handed to each module that has routes."""

from collections.abc import Callable

import msgspec

from chargewright.clock import Clock
from chargewright.csms.commands.desk import CommandDesk
from chargewright.csms.config import Settings
from chargewright.csms.directory import Directory
from chargewright.csms.event_feed import EventFeed
from chargewright.csms.ports import Ledger
from chargewright.csms.services.registry import Services
from chargewright.csms.storage.base import Storage

__all__ = ["ApiParts"]


class ApiParts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a running CSMS. `desk` is for commands. `not_ready` gives the reason of `/readyz`."""

    services: Services
    storage: Storage
    directory: Directory
    ledger: Ledger
    clock: Clock
    feed: EventFeed
    desk: CommandDesk
    settings: Settings
    not_ready: Callable[[], str | None]
