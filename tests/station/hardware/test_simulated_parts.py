"""Simulated lock, DC controller, reader and button."""

import pytest
from tests.station.timers import Timers

from chargewright.errors import ConfigurationError, LocalProtocolError
from chargewright.station.hardware.simulated_parts import (
    HardwareDelays,
    SimulatedCableLock,
    SimulatedDcController,
    SimulatedEmergencyStop,
    SimulatedTagReader,
    delays_from,
)


def test_a_reader_passes_tags_on_and_refuses_to_lose_them() -> None:
    reader = SimulatedTagReader()
    with pytest.raises(LocalProtocolError):
        reader.show("TAG")
    shown: list[tuple[str, int | None]] = []
    reader.on_tag = lambda id_tag, connector_id: shown.append((id_tag, connector_id))
    reader.show("TAG", 2)
    assert shown == [("TAG", 2)]


def test_a_jammed_lock_tells_that_it_failed_when_it_has() -> None:
    timers, told = Timers(), list[bool]()
    lock = SimulatedCableLock(timers.call_later, 0.5)
    lock.insert()
    lock.lock(told.append)
    lock.is_jammed = True
    timers.pass_time(1)
    assert told == [False] and not lock.is_locked


def test_there_is_nothing_to_lock_without_a_cable() -> None:
    told = list[bool]()
    SimulatedCableLock(Timers().call_later).lock(told.append)
    assert told == [False]


def test_dc_steps_take_their_time() -> None:
    timers, told = Timers(), list[bool]()
    dc = SimulatedDcController(timers.call_later, HardwareDelays(cable_check=2.0))
    dc.check_cable(told.append)
    timers.pass_time(1.9)
    assert told == []
    timers.pass_time(0.2)
    dc.precharge(told.append)
    assert told == [True, True]


def test_a_button_tells_who_listens_and_stays_pressed_over_a_power_cut() -> None:
    button, told = SimulatedEmergencyStop(), list[str]()

    def listen(name: str) -> None:
        button.on_press = lambda: told.append(f"{name} pressed")
        button.on_release = lambda: told.append(f"{name} released")

    listen("first")
    button.press()
    button.power_cut()
    button.release()
    button.press()
    assert told == ["first pressed"] and button.is_pressed
    listen("second")
    button.power_returned()
    button.release()
    button.power_cut()
    listen("third")
    button.power_returned()
    assert told == ["first pressed", "second pressed", "second released"]


def test_delays_by_name() -> None:
    assert delays_from(["cable-check=2.5", "lock=0.5"]) == HardwareDelays(cable_check=2.5, lock=0.5)
    assert delays_from([]) == HardwareDelays()


@pytest.mark.parametrize("text", ["lock", "lock=soon", "lock=-1", "lock=nan", "lock=1e9", "wheels=1", "cable_check=1"])
def test_a_wrong_delay_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        delays_from([text])
