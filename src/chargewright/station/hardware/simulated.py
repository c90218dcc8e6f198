"""A connector made of arithmetic: contactor, meter, control pilot and lock that agree with one another.

Energy is integrated exactly between two moments at which something changes, so nothing has to tick: there is one timer
for the moment at which the vehicle has enough, and one for the memory of the meter.
"""

import math
from collections.abc import Callable
from typing import Final

import structlog

from chargewright.clock import Clock
from chargewright.errors import ChargewrightError, LocalProtocolError
from chargewright.station.ev.pilot import PilotCue, next_state
from chargewright.station.ev.vehicle import PACK_EMPTY_V, Vehicle
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
from chargewright.station.hardware.simulated_parts import (
    NO_DELAYS,
    HardwareDelays,
    SimulatedCableLock,
    SimulatedDcController,
)

__all__ = ["GRID_VOLTAGE_V", "SimulatedConnector"]

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
# The fans of a DC cabinet at full heat; they stand still at ambient temperature.
FAN_RPM: Final = 3000.0


class SimulatedConnector:
    """One simulated connector. `hardware` is what the station sees; `plug`, `unplug` and the like are the hands.

    `register_wh` is where the meter stood when power was cut; `keep` is called with the register before any reading
    leaves, and must make it durable, as the memory of a real meter is. `keeps_by_itself`: now and then while energy
    flows, too, so that little is forgotten when the process is killed; of no use where nothing outlives it.
    """

    def __init__(
        self,
        outlet: Outlet,
        clock: Clock,
        call_later: Callable[[float, Callable[[], None]], Timer],
        *,
        register_wh: float = 0.0,
        keep: Callable[[float], None],
        delays: HardwareDelays = NO_DELAYS,
        resolution_wh: int = 1,
        voltage_v: float = GRID_VOLTAGE_V,
        frequency_hz: float = GRID_FREQUENCY_HZ,
        hold_seconds: float | None = None,
        keeps_by_itself: bool = True,
    ) -> None:
        self.outlet = outlet
        self.hold_seconds = hold_seconds
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
        self._keeps_by_itself = keeps_by_itself
        self._delays = delays
        self._resolution_wh = resolution_wh
        self._voltage_v = voltage_v
        self._frequency_hz = frequency_hz
        self._closing: Timer | None = None
        self._dead_man: Timer | None = None
        self._lock = None if outlet.has_fixed_cable else SimulatedCableLock(call_later, delays.lock)
        self._dc = SimulatedDcController(call_later, delays) if outlet.is_dc else None

    @property
    def hardware(self) -> ConnectorHardware:
        """The pieces, as the station asks for them."""
        return ConnectorHardware(
            outlet=self.outlet, contactor=self, meter=self, pilot=self, cable_lock=self._lock, dc=self._dc
        )

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
        if self._dc is not None:
            self._dc.stop()
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
        if self._delays.contactor > 0:
            self._cancel_closing()
            self._closing = self._call_later(self._delays.contactor, lambda: self._close_now(done))
        else:
            self._close_now(done)

    def _close_now(self, done: Done) -> None:
        self._closing = None
        if self._state not in EV_READY:
            done(False)
            return
        self._advance()
        self._is_closed = True
        self.hold()
        if self._keeping is None and self._keeps_by_itself:
            self._keeping = self._call_later(KEEP_SECONDS, self._keep_on)
        self._settle()
        done(True)

    def open(self, done: Done = ignore_outcome) -> None:
        """Stop the flow."""
        self._cancel_closing()
        self._advance()
        was_closed, self._is_closed = self._is_closed, False
        self._settle()
        if was_closed and self._delays.contactor > 0:
            self._call_later(self._delays.contactor, lambda: done(True))
        else:
            done(True)

    def hold(self) -> None:
        """Wind up the dead man's timer, where there is one: where nothing real hangs on it, none has to run."""
        if self._dead_man is not None:
            self._dead_man.cancel()
            self._dead_man = None
        if self._is_closed and self.hold_seconds is not None:
            self._dead_man = self._call_later(self.hold_seconds, self._let_go)

    def _let_go(self) -> None:
        self._dead_man = None
        if self._is_closed:
            self.open()
            self.on_change()

    def _cancel_closing(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None

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
        self._keep_register()
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
            voltages = (self._voltage_v,) * len(conductors)
            currents = tuple(
                power_w / (used * self._voltage_v) if index < used else 0.0 for index in range(len(conductors))
            )
        return MeterReading(
            taken_at=self._clock.now(),
            register_wh=math.floor(self._register_wh / self._resolution_wh) * self._resolution_wh,
            power_w=power_w,
            currents_a=currents,
            voltages_v=voltages,
            phases=conductors,
            offered_a=self._offer.current_a,
            offered_w=self._offered_w(),
            frequency_hz=None if self.outlet.is_dc else self._frequency_hz,
            temperature_celsius=self._temperature,
            soc_percent=self.vehicle.battery.soc * 100 if self.vehicle is not None and self.outlet.is_dc else None,
            # Energy goes one way here, to loads that take current in phase with the voltage: what this meter would
            # show of the rest is nothing, and so it says.
            export_wh=0,
            reactive_import_varh=0,
            reactive_export_varh=0,
            power_export_w=0.0,
            reactive_power_import_var=0.0,
            reactive_power_export_var=0.0,
            power_factor=1.0,
            currents_export_a=(0.0,) * len(currents),
            fan_rpm=FAN_RPM * (self._temperature - AMBIENT_CELSIUS) / HEATING_CELSIUS if self.outlet.is_dc else None,
        )

    # Physics.

    def _offered_w(self) -> float:
        """What the station offers, whatever the vehicle makes of it."""
        offer = self._offer
        if offer.is_nothing:
            return 0.0
        if self.outlet.is_dc:
            return min(offer.power_w, self.outlet.max_power_w * offer.current_a / self.outlet.max_current_a)
        return min(offer.power_w, offer.phases * offer.current_a * self._voltage_v)

    def _usable_w(self) -> float:
        """What of the offer the plugged vehicle can use."""
        if self.vehicle is None or self._offer.is_nothing:
            return 0.0
        offer = self._offer
        if self.outlet.is_dc:
            # An emptier battery takes less power from the same current; its lowest voltage keeps the integral exact.
            return min(self._offered_w(), offer.current_a * PACK_EMPTY_V)
        usable_w = self.vehicle.ac_offer_w(
            offer.phases, offer.current_a, self._voltage_v, least_a=self.outlet.least_current_a
        )
        return min(offer.power_w, usable_w)

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
            self._keep_register()
            self._keeping = self._call_later(KEEP_SECONDS, self._keep_on)

    def _keep_register(self) -> None:
        self._advance()
        if self._register_wh != self._kept_wh:
            try:
                self._keep(self._register_wh)
            except ChargewrightError as error:
                # A memory that takes nothing is no broken meter: it counts on, and keeps it all the next time.
                structlog.get_logger("chargewright.station").warning("a register was not kept", reason=str(error))
            else:
                self._kept_wh = self._register_wh

    def _have_enough(self) -> None:
        self._wake = None
        self._advance()
        self._settle()

    def _move(self, cue: PilotCue) -> None:
        self._state = next_state(self._state, cue)


def _nobody_listens() -> None:
    """Before the station has attached itself, changes have no listener."""
