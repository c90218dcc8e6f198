"""Transactions as operators see and keep them: reading, closing zombies, linking orphan stops, resolving reviews.

What a station said stays as it was said; see `storage/decisions.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from chargewright.clock import Clock
from chargewright.csms.directory import Directory
from chargewright.csms.errors import Conflict, InvalidValue, NotFound
from chargewright.csms.ports import Ledger
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.events import make_event
from chargewright.csms.services.meter_readings import MeterReadingsService
from chargewright.csms.services.plausibility import CLOCK_AHEAD, CountedStop, counted_stop
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import CloseRecord, LinkRecord, MeterValueRow, ReviewRecord, Storage
from chargewright.csms.storage.rows.base import In, Range
from chargewright.csms.storage.rows.core import StationDetailRow, TransactionRow, TransactionStopRow
from chargewright.protocol.v16.core import Reason

__all__ = ["STOP_KIND", "TRANSACTION_KIND", "Transaction", "TransactionKeepingService"]

TRANSACTION_KIND: Final = "transaction"
STOP_KIND: Final = "transaction stop"
# Stops of one transaction that are read; the rest are repeats of a broken station.
STOPS: Final = 1000
# Transactions closed by hand that are read at a time, to see how their counting stop ended them.
CLOSED_ROWS: Final = 200
SECOND: Final = 1_000_000


class Transaction(msgspec.Struct, frozen=True):
    """A transaction with the identity of its station, the stops that were received for it (in a list: only those that
    matter for `counted`), and the stop that counts."""

    row: TransactionRow
    station: str
    stops: Sequence[TransactionStopRow]
    counted: CountedStop | None

    @property
    def energy_wh(self) -> int | None:
        """What was charged, by the stop that counts; negative where registers step back."""
        return None if self.counted is None else self.counted.meter_stop - self.row.meter_start

    @property
    def duration_seconds(self) -> float | None:
        """How long it lasted, by the stop that counts."""
        return None if self.counted is None else (self.counted.instant - self.row.start_instant) / SECOND

    @property
    def corrections(self) -> list[TransactionStopRow]:
        """The stops that came after it had ended."""
        return [stop for stop in self.stops if stop.relation == "correction"]


class TransactionKeepingService(Service):
    """Raises `NotFound`, `Conflict` and `InvalidValue` as each method says, `StorageUnavailable` where nothing can be
    written."""

    def __init__(
        self,
        directory: Directory,
        storage: Storage,
        ledger: Ledger,
        clock: Clock,
        readings: MeterReadingsService,
        active: ActiveTransactionsService,
    ) -> None:
        self._directory = directory
        self._storage = storage
        self._ledger = ledger
        self._clock = clock
        self._readings = readings
        self._active = active

    # Reading.

    async def get(self, row_id: int) -> Transaction:
        """The transaction of that row; raises `NotFound`."""
        rows = await self._storage.page(TransactionRow, {"id": row_id}, limit=1)
        if not rows:
            raise NotFound(TRANSACTION_KIND, str(row_id))
        stops = await self._storage.page(TransactionStopRow, {"charging_transaction_id": row_id}, limit=STOPS)
        stations = await self.identities([rows[0].station_id])
        return Transaction(rows[0], stations[rows[0].station_id], stops, counted_stop(rows[0], stops))

    async def complete(self, rows: Sequence[TransactionRow]) -> list[Transaction]:
        """Rows of a list with what counts for them."""
        closed = tuple(row.id for row in rows if row.closed_at is not None)
        stops: dict[int | None, list[TransactionStopRow]] = {}
        if closed:
            where = {"charging_transaction_id": In(closed)}
            for stop in await self._storage.page(TransactionStopRow, where, limit=STOPS):
                stops.setdefault(stop.charging_transaction_id, []).append(stop)
        stations = await self.identities([row.station_id for row in rows])
        of = ((row, stops.get(row.id, ())) for row in rows)
        return [Transaction(row, stations[row.station_id], ended, counted_stop(row, ended)) for row, ended in of]

    async def ended_for(
        self, reason: Reason, where: Mapping[str, Any], order: str, after: tuple[Any, int] | None, limit: int
    ) -> list[TransactionRow]:
        """Rows under these conditions whose counting stop has that reason, the last first by (`order`, id).

        What an operator closed may count with the reason of a correction, which stands with its stops; of all others
        the reason is in the row. People close few, so these are looked through.
        """
        only = {**where, "stop_reason": reason.value, "closed_at": None}
        found = list(
            await self._storage.page(TransactionRow, only, order=order, descending=True, after=after, limit=limit)
        )
        closed: list[TransactionRow] = []
        closed_where = {**where, "closed_at": Range(low=0)}
        while len(closed) < limit:
            rows = await self._storage.page(
                TransactionRow, closed_where, order=order, descending=True, after=after, limit=CLOSED_ROWS
            )
            for one in await self.complete(rows):
                if one.counted is not None and one.counted.reason == reason.value:
                    closed.append(one.row)
            if len(rows) < CLOSED_ROWS:
                break
            after = (getattr(rows[-1], order), rows[-1].id)
        return sorted(found + closed, key=lambda row: (getattr(row, order), row.id), reverse=True)[:limit]

    async def identities(self, station_ids: Iterable[int]) -> dict[int, str]:
        """The identities of stations, those out of service included, by row id."""
        known = {station_id: self._directory.station_by_id(station_id) for station_id in station_ids}
        found = {station_id: row.identity for station_id, row in known.items() if row is not None}
        missing = tuple(station_id for station_id, row in known.items() if row is None)
        if missing:
            rows = await self._storage.page(StationDetailRow, {"id": In(missing)}, limit=len(missing))
            found |= {row.id: row.identity for row in rows}
        return found

    async def stop(self, row_id: int) -> TransactionStopRow:
        """The stop of that row; raises `NotFound`."""
        rows = await self._storage.page(TransactionStopRow, {"id": row_id}, limit=1)
        if not rows:
            raise NotFound(STOP_KIND, str(row_id))
        return rows[0]

    async def meter_values(
        self, transaction: Transaction, after: tuple[int, int] | None, limit: int
    ) -> list[MeterValueRow]:
        """Its meter values in order of (instant, id), those not after `after` left out."""
        return await self._readings.of_transaction(transaction.row, transaction.stops, after, limit)

    async def stop_meter_values(
        self, stop: TransactionStopRow, after: tuple[int, int] | None, limit: int
    ) -> list[MeterValueRow]:
        """The transactionData of an orphan, likewise."""
        return await self._readings.of_stop(stop, after, limit)

    # Deciding.

    async def close(
        self,
        row_id: int,
        *,
        meter_stop: int | None = None,
        instant: int | None = None,
        reason: Reason = Reason.OTHER,
        note: str | None = None,
    ) -> Transaction:
        """End a transaction whose stop will not come: with the last register that is known and its instant, else with
        meterStart and the start, unless told better. Its station is not asked.

        Raises `NotFound`; `Conflict` where it is stopped; `InvalidValue` for an instant in the future.
        """
        transaction = await self.get(row_id)
        row = transaction.row
        now = self._clock.now_microseconds()
        if row.stop_instant is not None:
            raise Conflict("The transaction is stopped already; nothing was changed.")
        if instant is not None and instant > now + CLOCK_AHEAD:
            raise InvalidValue("timestamp", instant, "an instant that is not in the future")
        known_at, known_wh = await self._last_register(transaction)
        record = CloseRecord(
            id=row.id,
            instant=known_at if instant is None else instant,
            meter_stop=known_wh if meter_stop is None else meter_stop,
            reason=reason.value,
        )
        body: dict[str, Any] = {"transactionId": row.transaction_id, "connectorId": row.connector_id}
        body |= {"meterStop": record.meter_stop, "reason": record.reason} | ({} if note is None else {"note": note})
        event = make_event("transaction.closed", body)
        event.decision = record
        await self._ledger.write(row.station_id, record, event)
        if not record.applied:
            raise Conflict("The transaction was stopped at this very moment; nothing was changed.")
        if row.transaction_id is not None:
            self._active.closed(row.transaction_id)
        return await self.get(row_id)

    async def _last_register(self, transaction: Transaction) -> tuple[int, int]:
        row = transaction.row
        latest = (row.start_instant, row.meter_start)
        now = self._clock.now_microseconds()
        async for values in self._readings.pages(row, transaction.stops):
            for value in values:
                is_in_time = row.start_instant <= value.instant <= now + CLOCK_AHEAD
                if value.energy_wh is not None and is_in_time and value.connector_id == row.connector_id:
                    latest = (value.instant, int(min(max(value.energy_wh, 0), 2**62)))
        return latest

    async def link(self, stop_id: int, transaction_row_id: int) -> TransactionStopRow:
        """Say to which transaction of its station an orphan stop belongs: it ends an open one, and is a correction of
        any other.

        Raises `NotFound`; `Conflict` where it is no orphan; `InvalidValue` for a transaction of another station.
        """
        stop, transaction = await self.stop(stop_id), await self.get(transaction_row_id)
        row = transaction.row
        if stop.charging_transaction_id is not None:
            raise Conflict("The stop belongs to a transaction already; nothing was changed.")
        if stop.station_id != row.station_id:
            raise InvalidValue("transaction", str(row.id), "a transaction of the station that sent the stop")
        record = LinkRecord(stop_id=stop.id, transaction_row_id=row.id)
        body = {"transactionId": row.transaction_id, "stop": str(stop.id), "meterStop": stop.meter_stop}
        event = make_event("transaction.linked", body)
        event.decision = record
        await self._ledger.write(row.station_id, record, event)
        if not record.applied:
            raise Conflict("The stop was linked at this very moment; nothing was changed.")
        self._active.learn([(await self.get(row.id)).row])
        return await self.stop(stop_id)

    async def resolve(self, row_id: int, note: str) -> Transaction:
        """Somebody has looked at a transaction under review, and says with what result.

        Raises `NotFound`; `Conflict` where no review is pending.
        """
        row = (await self.get(row_id)).row
        if row.review != "pending":
            raise Conflict("No review of this transaction is pending.")
        record = ReviewRecord(
            id=row.id,
            seen_review=row.review,
            seen_reasons=row.review_reasons,
            review="resolved",
            review_reasons=row.review_reasons,
            review_note=note,
            reviewed_at=self._clock.now_microseconds(),
        )
        body: dict[str, Any] = {"transactionId": row.transaction_id, "reasons": row.review_reasons.split()}
        event = make_event("transaction.reviewed", body | {"note": note})
        event.decision = record
        await self._ledger.write(row.station_id, record, event)
        if not record.applied:
            raise Conflict("The review changed at this very moment: look again.")
        return await self.get(row_id)
