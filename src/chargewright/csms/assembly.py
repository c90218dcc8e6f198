"""Putting the services of a CSMS together."""

from collections.abc import Callable, Mapping

from chargewright.clock import Clock
from chargewright.csms.automation import Automation
from chargewright.csms.config import Settings
from chargewright.csms.directory import Directory
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.ports import CommandSender
from chargewright.csms.services.abilities import AbilitiesService
from chargewright.csms.services.authorization import AuthorizationService
from chargewright.csms.services.data_transfer import DataTransferService, VendorExtension
from chargewright.csms.services.events import EventsService
from chargewright.csms.services.groups import GroupsService
from chargewright.csms.services.id_tags import IdTagsService
from chargewright.csms.services.metering import MeteringService
from chargewright.csms.services.registry import Services
from chargewright.csms.services.retention import RetentionService
from chargewright.csms.services.stations import StationsService
from chargewright.csms.services.transactions import TransactionsService
from chargewright.csms.storage.base import Storage

__all__ = ["make_services"]


def make_services(
    settings: Settings,
    storage: Storage,
    directory: Directory,
    clock: Clock,
    entropy: Callable[[int], bytes],
    vendors: Mapping[str, VendorExtension],
    sender: CommandSender,
    automation: Automation,
) -> Services:
    """One of each service."""
    events = EventsService()
    ledger = JournalLedger(storage.journal, clock)
    metering = MeteringService()
    return Services(
        abilities=AbilitiesService(storage, ledger, clock),
        authorization=AuthorizationService(directory, accepts_unknown=settings.unknown_id_tags == "accept"),
        data_transfer=DataTransferService(vendors),
        groups=GroupsService(storage, ledger),
        id_tags=IdTagsService(directory, storage, ledger),
        metering=metering,
        retention=RetentionService(storage, clock, settings.retention_days(), every_seconds=settings.retention_seconds),
        stations=StationsService(
            directory,
            events,
            heartbeat_interval_seconds=settings.heartbeat_interval_seconds,
            boot_retry_interval_seconds=settings.boot_retry_interval_seconds,
        ),
        transactions=TransactionsService(metering, events),
    )
