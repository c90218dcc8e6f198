"""A connector made of arithmetic: contactor, meter, control pilot and lock that agree with one another.

Energy is integrated exactly between two moments at which something changes, so nothing has to tick: there is one timer
for the moment at which the vehicle has enough, and one for the memory of the meter.
"""

import math
from collections.abc import Callable
from typing import Final

from chargewright.clock import Clock
from chargewright.errors import LocalProtocolError
from chargewright.station.ev.pilot import PilotCue, next_state
from chargewright.station.ev.vehicle import Vehicle
from chargewright.station.hardware.interface import (
    EV_CONNECTED,
    EV_READY,
    NO_OFFER,
    ConnectorHardware,
    Done,
    MeterReading,
    Offer,
    Outlet,
    PilotState,
    Timer,
    ignore_outcome,
)

__all__ = ["GRID_VOLTAGE_V", "SimulatedConnector", "SimulatedTagReader"]

GRID_VOLTAGE_V: Final = 230.0
GRID_FREQUENCY_HZ: Final = 50.0
AMBIENT_CELSIUS: Final = 25.0
# Above ambient at full load, and how fast that is approached.
HEATING_CELSIUS: Final = 20.0
HEATING_SECONDS: Final = 600.0
# While energy flows the register is kept this often: as much is forgotten at most when the process is killed.
KEEP_SECONDS: Final = 10.0
# A timer may fire a rounding error early; this much later the vehicle is certainly satisfied.
MARGIN_SECONDS: Final = 0.001


class SimulatedConnector:
    """One simulated connector. `hardware` is what the station sees; `plug`, `unplug` and the like are the hands.

    `register_wh` is where the meter stood when power was cut; `keep` is called with the register before any reading
    leaves, and must make it durable, as the memory of a real meter is.
    """

    def __init__(
        self,
        outlet: Outlet,
        clock: Clock,
        call_later: Callable[[float, Callable[[], None]], Timer],
        *,
        register_wh: float = 0.0,
        keep: Callable[[float], None],
    ) -> None:
        self.outlet = outlet
        self.vehicle: Vehicle | None = None
        self.on_change: Callable[[], None] = _nobody_listens
        self._clock = clock
        self._call_later = call_later
        self._keep = keep
        self._register_wh = register_wh
        self._kept_wh = register_wh
        self._state = PilotState.A
        self._offer = NO_OFFER
        self._is_closed = False
        self._temperature = AMBIENT_CELSIUS
        self._last = clock.monotonic()
        self._wake: Timer | None = None
        self._keeping: Timer | None = None
        self._lock = None if outlet.has_fixed_cable else SimulatedCableLock()

    @property
    def hardware(self) -> ConnectorHardware:
        """The pieces, as the station asks for them."""
        return ConnectorHardware(outlet=self.outlet, contactor=self, meter=self, pilot=self, cable_lock=self._lock)

    @property
    def lock(self) -> "SimulatedCableLock | None":
        """The lock of a socket; None where the cable is fixed."""
        return self._lock

    # The hands of driver and technician.

    def plug(self, vehicle: Vehicle) -> None:
        """Connect a vehicle, with its own cable where the outlet is a socket."""
        if self.vehicle is not None:
            raise LocalProtocolError("a vehicle is already plugged into this connector")
        self._advance()
        self.vehicle = vehicle
        self._move(PilotCue.PLUGGED)
        if self._lock is not None and not self._lock.has_cable:
            self._lock.insert()
        self._settle()
        self.on_change()

    def disconnect_vehicle(self) -> Vehicle:
        """Pull the plug at the vehicle's end; a detachable cable stays in the socket. Returns the vehicle."""
        if self.vehicle is None:
            raise LocalProtocolError("no vehicle is plugged into this connector")
        self._advance()
        vehicle, self.vehicle = self.vehicle, None
        self._move(PilotCue.UNPLUGGED)
        self._settle()
        self.on_change()
        return vehicle

    def unplug(self) -> Vehicle:
        """Take the whole cable away; raises `LocalProtocolError` while the socket holds it."""
        if self._lock is not None and self._lock.is_locked:
            raise LocalProtocolError("the cable is locked")
        vehicle = self.disconnect_vehicle()
        if self._lock is not None:
            self._lock.remove()
        return vehicle

    def take_cable(self) -> None:
        """Take a cable that no vehicle is on; raises `LocalProtocolError` where there is none, or it is locked."""
        if self._lock is None or not self._lock.has_cable or self.vehicle is not None:
            raise LocalProtocolError("there is no cable without a vehicle in this connector")
        if self._lock.is_locked:
            raise LocalProtocolError("the cable is locked")
        self._lock.remove()

    def change_vehicle(self, change: Callable[[Vehicle], None]) -> None:
        """Let the plugged vehicle be another one from now on; raises `LocalProtocolError` where there is none."""
        if self.vehicle is None:
            raise LocalProtocolError("no vehicle is plugged into this connector")
        self._advance()
        change(self.vehicle)
        self._settle()

    def cut_power(self) -> None:
        """The grid is gone: the contactor falls open, and the meter writes nothing any more."""
        self.open()
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None

    # Contactor.

    @property
    def is_closed(self) -> bool:
        """Whether the vehicle has a path to the grid."""
        return self._is_closed

    def close(self, done: Done = ignore_outcome) -> None:
        """Let energy flow; refused unless a vehicle asks for it, as the interlock of a real station does."""
        if self._state not in EV_READY:
            raise LocalProtocolError(f"contactor cannot close in pilot state {self._state.name}")
        self._advance()
        self._is_closed = True
        if self._keeping is None:
            self._keeping = self._call_later(KEEP_SECONDS, self._keep_on)
        self._settle()
        done(True)

    def open(self, done: Done = ignore_outcome) -> None:
        """Stop the flow."""
        self._advance()
        self._is_closed = False
        self._settle()
        done(True)

    @property
    def hold_seconds(self) -> float | None:
        """Nothing real hangs on it."""
        return None

    def hold(self) -> None:
        """It needs no holding."""

    # ControlPilot.

    @property
    def state(self) -> PilotState:
        """The state of this instant."""
        return self._state

    def offer(self, offer: Offer) -> None:
        """Make an offer, no more than the outlet can give; the vehicle answers by getting ready or not."""
        self._advance()
        most = self.outlet.most
        self._offer = Offer(
            min(offer.current_a, most.current_a), min(offer.power_w, most.power_w), min(offer.phases, most.phases)
        )
        self._settle()

    # MeterReader.

    def read(self) -> MeterReading:
        """The values of this instant; the register is made durable first."""
        self._advance()
        if self._register_wh != self._kept_wh:
            self._keep(self._register_wh)
            self._kept_wh = self._register_wh
        return self.peek()

    def peek(self) -> MeterReading:
        """The values of this instant, for a display."""
        self._advance()
        power_w = self._power_w()
        conductors = self.outlet.conductors
        voltages: tuple[float, ...]
        currents: tuple[float, ...]
        if self.outlet.is_dc:
            volts = self.vehicle.pack_voltage_v if self.vehicle is not None and self._is_closed else 0.0
            voltages, currents = (volts,), (power_w / volts if volts else 0.0,)
        else:
            used = min(self._offer.phases, self.vehicle.phases) if self.vehicle is not None else 0
            voltages = (GRID_VOLTAGE_V,) * len(conductors)
            currents = tuple(
                power_w / (used * GRID_VOLTAGE_V) if index < used else 0.0 for index in range(len(conductors))
            )
        return MeterReading(
            taken_at=self._clock.now(),
            register_wh=math.floor(self._register_wh),
            power_w=power_w,
            currents_a=currents,
            voltages_v=voltages,
            phases=conductors,
            offered_a=self._offer.current_a,
            offered_w=self._offered_w(),
            frequency_hz=None if self.outlet.is_dc else GRID_FREQUENCY_HZ,
            temperature_celsius=self._temperature,
            soc_percent=self.vehicle.battery.soc * 100 if self.vehicle is not None and self.outlet.is_dc else None,
        )

    # Physics.

    def _offered_w(self) -> float:
        """What the station offers, whatever the vehicle makes of it."""
        offer = self._offer
        if offer.is_nothing:
            return 0.0
        if self.outlet.is_dc:
            return min(offer.power_w, self.outlet.max_power_w * offer.current_a / self.outlet.max_current_a)
        return min(offer.power_w, offer.phases * offer.current_a * GRID_VOLTAGE_V)

    def _usable_w(self) -> float:
        """What of the offer the plugged vehicle can use."""
        if self.vehicle is None or self._offer.is_nothing:
            return 0.0
        if self.outlet.is_dc:
            return self._offered_w()
        offer = self._offer
        return min(offer.power_w, self.vehicle.ac_offer_w(offer.phases, offer.current_a, GRID_VOLTAGE_V))

    def _power_w(self) -> float:
        if self.vehicle is None or not self._is_closed:
            return 0.0
        return self.vehicle.draw_w(self._usable_w(), is_dc=self.outlet.is_dc)

    def _advance(self) -> None:
        """Bring register, battery and temperature up to this instant."""
        now = self._clock.monotonic()
        seconds, self._last = now - self._last, now
        if seconds <= 0:
            return
        target = AMBIENT_CELSIUS + HEATING_CELSIUS * self._power_w() / self.outlet.max_power_w
        self._temperature += (target - self._temperature) * -math.expm1(-seconds / HEATING_SECONDS)
        if self.vehicle is not None and self._is_closed:
            self._register_wh += self.vehicle.take(seconds, self._usable_w(), is_dc=self.outlet.is_dc)

    def _settle(self) -> None:
        """Let the vehicle react to what it sees now, and wake up when it will have enough."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self.vehicle is None:
            self._is_closed = False
            return
        usable_w = self._usable_w()
        is_ready = usable_w > 0 and self.vehicle.wants_energy
        if is_ready != (self._state in EV_READY) and self._state in EV_CONNECTED:
            if not is_ready:
                self._is_closed = False
            self._move(PilotCue.READY if is_ready else PilotCue.NOT_READY)
            self.on_change()
            return
        if self._is_closed:
            seconds = self.vehicle.seconds_until_satisfied(usable_w, is_dc=self.outlet.is_dc)
            if math.isfinite(seconds):
                self._wake = self._call_later(seconds + MARGIN_SECONDS, self._have_enough)

    def _keep_on(self) -> None:
        """Keep the register now, and again as long as energy flows."""
        self._keeping = None
        if self._is_closed:
            self.read()
            self._keeping = self._call_later(KEEP_SECONDS, self._keep_on)

    def _have_enough(self) -> None:
        self._wake = None
        self._advance()
        self._settle()

    def _move(self, cue: PilotCue) -> None:
        self._state = next_state(self._state, cue)


class SimulatedCableLock:
    """A socket's lock. `is_jammed` makes the mechanism fail, as a half-inserted plug does."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = _nobody_listens
        self.is_jammed = False
        self._has_cable = False
        self._is_locked = False

    @property
    def has_cable(self) -> bool:
        """Whether a cable is in the socket."""
        return self._has_cable

    @property
    def is_locked(self) -> bool:
        """Whether the cable is held."""
        return self._is_locked

    def insert(self) -> None:
        """Put a cable in."""
        self._has_cable = True
        self.on_change()

    def remove(self) -> None:
        """Take the cable out."""
        self._has_cable = False
        self.on_change()

    def lock(self, done: Done = ignore_outcome) -> None:
        """Hold the cable, unless jammed."""
        if not self.is_jammed:
            self._is_locked = True
        done(self._is_locked)

    def unlock(self) -> bool:
        """Free the cable; False when jammed."""
        if not self.is_jammed:
            self._is_locked = False
        return not self._is_locked


class SimulatedTagReader:
    """A reader whose tags are shown by calling `show`."""

    def __init__(self) -> None:
        self.on_tag: Callable[[str, int | None], None] = _no_reader_attached

    def show(self, id_tag: str, connector_id: int | None = None) -> None:
        """Hold a tag before the reader, having chosen a connector or not."""
        self.on_tag(id_tag, connector_id)


def _nobody_listens() -> None:
    """Before the station has attached itself, changes have no listener."""


def _no_reader_attached(id_tag: str, connector_id: int | None) -> None:
    raise LocalProtocolError("a tag was shown to a reader that no station listens to")
