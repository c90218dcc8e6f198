"""A controller that can be told to fail."""

from chargewright.station.hardware.interface import RestartKind
from chargewright.station.hardware.simulated_restarter import SimulatedRestarter


def test_it_fails_as_often_as_it_was_told_to() -> None:
    restarter = SimulatedRestarter()
    restarter.failures = 2
    assert [restarter.restart(RestartKind.HARDWARE) for _ in range(3)] == [False, False, True]
    assert restarter.restart(RestartKind.SOFTWARE)
    assert restarter.restarts == [RestartKind.HARDWARE] * 3 + [RestartKind.SOFTWARE]
