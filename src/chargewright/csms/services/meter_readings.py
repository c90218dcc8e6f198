"""The stored meter values of transactions and of stops, in the order of their instants."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import UNKNOWN_CONNECTOR, MeterValueRow, Storage
from chargewright.csms.storage.rows.core import TransactionRow, TransactionStopRow

__all__ = ["MeterReadingsService"]

_PAGE: Final = 1000
Place = tuple[int, int]  # (instant, id)


class MeterReadingsService(Service):
    """Reads what `MeteringService` stored."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def of_transaction(
        self, row: TransactionRow, stops: Sequence[TransactionStopRow], after: Place | None, limit: int
    ) -> list[MeterValueRow]:
        """Values sent with its transactionId, before, during and after it, and the transactionData of `stops` that were
        linked to it although they named another id."""
        if row.transaction_id is None:
            return []
        rows = await self._storage.meter_values(
            row.station_id, transaction_id=row.transaction_id, after=after, limit=limit
        )
        strangers = [stop for stop in stops if stop.transaction_id != row.transaction_id]
        for stop in strangers:
            rows += await self.of_stop(stop, after, limit)
        if strangers:
            rows.sort(key=_place)
        return rows[:limit]

    async def of_stop(self, stop: TransactionStopRow, after: Place | None, limit: int) -> list[MeterValueRow]:
        """The transactionData of a stop that came as an orphan."""
        found: list[MeterValueRow] = []
        while len(found) < limit:
            rows = await self._storage.meter_values(
                stop.station_id,
                transaction_id=stop.transaction_id,
                connector_id=UNKNOWN_CONNECTOR,
                after=after,
                limit=_PAGE,
            )
            found += [row for row in rows if row.transaction_stop_id == stop.id]
            if len(rows) < _PAGE:
                break
            after = _place(rows[-1])
        return found[:limit]

    async def pages(
        self, row: TransactionRow, stops: Sequence[TransactionStopRow]
    ) -> AsyncIterator[list[MeterValueRow]]:
        """All values of a transaction, a bounded page at a time."""
        after: Place | None = None
        while True:
            rows = await self.of_transaction(row, stops, after, _PAGE)
            yield rows
            if len(rows) < _PAGE:
                return
            after = _place(rows[-1])


def _place(row: MeterValueRow) -> Place:
    return row.instant, row.id
