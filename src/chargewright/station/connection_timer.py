"""ConnectionTimeOut: how long somebody may prepare before the start is given up (§9.1.6, errata v4.0 §3.76)."""

from collections.abc import Callable

from chargewright.station.context import Context
from chargewright.station.hardware.interface import Timer

__all__ = ["ConnectionTimer"]


class ConnectionTimer:
    """Calls `expired` when the time is over; it counts from entering Preparing, with the value of that moment."""

    def __init__(self, context: Context, expired: Callable[[], None]) -> None:
        self._context = context
        self._expired = expired
        self._timer: Timer | None = None

    @property
    def is_running(self) -> bool:
        """Whether somebody is preparing."""
        return self._timer is not None

    def start(self) -> None:
        """The time begins anew."""
        self.cancel()
        seconds = self._context.configuration.integer("ConnectionTimeOut")
        self._timer = self._context.call_later(seconds, self._over)

    def cancel(self) -> None:
        """Nobody prepares any more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        self._timer = None
        self._expired()
