"""The blocks of one station, joined: what one of them has to tell another goes through here."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from chargewright.protocol.v16.base import UNSET, Message
from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus, Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus, IdTagInfo
from chargewright.protocol.v16.security import CertificateUse
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.authorization import Authorizer
from chargewright.station.authorization_cache import AuthorizationCache
from chargewright.station.availability import StationAvailability
from chargewright.station.boot import Boot, Registration
from chargewright.station.configuration import StationConfiguration
from chargewright.station.connector import Connector
from chargewright.station.context import Admission, Caller, Closure, Context, StatusReport, TransactionLog
from chargewright.station.diagnostics_log import LogEntry
from chargewright.station.energy_allowance import EnergyAllowance
from chargewright.station.hardware.interface import ConnectorHardware, MeterReading, RestartKind, TagReader
from chargewright.station.heartbeat import Heartbeat
from chargewright.station.local_access import LocalAccess
from chargewright.station.local_auth_list import LocalAuthList
from chargewright.station.maintenance import Maintenance
from chargewright.station.meter import Metering
from chargewright.station.offline_queue import OfflineQueue
from chargewright.station.reservation import Reservations, ReservingLog
from chargewright.station.security_extension import SecurityExtension
from chargewright.station.security_profile import Provisioning
from chargewright.station.smart_charging import LimitedLog, SmartCharging
from chargewright.station.station_clock import IGNORED_SECONDS
from chargewright.station.status_notification import StatusNotifications
from chargewright.station.stored_tag import StoredTag
from chargewright.station.timing import Pace
from chargewright.station.transaction import Transactions
from chargewright.station.upkeep import Upkeep

__all__ = ["Blocks", "Ways"]


class Ways(msgspec.Struct, frozen=True):
    """The ways from blocks to the station's line and life.

    `call_anyway` reaches the CSMS before acceptance; `accepted` gets the interval of each acceptance; `reconnect` gives
    the connection up and makes another, `renew` the same in order, with a closing handshake; `restart` boots anew, and
    so does `reset`, unless the hardware fails to; `told_time` gets the CSMS's time of day; `changed` tells that a
    snapshot may look different now.
    """

    call_anyway: Caller
    is_connected: Callable[[], bool]
    last_sent: Callable[[], float]
    accepted: Callable[[int], None]
    reconnect: Callable[[], None]
    renew: Callable[[], None]
    restart: Callable[[], None]
    reset: Callable[[RestartKind], bool]
    told_time: Callable[[datetime], None]
    changed: Callable[[], None]


class Blocks:
    """Made once for each start of a station, inside the event loop that runs it."""

    def __init__(
        self,
        context: Context,
        configuration: StationConfiguration,
        hardware: Sequence[ConnectorHardware],
        tag_reader: TagReader | None,
        upkeep: Upkeep | None,
        ways: Ways,
        provisioning: Provisioning,
    ) -> None:
        self.context: Final = context
        self.configuration: Final = configuration
        self.ways: Final = ways
        self._is_list_contradicted = False
        self.boot: Final = Boot(
            context,
            ways.call_anyway,
            ways.is_connected,
            ways.told_time,
            ways.accepted,
            lambda: self.firmware_version,
        )
        self.statuses: Final = StatusNotifications(context)
        self.cache: Final = AuthorizationCache(context)
        self.local_list: Final = self._local_list(context)
        self.authorizer: Final = Authorizer(context, self._in_list, self.cache.find, self._id_tag_judged)
        self.transactions: Final = Transactions(
            context,
            self._put,
            lambda *reading: self.metering.measured(*reading),
            self._start_judged,
            self._id_tag_judged,
        )
        self.queue: Final = OfflineQueue(context, self.transactions, ways.reconnect)
        self.security: Final = SecurityExtension(context, configuration, provisioning, ways.renew)
        self.connectors: Final[list[Connector]] = []
        self.reservations: Final = Reservations(context, self.connectors)
        log: TransactionLog = ReservingLog(context, self.reservations, self.transactions)
        self.smart_charging: Final = self._smart_charging(context)
        if self.smart_charging is not None:
            log = LimitedLog(log, self.smart_charging.transaction_begins)
        self.connectors.extend(
            Connector(context, number, pieces, log, self._status_changed, self._transaction_changed)
            for number, pieces in enumerate(hardware, start=1)
        )
        self.metering: Final = Metering(
            context,
            len(self.connectors),
            self.read_meter,
            lambda number: self.connectors[number - 1].transaction_key,
            self.transactions.add_meter_value,
        )
        self.availability: Final = StationAvailability(context, self.connectors, self._status_changed)
        self.allowance: Final = EnergyAllowance(
            context,
            lambda number: self.connectors[number - 1].hardware.meter.peek(),
            self._max_power_w,
        )
        self.admission: Final[Admission] = self.reservations
        self.access: Final = LocalAccess(context, self.connectors, self.admission, self.authorizer, ways.changed)
        if tag_reader is not None:
            tag_reader.on_tag = self.access.show
        self.pace: Final = Pace(context)
        self.heartbeat: Final = Heartbeat(context, ways.last_sent, ways.told_time)
        self.maintenance: Final = None if upkeep is None else self._maintenance(upkeep)
        configuration.changed = self._configuration_changed

    # Life.

    def wake_up(self) -> None:
        """Power is there: close what it interrupted, and know every status."""
        self.security.started()
        interrupted = self.transactions.close_interrupted(self.read_meter, self._max_power_w)
        for connector in self.connectors:
            connector.restore(was_interrupted=connector.number in interrupted)
        self.reservations.start()
        if self.smart_charging is not None:
            self.smart_charging.wake_up()
        for report in (self.availability.current_report, *(item.current_report for item in self.connectors)):
            self.statuses.report(report)
            self._tell_access(report)
        if self.maintenance is not None:
            self.maintenance.wake_up()

    def restarted(self) -> None:
        """The station starts anew, with the power never away; what waits for a time does so without the CSMS, too."""
        for connector in self.connectors:
            connector.restarted()
        self.reservations.start()
        if self.smart_charging is not None:
            self.smart_charging.clock_changed()
        if self.maintenance is not None:
            self.maintenance.wake_up()
        for connector in self.connectors:
            # Who plugged in while nobody was let in.
            self._tell_access(connector.current_report)

    def accepted(self) -> None:
        """The CSMS has taken the station on after a boot."""
        self.statuses.booted()
        self.metering.start()
        self.reservations.start()
        if self.smart_charging is not None:
            self.smart_charging.clock_changed()

    def online(self) -> None:
        """The CSMS takes messages from now on."""
        self.statuses.online()
        self.heartbeat.start()
        self.queue.wake()
        self.security.online()
        if self.maintenance is not None:
            self.maintenance.online()

    def offline(self) -> None:
        """The connection is gone."""
        self.heartbeat.stop()
        self.security.profiles.lost()
        if self.maintenance is not None:
            self.maintenance.offline()

    def let_nobody_in(self) -> None:
        """The station ends: whoever comes now, or waits, is not served any more."""
        self.access.stop()
        for connector in self.connectors:
            connector.closures.add(Closure.END)
            connector.withdraw()

    def stand_still(self) -> None:
        """Send nothing more of our own accord; what is on disk stays."""
        self.heartbeat.stop()
        self.pace.stop()
        self.metering.stop()
        self.queue.stop()
        self.reservations.stop()
        self.security.stop()
        if self.smart_charging is not None:
            self.smart_charging.stop()
        if self.maintenance is not None:
            self.maintenance.stand_still()
        self.allowance.stop()
        self.statuses.stop()
        self.boot.stop()

    def end_transactions(self, reason: Reason, connector_id: int | None = None) -> None:
        """Stop every transaction, or that of one connector, in the name of whoever charges."""
        for connector in self.connectors:
            if connector_id in (None, connector.number):
                connector.stop(reason, connector.user.id_tag if connector.user is not None else None)

    def clock_changed(self, seconds: float) -> None:
        """The time of day has jumped: whoever waits for one looks again."""
        self.context.log.warning("the clock was set", by_seconds=round(seconds, 3))
        if abs(seconds) > IGNORED_SECONDS:
            self.context.note_security_event(SecurityEvent.SETTING_SYSTEM_TIME, f"changed by {seconds:+.0f} s")
        if self.boot.registration is Registration.ACCEPTED:
            self.metering.start()
        self.reservations.clock_changed()
        if self.smart_charging is not None:
            self.smart_charging.clock_changed()

    def read_meter(self, connector_id: int) -> MeterReading:
        """Look at the meter of a connector."""
        return self.connectors[connector_id - 1].read_meter()

    def _max_power_w(self, connector_id: int) -> float:
        return self.connectors[connector_id - 1].outlet.max_power_w

    @property
    def firmware_version(self) -> str:
        """What runs now."""
        return self.context.product.firmware_version if self.maintenance is None else self.maintenance.firmware_version

    # What blocks tell one another.

    def _maintenance(self, upkeep: Upkeep) -> Maintenance:
        return Maintenance(
            self.context,
            upkeep,
            self.configuration,
            self.connectors,
            self.ways.restart,
            self.statuses.wait_until_told,
            manufacturer_roots=lambda: [
                root.certificate
                for root in self.security.store.roots(CertificateUse.MANUFACTURER_ROOT_CERTIFICATE)
                if not root.is_fallback
            ],
            security_log=lambda oldest, latest: (
                LogEntry(entry.timestamp, entry.kind, {"techInfo": entry.tech_info} if entry.tech_info else {})
                for entry in self.security.events.entries(oldest, latest)
            ),
        )

    def _tell_access(self, report: StatusReport) -> None:
        if report.status is ChargePointStatus.PREPARING:
            self.access.prepared(report.connector_id)

    def _smart_charging(self, context: Context) -> SmartCharging | None:
        if context.product.smart_charging is None:
            return None
        return SmartCharging(context, self.connectors, self.transactions.transaction_id)

    def _local_list(self, context: Context) -> LocalAuthList | None:
        bounds = context.product.local_list
        if bounds is None:
            return None
        return LocalAuthList(context, bounds, self._list_contradicted, self._list_updated, self.cache.forget)

    def _in_list(self, id_tag: str) -> StoredTag | None:
        return None if self.local_list is None else self.local_list.find(id_tag)

    def _id_tag_judged(self, id_tag: str, info: IdTagInfo) -> None:
        """§3.5.3: every IdTagInfo of the CSMS is for the cache, but for tags that are in the list."""
        if self.local_list is None or not self.local_list.judged(id_tag, info):
            self.cache.learn(id_tag, info)

    def _list_contradicted(self, detail: str) -> None:
        """§3.5.2: told for connector 0, whose status does not change; the next list that is taken ends it."""
        status = self.availability.current_report.status
        self._is_list_contradicted = True
        self._status_changed(StatusReport(0, status, ChargePointErrorCode.LOCAL_LIST_CONFLICT, detail))

    def _list_updated(self) -> None:
        if self._is_list_contradicted:
            self._is_list_contradicted = False
            self._status_changed(self.availability.current_report)

    def _put(self, action: str, request: Message, transaction_key: int | None) -> None:
        self.queue.put(action, request, transaction_key)

    def _status_changed(self, report: StatusReport) -> None:
        self.context.log.info("status", connector=report.connector_id, status=report.status.value)
        self.statuses.report(report)
        if self.maintenance is not None:
            self.maintenance.status_changed(report)
        self._tell_access(report)
        if report.connector_id > 0:
            self.reservations.connectors_changed()
            if self.smart_charging is not None:
                self.smart_charging.status_changed(report.connector_id)
        self.ways.changed()

    def _transaction_changed(self, connector_id: int) -> None:
        if self.connectors[connector_id - 1].transaction_key is None:
            self.metering.transaction_stopped(connector_id)
            self.allowance.forget(connector_id)
        else:
            self.metering.transaction_started(connector_id)
        if self.smart_charging is not None:
            self.smart_charging.transaction_changed(connector_id)
        if self.maintenance is not None:
            self.maintenance.transaction_changed(self.connectors[connector_id - 1])
        self.ways.changed()

    def _start_judged(self, key: int, id_tag_info: IdTagInfo) -> None:
        """§4.8: the CSMS has the last word on the tag of a transaction that runs already."""
        self.ways.changed()
        connector = next((item for item in self.connectors if item.transaction_key == key), None)
        if connector is not None and connector.user is not None and id_tag_info.parent_id_tag is not UNSET:
            # Started unasked, the group is known only now, and may stop it from now on (§3.10).
            connector.user = msgspec.structs.replace(connector.user, parent_id_tag=id_tag_info.parent_id_tag)
        if connector is None or id_tag_info.status is AuthorizationStatus.ACCEPTED:
            return
        is_limited = self.context.product.limits_energy_on_invalid_id
        left_wh = self.configuration.integer("MaxEnergyOnInvalidId") if is_limited else 0
        self.allowance.allow(connector.number, left_wh, lambda: self._deauthorize(connector))

    def _deauthorize(self, connector: Connector) -> None:
        if self.configuration.boolean("StopTransactionOnInvalidId"):
            connector.stop(Reason.DE_AUTHORIZED, connector.user.id_tag if connector.user is not None else None)
        else:
            connector.refuse_energy()

    def _configuration_changed(self, name: str) -> None:
        self.metering.configuration_changed(name)
        self.security.profiles.configuration_changed(name)
        if name == "HeartbeatInterval" and self.context.is_online():
            self.heartbeat.start()
