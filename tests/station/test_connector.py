"""One connector: its duties, and random walks that must never leave the matrix of §4.9."""

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.station.bench import Bench, NoteTaker
from tests.station.full_disk import FullDisk
from tests.station.world import DC_CABLE, SOCKET, car, product

from chargewright.protocol.v16.connector_status import transition
from chargewright.protocol.v16.core import ChargePointErrorCode, ChargePointStatus, Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.station.connector import EV_SIDE_DISCONNECTED, Connector
from chargewright.station.context import Authorization, StatusReport
from chargewright.station.faults import FaultSource
from chargewright.station.hardware.interface import NO_OFFER, MeterReading, Offer, Outlet
from chargewright.station.hardware.simulated import SimulatedConnector
from chargewright.station.hardware.simulated_parts import NO_DELAYS, HardwareDelays
from chargewright.station.store import StationStore, StationStoreError

ALICE = Authorization("ALICE", AuthorizationStatus.ACCEPTED, "FAMILY")
BOB = Authorization("BOB", AuthorizationStatus.ACCEPTED, "FAMILY")
EVE = Authorization("EVE", AuthorizationStatus.ACCEPTED)
NO_ERROR = ChargePointErrorCode.NO_ERROR


class Log(NoteTaker):
    """Writes no stop while `is_full`."""

    is_full = False

    def stop(self, key: int, reason: Reason, id_tag: str | None, reading: MeterReading) -> None:
        if self.is_full:
            raise StationStoreError("memory", "the disk is full")
        super().stop(key, reason, id_tag, reading)


class Subject:
    """A connector with simulated hardware; `reports` are its statuses."""

    def __init__(
        self, outlet: Outlet = SOCKET, delays: HardwareDelays = NO_DELAYS, store: StationStore | None = None
    ) -> None:
        self.bench = Bench(product(outlet), store)
        self.log = Log()
        self.reports: list[StatusReport] = []
        self.hardware = SimulatedConnector(
            outlet, self.bench.clock, self.bench.timers.call_later, keep=lambda register_wh: None, delays=delays
        )
        self.connector = Connector(
            self.bench.context, 1, self.hardware.hardware, self.log, self.reports.append, lambda connector_id: None
        )

    @property
    def statuses(self) -> list[str]:
        return [report.status.value for report in self.reports]

    def charge(self, who: Authorization = ALICE) -> None:
        self.hardware.plug(car())
        self.connector.authorize(who)


def test_plug_then_tag() -> None:
    subject = Subject()
    subject.charge()
    assert subject.statuses == ["Preparing", "Charging"]
    assert subject.log.started == [(1, "ALICE")]
    assert subject.hardware.is_closed


def test_tag_then_plug() -> None:
    subject = Subject()
    subject.connector.authorize(ALICE)
    assert not subject.log.started
    subject.hardware.plug(car())
    assert subject.statuses == ["Preparing", "Charging"]


def test_the_transaction_is_logged_before_energy_can_flow() -> None:
    subject = Subject()
    closed: list[bool] = []
    subject.log.on_start = lambda: closed.append(subject.hardware.is_closed)
    subject.charge()
    assert closed == [False]


def test_authorized_but_not_plugged_in_time_gives_up() -> None:
    subject = Subject()
    subject.bench.set("ConnectionTimeOut", "30")
    subject.connector.authorize(ALICE)
    subject.bench.timers.pass_time(29)
    assert subject.statuses == ["Preparing"]
    subject.bench.timers.pass_time(2)
    assert subject.statuses == ["Preparing", "Available"]
    subject.hardware.plug(car())
    assert not subject.log.started


def test_plugged_but_not_authorized_in_time_waits_for_the_user_to_leave() -> None:
    subject = Subject()
    subject.hardware.plug(car())
    subject.bench.timers.pass_time(121)
    assert subject.statuses == ["Preparing", "Finishing"]
    subject.connector.authorize(ALICE)
    assert subject.statuses[2:] == ["Preparing", "Charging"]


def test_a_stop_opens_the_contactor_frees_the_cable_and_waits_for_the_unplug() -> None:
    subject = Subject()
    subject.charge()
    subject.connector.stop(Reason.LOCAL, "ALICE")
    assert subject.log.stopped == [(1, Reason.LOCAL, "ALICE")]
    assert not subject.hardware.is_closed
    subject.hardware.unplug()
    assert subject.statuses[-2:] == ["Finishing", "Available"]


def test_a_full_vehicle_suspends_and_the_transaction_goes_on() -> None:
    subject = Subject()
    subject.hardware.plug(car(capacity_wh=1000.0, soc=0.9))
    subject.connector.authorize(ALICE)
    subject.bench.timers.pass_time(7200)
    assert subject.statuses == ["Preparing", "Charging", "SuspendedEV"]
    assert subject.connector.transaction_key == 1


def test_without_valid_tag_energy_stops_but_the_transaction_stays() -> None:
    subject = Subject()
    subject.charge()
    subject.connector.refuse_energy()
    assert subject.statuses[-1] == "SuspendedEVSE"
    assert not subject.hardware.is_closed
    assert subject.connector.transaction_key == 1


def test_a_hold_waits_for_the_user_and_ends_at_once() -> None:
    subject = Subject()
    subject.charge()
    subject.connector.hold_out_of_service(True)
    assert not subject.connector.is_held_out_of_service
    subject.connector.stop(Reason.LOCAL, "ALICE")
    assert subject.connector.is_held_out_of_service
    assert not subject.connector.can_be_used
    subject.hardware.unplug()
    assert subject.statuses == ["Preparing", "Charging", "Unavailable"]
    subject.connector.hold_out_of_service(False)
    assert subject.statuses[3:] == ["Available"]
    assert subject.bench.store.availability(1).is_operative


@pytest.mark.parametrize("outlet", [SOCKET, DC_CABLE], ids=["socket", "fixed cable"])
def test_a_vehicle_that_drives_off_ends_the_transaction(outlet: Outlet) -> None:
    subject = Subject(outlet)
    subject.bench.set("StopTransactionOnEVSideDisconnect", "true")
    subject.charge()
    subject.hardware.disconnect_vehicle()
    assert subject.log.stopped == [(1, Reason.EV_DISCONNECTED, "ALICE")]
    if outlet is SOCKET:
        assert subject.reports[-1] == StatusReport(1, ChargePointStatus.FINISHING, NO_ERROR, EV_SIDE_DISCONNECTED)
        assert not subject.hardware.hardware.cable_lock.is_locked  # type: ignore[union-attr]  # a socket has one


def test_or_keeps_it_until_the_vehicle_is_back() -> None:
    subject = Subject()
    subject.bench.set("StopTransactionOnEVSideDisconnect", "false")
    subject.charge()
    vehicle = subject.hardware.disconnect_vehicle()
    assert subject.reports[-1] == StatusReport(1, ChargePointStatus.SUSPENDED_EV, NO_ERROR, EV_SIDE_DISCONNECTED)
    assert not subject.hardware.is_closed
    subject.hardware.plug(vehicle)
    assert subject.reports[-1] == StatusReport(1, ChargePointStatus.CHARGING, NO_ERROR, None)
    assert subject.log.stopped == []


def test_the_cable_stays_locked_when_the_vehicle_leaves_and_the_key_says_so() -> None:
    subject = Subject()
    subject.bench.set("StopTransactionOnEVSideDisconnect", "true")
    subject.bench.set("UnlockConnectorOnEVSideDisconnect", "false")
    subject.charge()
    subject.hardware.disconnect_vehicle()
    lock = subject.hardware.hardware.cable_lock
    assert lock is not None and lock.is_locked
    assert subject.connector.release_cable(ALICE) and not lock.is_locked


def test_a_deauthorized_users_cable_is_held_for_them_and_their_group() -> None:
    for other, is_given in ((EVE, False), (BOB, True), (ALICE, True)):
        subject = Subject()
        subject.charge()
        subject.connector.stop(Reason.DE_AUTHORIZED, "ALICE")
        lock = subject.hardware.hardware.cable_lock
        assert lock is not None and lock.is_locked
        assert subject.connector.release_cable(other) is is_given
        assert lock.is_locked is not is_given


def test_a_lock_that_fails_is_a_fault_and_no_transaction() -> None:
    subject = Subject()
    subject.hardware.hardware.cable_lock.is_jammed = True  # type: ignore[union-attr]  # the simulated lock has it
    subject.charge()
    assert subject.log.started == []
    assert subject.reports[-1].error_code is ChargePointErrorCode.CONNECTOR_LOCK_FAILURE
    assert subject.reports[-1].status is ChargePointStatus.FAULTED


def test_a_fault_stops_energy_and_its_end_brings_the_state_back() -> None:
    subject = Subject()
    subject.charge()
    subject.connector.set_fault(ChargePointErrorCode.GROUND_FAILURE)
    assert not subject.hardware.is_closed and subject.statuses[-1] == "Faulted"
    subject.connector.set_fault(NO_ERROR)
    assert subject.hardware.is_closed and subject.statuses[-1] == "Charging"


def test_who_was_let_in_is_not_let_in_any_more_after_a_fault() -> None:
    subject = Subject()
    subject.connector.authorize(ALICE)
    subject.connector.set_fault(ChargePointErrorCode.HIGH_TEMPERATURE)
    subject.bench.timers.pass_time(86_400)
    subject.connector.authorize(ALICE)
    subject.connector.set_fault(NO_ERROR)
    assert subject.connector.waiting_user is None and subject.statuses == ["Preparing", "Faulted", "Available"]
    subject.hardware.plug(car())
    subject.bench.timers.pass_time(60)
    assert subject.log.started == []


def test_a_connector_in_use_goes_out_of_service_when_the_use_ends() -> None:
    subject = Subject()
    subject.charge()
    assert not subject.connector.change_availability(False)
    subject.connector.availability_changed()
    assert subject.statuses[-1] == "Charging"
    assert subject.bench.store.availability(1).scheduled is False
    subject.connector.stop(Reason.REMOTE, "ALICE")
    assert subject.statuses[-2:] == ["Charging", "Unavailable"]
    assert not subject.bench.store.availability(1).is_operative


def test_somebody_preparing_is_not_thrown_out() -> None:
    subject = Subject()
    subject.hardware.plug(car())
    assert not subject.connector.change_availability(False)
    subject.connector.availability_changed()
    subject.hardware.unplug()
    assert subject.statuses == ["Preparing", "Available", "Unavailable"]


def test_a_newer_change_replaces_the_scheduled_one() -> None:
    subject = Subject()
    subject.charge()
    assert not subject.connector.change_availability(False)
    assert subject.connector.change_availability(True)
    subject.connector.stop(Reason.LOCAL, "ALICE")
    assert subject.statuses[-1] == "Finishing"


def test_unlocking_cuts_the_energy_first_and_a_fixed_cable_has_no_lock() -> None:
    subject = Subject()
    subject.charge()
    assert subject.connector.unlock() is True
    assert not subject.hardware.is_closed
    assert Subject(DC_CABLE).connector.unlock() is None


def test_after_a_power_cut_the_cable_must_come_out_first() -> None:
    subject = Subject()
    subject.hardware.plug(car())
    subject.connector.restore(was_interrupted=True)
    assert subject.statuses[-1] == "Finishing"


def test_after_shut_down_nothing_closes_the_contactor_again() -> None:
    subject = Subject()
    subject.charge()
    subject.connector.shut_down()
    subject.hardware.offer(NO_OFFER)
    subject.hardware.offer(Offer(16.0, 11_040.0, 3))
    assert not subject.hardware.is_closed


class Walk(RuleBasedStateMachine):
    """Whatever users, the CSMS and bad luck do: only changes of §4.9, and no energy without a transaction."""

    outlet = SOCKET
    delays = NO_DELAYS

    def __init__(self) -> None:
        super().__init__()
        self.subject = Subject(self.outlet, self.delays)
        self.faults: set[FaultSource] = set()
        self.checked = 0
        self.has_been_stopped: int | None = None
        self.last = ChargePointStatus.AVAILABLE

    @precondition(lambda self: self.subject.hardware.vehicle is None)
    @rule(soc=st.sampled_from([0.2, 0.95, 1.0]), capacity_wh=st.sampled_from([500.0, 50_000.0]))
    def plug(self, soc: float, capacity_wh: float) -> None:
        self.subject.hardware.plug(car(capacity_wh=capacity_wh, soc=soc))

    @precondition(lambda self: self.subject.hardware.vehicle is not None)
    @rule()
    def disconnect_vehicle(self) -> None:
        self.subject.hardware.disconnect_vehicle()

    @precondition(lambda self: self.subject.hardware.vehicle is not None and not self.is_locked())
    @rule()
    def unplug(self) -> None:
        self.subject.hardware.unplug()

    @precondition(lambda self: self.subject.connector.can_be_used)
    @rule(who=st.sampled_from([ALICE, EVE]))
    def authorize(self, who: Authorization) -> None:
        self.subject.connector.authorize(who)

    @rule()
    def withdraw(self) -> None:
        self.subject.connector.withdraw()

    @rule(reason=st.sampled_from([Reason.LOCAL, Reason.REMOTE, Reason.DE_AUTHORIZED, Reason.SOFT_RESET]))
    def stop(self, reason: Reason) -> None:
        self.has_been_stopped = self.subject.connector.transaction_key
        self.subject.connector.stop(reason, "ALICE")

    @rule(is_full=st.booleans())
    def fill_disk(self, is_full: bool) -> None:
        self.subject.log.is_full = is_full

    @rule()
    def restart(self) -> None:
        self.subject.connector.stop(Reason.HARD_RESET, "ALICE")
        self.subject.connector.withdraw()
        self.subject.connector.restarted()

    @precondition(lambda self: self.subject.connector.transaction_key is not None)
    @rule()
    def refuse_energy(self) -> None:
        self.subject.connector.refuse_energy()

    @rule()
    def release_cable(self) -> None:
        self.subject.connector.release_cable(ALICE)

    @rule()
    def unlock(self) -> None:
        self.subject.connector.unlock()
        self.subject.connector.stop(Reason.UNLOCK_COMMAND, "ALICE")

    @rule(is_reserved=st.booleans())
    def reserve(self, is_reserved: bool) -> None:
        connector = self.subject.connector
        if not is_reserved or (connector.can_be_used and not connector.is_plugged):
            connector.reserve(is_reserved)

    @rule(is_operative=st.booleans())
    def change_availability(self, is_operative: bool) -> None:
        self.subject.connector.change_availability(is_operative)
        self.subject.connector.availability_changed()

    @rule(is_held=st.booleans())
    def hold_out_of_service(self, is_held: bool) -> None:
        connector = self.subject.connector
        connector.hold_out_of_service(is_held)
        assert not connector.is_held_out_of_service or (is_held and connector.transaction_key is None)

    @rule(
        error_code=st.sampled_from([NO_ERROR, ChargePointErrorCode.GROUND_FAILURE]),
        source=st.sampled_from([FaultSource.PERSON, FaultSource.EMERGENCY_STOP]),
    )
    def set_fault(self, error_code: ChargePointErrorCode, source: FaultSource) -> None:
        self.subject.connector.set_fault(error_code, source)
        if error_code is NO_ERROR:
            self.faults.discard(source)
        else:
            self.faults.add(source)

    @rule(jammed=st.booleans())
    def jam(self, jammed: bool) -> None:
        lock = self.subject.hardware.hardware.cable_lock
        if lock is not None:
            lock.is_jammed = jammed  # type: ignore[attr-defined]  # the simulated lock has it

    @rule(key=st.sampled_from(["StopTransactionOnEVSideDisconnect"]), value=st.sampled_from(["true", "false"]))
    def configure(self, key: str, value: str) -> None:
        self.subject.bench.set(key, value)

    @rule(seconds=st.sampled_from([1.0, 130.0, 10_000.0]))
    def wait(self, seconds: float) -> None:
        self.subject.bench.timers.pass_time(seconds)

    def is_locked(self) -> bool:
        lock = self.subject.hardware.hardware.cable_lock
        return lock is not None and lock.is_locked

    @invariant()
    def only_changes_of_the_specification(self) -> None:
        for report in self.subject.reports[self.checked :]:
            if report.status is not self.last:
                assert transition(1, self.last, report.status), f"{self.last.value} → {report.status.value}"
            self.last = report.status
        self.checked = len(self.subject.reports)
        assert self.last is self.subject.connector.status

    @invariant()
    def no_energy_without_a_transaction(self) -> None:
        if self.subject.hardware.is_closed:
            assert self.subject.connector.transaction_key not in (None, self.has_been_stopped)
            assert not self.subject.connector.facts.is_faulted

    @invariant()
    def whoever_tells_of_a_fault_is_believed_until_they_take_it_back(self) -> None:
        assert not self.faults or self.subject.connector.status is ChargePointStatus.FAULTED
        assert not self.faults or self.subject.connector.waiting_user is None

    @invariant()
    def transactions_are_opened_and_closed_in_turn(self) -> None:
        log, connector = self.subject.log, self.subject.connector
        running = [key for key in range(1, len(log.started) + 1) if key not in {stop[0] for stop in log.stopped}]
        assert running == ([] if connector.transaction_key is None else [connector.transaction_key])


class WalkOnAFixedCable(Walk):
    outlet = DC_CABLE


class WalkOnSlowHardware(Walk):
    delays = HardwareDelays(lock=2.0, contactor=2.0)


class WalkOnASlowFixedCable(Walk):
    outlet = DC_CABLE
    delays = HardwareDelays(cable_check=20.0, precharge=2.0, contactor=2.0)


@pytest.mark.parametrize("walk", [Walk, WalkOnAFixedCable, WalkOnSlowHardware, WalkOnASlowFixedCable])
def test_random_walks_stay_inside_the_matrix(walk: type[Walk]) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # Hypothesis has no type for it
        walk, settings=settings(max_examples=100, stateful_step_count=40, deadline=None)
    )


def test_a_start_that_the_disk_does_not_take_is_none_and_may_be_tried_again() -> None:
    with FullDisk(":memory:") as disk:
        subject = Subject(store=StationStore(disk, Random(1)))

        def begin() -> None:
            subject.bench.store.set_meta("begun", "yes")
            disk.is_full = True

        subject.log.on_start = begin
        subject.hardware.plug(car())
        with pytest.raises(StationStoreError):
            subject.connector.authorize(ALICE)
        disk.is_full = False
        assert subject.bench.store.meta("begun", "no") == "no"
        assert subject.connector.transaction_key is None and subject.connector.waiting_user is None
        assert not subject.hardware.is_closed and subject.hardware.lock is not None
        assert not subject.hardware.lock.is_locked, "whoever gives up can take the cable"
        subject.log.on_start = lambda: None
        subject.connector.authorize(ALICE)
        assert subject.connector.transaction_key is not None and subject.hardware.is_closed
        subject.connector.stop(Reason.LOCAL, "ALICE")
        assert subject.statuses[-1] == "Finishing"


@pytest.mark.parametrize("how", ["unlock", "unplug", "the vehicle drives off"])
def test_who_wants_the_cable_back_while_the_lock_moves_gets_it_and_nothing_is_faulted(how: str) -> None:
    subject = Subject(delays=HardwareDelays(lock=2.0))
    lock = subject.hardware.lock
    assert lock is not None
    subject.connector.authorize(ALICE)
    subject.hardware.plug(car())
    subject.bench.timers.pass_time(1.0)
    if how == "unlock":
        assert subject.connector.unlock() is True
    elif how == "unplug":
        subject.hardware.unplug()
    else:
        subject.hardware.disconnect_vehicle()
    assert subject.connector.waiting_user is None
    subject.bench.timers.pass_time(20.0)
    assert not lock.is_locked and subject.log.started == []
    assert "Faulted" not in subject.statuses
    if how == "unplug":
        assert subject.statuses == ["Preparing", "Available"]
        subject.hardware.plug(car())
    elif how == "the vehicle drives off":
        subject.hardware.plug(car())
    subject.connector.authorize(BOB)
    subject.bench.timers.pass_time(5.0)
    assert subject.log.started == [(1, "BOB")] and subject.statuses[-1] == "Charging"


def test_a_cable_that_is_unlocked_while_the_last_contactor_opens_is_not_locked_again() -> None:
    subject = Subject(delays=HardwareDelays(contactor=2.0))
    subject.charge()
    subject.bench.timers.pass_time(60.0)
    subject.connector.stop(Reason.LOCAL, "ALICE")
    subject.connector.authorize(EVE)
    assert subject.connector.unlock() is True
    subject.bench.timers.pass_time(10.0)
    assert subject.log.started == [(1, "ALICE")] and subject.connector.waiting_user is None
    subject.hardware.unplug()
    assert subject.statuses[-1] == "Available"


def test_unlocking_a_socket_where_nobody_is_yet_leaves_who_was_let_in() -> None:
    subject = Subject()
    subject.connector.authorize(ALICE)
    assert subject.connector.unlock() is True
    subject.hardware.plug(car())
    assert subject.log.started == [(1, "ALICE")]


def test_a_restart_forgets_what_the_hardware_showed_and_nothing_else() -> None:
    subject = Subject()
    lock = subject.hardware.lock
    assert lock is not None
    lock.is_jammed = True
    subject.charge()
    assert subject.reports[-1].error_code is ChargePointErrorCode.CONNECTOR_LOCK_FAILURE
    subject.connector.set_fault(ChargePointErrorCode.HIGH_TEMPERATURE)
    lock.is_jammed = False
    subject.connector.restarted()
    assert subject.reports[-1].error_code is ChargePointErrorCode.HIGH_TEMPERATURE
    subject.connector.set_fault(NO_ERROR)
    subject.connector.authorize(ALICE)
    assert subject.statuses[-1] == "Charging"
