"""What keeps one connector from charging, by who said so: each takes back only what it has said itself (§4.9, §7.6)."""

import enum
from typing import Final

from chargewright.protocol.v16.core import ChargePointErrorCode

__all__ = ["HARDWARE", "FaultSource", "Faults"]


class FaultSource(enum.Enum):
    """Where a fault comes from."""

    PERSON = "somebody said so"
    EMERGENCY_STOP = "the emergency stop is pressed"
    ORDER = "the hardware did not do as it was told"
    METER = "the meter does not answer"
    PILOT = "the control pilot does not answer"


# What the hardware showed by itself. Meter and pilot take it back by answering again; the rest wants somebody.
HARDWARE: Final = frozenset({FaultSource.ORDER, FaultSource.METER, FaultSource.PILOT})


class Faults:
    """True while there is one. `error_code` is that of the oldest that still stands, `NO_ERROR` for none."""

    __slots__ = ("_codes",)

    def __init__(self) -> None:
        self._codes: dict[FaultSource, ChargePointErrorCode] = {}

    def __bool__(self) -> bool:
        return bool(self._codes)

    @property
    def error_code(self) -> ChargePointErrorCode:
        """What StatusNotification tells."""
        return next(iter(self._codes.values()), ChargePointErrorCode.NO_ERROR)

    @property
    def sources(self) -> frozenset[FaultSource]:
        """Whose faults there are."""
        return frozenset(self._codes)

    def add(self, source: FaultSource, error_code: ChargePointErrorCode) -> None:
        """There is one more, or that of the same source is another one now."""
        self._codes[source] = error_code

    def remove(self, *sources: FaultSource) -> None:
        """Theirs are gone; those of others stay. Idempotent."""
        for source in sources:
            self._codes.pop(source, None)
