"""The emergency button ends everything at once, and the sensor is heard."""

from collections.abc import Callable

from tests.station.bench import Bench, NoteTaker
from tests.station.world import SOCKET, car, product

from chargewright.protocol.v16.core import ChargePointErrorCode, Reason
from chargewright.protocol.v16.datatypes import AuthorizationStatus
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.connector import Connector
from chargewright.station.context import Authorization
from chargewright.station.hardware.interface import Housing
from chargewright.station.hardware.simulated import SimulatedConnector
from chargewright.station.housing import watch

ALICE = Authorization("ALICE", AuthorizationStatus.ACCEPTED)


class Button:
    on_press: Callable[[], None]
    on_release: Callable[[], None]


class Sensor:
    on_tamper: Callable[[str], None]


class Scene:
    """Two connectors under one button."""

    def __init__(self) -> None:
        self.bench, self.log, self.button = Bench(product(SOCKET, SOCKET)), NoteTaker(), Button()
        self.hardware = [
            SimulatedConnector(SOCKET, self.bench.clock, self.bench.timers.call_later, keep=lambda register_wh: None)
            for _ in range(2)
        ]
        self.connectors = [
            Connector(self.bench.context, number, item.hardware, self.log, lambda report: None, lambda number: None)
            for number, item in enumerate(self.hardware, start=1)
        ]
        watch(Housing(emergency_stop=self.button), self.bench.context, self.connectors)

    @property
    def told(self) -> list[str]:
        reports = [connector.current_report for connector in self.connectors]
        return [f"{report.status.value} {report.error_code.value}" for report in reports]


def test_the_button_ends_every_transaction_and_keeps_new_ones_away() -> None:
    scene = Scene()
    hardware, connectors = scene.hardware, scene.connectors
    hardware[0].plug(car())
    connectors[0].authorize(ALICE)
    assert hardware[0].is_closed
    scene.button.on_press()
    assert not hardware[0].is_closed
    assert scene.log.stopped == [(1, Reason.EMERGENCY_STOP, "ALICE")]
    assert scene.told == ["Faulted OtherError"] * 2
    hardware[1].plug(car())
    assert not connectors[1].can_be_used
    connectors[1].authorize(ALICE)
    assert len(scene.log.started) == 1 and not hardware[1].is_closed
    scene.button.on_release()
    connectors[1].authorize(ALICE)
    assert hardware[1].is_closed and connectors[0].status.value == "Finishing"


def test_a_press_and_its_release_mend_nothing_else() -> None:
    scene = Scene()
    scene.connectors[0].set_fault(ChargePointErrorCode.GROUND_FAILURE)
    lock = scene.hardware[1].lock
    assert lock is not None
    lock.is_jammed = True
    scene.hardware[1].plug(car())
    scene.connectors[1].authorize(ALICE)
    before = scene.told
    assert before == ["Faulted GroundFailure", "Faulted ConnectorLockFailure"]
    scene.button.on_press()
    scene.button.on_release()
    assert scene.told == before


def test_a_technician_clears_no_fault_of_the_button() -> None:
    scene = Scene()
    scene.button.on_press()
    scene.connectors[0].set_fault(ChargePointErrorCode.NO_ERROR)
    assert scene.told[0] == "Faulted OtherError"
    scene.button.on_release()
    assert scene.told[0] == "Available NoError"


def test_the_sensor_makes_a_security_event() -> None:
    bench, sensor = Bench(product()), Sensor()
    watch(Housing(tamper_sensor=sensor), bench.context, [])
    sensor.on_tamper("the door is open")
    assert bench.security_events == [(SecurityEvent.TAMPER_DETECTION_ACTIVATED, "the door is open")]
