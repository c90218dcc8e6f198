"""Whether a connector is in service: what ChangeAvailability left on disk (§5.2), and what the station itself wants.

The latter is never kept: a station that is being updated comes back into service with the next boot, whatever happens.
"""

from chargewright.station.context import Context
from chargewright.station.store import Availability

__all__ = ["OperativeState"]


class OperativeState:
    """That of connector `number`."""

    def __init__(self, context: Context, number: int) -> None:
        self.is_held = False
        self._is_to_be_held = False
        self._store = context.store
        self._number = number
        self._kept = context.store.availability(number)

    @property
    def is_operative(self) -> bool:
        """Whether it can be used at all."""
        return self._kept.is_operative and not self.is_held

    def change(self, is_operative: bool, *, is_busy: bool) -> bool:
        """Keep what ChangeAvailability asks for; returns False when it has to wait until the connector is idle."""
        is_scheduled = is_busy and is_operative != self._kept.is_operative
        self._keep(Availability(self._kept.is_operative, is_operative) if is_scheduled else Availability(is_operative))
        return not is_scheduled

    def hold(self, is_held: bool) -> None:
        """Take it out of service as soon as it is idle (`catch_up`), or let it back at once."""
        self._is_to_be_held = is_held
        self.is_held = self.is_held and is_held

    def catch_up(self) -> bool:
        """The connector is idle: make true what had to wait. Returns whether something did."""
        scheduled = self._kept.scheduled
        if scheduled is not None:
            self._keep(Availability(scheduled))
        is_held_now = self._is_to_be_held and not self.is_held
        self.is_held = self._is_to_be_held
        return scheduled is not None or is_held_now

    def _keep(self, availability: Availability) -> None:
        self._store.set_availability(self._number, availability)
        self._kept = availability
