"""Parts of simulated hardware that need no arithmetic: cable lock, DC controller, reader."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from chargewright.errors import ConfigurationError, LocalProtocolError
from chargewright.station.hardware.interface import Done, Timer, ignore_outcome

__all__ = [
    "NO_DELAYS",
    "HardwareDelays",
    "SimulatedCableLock",
    "SimulatedDcController",
    "SimulatedEmergencyStop",
    "SimulatedTagReader",
    "delays_from",
]


# Longer than any order may take: so that too slow hardware can be played, too.
MOST_SECONDS: Final = 120.0


class HardwareDelays(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that simulated hardware takes for its orders; none at all by default: it is done when told.

    A contactor stops the flow at once, and takes its time to show that it is open.
    """

    lock: float = 0.0
    cable_check: float = 0.0
    precharge: float = 0.0
    contactor: float = 0.0


NO_DELAYS: Final = HardwareDelays()


def delays_from(texts: Iterable[str]) -> HardwareDelays:
    """Delays by their names with `-`, as in `cable-check=2.5`; raises `ConfigurationError` for anything else."""
    names = [name.replace("_", "-") for name in HardwareDelays.__struct_fields__]
    delays: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            seconds = float(number)
        except ValueError:
            seconds = -1.0
        if name not in names or not 0 <= seconds <= MOST_SECONDS:
            expected = f"NAME=SECONDS with a name of {', '.join(names)} and 0 to {MOST_SECONDS:g} seconds"
            raise ConfigurationError("--hardware-delay", "", text, expected)
        delays[name.replace("-", "_")] = seconds
    return HardwareDelays(**delays)


class SimulatedCableLock:
    """A socket's lock. `is_jammed` makes the mechanism fail, as a half-inserted plug does."""

    def __init__(self, call_later: Callable[[float, Callable[[], None]], Timer], lock_seconds: float = 0.0) -> None:
        self.on_change: Callable[[], None] = _nobody_listens
        self.is_jammed = False
        self._call_later = call_later
        self._lock_seconds = lock_seconds
        self._locking: Timer | None = None
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
        if self._lock_seconds > 0:
            self._cancel_locking()
            self._locking = self._call_later(self._lock_seconds, lambda: self._lock_now(done))
        else:
            self._lock_now(done)

    def _lock_now(self, done: Done) -> None:
        self._locking = None
        if not self.is_jammed and self._has_cable:
            self._is_locked = True
        done(self._is_locked)

    def unlock(self) -> bool:
        """Free the cable; False when jammed."""
        self._cancel_locking()
        if not self.is_jammed:
            self._is_locked = False
        return not self._is_locked

    def _cancel_locking(self) -> None:
        if self._locking is not None:
            self._locking.cancel()
            self._locking = None


class SimulatedDcController:
    """Insulation that holds, and a voltage that is matched, after the given delays."""

    def __init__(self, call_later: Callable[[float, Callable[[], None]], Timer], delays: HardwareDelays) -> None:
        self._call_later = call_later
        self._delays = delays
        self._under_way: Timer | None = None

    def check_cable(self, done: Done) -> None:
        """Test the insulation."""
        self._after(self._delays.cable_check, done)

    def precharge(self, done: Done) -> None:
        """Match the voltage."""
        self._after(self._delays.precharge, done)

    def stop(self) -> None:
        """Give up what is under way."""
        if self._under_way is not None:
            self._under_way.cancel()
            self._under_way = None

    def _after(self, seconds: float, done: Done) -> None:
        self.stop()
        if seconds > 0:
            self._under_way = self._call_later(seconds, lambda: done(True))
        else:
            done(True)


class SimulatedEmergencyStop:
    """A button that stays pressed until it is released, over power cuts too."""

    def __init__(self) -> None:
        self.on_press: Callable[[], None] = _nobody_listens
        self.on_release: Callable[[], None] = _nobody_listens
        self.is_pressed = False

    def press(self) -> None:
        """Hit it."""
        self.is_pressed = True
        self.on_press()

    def release(self) -> None:
        """Turn it back."""
        self.is_pressed = False
        self.on_release()

    def power_cut(self) -> None:
        """Nobody is there to be told."""
        self.on_press = self.on_release = _nobody_listens

    def power_returned(self) -> None:
        """A station that has just been made, and listens, is told how the button stands."""
        if self.is_pressed:
            self.on_press()


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
