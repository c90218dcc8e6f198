"""Putting the services of a CSMS together."""

from collections.abc import Callable, Mapping

from chargewright.clock import Clock
from chargewright.csms.attempts import Attempts
from chargewright.csms.automation import Automation
from chargewright.csms.config import Settings
from chargewright.csms.credentials import CredentialKeeper
from chargewright.csms.directory import Directory
from chargewright.csms.exposure import exposure_of
from chargewright.csms.ledger import JournalLedger
from chargewright.csms.ports import CommandSender
from chargewright.csms.services.abilities import AbilitiesService
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.attempts import AttemptsService
from chargewright.csms.services.authorization import AuthorizationService
from chargewright.csms.services.charging_profiles import ChargingProfilesService
from chargewright.csms.services.configuration import ConfigurationService
from chargewright.csms.services.configuration_sync import ConfigurationSync
from chargewright.csms.services.credential_changes import CredentialChangesService
from chargewright.csms.services.data_transfer import DataTransferService, VendorExtension
from chargewright.csms.services.diagnostics import DiagnosticsService
from chargewright.csms.services.events import EventsService
from chargewright.csms.services.firmware import FirmwareService
from chargewright.csms.services.groups import GroupsService
from chargewright.csms.services.id_tags import IdTagsService
from chargewright.csms.services.known_transactions import KnownTransactionsService
from chargewright.csms.services.local_lists import LocalListsService
from chargewright.csms.services.meter_readings import MeterReadingsService
from chargewright.csms.services.metering import MeteringService
from chargewright.csms.services.neighbours import NeighboursService, make_recalls
from chargewright.csms.services.personal_data import PersonalDataService
from chargewright.csms.services.registry import Services
from chargewright.csms.services.reservations import ReservationsService
from chargewright.csms.services.retention import RetentionService
from chargewright.csms.services.review import ReviewService
from chargewright.csms.services.security_events import SecurityEventsService
from chargewright.csms.services.station_admin import StationAdminService, StationConnections
from chargewright.csms.services.stations import StationsService
from chargewright.csms.services.transaction_keeping import TransactionKeepingService
from chargewright.csms.services.transactions import TransactionsService
from chargewright.csms.services.wanted_lists import WantedLists
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
    secret: bytes,
    connections: StationConnections,
    attempts: Attempts,
) -> Services:
    """One of each service."""
    events = EventsService()
    ledger = JournalLedger(storage.journal, clock)
    abilities = AbilitiesService(storage, ledger, clock)
    metering = MeteringService()
    active = ActiveTransactionsService(directory, storage, clock, default_limit=settings.max_active_transactions)
    readings = MeterReadingsService(storage)
    id_tags = IdTagsService(directory, storage, ledger, active)

    def new_id() -> str:
        return entropy(16).hex()

    groups = GroupsService(storage, ledger)
    configuration = ConfigurationService(storage, ledger, clock, directory, groups)
    configuration_sync = ConfigurationSync(configuration, groups, abilities, directory, sender, automation)
    stations = StationsService(
        directory,
        events,
        heartbeat_interval_seconds=settings.heartbeat_interval_seconds,
        boot_retry_interval_seconds=settings.boot_retry_interval_seconds,
    )
    stations.on_boot.append(configuration_sync.booted)
    authorization = AuthorizationService(directory, active, accepts_unknown=settings.unknown_id_tags == "accept")
    wanted_lists = WantedLists(storage, ledger, authorization, clock)
    local_lists = LocalListsService(
        storage, ledger, clock, directory, groups, abilities, wanted_lists, sender, automation
    )
    stations.on_boot.append(local_lists.booted)
    credential_changes = CredentialChangesService(storage, ledger, CredentialKeeper(secret, entropy).hash)
    station_admin = StationAdminService(
        directory,
        storage,
        ledger,
        clock,
        groups,
        stations.clock_offsets,
        connections,
        credential_changes,
        hash_password=CredentialKeeper(secret, entropy).hash,
        refusal=lambda row: exposure_of(settings, row),
        entropy=entropy,
    )
    known_transactions = KnownTransactionsService(storage)
    kept_attempts = AttemptsService(attempts, storage, ledger)
    station_admin.on_registered.append(kept_attempts.registered)
    recalls = make_recalls(
        directory,
        station_admin,
        credential_changes,
        id_tags,
        groups,
        configuration,
        configuration_sync,
        local_lists,
    )
    return Services(
        abilities=abilities,
        active_transactions=active,
        attempts=kept_attempts,
        authorization=authorization,
        charging_profiles=ChargingProfilesService(storage, ledger, clock, known_transactions, new_id),
        configuration=configuration,
        configuration_sync=configuration_sync,
        credential_changes=credential_changes,
        data_transfer=DataTransferService(vendors, clock),
        diagnostics=DiagnosticsService(storage, ledger, clock, new_id),
        firmware=FirmwareService(storage, ledger, clock, new_id),
        groups=groups,
        id_tags=id_tags,
        meter_readings=readings,
        known_transactions=known_transactions,
        local_lists=local_lists,
        metering=metering,
        neighbours=NeighboursService(storage, recalls, is_alone=settings.db.startswith("sqlite")),
        reservations=ReservationsService(storage, ledger, directory, clock, abilities),
        personal_data=PersonalDataService(directory, storage, ledger, id_tags, secret),
        retention=RetentionService(storage, clock, settings.retention_days(), every_seconds=settings.retention_seconds),
        security_events=SecurityEventsService(storage, ledger, new_id),
        station_admin=station_admin,
        stations=stations,
        review=ReviewService(directory, storage, ledger, readings, active, power_w=settings.review_power_w),
        transaction_keeping=TransactionKeepingService(directory, storage, ledger, clock, readings, active),
        transactions=TransactionsService(metering, events, active),
    )
