"""Which transactions are open at a station, as the database has them: for those who are about to command it."""

from typing import Final

from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import Storage
from chargewright.csms.storage.rows.core import TransactionRow

__all__ = ["KnownTransactionsService"]

# No station has more connectors than that.
_LIMIT: Final = 200


class KnownTransactionsService(Service):
    """Reads; nothing is kept in memory."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def open_at(self, station_id: int) -> list[TransactionRow]:
        """The station's open transactions, the oldest first. Raises `StorageError`."""
        return await self._storage.page(
            TransactionRow, {"station_id": station_id, "stop_instant": None}, order="id", limit=_LIMIT
        )
