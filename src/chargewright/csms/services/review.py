"""The reviewer: follows the event log and says which transactions somebody should look at before they are billed.

It works behind the hot path: what a station sends is stored and answered first. Its place in the log is durable and
written after its findings, and a finding is written only where the review still is as it was seen; so it may be stopped
anywhere, and several nodes may do the same work: each finding appears once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from chargewright.csms.directory import Directory
from chargewright.csms.ports import Ledger
from chargewright.csms.services.active_transactions import ActiveTransactionsService
from chargewright.csms.services.events import make_event
from chargewright.csms.services.meter_readings import MeterReadingsService
from chargewright.csms.services.plausibility import Plausibility
from chargewright.csms.services.service import Service
from chargewright.csms.services.transaction_keeping import STOPS
from chargewright.csms.storage.base import NO_STATION, EventRow, ReviewRecord, Storage, StorageError
from chargewright.csms.storage.rows.base import In
from chargewright.csms.storage.rows.core import SettingRow, TransactionRow, TransactionStopRow

__all__ = ["ReviewService"]

_log = structlog.get_logger(__name__)

POSITION: Final = "review.position"
PAGE: Final = 500
# The place in the log is written with findings, and after that many events without any.
EVENTS_PER_POSITION: Final = 5000
# Events are gathered for so long before they are read, in seconds: many transactions then cost few queries.
GATHER_SECONDS: Final = 1.0
# How often the log is read although nobody told of an event, and how long after a failure.
POLL_SECONDS: Final = 5.0
# A finding that met another change is made again from what is there now.
ATTEMPTS: Final = 3
# Transactions that are judged at the same time.
AT_ONCE: Final = 4
_ENDINGS: Final = frozenset({"transaction.stopped", "transaction.closed", "transaction.linked"})
_STARTED: Final = "transaction.started"


class _Body(msgspec.Struct, rename="camel"):
    transaction_id: int | None = None
    id_tag: str = ""
    flags: list[str] = []


_body = msgspec.json.Decoder(_Body).decode


class ReviewService(Service):
    """`power_w` is the power of a connector whose station has none of its own."""

    def __init__(
        self,
        directory: Directory,
        storage: Storage,
        ledger: Ledger,
        readings: MeterReadingsService,
        active: ActiveTransactionsService,
        *,
        power_w: float,
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:
        self._directory = directory
        self._storage = storage
        self._ledger = ledger
        self._readings = readings
        self._active = active
        self._power_w = power_w
        self._gather_seconds = gather_seconds
        self._position = 0
        self._written = 0
        self._news = asyncio.Event()
        self._is_failing = False

    async def load(self) -> None:
        """Go on where the last run stopped."""
        rows = await self._storage.page(SettingRow, {"name": POSITION}, limit=1)
        self._position = self._written = int(rows[0].value) if rows else 0

    def work(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """One loop that follows the log."""
        return {"review of transactions": self._follow}

    async def _follow(self) -> None:
        unsubscribe = self._storage.subscribe_events(self._news.set)
        try:
            while True:
                self._news.clear()
                try:
                    await self.catch_up()
                    self._is_failing = False
                except StorageError as error:
                    if not self._is_failing:
                        self._is_failing = True
                        _log.warning("transactions are not reviewed while the database is away", error=str(error))
                try:
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._news.wait()
                        await asyncio.sleep(self._gather_seconds)
                except TimeoutError:
                    continue
        finally:
            unsubscribe()

    async def catch_up(self) -> None:
        """Review everything that the log has so far; raises `StorageError`, and may then be called again."""
        while rows := await self._storage.events_after(self._position, PAGE):
            has_found = await self._look_at(rows)
            position = rows[-1].sequence
            if has_found or position - self._written >= EVENTS_PER_POSITION:
                await self._ledger.write(NO_STATION, SettingRow(name=POSITION, value=str(position)))
                self._written = position
            self._position = position
            if len(rows) < PAGE:
                return

    async def _look_at(self, events: Sequence[EventRow]) -> bool:
        """Whether anything was put into review."""
        judged: dict[int, str] = {}
        learned: set[int] = set()
        for event in events:
            is_ending = event.kind in _ENDINGS
            if event.station is None or not (is_ending or event.kind == _STARTED):
                continue
            body = _body(event.body)
            if body.transaction_id is None:
                continue
            if is_ending or body.flags:
                judged[body.transaction_id] = event.station
            if self._active.limit(body.id_tag) or self._active.knows(body.transaction_id):
                learned.add(body.transaction_id)
        wanted = judged.keys() | learned
        if not wanted:
            return False
        rows = await self._storage.page(TransactionRow, {"transaction_id": In(tuple(sorted(wanted)))}, limit=PAGE)
        # Other nodes' commits are known from here.
        self._active.learn(row for row in rows if row.transaction_id in learned)
        ours = [row for row in rows if row.transaction_id in judged and self._is_of(row, judged[row.transaction_id])]
        found = False
        for first in range(0, len(ours), AT_ONCE):
            # A few at a time: lists of the API wait for the same readers.
            some = ours[first : first + AT_ONCE]
            for result in await asyncio.gather(*map(self._review, some), return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result
                found = result or found
        return found

    def _is_of(self, row: TransactionRow, identity: str) -> bool:
        """A station may name a transaction of another one, which is no business of its."""
        station = self._directory.station(identity)
        return station is None or station.id == row.station_id

    async def _review(self, row: TransactionRow) -> bool:
        for _ in range(ATTEMPTS):
            known = row.review_reasons.split()
            reasons = list(dict.fromkeys([*known, *await self._reasons(row)]))
            if reasons == known:
                return False
            record = ReviewRecord(
                id=row.id,
                seen_review=row.review,
                seen_reasons=row.review_reasons,
                review="pending",
                review_reasons=" ".join(reasons),
                review_note=row.review_note,
            )
            event = make_event("transaction.review", {"transactionId": row.transaction_id, "reasons": reasons})
            event.decision = record
            await self._ledger.write(row.station_id, record, event)
            if record.applied:
                return True
            (row,) = await self._storage.page(TransactionRow, {"id": row.id}, limit=1)
        _log.warning("a transaction changes too fast to be reviewed", transaction=row.transaction_id)
        return False

    async def _reasons(self, row: TransactionRow) -> list[str]:
        stops = await self._storage.page(TransactionStopRow, {"charging_transaction_id": row.id}, limit=STOPS)
        station = self._directory.station_by_id(row.station_id)
        power_w = None if station is None else station.maximum_power_w
        judge = Plausibility(row, stops, maximum_power_w=self._power_w if power_w is None else power_w)
        async for values in self._readings.pages(row, stops):
            judge.feed(values)
            if not judge.wants_more:
                break
        return judge.reasons()
