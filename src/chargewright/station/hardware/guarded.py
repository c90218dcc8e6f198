"""Drivers behind a guard: whatever one raises becomes a fault of the connector, never an end of the station.

A part that raised is *broken*: its last good answer stands in for it, and the fault is told once. Reading is tried
again by whoever reads next; `is_broken` says whether a part is still out of order.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from chargewright.clock import Clock
from chargewright.protocol.v16.core import ChargePointErrorCode
from chargewright.station.hardware.interface import (
    CableLock,
    ConnectorHardware,
    Contactor,
    ControlPilot,
    DcController,
    Done,
    MeterReader,
    MeterReading,
    Offer,
    PilotState,
    ignore_outcome,
)

__all__ = ["ERROR_CODES", "Guard"]

Result = TypeVar("Result")

# §7.6: what a part that raises makes of its connector.
ERROR_CODES: Final[Mapping[str, ChargePointErrorCode]] = {
    "contactor": ChargePointErrorCode.POWER_SWITCH_FAILURE,
    "meter": ChargePointErrorCode.POWER_METER_FAILURE,
    "pilot": ChargePointErrorCode.INTERNAL_ERROR,
    "cable_lock": ChargePointErrorCode.CONNECTOR_LOCK_FAILURE,
    "dc": ChargePointErrorCode.INTERNAL_ERROR,
}


class Guard:
    """`hardware` is the guarded set of pieces. `failed(part, error)` is called when a part of `ERROR_CODES` breaks.

    `last_wh()` is where the register is known to have stood: it stands in for a meter that never answered.
    """

    def __init__(
        self,
        hardware: ConnectorHardware,
        clock: Clock,
        last_wh: Callable[[], float],
        failed: Callable[[str, Exception], None],
    ) -> None:
        self._failed = failed
        self._broken: set[str] = set()
        self.hardware: Final = ConnectorHardware(
            outlet=hardware.outlet,
            contactor=_Contactor(self, hardware.contactor),
            meter=_Meter(self, hardware.meter, clock, last_wh),
            pilot=_Pilot(self, hardware.pilot),
            cable_lock=None if hardware.cable_lock is None else _Lock(self, hardware.cable_lock),
            dc=None if hardware.dc is None else _Dc(self, hardware.dc),
        )

    def is_broken(self, part: str) -> bool:
        """Whether that part raised when it was last asked."""
        return part in self._broken

    def ask_again(self) -> None:
        """Read meter and pilot, to see whether they answer again."""
        for ask in (self.hardware.meter.peek, lambda: self.hardware.pilot.state):
            ask()

    def forget(self) -> None:
        """Take all parts as sound until one raises anew."""
        self._broken.clear()

    # What is asked is given as a function of nothing, so that looking a method up is under guard, too: a driver may be
    # a proxy of something elsewhere.
    def attempt(self, part: str, ask: Callable[[], Result], otherwise: Callable[[], Result]) -> Result:
        """What the driver says, or `otherwise` when it raises."""
        try:
            answer = ask()
        except Exception as error:  # a driver may raise anything; `failed` logs it and takes the energy off
            if part not in self._broken:
                self._broken.add(part)
                self._failed(part, error)
            return otherwise()
        self._broken.discard(part)
        return answer

    def command(self, part: str, give: Callable[[Done], None], done: Done) -> None:
        """Give an order whose outcome comes later; one that raises has failed."""
        # What follows from an outcome is not the driver's, so it happens outside of the guard.
        outcomes: list[bool] = []
        is_giving = True

        def told(has_worked: bool) -> None:
            if is_giving:
                outcomes.append(has_worked)
            else:
                done(has_worked)

        def order() -> bool:
            give(told)
            return True

        was_given = self.attempt(part, order, lambda: False)
        is_giving = False
        if not was_given:
            done(False)
        elif outcomes:
            done(outcomes[0])


class _Contactor:
    def __init__(self, guard: Guard, driver: Contactor) -> None:
        self._guard = guard
        self._driver = driver

    @property
    def hold_seconds(self) -> float | None:
        return self._guard.attempt("contactor", lambda: self._driver.hold_seconds, lambda: None)

    @property
    def is_closed(self) -> bool:
        # Unknown counts as open: nothing may be built upon a contactor that does not answer.
        return self._guard.attempt("contactor", lambda: self._driver.is_closed, lambda: False)

    def close(self, done: Done = ignore_outcome) -> None:
        self._guard.command("contactor", lambda told: self._driver.close(told), done)

    def open(self, done: Done = ignore_outcome) -> None:
        self._guard.command("contactor", lambda told: self._driver.open(told), done)

    def hold(self) -> None:
        self._guard.attempt("contactor", lambda: self._driver.hold(), lambda: None)


class _Meter:
    def __init__(self, guard: Guard, driver: MeterReader, clock: Clock, last_wh: Callable[[], float]) -> None:
        self._guard = guard
        self._driver = driver
        self._clock = clock
        self._last_wh = last_wh
        self._last_register_wh: int | None = None

    def read(self) -> MeterReading:
        reading = self._guard.attempt("meter", lambda: self._driver.read(), self._stand_in)
        self._last_register_wh = reading.register_wh
        return reading

    def peek(self) -> MeterReading:
        return self._guard.attempt("meter", lambda: self._driver.peek(), self._stand_in)

    def _stand_in(self) -> MeterReading:
        """Only the register, where it last stood: everything else would be invented."""
        register_wh = int(self._last_wh()) if self._last_register_wh is None else self._last_register_wh
        return MeterReading(taken_at=self._clock.now(), register_wh=register_wh, is_measured=False)


class _Pilot:
    def __init__(self, guard: Guard, driver: ControlPilot) -> None:
        self._guard = guard
        self._driver = driver
        self._last = PilotState.A

    @property
    def on_change(self) -> Callable[[], None]:
        return self._driver.on_change

    @on_change.setter
    def on_change(self, listener: Callable[[], None]) -> None:
        self._driver.on_change = listener

    @property
    def state(self) -> PilotState:
        # A pilot that does not answer has not unplugged anybody: the fault takes the energy off, not the transaction.
        self._last = self._guard.attempt("pilot", lambda: self._driver.state, lambda: self._last)
        return self._last

    def offer(self, offer: Offer) -> None:
        self._guard.attempt("pilot", lambda: self._driver.offer(offer), lambda: None)


class _Lock:
    def __init__(self, guard: Guard, driver: CableLock) -> None:
        self._guard = guard
        self._driver = driver
        self._had_cable = False
        self._was_locked = False

    @property
    def on_change(self) -> Callable[[], None]:
        return self._driver.on_change

    @on_change.setter
    def on_change(self, listener: Callable[[], None]) -> None:
        self._driver.on_change = listener

    @property
    def has_cable(self) -> bool:
        self._had_cable = self._guard.attempt("cable_lock", lambda: self._driver.has_cable, lambda: self._had_cable)
        return self._had_cable

    @property
    def is_locked(self) -> bool:
        self._was_locked = self._guard.attempt("cable_lock", lambda: self._driver.is_locked, lambda: self._was_locked)
        return self._was_locked

    def lock(self, done: Done = ignore_outcome) -> None:
        self._guard.command("cable_lock", lambda told: self._driver.lock(told), done)

    def unlock(self) -> bool:
        return self._guard.attempt("cable_lock", lambda: self._driver.unlock(), lambda: False)


class _Dc:
    def __init__(self, guard: Guard, driver: DcController) -> None:
        self._guard = guard
        self._driver = driver

    def check_cable(self, done: Done) -> None:
        self._guard.command("dc", lambda told: self._driver.check_cable(told), done)

    def precharge(self, done: Done) -> None:
        self._guard.command("dc", lambda told: self._driver.precharge(told), done)

    def stop(self) -> None:
        self._guard.attempt("dc", lambda: self._driver.stop(), lambda: None)
