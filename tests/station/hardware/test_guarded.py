"""The guard around drivers: what stands in for an answer that did not come."""

import pytest
from tests.station.timers import Timers

from chargewright.protocol.v16.core import ChargePointErrorCode
from chargewright.station.hardware.guarded import ERROR_CODES, Guard
from chargewright.station.hardware.interface import ConnectorHardware, MeterReading, Outlet
from chargewright.station.hardware.simulated import SimulatedConnector

OUTLET = Outlet(3, 22_080.0, 32.0, has_fixed_cable=False)


class Meter:
    def __init__(self, clock: Timers) -> None:
        self.timers = clock
        self.register_wh = 500
        self.is_dead = False

    def read(self) -> MeterReading:
        if self.is_dead:
            raise TimeoutError("no answer on the bus")
        return MeterReading(taken_at=self.timers.clock.now(), register_wh=self.register_wh, power_w=7.0)

    peek = read


def make() -> tuple[Guard, Meter, SimulatedConnector, list[str]]:
    timers, failures = Timers(), []
    meter = Meter(timers)
    simulated = SimulatedConnector(OUTLET, timers.clock, timers.call_later, keep=lambda register_wh: None)
    pieces = simulated.hardware
    guard = Guard(
        ConnectorHardware(
            outlet=OUTLET, contactor=pieces.contactor, meter=meter, pilot=pieces.pilot, cable_lock=pieces.cable_lock
        ),
        timers.clock,
        lambda: 123.0,
        lambda part, error: failures.append(f"{part}: {error}"),
    )
    return guard, meter, simulated, failures


def test_a_meter_that_falls_silent_is_told_once_and_its_register_stays() -> None:
    guard, meter, _, failures = make()
    assert guard.hardware.meter.read().register_wh == 500
    meter.is_dead = True
    readings = [guard.hardware.meter.read(), guard.hardware.meter.peek()]
    assert [(reading.register_wh, reading.power_w) for reading in readings] == [(500, None)] * 2
    assert not any(reading.is_measured for reading in readings)
    assert failures == ["meter: no answer on the bus"] and guard.is_broken("meter")
    meter.is_dead = False
    assert guard.hardware.meter.read().power_w == 7.0 and not guard.is_broken("meter")


def test_a_meter_that_never_answered_stands_where_the_station_remembers() -> None:
    guard, meter, _, _ = make()
    meter.is_dead = True
    assert guard.hardware.meter.read().register_wh == 123


def test_what_is_forgotten_is_told_again() -> None:
    guard, meter, _, failures = make()
    meter.is_dead = True
    guard.ask_again()
    guard.forget()
    guard.ask_again()
    assert len(failures) == 2


def test_an_order_that_raises_has_failed() -> None:
    guard, _, _, failures = make()
    outcomes: list[bool] = []
    guard.hardware.contactor.close(outcomes.append)  # the simulated one does not close without a vehicle
    assert outcomes == [False] and failures[0].startswith("contactor: ")


def test_what_the_station_makes_of_an_outcome_is_not_the_drivers_fault() -> None:
    guard, _, _, failures = make()

    def fall(has_worked: bool) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        guard.hardware.contactor.open(fall)
    assert failures == []


def test_every_part_has_its_error_code() -> None:
    assert set(ERROR_CODES) == set(ConnectorHardware.__struct_fields__) - {"outlet"}
    assert ChargePointErrorCode.NO_ERROR not in ERROR_CODES.values()
