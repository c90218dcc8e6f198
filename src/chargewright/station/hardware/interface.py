"""What the station asks of its hardware, in small pieces.

A driver implements the pieces its board has; nothing is subclassed. `ConnectorHardware` is the set of pieces behind one
connector, `None` where the board has none (a fixed cable has no lock).

All of it is called in the station's event loop and must return soon: an order that takes time gets a `done` callback,
which the driver calls once, in the same loop, at once or later. What a driver raises makes its connector Faulted and
takes the energy off (`hardware.guarded`); so does an order that is not done in time (`station.energy_path`).
"""

import enum
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol, TypeAlias

import msgspec

__all__ = [
    "EV_CONNECTED",
    "EV_READY",
    "NO_OFFER",
    "CableLock",
    "ConnectorHardware",
    "Contactor",
    "ControlPilot",
    "DcController",
    "Done",
    "EmergencyStop",
    "Housing",
    "MeterReader",
    "MeterReading",
    "Offer",
    "Outlet",
    "PilotState",
    "RestartKind",
    "Restarter",
    "TagReader",
    "TamperSensor",
    "Timer",
    "ignore_outcome",
]

# Called with whether an order has worked.
Done: TypeAlias = Callable[[bool], None]


def ignore_outcome(has_worked: bool) -> None:
    """For orders whose outcome nobody waits for."""


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

    Only the first two must be there; what a meter cannot tell stays out, and is never sent. `register_wh` is the raw
    import register, which never goes back; the other registers are `export_wh` and, in varh, `reactive_import_varh`
    and `reactive_export_varh`. `phases` names the conductors of `currents_a`, `currents_export_a` and `voltages_v`
    (`L1` …) and is empty for DC, where each holds one value. `offered_a` and `offered_w` are filled in by the station
    where the driver leaves them out. `power_factor` is between -1 and 1, `fan_rpm` in revolutions per minute.
    `soc_percent` is None when the vehicle does not tell. Drivers leave `is_measured` alone: False is what stands in for
    a meter that does not answer.
    """

    taken_at: datetime
    register_wh: int
    power_w: float | None = None
    currents_a: tuple[float, ...] = ()
    voltages_v: tuple[float, ...] = ()
    phases: tuple[str, ...] = ()
    offered_a: float | None = None
    offered_w: float | None = None
    frequency_hz: float | None = None
    temperature_celsius: float | None = None
    soc_percent: float | None = None
    export_wh: int | None = None
    reactive_import_varh: int | None = None
    reactive_export_varh: int | None = None
    power_export_w: float | None = None
    reactive_power_import_var: float | None = None
    reactive_power_export_var: float | None = None
    power_factor: float | None = None
    currents_export_a: tuple[float, ...] = ()
    fan_rpm: float | None = None
    is_measured: bool = True


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
    """What a connector can do: `phases` 1 to 3, or 0 for DC; `max_power_w` bounds all, `max_current_a` is per phase.

    `least_current_a` is the least that an AC outlet can tell a vehicle to take of each phase: the 6 A of a control
    pilot (IEC 61851-1, annex A), less where it tells it in another way.
    """

    phases: int
    max_power_w: float
    max_current_a: float
    has_fixed_cable: bool
    least_current_a: float = 6.0

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
    """Switches the power to the vehicle, held closed by a dead man's grip."""

    @property
    def hold_seconds(self) -> float | None:
        """A closed contactor that is not held for so long opens by itself, whatever became of the station's process.

        The station holds it three times as often. None: it needs no holding, as nothing real hangs on it.
        """

    @property
    def is_closed(self) -> bool:
        """Whether the vehicle has a path to the grid."""

    def close(self, done: Done = ignore_outcome) -> None:
        """Let energy flow; `done` when it does. Idempotent. Closing counts as holding."""

    def open(self, done: Done = ignore_outcome) -> None:
        """Stop the flow, before returning where the board allows; `done` when it is seen to be open. Idempotent."""

    def hold(self) -> None:
        """Stay closed for another `hold_seconds`; does nothing while open."""


class DcController(Protocol):
    """What stands between rectifier and vehicle (IEC 61851-23); pieces of it may live in the vehicle's protocol."""

    def check_cable(self, done: Done) -> None:
        """Test the insulation; it has failed when the insulation has."""

    def precharge(self, done: Done) -> None:
        """Bring the output to the voltage of the vehicle's battery, before the contactor closes."""

    def stop(self) -> None:
        """Give up what is under way, and take the voltage off the output. Idempotent."""


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

    def lock(self, done: Done = ignore_outcome) -> None:
        """Hold the cable; not done when the mechanism failed, halfway perhaps."""

    def unlock(self) -> bool:
        """Free the cable; False when the mechanism is known to have failed. UnlockConnector is answered with it.

        A `lock` that is under way is taken back, whether or not it is `done` later.
        """


class TagReader(Protocol):
    """Reads id tags. `on_tag` gets the tag and the connector it was meant for, None where the reader cannot know."""

    on_tag: Callable[[str, int | None], None]


class RestartKind(enum.Enum):
    """How deep a restart goes (§7.40)."""

    SOFTWARE = "the software"
    HARDWARE = "the whole hardware"


class Restarter(Protocol):
    """Restarts the controller on which the station runs."""

    def restart(self, kind: RestartKind) -> bool:
        """Begin to restart; False where that failed, and everything goes on as before."""


class EmergencyStop(Protocol):
    """The button of the whole station. The hardware takes the energy off by itself; this only tells of it."""

    on_press: Callable[[], None]
    on_release: Callable[[], None]


class TamperSensor(Protocol):
    """Notices that the housing is opened. `on_tamper` gets what was noticed, for the security log."""

    on_tamper: Callable[[str], None]


class Housing(msgspec.Struct, frozen=True):
    """What the housing of the station has for all connectors together, `None` where it has none."""

    emergency_stop: EmergencyStop | None = None
    tamper_sensor: TamperSensor | None = None


class ConnectorHardware(msgspec.Struct, frozen=True):
    """The pieces behind one connector, `None` where the board has none (a fixed cable has no lock)."""

    outlet: Outlet

    contactor: Contactor
    meter: MeterReader
    pilot: ControlPilot
    cable_lock: CableLock | None = None
    dc: DcController | None = None
