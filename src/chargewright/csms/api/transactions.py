"""Transactions: what stations said of them, what counts, and what operators decide. Their id is an opaque text;
`transactionId` is OCPP's."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from chargewright.csms.api.meter_values import MeterValue, show_meter_value
from chargewright.csms.api.models import Body, Instant, InstantIn, View, row_id
from chargewright.csms.api.paging import PageOf, PageQuery, page_of
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.errors import InvalidValue
from chargewright.csms.services.id_tags import KIND as ID_TAG_KIND
from chargewright.csms.services.transaction_keeping import TRANSACTION_KIND, Transaction
from chargewright.csms.storage.base import MeterValueRow
from chargewright.csms.storage.rows.base import Range
from chargewright.csms.storage.rows.core import TransactionRow, TransactionStopRow
from chargewright.protocol.v16.core import Reason

__all__ = ["Stop", "TransactionView", "show_stop", "transactions"]

NOTE_CHARACTERS: Final = 500
_Register = Annotated[int, Field(ge=0, lt=2**62, description="Wh")]
_Note = Annotated[str, Field(min_length=1, max_length=NOTE_CHARACTERS)]


class Stop(View):
    """A StopTransaction as it was received (§4.10)."""

    id: str
    transaction_id: int
    """As sent: stations send numbers of their own, and -1."""
    transaction: str | None
    """The transaction that it belongs to; null for an orphan."""
    relation: str
    """`stop`: it ended the transaction; `correction`: that had ended before; `orphan`: no transaction is known."""
    station: str
    timestamp: Instant
    timestamp_as_sent: str
    received_at: Instant
    meter_stop: int
    id_tag: str | None
    reason: str | None
    flags: list[str]


class Counted(View):
    """The stop that a bill counts with."""

    timestamp: Instant
    timestamp_as_sent: str | None
    meter_stop: int
    reason: str | None
    id_tag: str | None
    by: str
    """`station`, or `operator` where an operator closed the transaction and the station has not sent its stop."""
    correction: str | None
    """The correction that counts: a stop which came after an operator had closed the transaction."""


class Review(View):
    """Whether somebody should look before it is billed."""

    state: str
    """`pending` or `resolved`."""
    reasons: list[str]
    note: str | None
    resolved_at: Instant | None


class TransactionView(View):
    """A transaction. Energies in Wh, durations in seconds."""

    id: str
    transaction_id: int | None
    station: str
    connector_id: int
    id_tag: str
    id_tag_status: str
    """What the station was told in StartTransaction.conf (§7.2)."""
    reservation_id: int | None
    started_at: Instant
    timestamp_as_sent: str
    received_at: Instant
    meter_start: int
    open: bool
    stop: Counted | None
    energy_wh: int | None
    duration_seconds: float | None
    closed_at: Instant | None
    """When an operator closed it; what he assumed stands in `closed`."""
    flags: list[str]
    review: Review | None


class Closed(View):
    """What an operator assumed when closing."""

    timestamp: Instant
    meter_stop: int
    reason: str | None


class TransactionDetail(TransactionView):
    """A transaction with everything that was received and decided about its end."""

    closed: Closed | None
    stops: list[Stop]
    """Every stop received for it, oldest first: the one that ended it, and corrections."""


class Closing(Body):
    """How a transaction ended whose stop will not come."""

    meter_stop: _Register | None = None
    """Default: the last register that is known, else meterStart."""
    timestamp: InstantIn | None = None
    """Default: the instant of that register, else that of the start."""
    # The words of the enumeration, so that the document of the API lists them; mypy wants them written out.
    reason: Literal[tuple(reason.value for reason in Reason)] = Reason.OTHER.value  # type: ignore[valid-type]  # from a table
    note: _Note | None = None


class Resolution(Body):
    """What came out of a review."""

    note: _Note


def show_stop(row: TransactionStopRow, station: str) -> Stop:
    """A stop as it is answered."""
    linked = row.charging_transaction_id
    return Stop(
        id=str(row.id),
        transaction_id=row.transaction_id,
        transaction=None if linked is None else str(linked),
        relation=row.relation,
        station=station,
        timestamp=row.instant,
        timestamp_as_sent=row.station_time,
        received_at=row.received_at,
        meter_stop=row.meter_stop,
        id_tag=row.id_tag,
        reason=row.reason,
        flags=row.flags.split(),
    )


def _members(transaction: Transaction) -> dict[str, Any]:
    row, counted = transaction.row, transaction.counted
    stop = counted and Counted(
        timestamp=counted.instant,
        timestamp_as_sent=counted.station_time,
        meter_stop=counted.meter_stop,
        reason=counted.reason,
        id_tag=counted.id_tag,
        by=counted.by,
        correction=None if counted.stop_id is None else str(counted.stop_id),
    )
    review = Review(
        state=row.review, reasons=row.review_reasons.split(), note=row.review_note, resolved_at=row.reviewed_at
    )
    return {
        "id": str(row.id),
        "transaction_id": row.transaction_id,
        "station": transaction.station,
        "connector_id": row.connector_id,
        "id_tag": row.id_tag,
        "id_tag_status": row.id_tag_status,
        "reservation_id": row.reservation_id,
        "started_at": row.start_instant,
        "timestamp_as_sent": row.station_time,
        "received_at": row.received_at,
        "meter_start": row.meter_start,
        "open": row.stop_instant is None,
        "stop": stop,
        "energy_wh": transaction.energy_wh,
        "duration_seconds": transaction.duration_seconds,
        "closed_at": row.closed_at,
        "flags": row.flags.split(),
        "review": review if row.review else None,
    }


def _detail(transaction: Transaction) -> TransactionDetail:
    row = transaction.row
    closed = None
    if row.closed_at is not None and row.stop_instant is not None and row.meter_stop is not None:
        closed = Closed(timestamp=row.stop_instant, meter_stop=row.meter_stop, reason=row.stop_reason)
    stops = [show_stop(stop, transaction.station) for stop in transaction.stops]
    return TransactionDetail(**_members(transaction), closed=closed, stops=stops)


def transactions(parts: ApiParts) -> APIRouter:
    """Routes `/transactions`."""
    router = APIRouter(prefix="/transactions", tags=["transactions"])
    keeping = parts.services.transaction_keeping

    @router.get("", summary="List transactions")
    async def list_transactions(
        asked: PageQuery,
        station: Annotated[str | None, Query(max_length=48, description="Identity of the station")] = None,
        id_tag_id: Annotated[
            str | None, Query(max_length=20, description="Id of a registered id tag, not what it says")
        ] = None,
        open: Annotated[bool | None, Query(description="Only those that are open, or that are not")] = None,
        review: Annotated[Literal["pending", "resolved"] | None, Query(description="State of the review")] = None,
        started_after: Annotated[InstantIn | None, Query(description="Not before this date and time")] = None,
        started_before: Annotated[InstantIn | None, Query(description="Before this date and time")] = None,
        reason: Annotated[
            Reason | None,
            Query(description="Reason of the counting stop; with `station`, `id_tag_id` or `started_after` beside it"),
        ] = None,
    ) -> PageOf[TransactionView]:
        """The newest first: by start, and of those that are open or under review, by receipt."""
        where: dict[str, Any] = {}
        if station is not None:
            where["station_id"] = parts.services.station_admin.known(station).id
        if id_tag_id is not None:
            tag = await parts.services.id_tags.get(row_id(ID_TAG_KIND, id_tag_id))
            where["id_tag_key"] = tag.id_tag.casefold()
        if started_after is not None or started_before is not None:
            where["start_instant"] = Range(low=started_after, high=started_before)
        if reason is not None and station is None and id_tag_id is None and started_after is None:
            raise InvalidValue("reason", reason.value, "station, id_tag_id or started_after beside it")
        if review is not None:
            where["review"] = review
        if open is not None:
            where["stop_instant"] = None if open else Range(low=-(2**63))
        # Partial indexes have those that are open, and those that somebody should look at, by receipt.
        is_rare = (open or review == "pending") and "id_tag_key" not in where
        order = "id" if is_rare else "start_instant"
        shown: dict[int, TransactionView] = {}

        async def read(after: tuple[Any, int] | None, limit: int) -> Sequence[TransactionRow]:
            rows: Sequence[TransactionRow]
            if reason is not None:
                rows = await keeping.ended_for(reason, where, order, after, limit)
            else:
                rows = await parts.storage.page(
                    TransactionRow, where, order=order, descending=True, after=after, limit=limit
                )
            for one in await keeping.complete(rows):
                shown[one.row.id] = TransactionView(**_members(one))
            return rows

        return await page_of(f"transactions by {order}", asked, read, lambda row: shown[row.id], order=order)

    @router.get("/{id}", summary="Read a transaction")
    async def read_transaction(id: str) -> TransactionDetail:
        """With every stop that was received for it."""
        return _detail(await keeping.get(row_id(TRANSACTION_KIND, id)))

    @router.get("/{id}/meter-values", summary="List the meter values of a transaction")
    async def list_meter_values(id: str, asked: PageQuery) -> PageOf[MeterValue]:
        """In the order of their instants, those included that came before the start or after the stop."""
        transaction = await keeping.get(row_id(TRANSACTION_KIND, id))

        async def read(after: tuple[Any, int] | None, limit: int) -> Sequence[MeterValueRow]:
            return await keeping.meter_values(transaction, after, limit)

        name = f"meter values of transaction {transaction.row.id}"
        return await page_of(name, asked, read, show_meter_value, order="instant")

    @router.post("/{id}/close", summary="Close a transaction whose stop will not come")
    async def close_transaction(id: str, body: Closing) -> TransactionDetail:
        """Its station is not asked. 409 where it is stopped. A stop that the station sends later is kept as a
        correction, counts instead, and puts the transaction into review."""
        closed = await keeping.close(
            row_id(TRANSACTION_KIND, id),
            meter_stop=body.meter_stop,
            instant=body.timestamp,
            reason=Reason(body.reason),
            note=body.note,
        )
        return _detail(closed)

    @router.post("/{id}/review", summary="Resolve the review of a transaction")
    async def resolve_review(id: str, body: Resolution) -> TransactionDetail:
        """409 where no review is pending. What comes up later opens it again."""
        return _detail(await keeping.resolve(row_id(TRANSACTION_KIND, id), body.note))

    return router
