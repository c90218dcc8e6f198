"""What stations sent beside transactions: DataTransfer, and how they deviate from the specification."""

from fastapi import APIRouter

from chargewright.csms.api.models import Instant, View
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.storage.rows.core import DataTransferRow, DeviationRow

__all__ = ["station_records"]


class DataTransfer(View):
    """One DataTransfer of a station (§4.3)."""

    vendor_id: str
    message_id: str | None
    data: str | None
    status: str
    """What it was answered with."""
    received_at: Instant


class Deviation(View):
    """Something that the station does in another way than the specification, and that was understood anyway."""

    action: str
    kind: str
    field: str
    count: int
    sample: str
    first_at: Instant
    last_at: Instant


def station_records(parts: ApiParts) -> APIRouter:
    """Routes `/stations/{identity}/data-transfers` and `/deviations`."""
    router = APIRouter(prefix="/stations/{identity}", tags=["stations"])
    admin = parts.services.station_admin

    @router.get("/data-transfers", summary="List what a station sent as DataTransfer")
    async def list_data_transfers(identity: str, asked: PageQuery) -> PageOf[DataTransfer]:
        """The last received first."""
        station = admin.known(identity)
        return await read_page(
            f"stations/{station.id}/data-transfers",
            asked,
            parts.storage,
            DataTransferRow,
            {"station_id": station.id},
            _data_transfer,
            order="received_at",
            descending=True,
        )

    @router.get("/deviations", summary="List how a station deviates from the specification")
    async def list_deviations(identity: str, asked: PageQuery) -> PageOf[Deviation]:
        """In the order in which they were first seen, each counted."""
        station = admin.known(identity)
        name = f"stations/{station.id}/deviations"
        return await read_page(name, asked, parts.storage, DeviationRow, {"station_id": station.id}, _deviation)

    return router


def _data_transfer(row: DataTransferRow) -> DataTransfer:
    return DataTransfer(
        vendor_id=row.vendor_id,
        message_id=row.message_id,
        data=row.data,
        status=row.status,
        received_at=row.received_at,
    )


def _deviation(row: DeviationRow) -> Deviation:
    return Deviation(
        action=row.action,
        kind=row.kind,
        field=row.field,
        count=row.count,
        sample=row.sample,
        first_at=row.first_at,
        last_at=row.last_at,
    )
