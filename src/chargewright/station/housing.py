"""The housing: its emergency button and its tamper sensor."""

from collections.abc import Sequence
from typing import Protocol

from chargewright.protocol.v16.core import ChargePointErrorCode, Reason
from chargewright.protocol.v16.security_events import SecurityEvent
from chargewright.station.context import Authorization, Context
from chargewright.station.faults import FaultSource
from chargewright.station.hardware.interface import Housing

__all__ = ["watch"]


class Stoppable(Protocol):
    """What the button does to a connector."""

    @property
    def user(self) -> Authorization | None:
        """Whose transaction runs."""

    def set_fault(self, error_code: ChargePointErrorCode, source: FaultSource) -> None:
        """Keep it from charging; `NO_ERROR`: not any more, as far as `source` is concerned."""

    def stop(self, reason: Reason, id_tag: str | None) -> None:
        """End the transaction, if one runs."""


def watch(housing: Housing, context: Context, connectors: Sequence[Stoppable]) -> None:
    """Listen to button and sensor.

    Pressed: every connector is Faulted (OtherError), and its transaction ends with reason EmergencyStop; the hardware
    has taken the energy off already. Released: the faults of the button are gone, those of others stay.
    """

    def pressed() -> None:
        context.log.warning("emergency stop pressed")
        for connector in connectors:
            connector.set_fault(ChargePointErrorCode.OTHER_ERROR, FaultSource.EMERGENCY_STOP)
            connector.stop(Reason.EMERGENCY_STOP, None if connector.user is None else connector.user.id_tag)

    def released() -> None:
        context.log.warning("emergency stop released")
        for connector in connectors:
            connector.set_fault(ChargePointErrorCode.NO_ERROR, FaultSource.EMERGENCY_STOP)

    if housing.emergency_stop is not None:
        housing.emergency_stop.on_press = pressed
        housing.emergency_stop.on_release = released
    if housing.tamper_sensor is not None:
        housing.tamper_sensor.on_tamper = lambda what: context.note_security_event(
            SecurityEvent.TAMPER_DETECTION_ACTIVATED, what
        )
