"""The simulated connector: its parts agree with one another, and its register never goes back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.station.timers import Timers

from chargewright.errors import LocalProtocolError
from chargewright.station.ev.battery import Battery
from chargewright.station.ev.vehicle import Vehicle
from chargewright.station.hardware.interface import Offer, Outlet, PilotState
from chargewright.station.hardware.simulated import SimulatedConnector
from chargewright.station.hardware.simulated_parts import HardwareDelays
from chargewright.station.store import StationStoreError

OUTLETS = {
    "AC 1": Outlet(1, 7_360.0, 32.0, has_fixed_cable=True),
    "AC 3": Outlet(3, 22_080.0, 32.0, has_fixed_cable=False),
    "DC": Outlet(0, 150_000.0, 375.0, has_fixed_cable=True),
}


def amperes(current_a: float) -> Offer:
    """As much power and as many phases as there are."""
    return Offer(current_a, 1e6, 3)


def make(outlet: str, register_wh: float = 0.0) -> tuple[SimulatedConnector, Timers, list[float]]:
    timers, kept = Timers(), []
    connector = SimulatedConnector(
        OUTLETS[outlet], timers.clock, timers.call_later, register_wh=register_wh, keep=kept.append
    )
    return connector, timers, kept


def car(soc: float = 0.3, target_soc: float = 1.0) -> Vehicle:
    return Vehicle(Battery(50_000.0, soc, max_power_w=100_000.0), target_soc=target_soc)


@pytest.mark.parametrize("outlet", OUTLETS)
def test_power_current_voltage_and_register_agree(outlet: str) -> None:
    connector, timers, _ = make(outlet)
    connector.plug(car())
    connector.offer(amperes(32.0))
    connector.close()
    before = connector.read()
    timers.pass_time(60)
    after = connector.read()
    volt_amperes = sum(v * a for v, a in zip(after.voltages_v, after.currents_a, strict=True))
    assert after.power_w == pytest.approx(volt_amperes)
    assert after.register_wh - before.register_wh == pytest.approx(after.power_w / 60, abs=1.0)
    assert after.phases == OUTLETS[outlet].conductors
    assert after.temperature_celsius is not None and after.temperature_celsius > 25
    assert (after.soc_percent is not None) == (outlet == "DC")


@pytest.mark.parametrize("outlet", OUTLETS)
def test_no_energy_flows_unless_the_contactor_is_closed(outlet: str) -> None:
    connector, timers, _ = make(outlet)
    connector.plug(car())
    connector.offer(amperes(32.0))
    timers.pass_time(3600)
    assert connector.read().register_wh == 0
    assert connector.read().power_w == 0


def test_the_contactor_does_not_close_on_a_vehicle_that_does_not_ask() -> None:
    connector, _, _ = make("AC 3")
    connector.plug(car())
    with pytest.raises(LocalProtocolError, match="pilot state B"):
        connector.close()


def test_a_vehicle_that_has_enough_says_so_at_that_moment() -> None:
    connector, timers, _ = make("DC")
    states: list[tuple[float, PilotState]] = []
    connector.on_change = lambda: states.append((timers.clock.monotonic(), connector.state))
    vehicle = car(soc=0.3, target_soc=0.5)
    connector.plug(vehicle)
    connector.offer(amperes(375.0))
    connector.close()
    timers.pass_time(7200)
    assert [state for _, state in states] == [PilotState.C, PilotState.B] or states[-1][1] is PilotState.B
    # 10 kWh at 100 kW are six minutes.
    assert states[-1][0] == pytest.approx(360, abs=0.1)
    assert connector.read().register_wh == pytest.approx(10_000, abs=1)
    assert not connector.is_closed


def test_pulling_the_vehicle_opens_the_contactor_and_leaves_a_detachable_cable() -> None:
    connector, _, _ = make("AC 3")
    connector.plug(car())
    connector.offer(amperes(32.0))
    connector.close()
    lock = connector.hardware.cable_lock
    assert lock is not None
    connector.disconnect_vehicle()
    assert not connector.is_closed
    assert lock.has_cable and connector.state is PilotState.A


def test_a_locked_cable_cannot_be_taken() -> None:
    connector, _, _ = make("AC 3")
    connector.plug(car())
    lock = connector.hardware.cable_lock
    assert lock is not None
    lock.lock()
    assert lock.is_locked
    with pytest.raises(LocalProtocolError, match="locked"):
        connector.unplug()
    assert lock.unlock()
    connector.unplug()
    assert not lock.has_cable


def test_a_jammed_lock_does_neither() -> None:
    connector, _, _ = make("AC 3")
    lock = connector.hardware.cable_lock
    lock.is_jammed = True  # type: ignore[union-attr]  # the simulated lock has it
    assert lock is not None and not lock.lock()
    assert make("DC")[0].hardware.cable_lock is None


steps = st.lists(
    st.tuples(st.sampled_from(["plug", "unplug", "offer", "stop", "close", "open", "wait"]), st.floats(0, 4000)),
    max_size=30,
)


@settings(max_examples=60)
@given(steps=steps, outlet=st.sampled_from(sorted(OUTLETS)))
def test_the_register_never_goes_back_and_what_was_read_was_kept(steps: list[tuple[str, float]], outlet: str) -> None:
    connector, timers, kept = make(outlet, register_wh=1234.5)
    last = connector.read().register_wh
    assert last == 1234
    for step, number in steps:
        if step == "plug" and connector.vehicle is None:
            connector.plug(car())
        elif step == "unplug" and connector.vehicle is not None:
            connector.unplug()
        elif step == "offer":
            connector.offer(amperes(number % 40))
        elif step == "stop":
            connector.offer(amperes(0))
        elif step == "close" and connector.state is PilotState.C:
            connector.close()
        elif step == "open":
            connector.open()
        timers.pass_time(number)
        register = connector.read().register_wh
        assert register >= last
        assert register <= max([1234.5, *kept])
        last = register


def test_plugging_twice_and_pulling_nothing_are_refused() -> None:
    connector, _, _ = make("DC")
    with pytest.raises(LocalProtocolError, match="no vehicle"):
        connector.unplug()
    connector.plug(car())
    with pytest.raises(LocalProtocolError, match="already"):
        connector.plug(car())


def test_a_power_cut_opens_the_contactor() -> None:
    connector, timers, _ = make("DC")
    connector.plug(car())
    connector.offer(amperes(100.0))
    connector.close()
    connector.cut_power()
    timers.pass_time(600)
    assert not connector.is_closed and connector.read().register_wh == 0


def test_delayed_hardware_is_done_when_it_is_done() -> None:
    timers = Timers()
    delays = HardwareDelays(lock=0.5, contactor=0.1, cable_check=2.0, precharge=1.0)
    connector = SimulatedConnector(
        OUTLETS["AC 3"], timers.clock, timers.call_later, keep=lambda register_wh: None, delays=delays
    )
    connector.plug(car())
    lock, told = connector.hardware.cable_lock, list[tuple[str, bool]]()
    assert lock is not None
    lock.lock(lambda has_worked: told.append(("lock", has_worked)))
    timers.pass_time(0.4)
    assert not lock.is_locked and told == []
    timers.pass_time(0.2)
    assert lock.is_locked and told == [("lock", True)]
    connector.offer(amperes(32.0))
    connector.close(lambda has_worked: told.append(("close", has_worked)))
    assert not connector.is_closed
    timers.pass_time(0.2)
    assert connector.is_closed and told[-1] == ("close", True)
    connector.open(lambda has_worked: told.append(("open", has_worked)))
    # The flow stops at once; that it has stopped shows later.
    assert connector.read().power_w == 0 and told[-1] == ("close", True)
    timers.pass_time(0.2)
    assert told[-1] == ("open", True)


def test_a_step_that_is_given_up_never_tells() -> None:
    timers = Timers()
    delays = HardwareDelays(lock=0.5, contactor=0.1, cable_check=2.0)
    told = list[bool]()
    for outlet in ("AC 3", "DC"):
        connector = SimulatedConnector(
            OUTLETS[outlet], timers.clock, timers.call_later, keep=lambda register_wh: None, delays=delays
        )
        connector.plug(car())
        connector.offer(amperes(32.0))
        connector.close(told.append)
        connector.open()
        if (lock := connector.hardware.cable_lock) is not None:
            lock.lock(told.append)
            lock.unlock()
        if (dc := connector.hardware.dc) is not None:
            dc.check_cable(told.append)
            dc.stop()
    timers.pass_time(10)
    assert told == []


def test_a_contactor_that_nobody_holds_opens_by_itself() -> None:
    timers = Timers()
    connector = SimulatedConnector(
        OUTLETS["AC 3"], timers.clock, timers.call_later, keep=lambda register_wh: None, hold_seconds=3.0
    )
    connector.plug(car())
    connector.offer(amperes(32.0))
    connector.close()
    changes: list[bool] = []
    connector.on_change = lambda: changes.append(connector.is_closed)
    for _ in range(5):
        timers.pass_time(2.9)
        connector.hold()
    assert connector.is_closed
    timers.pass_time(3.1)
    assert not connector.is_closed and changes == [False]


def test_the_register_moves_in_steps_of_the_meter() -> None:
    timers = Timers()
    connector = SimulatedConnector(
        OUTLETS["AC 3"], timers.clock, timers.call_later, keep=lambda register_wh: None, resolution_wh=100
    )
    connector.plug(car())
    connector.offer(amperes(32.0))
    connector.close()
    registers = []
    for _ in range(60):
        timers.pass_time(10)
        registers.append(connector.read().register_wh)
    assert registers == sorted(registers) and registers[-1] > 1000
    assert {register % 100 for register in registers} == {0}


def test_direct_current_never_exceeds_the_offer() -> None:
    connector, timers, _ = make("DC")
    connector.plug(car(soc=0.01))
    connector.offer(Offer(50.0, 150_000.0, 0))
    connector.close()
    for _ in range(30):
        reading = connector.read()
        assert reading.power_w is not None and reading.power_w > 10_000
        assert reading.currents_a[0] <= 50.0
        assert reading.voltages_v[0] >= 330.0
        timers.pass_time(60)


def test_nothing_flows_back_and_the_meter_says_so() -> None:
    connector, _, _ = make("AC 3")
    connector.plug(car())
    connector.offer(amperes(32.0))
    connector.close()
    reading = connector.read()
    assert (reading.export_wh, reading.power_export_w, reading.currents_export_a) == (0, 0.0, (0.0, 0.0, 0.0))
    assert reading.power_factor == 1.0 and reading.reactive_power_import_var == 0.0


@pytest.mark.parametrize("keeps_by_itself", [True, False])
def test_the_register_is_kept_while_energy_flows_where_that_is_of_use(keeps_by_itself: bool) -> None:
    timers = Timers()
    kept: list[float] = []
    outlet = Outlet(phases=3, max_power_w=22_080.0, max_current_a=32.0, has_fixed_cable=True)
    connector = SimulatedConnector(
        outlet, timers.clock, timers.call_later, keep=kept.append, keeps_by_itself=keeps_by_itself
    )
    connector.plug(Vehicle(Battery(60_000.0, 0.2, max_power_w=100_000.0)))
    connector.offer(amperes(32.0))
    connector.close(lambda done: None)
    timers.pass_time(60.0)
    assert bool(kept) is keeps_by_itself
    reading = connector.read()
    assert reading.register_wh > 0 and kept[-1] >= reading.register_wh


def test_a_memory_that_takes_nothing_is_no_broken_meter() -> None:
    timers = Timers()
    kept: list[float] = []
    refusals = [StationStoreError("file", "database or disk is full")]

    def keep(register_wh: float) -> None:
        if refusals:
            raise refusals.pop()
        kept.append(register_wh)

    connector = SimulatedConnector(OUTLETS["AC 3"], timers.clock, timers.call_later, register_wh=5.5, keep=keep)
    connector.plug(car())
    connector.offer(amperes(32.0))
    connector.close()
    timers.pass_time(60)
    assert refusals == [] and len(kept) > 3
    connector.open()
    assert connector.read().register_wh == int(kept[-1]) > 5
