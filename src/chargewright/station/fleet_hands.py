"""Hands at the stations of a fleet, made for a station when somebody first wants to do something there or follow it."""

from collections.abc import Iterator, Mapping
from typing import Final

from chargewright.station.fleet import Fleet
from chargewright.station.fleet_plan import identities
from chargewright.station.hands import StationHands
from chargewright.station.station_state import StationState, station_state

__all__ = ["FleetHands"]

# What follows the prefix of an identity.
DIGITS: Final = 5


class FleetHands(Mapping[str, StationHands]):
    """Identity → hands, of the stations of `fleet` that have been switched on so far.

    A station that nobody has laid hands on takes no memory here; `look` shows it nevertheless.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._made: dict[str, StationHands] = {}

    def __getitem__(self, identity: str) -> StationHands:
        hands = self._made.get(identity)
        if hands is None:
            number = self._number(identity)
            if number is None:
                raise KeyError(identity)
            products = self._fleet.plan.products
            hands = StationHands(self._fleet.stations[number], products[number % len(products)], identity)
            self._made[identity] = hands
        return hands

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, str) and self._number(identity) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(identities(self._fleet.plan.prefix, len(self)))

    def __len__(self) -> int:
        return len(self._fleet.stations)

    def look(self, identity: str) -> StationState:
        """What can be seen of a station now; raises KeyError where there is none."""
        hands = self._made.get(identity)
        if hands is not None:
            return hands.state()
        number = self._number(identity)
        if number is None:
            raise KeyError(identity)
        return station_state(self._fleet.stations[number], identity, {}, False)

    def _number(self, identity: str) -> int | None:
        """Its place among the stations, by the digits of its name."""
        prefix = self._fleet.plan.prefix
        digits = identity.removeprefix(prefix)
        if not (identity.startswith(prefix) and len(digits) == DIGITS and digits.isascii() and digits.isdigit()):
            return None
        number = int(digits) - 1
        return number if 0 <= number < len(self) else None
