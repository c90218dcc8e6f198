"""What the station asks of its hardware, in small pieces.

A driver implements the pieces its board has; nothing is subclassed. `ConnectorHardware` is the set of pieces behind one
connector, `None` where the board has none (a fixed cable has no lock).
"""

import enum
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import msgspec

__all__ = [
    "EV_CONNECTED",
    "EV_READY",
    "NO_OFFER",
    "CableLock",
    "ConnectorHardware",
    "Contactor",
    "ControlPilot",
    "MeterReader",
    "MeterReading",
    "Offer",
    "Outlet",
    "PilotState",
    "TagReader",
    "Timer",
]


class PilotState(enum.Enum):
    """The states of the control pilot (IEC 61851-1, annex A), without the PWM suffix."""

    A = "no vehicle"
    B = "vehicle connected, not ready"
    C = "vehicle ready, no ventilation needed"
    D = "vehicle ready, ventilation needed"
    E = "pilot shorted or power lost"
    F = "station not available"


EV_CONNECTED: Final = frozenset({PilotState.B, PilotState.C, PilotState.D})
EV_READY: Final = frozenset({PilotState.C, PilotState.D})


class MeterReading(msgspec.Struct, frozen=True):
    """One look at the meter of a connector; all values belong to the same instant.

    `register_wh` is the raw import register, which never goes back. `phases` names the conductors of `currents_a` and
    `voltages_v` (`L1` …) and is empty for DC, where both hold one value. `soc_percent` is None when the vehicle does
    not tell.
    """

    taken_at: datetime
    register_wh: int
    power_w: float
    currents_a: tuple[float, ...]
    voltages_v: tuple[float, ...]
    phases: tuple[str, ...]
    offered_a: float
    offered_w: float
    frequency_hz: float | None
    temperature_celsius: float | None
    soc_percent: float | None = None


class Offer(msgspec.Struct, frozen=True):
    """What the vehicle may take at most: `current_a` (per phase for AC, at the outlet for DC), `power_w` in total, and
    how many `phases` are switched to it (0 for DC). Nothing at all with 0 A or 0 W."""

    current_a: float
    power_w: float
    phases: int

    @property
    def is_nothing(self) -> bool:
        """Whether no energy may flow under it."""
        return self.current_a <= 0 or self.power_w <= 0


NO_OFFER: Final = Offer(0.0, 0.0, 0)


class Timer(Protocol):
    """What `call_later` of an event loop returns."""

    def cancel(self) -> None:
        """Forget the call."""


class Outlet(msgspec.Struct, frozen=True):
    """What a connector can do: `phases` 1 to 3, or 0 for DC; `max_power_w` bounds all, `max_current_a` is per phase."""

    phases: int
    max_power_w: float
    max_current_a: float
    has_fixed_cable: bool

    @property
    def is_dc(self) -> bool:
        """Whether direct current leaves it."""
        return self.phases == 0

    @property
    def conductors(self) -> tuple[str, ...]:
        """Phase names, none for DC."""
        return ("L1", "L2", "L3")[: self.phases]

    @property
    def most(self) -> Offer:
        """All that it can give."""
        return Offer(self.max_current_a, self.max_power_w, self.phases)


class Contactor(Protocol):
    """Switches the power to the vehicle."""

    @property
    def is_closed(self) -> bool:
        """Whether the vehicle has a path to the grid."""

    def close(self) -> None:
        """Let energy flow. Idempotent."""

    def open(self) -> None:
        """Stop the flow. Idempotent."""


class MeterReader(Protocol):
    """Reads the meter of one connector."""

    def read(self) -> MeterReading:
        """The values of this instant. A register that was read is never undercut, power cuts included."""

    def peek(self) -> MeterReading:
        """The values of this instant for a display: nothing is promised about them, and nothing is written."""


class ControlPilot(Protocol):
    """The wire on which vehicle and station agree (IEC 61851-1), or what stands for it."""

    on_change: Callable[[], None]

    @property
    def state(self) -> PilotState:
        """The state of this instant; `on_change` is called after each change."""

    def offer(self, offer: Offer) -> None:
        """Tell the vehicle how much it may take; `NO_OFFER`: not ready (no PWM). May change while energy flows."""


class CableLock(Protocol):
    """The lock of a socket for detachable cables."""

    on_change: Callable[[], None]

    @property
    def has_cable(self) -> bool:
        """Whether a cable is in the socket (proximity contact); `on_change` is called after each change."""

    @property
    def is_locked(self) -> bool:
        """Whether the cable is held."""

    def lock(self) -> bool:
        """Hold the cable; False when the mechanism failed."""

    def unlock(self) -> bool:
        """Free the cable; False when the mechanism failed."""


class TagReader(Protocol):
    """Reads id tags. `on_tag` gets the tag and the connector it was meant for, None where the reader cannot know."""

    on_tag: Callable[[str, int | None], None]


class ConnectorHardware(msgspec.Struct, frozen=True):
    """The pieces behind one connector, `None` where the board has none (a fixed cable has no lock)."""

    outlet: Outlet

    contactor: Contactor
    meter: MeterReader
    pilot: ControlPilot
    cable_lock: CableLock | None = None
