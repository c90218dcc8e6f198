"""All services, for handlers, commands and the API."""

from collections.abc import Iterator

import msgspec

from chargewright.csms.services.abilities import AbilitiesService
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.attempts import AttemptsService
from chargewright.csms.services.authorization import AuthorizationService
from chargewright.csms.services.charging_profiles import ChargingProfilesService
from chargewright.csms.services.configuration import ConfigurationService
from chargewright.csms.services.configuration_sync import ConfigurationSync
from chargewright.csms.services.credential_changes import CredentialChangesService
from chargewright.csms.services.data_transfer import DataTransferService
from chargewright.csms.services.diagnostics import DiagnosticsService
from chargewright.csms.services.firmware import FirmwareService
from chargewright.csms.services.groups import GroupsService
from chargewright.csms.services.id_tags import IdTagsService
from chargewright.csms.services.known_transactions import KnownTransactionsService
from chargewright.csms.services.local_lists import LocalListsService
from chargewright.csms.services.meter_readings import MeterReadingsService
from chargewright.csms.services.metering import MeteringService
from chargewright.csms.services.neighbours import NeighboursService
from chargewright.csms.services.personal_data import PersonalDataService
from chargewright.csms.services.reservations import ReservationsService
from chargewright.csms.services.retention import RetentionService
from chargewright.csms.services.review import ReviewService
from chargewright.csms.services.security_events import SecurityEventsService
from chargewright.csms.services.service import Service
from chargewright.csms.services.station_admin import StationAdminService
from chargewright.csms.services.stations import StationsService
from chargewright.csms.services.transaction_keeping import TransactionKeepingService
from chargewright.csms.services.transactions import TransactionsService

__all__ = ["Services"]


class Services(msgspec.Struct, frozen=True):
    """One of each, in the order in which they are loaded."""

    abilities: AbilitiesService
    active_transactions: ActiveTransactionsService
    attempts: AttemptsService
    authorization: AuthorizationService
    charging_profiles: ChargingProfilesService
    credential_changes: CredentialChangesService
    data_transfer: DataTransferService
    diagnostics: DiagnosticsService
    firmware: FirmwareService
    groups: GroupsService
    configuration: ConfigurationService
    configuration_sync: ConfigurationSync
    id_tags: IdTagsService
    known_transactions: KnownTransactionsService
    local_lists: LocalListsService
    meter_readings: MeterReadingsService
    metering: MeteringService
    reservations: ReservationsService
    personal_data: PersonalDataService
    retention: RetentionService
    security_events: SecurityEventsService
    station_admin: StationAdminService
    stations: StationsService
    review: ReviewService
    transaction_keeping: TransactionKeepingService
    transactions: TransactionsService
    neighbours: NeighboursService

    def __iter__(self) -> Iterator[Service]:
        """Every service, for loading and for their work."""
        return (getattr(self, name) for name in self.__struct_fields__)
