"""The way of energy: its table, its bounds, and what hardware that fails makes of a connector."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from tests.station.bench import Bench, NoteTaker
from tests.station.world import DC_CABLE, SOCKET, World, car, live, product

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.core import ChargePointErrorCode, Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.station.connector import Connector
from chargewright.station.context import Authorization, StatusReport
from chargewright.station.energy_path import (
    BOUNDS_SECONDS,
    PROBE_SECONDS,
    TRANSITIONS,
    EnergyCue,
    EnergyPath,
    EnergyState,
    next_state,
)
from chargewright.station.faults import Faults, FaultSource
from chargewright.station.hardware.interface import ConnectorHardware, Done, Outlet
from chargewright.station.hardware.simulated import SimulatedConnector
from chargewright.station.station import Station
from chargewright.station.station_clock import StationClock
from chargewright.station.store import StationStoreError

ALICE = Authorization("ALICE", AuthorizationStatus.ACCEPTED)


@pytest.mark.parametrize("cue", EnergyCue)
@pytest.mark.parametrize("state", EnergyState)
def test_every_state_meets_every_cue(state: EnergyState, cue: EnergyCue) -> None:
    if cue not in TRANSITIONS[state]:
        with pytest.raises(LocalProtocolError, match="energy path"):
            next_state(state, cue)
        return
    after = next_state(state, cue)
    # Nothing but the steps in their order leads to energy, and every way back opens the contactor.
    assert (after is EnergyState.ENERGISED) == (state is EnergyState.CLOSING and cue is EnergyCue.DONE)
    assert cue is not EnergyCue.CUT or after is EnergyState.OPENING
    assert cue is not EnergyCue.FAIL or after is EnergyState.FAILED


class Slow:
    """All pieces of a board on top of simulated ones; orders end when `finish` says so. `breaks` names what raises."""

    def __init__(self, simulated: SimulatedConnector) -> None:
        self.simulated = simulated
        self.orders: list[tuple[str, Done]] = []
        self.breaks: set[str] = set()
        self.holds: list[float] = []
        self.is_slow = False
        self.hold_seconds: float | None = None
        self.on_change: Callable[[], None] = lambda: None

    def part(self, name: str, target: Any = None) -> Any:
        return _Part(self, name, target)

    def take(self, name: str, act: Callable[[Done], None], done: Done) -> None:
        if self.is_slow:
            self.orders.append((name, lambda has_worked: act(done) if has_worked else done(False)))
        else:
            act(done)

    def finish(self, name: str, has_worked: bool = True) -> None:
        (waiting, done) = self.orders.pop(0)
        assert waiting == name
        done(has_worked)


class _Part:
    """Every method and property of one driver; raises whatever is asked while its name is among `breaks`."""

    def __init__(self, board: Slow, name: str, target: Any) -> None:
        object.__setattr__(self, "_it", (board, name, target))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._it[2], name, value)

    def __getattr__(self, name: str) -> Any:
        board, part, target = object.__getattribute__(self, "_it")
        if name == "on_change":
            return target.on_change
        if f"{part}.{name}" in board.breaks:
            raise OSError(f"{part}.{name} does not answer")
        if name == "hold_seconds":
            return board.hold_seconds
        if name == "hold":
            return lambda: board.holds.append(board.simulated._clock.monotonic())
        if name in ("close", "open", "lock", "check_cable", "precharge"):
            act = (lambda done: done(True)) if target is None else getattr(target, name)
            return lambda done=lambda has_worked: None: board.take(name, act, done)
        return (lambda: None) if target is None else getattr(target, name)


class Subject:
    def __init__(self, outlet: Outlet = SOCKET) -> None:
        self.bench = Bench(product(outlet))
        self.log = NoteTaker()
        self.reports: list[StatusReport] = []
        self.simulated = SimulatedConnector(
            outlet, self.bench.clock, self.bench.timers.call_later, keep=lambda register_wh: None
        )
        self.board = Slow(self.simulated)
        real = self.simulated.hardware
        lock = real.cable_lock
        self.connector = Connector(
            self.bench.context,
            1,
            ConnectorHardware(
                outlet=outlet,
                contactor=self.board.part("contactor", self.simulated),
                meter=self.board.part("meter", self.simulated),
                pilot=self.board.part("pilot", self.simulated),
                cable_lock=None if lock is None else self.board.part("cable_lock", lock),
                dc=self.board.part("dc") if outlet.is_dc else None,
            ),
            self.log,
            self.reports.append,
            lambda connector_id: None,
        )

    @property
    def told(self) -> list[str]:
        return [f"{report.status.value} {report.error_code.value}" for report in self.reports]

    def charge(self) -> None:
        self.simulated.plug(car())
        self.connector.authorize(ALICE)


def test_a_dc_charge_goes_through_all_steps_and_charges_only_after_the_last() -> None:
    subject = Subject(DC_CABLE)
    subject.board.is_slow = True
    subject.charge()
    assert subject.log.started == [(1, "ALICE")]
    for name in ("check_cable", "precharge", "close"):
        assert subject.told[-1] == "SuspendedEVSE NoError" and not subject.simulated.is_closed
        subject.board.finish(name)
    assert subject.told == ["Preparing NoError", "SuspendedEVSE NoError", "Charging NoError"]
    assert subject.simulated.is_closed


def test_no_transaction_before_the_cable_is_held() -> None:
    subject = Subject()
    subject.board.is_slow = True
    subject.charge()
    assert subject.log.started == []
    subject.board.finish("lock")
    assert subject.log.started == [(1, "ALICE")]


def test_a_lock_that_fails_halfway_makes_a_fault_and_no_transaction() -> None:
    subject = Subject()
    subject.board.is_slow = True
    subject.charge()
    subject.board.finish("lock", has_worked=False)
    assert subject.log.started == [] and subject.connector.waiting_user is None
    assert subject.told[-1] == "Faulted ConnectorLockFailure"
    subject.simulated.unplug()
    subject.board.is_slow = False
    subject.connector.set_fault(type(subject.reports[-1].error_code).NO_ERROR)
    subject.charge()
    assert subject.told[-1] == "Charging NoError"


def test_who_changes_their_mind_while_the_lock_moves_gets_the_cable_back() -> None:
    subject = Subject()
    subject.board.is_slow = True
    subject.charge()
    subject.connector.withdraw()
    subject.board.finish("lock")
    assert subject.log.started == []
    subject.simulated.unplug()


def test_a_stop_on_the_way_is_a_stop() -> None:
    subject = Subject(DC_CABLE)
    subject.board.is_slow = True
    subject.charge()
    subject.board.finish("check_cable")
    (_, precharged), subject.board.orders = subject.board.orders[0], []
    subject.connector.stop(Reason.REMOTE, "ALICE")
    precharged(True)
    subject.board.finish("open")
    assert subject.board.orders == [] and not subject.simulated.is_closed


@pytest.mark.parametrize(
    ("outlet", "finished", "step", "code"),
    [
        (SOCKET, [], EnergyState.LOCKING, "ConnectorLockFailure"),
        (DC_CABLE, [], EnergyState.CHECKING, "GroundFailure"),
        (DC_CABLE, ["check_cable"], EnergyState.PRECHARGING, "PowerSwitchFailure"),
        (DC_CABLE, ["check_cable", "precharge"], EnergyState.CLOSING, "PowerSwitchFailure"),
    ],
)
def test_hardware_that_never_tells_has_failed(
    outlet: Outlet, finished: list[str], step: EnergyState, code: str
) -> None:
    subject = Subject(outlet)
    subject.board.is_slow = True
    subject.charge()
    for name in finished:
        subject.board.finish(name)
    subject.bench.timers.pass_time(BOUNDS_SECONDS[step] - 0.1)
    assert "Faulted" not in subject.told[-1]
    subject.bench.timers.pass_time(0.2)
    assert subject.told[-1] == f"Faulted {code}"


def test_a_contactor_that_does_not_open_is_a_fault() -> None:
    subject = Subject()
    subject.charge()
    subject.board.is_slow = True
    subject.connector.stop(Reason.LOCAL, "ALICE")
    subject.bench.timers.pass_time(BOUNDS_SECONDS[EnergyState.OPENING] + 0.1)
    assert subject.told[-1] == "Faulted PowerSwitchFailure"


def test_the_contactor_is_held_while_energy_flows_and_no_longer() -> None:
    subject = Subject()
    subject.board.hold_seconds = 3.0
    subject.charge()
    began = subject.bench.clock.monotonic()
    subject.bench.timers.pass_time(10.5)
    assert [round(moment - began) for moment in subject.board.holds] == list(range(11))
    subject.connector.stop(Reason.LOCAL, "ALICE")
    subject.bench.timers.pass_time(10)
    assert len(subject.board.holds) == 11


def test_a_contactor_that_fell_open_by_itself_goes_all_the_way_again() -> None:
    subject = Subject(DC_CABLE)
    subject.charge()
    subject.board.is_slow = True
    subject.simulated.open()
    subject.simulated.on_change()
    assert [name for name, _ in subject.board.orders] == ["open"]
    subject.board.finish("open")
    assert [name for name, _ in subject.board.orders] == ["check_cable"]


# Every method and property of every driver, with what its exception makes of the connector.
RAISES = {
    "contactor.close": "PowerSwitchFailure",
    "contactor.hold": "PowerSwitchFailure",
    "contactor.hold_seconds": "PowerSwitchFailure",
    "contactor.is_closed": "PowerSwitchFailure",
    "contactor.open": "PowerSwitchFailure",
    "meter.read": "PowerMeterFailure",
    "pilot.offer": "InternalError",
    "pilot.state": "InternalError",
    "cable_lock.lock": "ConnectorLockFailure",
    "cable_lock.unlock": "ConnectorLockFailure",
    "cable_lock.has_cable": "ConnectorLockFailure",
    "dc.check_cable": "InternalError",
    "dc.precharge": "InternalError",
    "dc.stop": "InternalError",
}


# What is not asked any more once energy flows.
ONLY_AT_THE_START = {"contactor.close", "contactor.hold_seconds", "cable_lock.lock", "dc.check_cable", "dc.precharge"}
MOMENTS = [(broken, "from the start") for broken in RAISES] + [
    (broken, "while charging") for broken in RAISES if broken not in ONLY_AT_THE_START
]


@pytest.mark.parametrize(("broken", "when"), MOMENTS)
def test_a_driver_that_raises_makes_the_connector_faulted_and_takes_the_energy_off(broken: str, when: str) -> None:
    subject = Subject(DC_CABLE if broken.startswith("dc") else SOCKET)
    subject.board.hold_seconds = 3.0
    if when == "while charging":
        subject.charge()
        assert subject.simulated.is_closed
    subject.board.breaks.add(broken)
    if when == "from the start":
        subject.charge()
    subject.bench.timers.pass_time(2)
    subject.simulated.on_change()
    subject.connector.read_meter()
    subject.connector.stop(Reason.LOCAL, "ALICE")
    assert f"Faulted {RAISES[broken]}" in subject.told
    if broken != "contactor.open":
        assert not subject.simulated.is_closed
    # Whatever was started was stopped, with a register that is known.
    assert len(subject.log.stopped) == len(subject.log.started)
    assert subject.connector.transaction_key is None


@pytest.mark.parametrize("broken", ["meter", "pilot"])
def test_what_could_not_be_read_for_a_while_heals_by_itself(broken: str) -> None:
    subject = Subject()
    subject.charge()
    before = subject.bench.clock.now()
    names = {f"{broken}.{name}" for name in ("read", "peek", "state", "offer")}
    subject.board.breaks |= names
    subject.connector.read_meter()
    subject.simulated.on_change()
    assert subject.told[-1].startswith("Faulted") and not subject.simulated.is_closed
    subject.bench.timers.pass_time(3 * PROBE_SECONDS)
    assert subject.told[-1].startswith("Faulted")
    subject.board.breaks -= names
    subject.bench.timers.pass_time(PROBE_SECONDS + 0.1)
    assert subject.told[-1] == "Charging NoError" and subject.simulated.is_closed
    assert subject.bench.clock.now() - before < timedelta(seconds=5 * PROBE_SECONDS)


def test_the_offer_is_filled_in_where_the_meter_does_not_tell_it() -> None:
    subject = Subject()
    subject.charge()
    real = subject.simulated.read

    def bare() -> Any:
        return msgspec.structs.replace(real(), offered_a=None, offered_w=None)

    subject.simulated.read = bare  # type: ignore[method-assign]  # a meter that knows nothing of offers
    assert subject.connector.read_meter().offered_a == SOCKET.max_current_a


class DeadBoard:
    """Hardware of which every part raises whatever it is asked."""

    def __init__(self) -> None:
        object.__setattr__(self, "on_change", None)

    def __getattr__(self, name: str) -> Any:
        raise OSError(f"{name}: the board is dead")


@pytest.mark.parametrize("outlet", [SOCKET, DC_CABLE], ids=["socket", "DC"])
def test_a_station_whose_whole_board_is_dead_boots_tells_and_lets_nobody_charge(outlet: Outlet) -> None:
    async def main(world: World) -> None:
        dead: Any = DeadBoard()
        pieces = ConnectorHardware(
            outlet=outlet,
            contactor=dead,
            meter=dead,
            pilot=dead,
            cable_lock=None if outlet.has_fixed_cable else dead,
            dc=dead if outlet.is_dc else None,
        )
        station = Station(
            "CW 1",
            "ws://memory/ocpp",
            world.product,
            [pieces],
            world.store,
            connect=world.csms.connect,
            clock=StationClock(world.clock),
            random=Random(1),
            delay_seconds=lambda attempt, random: 10.0,
        )
        life = asyncio.get_running_loop().create_task(station.run())
        await world.csms.expect("StatusNotification", 2)
        assert world.csms.statuses(1) == ["Faulted"]
        (told,) = [item for item in world.csms.of("StatusNotification") if item["connectorId"] == 1]
        assert told["errorCode"] != "NoError"
        answer = await world.csms.call("RemoteStartTransaction", idTag="TAG", connectorId=1)
        assert answer["status"] == "Rejected"
        assert await world.change("ClockAlignedDataInterval", "60") == "Accepted"
        await asyncio.sleep(200)
        await world.csms.call("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
        assert world.csms.of("StartTransaction") == []
        # A register that nobody has read is not told.
        assert world.csms.of("MeterValues") == []
        station.snapshot()
        await station.close()
        await life

    live(main, product(outlet))


@pytest.mark.parametrize("part", ["meter", "pilot"])
def test_a_part_that_heals_takes_away_no_fault_but_its_own(part: str) -> None:
    names = {"meter": {"meter.read", "meter.peek"}, "pilot": {"pilot.state", "pilot.offer"}}[part]
    for source, code in ((FaultSource.PERSON, "GroundFailure"), (FaultSource.EMERGENCY_STOP, "OtherError")):
        subject = Subject()
        subject.charge()
        subject.connector.set_fault(ChargePointErrorCode(code), source)
        subject.board.breaks |= names
        subject.connector.read_meter()
        subject.simulated.on_change()
        subject.board.breaks -= names
        subject.bench.timers.pass_time(3 * PROBE_SECONDS)
        assert subject.told[-1] == f"Faulted {code}" and not subject.simulated.is_closed
        subject.connector.set_fault(ChargePointErrorCode.NO_ERROR, source)
        assert subject.told[-1] == "Charging NoError" and subject.simulated.is_closed


def test_a_meter_that_heals_mends_no_contactor() -> None:
    subject = Subject()
    subject.board.is_slow = True
    subject.charge()
    subject.board.finish("lock")
    subject.board.finish("close", has_worked=False)
    assert subject.told[-1] == "Faulted PowerSwitchFailure"
    subject.board.is_slow = False
    subject.board.breaks.add("meter.read")
    subject.connector.read_meter()
    subject.board.breaks.clear()
    subject.bench.timers.pass_time(3 * PROBE_SECONDS)
    assert subject.told[-1] == "Faulted PowerSwitchFailure" and not subject.simulated.is_closed
    subject.connector.set_fault(ChargePointErrorCode.NO_ERROR)
    assert subject.told[-1] == "Charging NoError" and subject.simulated.is_closed


def test_the_path_stays_failed_until_the_last_fault_of_hardware_is_gone() -> None:
    subject, faults = Subject(), Faults()
    hardware = msgspec.structs.replace(subject.simulated.hardware, meter=subject.board.part("meter", subject.simulated))
    path = EnergyPath(subject.bench.context, 1, hardware, faults, lambda: None, lambda: None, lambda: None)
    path.fail(ChargePointErrorCode.POWER_SWITCH_FAILURE)
    subject.board.breaks |= {"meter.read", "meter.peek"}
    path.read_meter()
    assert faults.sources == {FaultSource.ORDER, FaultSource.METER}
    subject.board.breaks.clear()
    subject.bench.timers.pass_time(PROBE_SECONDS + 0.1)
    assert faults.sources == {FaultSource.ORDER} and path.state is EnergyState.FAILED
    path.clear()
    assert not faults and path.state is EnergyState.IDLE


def test_one_of_two_parts_that_answers_again_leaves_the_fault_of_the_other() -> None:
    subject = Subject()
    subject.charge()
    subject.board.breaks |= {"meter.read", "meter.peek", "pilot.state"}
    subject.connector.read_meter()
    subject.simulated.on_change()
    assert subject.told[-1] == "Faulted PowerMeterFailure"
    subject.board.breaks -= {"meter.read", "meter.peek"}
    subject.bench.timers.pass_time(PROBE_SECONDS + 0.1)
    assert subject.told[-1] == "Faulted InternalError" and not subject.simulated.is_closed
    subject.board.breaks.clear()
    subject.bench.timers.pass_time(PROBE_SECONDS + 0.1)
    assert subject.told[-1] == "Charging NoError" and subject.simulated.is_closed


def test_a_meter_that_is_still_broken_shows_again_before_any_energy_flows() -> None:
    subject = Subject()
    subject.charge()
    subject.board.breaks |= {"meter.read", "meter.peek"}
    subject.connector.read_meter()
    said = len(subject.told)
    subject.connector.set_fault(ChargePointErrorCode.NO_ERROR)
    assert not subject.simulated.is_closed
    assert subject.told[said:] in ([], ["Faulted PowerMeterFailure"])


def test_hardware_that_is_still_broken_after_a_restart_shows_it_again() -> None:
    subject = Subject()
    subject.charge()
    subject.board.is_slow = True
    subject.connector.stop(Reason.LOCAL, "ALICE")
    subject.board.finish("open", has_worked=False)
    assert subject.told[-1] == "Faulted PowerSwitchFailure"
    subject.connector.restarted()
    assert subject.told[-1] == "Finishing NoError"
    subject.bench.timers.pass_time(BOUNDS_SECONDS[EnergyState.OPENING] + 0.1)
    assert subject.told[-1] == "Faulted PowerSwitchFailure"


def test_a_part_that_failed_is_asked_again_whatever_follows_from_its_failure() -> None:
    subject, faults = Subject(), Faults()
    hardware = msgspec.structs.replace(subject.simulated.hardware, meter=subject.board.part("meter", subject.simulated))

    def cannot_be_told() -> None:
        raise StationStoreError("file", "database or disk is full")

    path = EnergyPath(subject.bench.context, 1, hardware, faults, lambda: None, cannot_be_told, lambda: None)
    subject.board.breaks |= {"meter.read", "meter.peek"}
    with pytest.raises(StationStoreError):
        path.read_meter()
    subject.board.breaks.clear()
    subject.bench.timers.pass_time(PROBE_SECONDS + 0.1)
    assert not faults
