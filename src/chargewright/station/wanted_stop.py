"""A stop of a transaction that has been asked for, until it is on disk: no failing write may let the car go on."""

from collections.abc import Callable
from typing import Final

import msgspec

from chargewright.protocol.v16.core import Reason
from chargewright.station.context import Context
from chargewright.station.hardware.interface import Timer

__all__ = ["AGAIN_SECONDS", "Stop", "WantedStop"]

# Between two tries to write it down.
AGAIN_SECONDS: Final = 5.0


class Stop(msgspec.Struct, frozen=True):
    """Why, by whose tag, and what StatusNotification says with it."""

    reason: Reason
    id_tag: str | None
    info: str | None = None


class WantedStop:
    """Calls `again(stop)` every `AGAIN_SECONDS` from the first `want` on, until `done`."""

    def __init__(self, context: Context, again: Callable[[Stop], None]) -> None:
        self._context = context
        self._again = again
        self._stop: Stop | None = None
        self._timer: Timer | None = None

    def want(self, stop: Stop) -> Stop:
        """It shall end. Returns the stop that counts: of several for one transaction, the first."""
        if self._stop is None:
            self._stop = stop
        self._wait()
        return self._stop

    def done(self) -> None:
        """It is on disk, or nobody will be there to try. Idempotent."""
        self._stop = None
        self._cancel()

    def _try_again(self) -> None:
        if self._stop is not None:
            self._wait()
            self._again(self._stop)

    def _wait(self) -> None:
        """Before anything is tried: whatever goes wrong then, it is tried again."""
        self._cancel()
        self._timer = self._context.call_later(AGAIN_SECONDS, self._try_again)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
