"""One connector: who may use it, what it does with its hardware, and what its status is."""

from collections.abc import Callable
from typing import Final

from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus, Reason
from chargewright.station.connection_timer import ConnectionTimer
from chargewright.station.connector_status import Facts, derive_status, warning_of
from chargewright.station.context import Authorization, Closure, Context, StatusReport, TransactionLog
from chargewright.station.energy_path import EnergyPath
from chargewright.station.faults import Faults, FaultSource
from chargewright.station.hardware.interface import (
    EV_CONNECTED,
    EV_READY,
    NO_OFFER,
    ConnectorHardware,
    MeterReading,
    Offer,
    Outlet,
)
from chargewright.station.held_cable import HeldCable
from chargewright.station.operative_state import OperativeState
from chargewright.station.store import StationStoreError
from chargewright.station.told_status import ToldStatus
from chargewright.station.wanted_stop import Stop, WantedStop

__all__ = ["Connector"]

EV_SIDE_DISCONNECTED: Final = "EV side disconnected"


class Connector:
    """Turns what happens at a connector into transactions and status reports.

    `log` opens and closes transactions; `report` gets each change of status; `transaction_changed(connector_id)` tells
    of each begin and end of a transaction, after it is durable.
    """

    def __init__(
        self,
        context: Context,
        number: int,
        hardware: ConnectorHardware,
        log: TransactionLog,
        report: Callable[[StatusReport], None],
        transaction_changed: Callable[[int], None],
    ) -> None:
        self.number = number
        # The transaction that runs here, and whoever was let in and has not plugged in yet.
        self.transaction_key: int | None = None
        self.user: Authorization | None = None
        self.closures: set[Closure] = set()
        self._context = context
        self._log = log
        self._transaction_changed = transaction_changed
        self._service = OperativeState(context, number)
        self._faults = Faults()
        # Faults of the hardware that show while it is being built are told with the first status.
        self._is_switching = True
        self._path = EnergyPath(
            context, number, hardware, self._faults, self._path_changed, self._path_failed, lambda: self._cable.let_go()
        )
        self.hardware = hardware = self._path.hardware
        self._waiting: Authorization | None = None
        self._is_allowed = True
        # What charging profiles leave of the outlet's power.
        self._limit = hardware.outlet.most
        self._must_user_act = False
        self._is_reserved = False
        self._was_plugged = self.is_plugged
        self._was_ev_connected = self.is_ev_connected
        self._cable = HeldCable(context, number, hardware.cable_lock)
        self._info: str | None = None
        self._warning = ChargePointErrorCode.NO_ERROR
        self._connection_timer = ConnectionTimer(context, self._connection_timed_out)
        self._wanted_stop = WantedStop(context, self._stop)
        self._told = ToldStatus(StatusReport(number, derive_status(self.facts), self._faults.error_code), report)
        self._is_switching = False
        hardware.pilot.on_change = self._hardware_changed
        if hardware.cable_lock is not None:
            hardware.cable_lock.on_change = self._hardware_changed

    # Facts.

    @property
    def is_ev_connected(self) -> bool:
        """Whether a vehicle is at the other end of the cable."""
        return self.hardware.pilot.state in EV_CONNECTED

    @property
    def is_plugged(self) -> bool:
        """Whether a cable is in the socket, or a vehicle on the fixed cable."""
        lock = self.hardware.cable_lock
        return self.is_ev_connected if lock is None else lock.has_cable

    @property
    def facts(self) -> Facts:
        """What is true now."""
        return Facts(
            is_operative=self._service.is_operative,
            is_faulted=bool(self._faults),
            is_plugged=self.is_plugged,
            is_authorized=self._waiting is not None,
            has_transaction=self.transaction_key is not None,
            is_ev_ready=self._is_ev_ready,
            # The station offers no energy before its contactor has closed.
            is_allowed=self._is_offering and (self._path.is_energised or not self._is_ev_ready),
            must_user_act=self._must_user_act,
            is_reserved=self._is_reserved,
        )

    @property
    def status(self) -> ChargePointStatus:
        """The status of this instant."""
        return derive_status(self.facts)

    @property
    def current_report(self) -> StatusReport:
        """What StatusNotification would tell now."""
        status = self.status
        error_code = self._faults.error_code if self._faults else warning_of(self._warning, status)
        return StatusReport(self.number, status, error_code, self._info)

    @property
    def waiting_user(self) -> Authorization | None:
        """Who was let in and has not plugged in yet."""
        return self._waiting

    @property
    def can_be_used(self) -> bool:
        """Whether somebody could be let in now."""
        facts = self.facts
        is_taken = facts.has_transaction or facts.is_authorized
        return facts.is_operative and not facts.is_faulted and not is_taken and not self.closures

    @property
    def outlet(self) -> Outlet:
        """What it can do."""
        return self.hardware.outlet

    def read_meter(self) -> MeterReading:
        """Look at the meter."""
        return self._path.read_meter()

    # What users, the CSMS and technicians do.

    def authorize(self, authorization: Authorization) -> None:
        """Somebody may charge here, unless it is Faulted or closed: start, or wait ConnectionTimeOut for the plug."""
        if self._faults or self.closures:
            return
        self._waiting = authorization
        self._must_user_act = False
        self._refresh()
        self._start()

    def withdraw(self) -> None:
        """Whoever was let in has changed their mind, or did not plug in."""
        self._waiting = None
        self._refresh()

    def stop(self, reason: Reason, id_tag: str | None, *, info: str | None = None) -> None:
        """End the transaction, if one runs. Energy is off at once; a stop that cannot be written is tried again."""
        if self.transaction_key is not None:
            self._stop(self._wanted_stop.want(Stop(reason, id_tag, info)))

    def _stop(self, stop: Stop) -> None:
        key = self.transaction_key
        if key is None:
            return
        self._is_allowed = False
        self._is_switching = True
        try:
            self._path.cut()
            # Read while the offer still stands; the register does not move any more.
            reading = self.read_meter()
            with self._context.store.atomically():
                self._log.stop(key, stop.reason, stop.id_tag, reading)
                self._cable.use_ends(stop.reason, self.user)
            self._path.offer(NO_OFFER)
        except StationStoreError as error:
            self._context.log.error("a stop is not on disk yet", connector=self.number, key=key, reason=str(error))
        else:
            self._wanted_stop.done()
            self.user = self.transaction_key = None
            self._is_allowed, self._must_user_act, self._info = True, self.is_plugged, stop.info
        finally:
            self._is_switching = False
        has_ended = self.transaction_key is None
        if has_ended:
            self._cable.let_go()
            self._catch_up()
        self._refresh()
        if has_ended:
            self._transaction_changed(self.number)

    def limit(self, limit: Offer) -> None:
        """Offer no more than this from now on; a running transaction is suspended while it is nothing (§4.9)."""
        if limit == self._limit:
            return
        self._limit = limit
        if self.transaction_key is not None:
            self._is_switching = True
            try:
                self._path.offer(limit)
            finally:
                self._is_switching = False
        self._refresh()

    def reserve(self, is_reserved: bool) -> None:
        """It is kept for somebody, or not any more (§5.13)."""
        if is_reserved is not self._is_reserved:
            self._is_reserved = is_reserved
            self._refresh()

    def refuse_energy(self) -> None:
        """The transaction goes on without energy: its tag turned out not to be valid (§4.8)."""
        self._is_allowed = False
        self._refresh()

    def release_cable(self, authorization: Authorization) -> bool:
        """Give the cable back to the user it is held for, or one of the same group; returns whether it was theirs."""
        return self._cable.release(authorization)

    def set_fault(self, error_code: ChargePointErrorCode, source: FaultSource = FaultSource.PERSON) -> None:
        """A fault that keeps the connector from charging, or `NO_ERROR` when `source` says no more that there is one.

        A person who says so has seen to what the hardware showed, too.
        """
        if error_code is not ChargePointErrorCode.NO_ERROR:
            self._faults.add(source, error_code)
            # However long it lasts, nobody else may start in the name of who waits now.
            self._waiting = None
            self._path.cut()
        else:
            self._faults.remove(source)
            if source is FaultSource.PERSON:
                self._path.clear()
        self._path_changed()

    def warn(self, error_code: ChargePointErrorCode) -> None:
        """Something is wrong that does not keep it from charging; `NO_ERROR` when that is over (§4.9)."""
        self._warning = error_code
        self._refresh()

    def change_availability(self, is_operative: bool) -> bool:
        """Take it in or out of service (§5.2); returns False when that has to wait until it is idle. Kept on disk."""
        is_busy = self.transaction_key is not None or self.status is ChargePointStatus.PREPARING
        return self._service.change(is_operative, is_busy=is_busy)

    def availability_changed(self) -> None:
        """Make a change of availability felt, once it has been acknowledged."""
        if not self._service.is_operative and self.transaction_key is None:
            self._must_user_act = False
        self._refresh()

    def hold_out_of_service(self, is_held: bool) -> None:
        """See `ConnectorPort.hold_out_of_service`."""
        self._service.hold(is_held)
        self._refresh()

    @property
    def is_held_out_of_service(self) -> bool:
        """Whether a hold has taken effect."""
        return self._service.is_held

    def restore(self, *, was_interrupted: bool) -> None:
        """After a start of the station: a cable that was in use, or is held still, has to be taken out first."""
        self._waiting = None
        self._path.cut()
        self._path.offer(NO_OFFER)
        self._cable.restore(may_be_held=not was_interrupted)
        is_left_behind = was_interrupted or self._cable.is_held
        self._must_user_act = is_left_behind and self.is_plugged and self._service.is_operative
        self._catch_up()
        self._refresh()

    def restarted(self) -> None:
        """The station has started anew without a power cut: what the hardware showed is asked of it again."""
        self._path.clear()
        self._path.cut()
        self._path_changed()

    def shut_down(self) -> None:
        """Let no energy flow and forget all timers, for good; what is on disk stays."""
        self.closures.add(Closure.END)
        self._is_switching = True
        self._connection_timer.cancel()
        self._wanted_stop.done()
        self._path.shut_down()

    def unlock(self) -> bool | None:
        """Free the cable, energy off first; None where there is no lock, False when it is jammed (§5.18)."""
        lock = self.hardware.cable_lock
        if lock is None:
            return None
        if self.transaction_key is not None:
            self._is_allowed = False
            self._path.cut()
        elif self.is_ev_connected:
            self._give_cable_back()
            self._refresh()
        self._cable.hold_for(None)
        return lock.unlock()

    # Inside.

    def _start(self) -> None:
        if self._waiting is not None and self.is_ev_connected and not self._faults:
            self._path.hold_cable(self._cable_held)

    def _give_cable_back(self) -> None:
        """Whoever wants it back does not start with it: nobody may lock it now, or a moment later."""
        self._waiting = None
        if self._path.is_locking:
            self._path.cut()

    def _cable_held(self) -> None:
        reading = self.read_meter()
        authorization = self._waiting
        if authorization is None or not self.is_ev_connected or self.facts.is_faulted:
            # While the lock was moving they changed their mind, or the meter does not answer.
            self._cable.let_go()
            return
        self._is_switching = True
        try:
            # On disk before the vehicle is told that it may.
            with self._context.store.atomically():
                key = self._log.start(self.number, authorization, reading)
                self._cable.hold_for(None)
            self.transaction_key = key
            self._waiting = None
            self.user = authorization
            self._is_allowed = True
            self._info = None
            self._path.offer(self._limit)
        except StationStoreError:
            self._waiting = None  # Whoever shows the tag again tries again, and locks the cable again.
            self._cable.let_go()
            raise
        finally:
            self._is_switching = False
        self._refresh()
        self._transaction_changed(self.number)

    def _hardware_changed(self) -> None:
        if self._is_switching:
            return
        was_plugged, self._was_plugged = self._was_plugged, self.is_plugged
        was_connected, self._was_ev_connected = self._was_ev_connected, self.is_ev_connected
        if was_connected and not self._was_ev_connected and self.transaction_key is not None:
            self._ev_disconnected()
        if was_plugged and not self._was_plugged:
            self._must_user_act = False
            self._info = None
        if self._was_ev_connected and not was_connected:
            self._info = None
        if self._path.is_locking and not (self._was_plugged and self._was_ev_connected):
            self._give_cable_back()
        self._refresh()
        self._start()

    def _ev_disconnected(self) -> None:
        """§4.10: the transaction ends, or waits for the vehicle to come back."""
        if self._context.configuration.boolean("StopTransactionOnEVSideDisconnect"):
            id_tag = self.user.id_tag if self.user is not None else None
            self.stop(Reason.EV_DISCONNECTED, id_tag, info=EV_SIDE_DISCONNECTED)
        else:
            self._info = EV_SIDE_DISCONNECTED

    def _refresh(self) -> None:
        """Bring contactor, timers and reports in line with the facts."""
        self._switch_contactor()
        status = self.status
        if status is ChargePointStatus.PREPARING:
            if not self._connection_timer.is_running or self._told.status is not ChargePointStatus.PREPARING:
                self._connection_timer.start()
        else:
            self._connection_timer.cancel()
        self._told.tell(self.current_report)
        is_idle = status is not ChargePointStatus.PREPARING and self.transaction_key is None
        if is_idle and self._catch_up():
            self._refresh()

    @property
    def _is_ev_ready(self) -> bool:
        return self.hardware.pilot.state in EV_READY

    @property
    def _is_offering(self) -> bool:
        return self._is_allowed and not self._limit.is_nothing

    def _switch_contactor(self) -> None:
        has_transaction = self.transaction_key is not None
        self._path.follow(has_transaction and self._is_offering and self._is_ev_ready and not self._faults)

    def _path_changed(self) -> None:
        """The way of energy is further than it was."""
        self._refresh()
        self._start()

    def _path_failed(self) -> None:
        """The energy is off; a transaction goes on without it, whoever waits has to try again elsewhere."""
        self._waiting = None
        if not self._is_switching:
            self._refresh()

    def _catch_up(self) -> bool:
        """Idle: make felt what had to wait; returns whether something did."""
        is_changed = self._service.catch_up()
        if is_changed and not self._service.is_operative:
            self._must_user_act = False
        return is_changed

    def _connection_timed_out(self) -> None:
        self._waiting = None
        # Errata v4.0 §3.20: plugged in but nobody let in: the next tag must not start this connector by accident.
        self._must_user_act = self.is_plugged
        self._refresh()
