"""What was learned of a station's ways, name by name, and is used the next time: kept for good, read from memory."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from chargewright.clock import Clock
from chargewright.csms.ports import Ledger
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import Storage
from chargewright.csms.storage.rows.base import Removal
from chargewright.csms.storage.rows.commands import StationAbilityRow

__all__ = ["LARGEST_FRAME", "AbilitiesService", "refused_trigger"]

# The name of: the largest message of ours, in bytes, that the station is taken to bear.
LARGEST_FRAME: Final = "largest-frame"
_PAGE: Final = 1000


def refused_trigger(message: str) -> str:
    """The name of: the station refuses to be triggered to send this message; the value is its answer."""
    return f"trigger-refused:{message}"


class AbilitiesService(Service):
    """A value of JSON's kinds for each station and name."""

    def __init__(self, storage: Storage, ledger: Ledger, clock: Clock) -> None:
        self._storage = storage
        self._ledger = ledger
        self._clock = clock
        self._known: dict[int, dict[str, Any]] = {}

    async def load(self) -> None:
        """Read all of them."""
        after: tuple[Any, int] | None = None
        while rows := await self._storage.page(StationAbilityRow, after=after, limit=_PAGE):
            for row in rows:
                self._known.setdefault(row.station_id, {})[row.name] = msgspec.json.decode(row.value)
            after = (rows[-1].id, rows[-1].id)

    def of(self, station_id: int, name: str) -> Any:
        """What is known of the station under that name; None where nothing is."""
        return self._known.get(station_id, {}).get(name)

    def all_of(self, station_id: int) -> Mapping[str, Any]:
        """Everything that is known of the station."""
        return dict(self._known.get(station_id, {}))

    async def learn(self, station_id: int, name: str, value: Any) -> None:
        """Remember `value` (what JSON can say, not None); writes only where it is new. Raises `StorageUnavailable`,
        `StorageError`."""
        if self.of(station_id, name) != value:
            await self._ledger.write(station_id, self.row(station_id, name, value))
            self.learned(station_id, name, value)

    async def forget(self, station_id: int, name: str) -> None:
        """Know nothing under that name any more. Raises `StorageUnavailable`, `StorageError`."""
        if self.of(station_id, name) is not None:
            await self._ledger.write(station_id, self.removal(station_id, name))
            self.forgotten(station_id, name)

    # For those who write it in one unit with something else.

    def row(self, station_id: int, name: str, value: Any) -> StationAbilityRow:
        """The row that `learn` writes; `learned` when it is committed."""
        text = msgspec.json.encode(value).decode()
        return StationAbilityRow(
            station_id=station_id, name=name, value=text, learned_at=self._clock.now_microseconds()
        )

    def removal(self, station_id: int, name: str) -> Removal:
        """What `forget` writes; `forgotten` when it is committed."""
        return Removal(StationAbilityRow, {"station_id": station_id, "name": name})

    def learned(self, station_id: int, name: str, value: Any) -> None:
        """The row is committed."""
        self._known.setdefault(station_id, {})[name] = value

    def forgotten(self, station_id: int, name: str) -> None:
        """The removal is committed."""
        self._known.get(station_id, {}).pop(name, None)
