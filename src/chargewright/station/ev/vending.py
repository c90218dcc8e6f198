"""The hands of people without a tag, at a station where the plug is enough (free vending)."""

from collections.abc import Callable

from chargewright.station.ev.driver import Hands
from chargewright.station.ev.vehicle import Vehicle
from chargewright.station.snapshot import ConnectorSnapshot

__all__ = ["VendingHands"]


class VendingHands:
    """Other hands but for the tag: a driver who would show one presses stop instead, and waits before the plug did it.

    `press_stop(connector_id)` is the station's stop button.
    """

    def __init__(self, hands: Hands, press_stop: Callable[[int], None]) -> None:
        self._hands = hands
        self._press_stop = press_stop

    def plug(self, connector_id: int, vehicle: Vehicle) -> None:
        """Connect the vehicle; that starts the transaction."""
        self._hands.plug(connector_id, vehicle)

    def unplug(self, connector_id: int) -> Vehicle:
        """Take it away."""
        return self._hands.unplug(connector_id)

    @property
    def locks_before_authorization(self) -> bool:
        """Whether nobody can plug in before the station has let them in."""
        return self._hands.locks_before_authorization

    def is_locked(self, connector_id: int) -> bool:
        """Whether the cable is held."""
        return self._hands.is_locked(connector_id)

    def show_tag(self, id_tag: str, connector_id: int | None = None) -> None:
        """There is no reader: whoever charges presses stop."""
        if connector_id is not None and self._hands.look(connector_id).has_transaction:
            self._press_stop(connector_id)

    def look(self, connector_id: int) -> ConnectorSnapshot:
        """Read the display."""
        return self._hands.look(connector_id)

    def is_online(self) -> bool:
        """Whether the CSMS can be reached."""
        return self._hands.is_online()

    async def wait_until(self, is_true: Callable[[], bool], timeout_seconds: float) -> bool:
        """Wait for something that can be seen."""
        return await self._hands.wait_until(is_true, timeout_seconds)
