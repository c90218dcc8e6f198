"""A controller that restarts when told to, unless it was told to fail."""

from chargewright.station.hardware.interface import RestartKind

__all__ = ["SimulatedRestarter"]


class SimulatedRestarter:
    """`failures` is how many restarts will fail from now on; `restarts` are the kinds of those that were tried."""

    def __init__(self) -> None:
        self.failures = 0
        self.restarts: list[RestartKind] = []

    def restart(self, kind: RestartKind) -> bool:
        """Restart, or fail as often as was asked for."""
        self.restarts.append(kind)
        if self.failures > 0:
            self.failures -= 1
            return False
        return True
