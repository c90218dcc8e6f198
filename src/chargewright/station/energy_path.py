"""The way of energy through one connector, and back: lock, cable check, precharge, contactor, dead man's grip.

What may flow is decided by the connector; this is how. Each order of the table has a bound: hardware that does not
tell its outcome in time has failed, and failing always means that the contactor is told to open.
"""

import enum
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from chargewright.errors import LocalProtocolError
from chargewright.protocol.v16.core import ChargePointErrorCode
from chargewright.station.context import Context
from chargewright.station.faults import HARDWARE, Faults, FaultSource
from chargewright.station.hardware.guarded import ERROR_CODES, Guard
from chargewright.station.hardware.interface import NO_OFFER, ConnectorHardware, Done, MeterReading, Offer, Timer

__all__ = ["BOUNDS_SECONDS", "TRANSITIONS", "EnergyCue", "EnergyPath", "EnergyState"]


class EnergyState(enum.Enum):
    """How far energy has come."""

    IDLE = "nothing flows"
    LOCKING = "the cable is being locked"
    CHECKING = "the insulation is being checked"
    PRECHARGING = "the voltage is being matched"
    CLOSING = "the contactor is closing"
    ENERGISED = "energy may flow"
    OPENING = "the contactor is opening"
    FAILED = "the hardware has failed"


class EnergyCue(enum.Enum):
    """What moves it."""

    LOCK = "the cable shall be held"
    ENERGISE = "energy shall flow"
    DONE = "the step worked"
    CUT = "energy shall not flow"
    FAIL = "the hardware failed"
    CLEAR = "the fault is gone"


_ON_THE_WAY: Final = {EnergyCue.CUT: EnergyState.OPENING, EnergyCue.FAIL: EnergyState.FAILED}

TRANSITIONS: Final[Mapping[EnergyState, Mapping[EnergyCue, EnergyState]]] = {
    EnergyState.IDLE: {
        EnergyCue.LOCK: EnergyState.LOCKING,
        EnergyCue.ENERGISE: EnergyState.CHECKING,
        # Opening an open contactor does no harm; a welded one shows here.
        **_ON_THE_WAY,
    },
    EnergyState.LOCKING: {EnergyCue.DONE: EnergyState.IDLE, **_ON_THE_WAY},
    EnergyState.CHECKING: {EnergyCue.DONE: EnergyState.PRECHARGING, **_ON_THE_WAY},
    EnergyState.PRECHARGING: {EnergyCue.DONE: EnergyState.CLOSING, **_ON_THE_WAY},
    EnergyState.CLOSING: {EnergyCue.DONE: EnergyState.ENERGISED, **_ON_THE_WAY},
    EnergyState.ENERGISED: _ON_THE_WAY,
    EnergyState.OPENING: {EnergyCue.DONE: EnergyState.IDLE, EnergyCue.FAIL: EnergyState.FAILED},
    EnergyState.FAILED: {EnergyCue.CLEAR: EnergyState.IDLE},
}

# On the way to the vehicle, or there.
ENERGY_STATES: Final = frozenset(
    {EnergyState.CHECKING, EnergyState.PRECHARGING, EnergyState.CLOSING, EnergyState.ENERGISED}
)

# How long the hardware may take for each step; ISO 15118 and DIN 70121 give a cable check 40 s and a precharge 7 s.
BOUNDS_SECONDS: Final[Mapping[EnergyState, float]] = {
    EnergyState.LOCKING: 10.0,
    EnergyState.CHECKING: 40.0,
    EnergyState.PRECHARGING: 10.0,
    EnergyState.CLOSING: 5.0,
    EnergyState.OPENING: 5.0,
}

# What it means when a step fails (§7.6). A failed cable check is a failed insulation.
_STEP_ERRORS: Final[Mapping[EnergyState, ChargePointErrorCode]] = {
    EnergyState.LOCKING: ChargePointErrorCode.CONNECTOR_LOCK_FAILURE,
    EnergyState.CHECKING: ChargePointErrorCode.GROUND_FAILURE,
    EnergyState.PRECHARGING: ChargePointErrorCode.POWER_SWITCH_FAILURE,
    EnergyState.CLOSING: ChargePointErrorCode.POWER_SWITCH_FAILURE,
    EnergyState.OPENING: ChargePointErrorCode.POWER_SWITCH_FAILURE,
}

# How often parts that raised while being read are asked again.
PROBE_SECONDS: Final = 10.0
# Parts that heal by themselves when they answer again; after a failed order somebody has to look (`clear`).
_HEALING: Final = {"meter": FaultSource.METER, "pilot": FaultSource.PILOT}


def next_state(state: EnergyState, cue: EnergyCue) -> EnergyState:
    """The state after `cue`; raises `LocalProtocolError` naming both where the table has no such move."""
    try:
        return TRANSITIONS[state][cue]
    except KeyError:
        raise LocalProtocolError(f"energy path: {state.value}; {cue.value} cannot happen") from None


class EnergyPath:
    """`changed` is called when a step has ended later than it was ordered, or parts that did not answer do again;
    `failed` when hardware failed (the energy is off by then, and `faults` says what it was); `let_go` when the cable
    is not to be locked after all.

    It adds to `faults`, and takes away, only those of `HARDWARE`; it stays failed as long as one of them stands.
    `hardware` are the given drivers behind a guard; the path itself is the only one who switches them.
    """

    def __init__(
        self,
        context: Context,
        number: int,
        hardware: ConnectorHardware,
        faults: Faults,
        changed: Callable[[], None],
        failed: Callable[[], None],
        let_go: Callable[[], None],
    ) -> None:
        self.state = EnergyState.IDLE
        self._context = context
        self._number = number
        self._changed = changed
        self._failed = failed
        self._let_go = let_go
        self._faults = faults
        self._guard = Guard(hardware, context.clock, lambda: context.store.register(number)[0], self._part_failed)
        self.hardware: Final = self._guard.hardware
        self._offer = NO_OFFER
        self._locked: Callable[[], None] | None = None
        # A step's outcome counts only while that step is the present one.
        self._step = 0
        self._is_ordering = False
        self._is_over = False
        self._bound: Timer | None = None
        self._grip: Timer | None = None
        self._probe: Timer | None = None

    @property
    def is_energised(self) -> bool:
        """Whether energy may flow now."""
        return self.state is EnergyState.ENERGISED

    @property
    def is_locking(self) -> bool:
        """Whether the lock is moving to hold the cable."""
        return self.state is EnergyState.LOCKING

    def hold_cable(self, held: Callable[[], None]) -> None:
        """Lock the cable where there is a lock, and call `held` when that has worked; `failed` otherwise.

        Does nothing while it is being locked already, and while the last transaction's contactor still opens.
        """
        if self.hardware.cable_lock is None:
            held()
        elif self.state is EnergyState.IDLE:
            self._locked = held
            self._move(EnergyCue.LOCK)

    def offer(self, offer: Offer) -> None:
        """Tell the vehicle what it may take."""
        self._offer = offer
        self.hardware.pilot.offer(offer)

    def read_meter(self) -> MeterReading:
        """The meter, with the offer of this instant where the driver does not tell it."""
        reading = self.hardware.meter.read()
        if reading.offered_a is not None and reading.offered_w is not None:
            return reading
        return msgspec.structs.replace(reading, offered_a=self._offer.current_a, offered_w=self._offer.power_w)

    def follow(self, may_flow: bool) -> None:
        """Bring the hardware in line with what the connector has decided."""
        if self._is_over:
            return
        if self.is_energised and not self.hardware.contactor.is_closed:
            # It fell open by itself: begin anew, insulation included, if energy may still flow.
            self.cut()
        if may_flow and self.state is EnergyState.IDLE:
            self._move(EnergyCue.ENERGISE)
        elif not may_flow and self.state in ENERGY_STATES:
            self.cut()

    def cut(self) -> None:
        """No energy from now on, and nothing on the way to it. Idempotent."""
        if EnergyCue.CUT in TRANSITIONS[self.state]:
            self._move(EnergyCue.CUT)
        else:
            self.hardware.contactor.open()

    def fail(self, error_code: ChargePointErrorCode, source: FaultSource = FaultSource.ORDER) -> None:
        """The hardware has failed: energy off, and the connector told."""
        if source not in self._faults.sources:
            self._faults.add(source, error_code)
        if EnergyCue.FAIL in TRANSITIONS[self.state]:
            self._move(EnergyCue.FAIL)
        self._failed()

    def clear(self) -> None:
        """Somebody has mended it; meter and pilot that are still broken show again at once. Idempotent."""
        was_failed = bool(self._faults.sources & HARDWARE)
        self._guard.forget()
        self._faults.remove(*HARDWARE)
        self._recover()
        if was_failed:
            self._guard.ask_again()

    def shut_down(self) -> None:
        """Energy off and no timers, for good."""
        self._is_over = True
        self._step += 1
        for timer in (self._bound, self._grip, self._probe):
            if timer is not None:
                timer.cancel()
        self._stop_hardware()

    # Steps.

    def _move(self, cue: EnergyCue) -> None:
        before, self.state = self.state, next_state(self.state, cue)
        self._step += 1
        if self._bound is not None:
            self._bound.cancel()
            self._bound = None
        if before is EnergyState.LOCKING and cue is not EnergyCue.DONE:
            # Halfway is nobody's: whoever plugged in can take the cable out again.
            self._locked = None
            self._let_go()
        if before is EnergyState.ENERGISED and self._grip is not None:
            self._grip.cancel()
            self._grip = None
        self._act()

    def _act(self) -> None:
        hardware = self.hardware
        match self.state:
            case EnergyState.LOCKING if hardware.cable_lock is not None:
                self._order(hardware.cable_lock.lock)
            case EnergyState.CHECKING if hardware.dc is not None:
                self._order(hardware.dc.check_cable)
            case EnergyState.PRECHARGING if hardware.dc is not None:
                self._order(hardware.dc.precharge)
            case EnergyState.LOCKING | EnergyState.CHECKING | EnergyState.PRECHARGING:
                self._move(EnergyCue.DONE)
            case EnergyState.CLOSING:
                self._order(hardware.contactor.close)
            case EnergyState.ENERGISED:
                self._hold_on()
            case EnergyState.OPENING:
                if hardware.dc is not None:
                    hardware.dc.stop()
                if self.state is EnergyState.OPENING:  # or else stopping has failed, and all is open
                    self._order(hardware.contactor.open)
            case EnergyState.FAILED:
                self._stop_hardware()
            case EnergyState.IDLE:
                if (held := self._locked) is not None:
                    self._locked = None
                    held()

    def _order(self, give: Callable[[Done], None]) -> None:
        step, state = self._step, self.state

        def done(has_worked: bool) -> None:
            # Whatever was decided meanwhile has made an outcome of the past meaningless.
            if step == self._step and not self._is_over:
                self._ended(state, has_worked)

        was_ordering, self._is_ordering = self._is_ordering, True
        try:
            give(done)
        finally:
            self._is_ordering = was_ordering
        if step == self._step and not self._is_over:
            self._bound = self._context.call_later(BOUNDS_SECONDS[state], lambda: done(False))

    def _ended(self, state: EnergyState, has_worked: bool) -> None:
        if not has_worked:
            self._context.log.error("the hardware failed", connector=self._number, step=state.value)
            self.fail(_STEP_ERRORS[state])
            return
        self._move(EnergyCue.DONE)
        if not self._is_ordering:
            self._changed()

    def _hold_on(self) -> None:
        """Keep the dead man's grip as long as energy may flow."""
        seconds = self.hardware.contactor.hold_seconds
        if self.is_energised and seconds is not None:
            self.hardware.contactor.hold()
            if self.is_energised:
                self._grip = self._context.call_later(seconds / 3, self._hold_on)

    def _stop_hardware(self) -> None:
        if self.hardware.dc is not None:
            self.hardware.dc.stop()
        self.hardware.contactor.open()

    # Drivers that raise.

    def _part_failed(self, part: str, error: Exception) -> None:
        self._context.log.error("a driver failed", connector=self._number, part=part, exc_info=error)
        if self._is_over:
            return
        if part in _HEALING:
            # First: what follows from a failure may itself meet one, as of the disk.
            self._probe_later()
        self.fail(ERROR_CODES[part], _HEALING.get(part, FaultSource.ORDER))

    def _probe_later(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
        self._probe = self._context.call_later(PROBE_SECONDS, self._ask_again)

    def _ask_again(self) -> None:
        self._probe = None
        self._guard.ask_again()
        answering = [part for part in _HEALING if not self._guard.is_broken(part)]
        if len(answering) < len(_HEALING):
            self._probe_later()
        self._faults.remove(*(_HEALING[part] for part in answering))
        self._recover()
        self._changed()

    def _recover(self) -> None:
        """Ready again, once nothing that the hardware showed is left."""
        if self.state is EnergyState.FAILED and not self._faults.sources & HARDWARE:
            self._move(EnergyCue.CLEAR)
