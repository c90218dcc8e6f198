"""The emergency button ends everything at once, and the sensor is heard."""

from collections.abc import Callable

from tests.station.bench import Bench, NoteTaker
from tests.station.world import SOCKET, car, product

from chargewright.protocol.v16.core import Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.connector import Connector
from chargewright.station.context import Authorization, StatusReport
from chargewright.station.hardware.interface import Housing
from chargewright.station.hardware.simulated import SimulatedConnector
from chargewright.station.housing import watch


class Button:
    on_press: Callable[[], None]
    on_release: Callable[[], None]


class Sensor:
    on_tamper: Callable[[str], None]


def test_the_button_ends_every_transaction_and_keeps_new_ones_away() -> None:
    bench, log, button = Bench(product(SOCKET, SOCKET)), NoteTaker(), Button()
    reports: list[StatusReport] = []
    hardware = [
        SimulatedConnector(SOCKET, bench.clock, bench.timers.call_later, keep=lambda register_wh: None)
        for _ in range(2)
    ]
    connectors = [
        Connector(bench.context, number, item.hardware, log, reports.append, lambda connector_id: None)
        for number, item in enumerate(hardware, start=1)
    ]
    watch(Housing(emergency_stop=button), bench.context, connectors)
    alice = Authorization("ALICE", AuthorizationStatus.ACCEPTED)
    hardware[0].plug(car())
    connectors[0].authorize(alice)
    assert hardware[0].is_closed
    button.on_press()
    assert not hardware[0].is_closed
    assert log.stopped == [(1, Reason.EMERGENCY_STOP, "ALICE")]
    assert [(item.status.value, item.error_code.value) for item in map(lambda it: it.current_report, connectors)] == [
        ("Faulted", "OtherError")
    ] * 2
    hardware[1].plug(car())
    connectors[1].authorize(alice)
    assert len(log.started) == 1 and not hardware[1].is_closed
    button.on_release()
    assert hardware[1].is_closed and connectors[0].status.value == "Finishing"


def test_the_sensor_makes_a_security_event() -> None:
    bench, sensor = Bench(product()), Sensor()
    watch(Housing(tamper_sensor=sensor), bench.context, [])
    sensor.on_tamper("the door is open")
    assert bench.security_events == [(SecurityEvent.TAMPER_DETECTION_ACTIVATED, "the door is open")]
