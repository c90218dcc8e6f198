"""Stops of transactions that nobody knows, kept until they find one."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from chargewright.csms.api.meter_values import MeterValue, show_meter_value
from chargewright.csms.api.models import Body, row_id
from chargewright.csms.api.paging import PageOf, PageQuery, page_of
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.api.transactions import Stop, show_stop
from chargewright.csms.services.transaction_keeping import STOP_KIND, TRANSACTION_KIND
from chargewright.csms.storage.base import MeterValueRow
from chargewright.csms.storage.rows.core import TransactionStopRow

__all__ = ["transaction_stops"]


class Link(Body):
    """Where an orphan belongs."""

    transaction: Annotated[str, Field(max_length=20, description="Id of a transaction of the same station")]


def transaction_stops(parts: ApiParts) -> APIRouter:
    """Routes `/transaction-stops`."""
    router = APIRouter(prefix="/transaction-stops", tags=["transactions"])
    keeping = parts.services.transaction_keeping

    @router.get("", summary="List orphan stops")
    async def list_stops(
        asked: PageQuery,
        relation: Annotated[
            Literal["orphan"], Query(description="Stops of a known transaction stand with that transaction")
        ] = "orphan",
        station: Annotated[str | None, Query(max_length=48, description="Identity of the station")] = None,
    ) -> PageOf[Stop]:
        """The last received first."""
        where: dict[str, Any] = {"charging_transaction_id": None}
        if station is not None:
            where["station_id"] = parts.services.station_admin.known(station).id
        identities: dict[int, str] = {}

        async def read(after: tuple[Any, int] | None, limit: int) -> Sequence[TransactionStopRow]:
            rows = await parts.storage.page(TransactionStopRow, where, descending=True, after=after, limit=limit)
            identities.update(await keeping.identities([row.station_id for row in rows]))
            return rows

        return await page_of(
            f"transaction-stops {relation}", asked, read, lambda row: show_stop(row, identities[row.station_id])
        )

    @router.get("/{id}", summary="Read a stop")
    async def read_stop(id: str) -> Stop:
        return await _shown(row_id(STOP_KIND, id))

    @router.get("/{id}/meter-values", summary="List the transactionData of an orphan stop")
    async def list_meter_values(id: str, asked: PageQuery) -> PageOf[MeterValue]:
        """In the order of their instants."""
        stop = await keeping.stop(row_id(STOP_KIND, id))

        async def read(after: tuple[Any, int] | None, limit: int) -> Sequence[MeterValueRow]:
            return await keeping.stop_meter_values(stop, after, limit)

        return await page_of(f"meter values of stop {stop.id}", asked, read, show_meter_value, order="instant")

    @router.post("/{id}/link", summary="Say to which transaction an orphan stop belongs")
    async def link_stop(id: str, body: Link) -> Stop:
        """It ends an open transaction, and is a correction of any other. 409 where it is no orphan."""
        stop_id = row_id(STOP_KIND, id)
        await keeping.link(stop_id, row_id(TRANSACTION_KIND, body.transaction))
        return await _shown(stop_id)

    async def _shown(stop_id: int) -> Stop:
        row = await keeping.stop(stop_id)
        return show_stop(row, (await keeping.identities([row.station_id]))[row.station_id])

    return router
