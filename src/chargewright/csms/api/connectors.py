"""Connectors of stations: the latest status of each, and those before it."""

from typing import Annotated

from fastapi import APIRouter, Path

from chargewright.csms.api.models import Instant, View
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.errors import NotFound
from chargewright.csms.storage.rows.core import ConnectorRow, ConnectorStatusRow

__all__ = ["connectors"]

_ConnectorId = Annotated[int, Path(ge=0, le=2**31 - 1, description="0 is the station as a whole")]


class ConnectorStatus(View):
    """A status as the station reported it (§4.9)."""

    connector_id: int
    status: str
    error_code: str
    """As sent, also where it is no word of the specification."""
    info: str | None
    vendor_id: str | None
    vendor_error_code: str | None
    at: Instant
    """When it began, by the station; where that cannot be read, when it was received."""
    timestamp: str | None
    """As sent."""
    received_at: Instant


def _show(row: ConnectorRow | ConnectorStatusRow) -> ConnectorStatus:
    return ConnectorStatus(
        connector_id=row.connector_id,
        status=row.status,
        error_code=row.raw_error_code or row.error_code,
        info=row.info,
        vendor_id=row.vendor_id,
        vendor_error_code=row.vendor_error_code,
        at=row.instant,
        timestamp=row.station_time,
        received_at=row.received_at,
    )


def connectors(parts: ApiParts) -> APIRouter:
    """Routes `/stations/{identity}/connectors`."""
    router = APIRouter(prefix="/stations/{identity}/connectors", tags=["connectors"])
    admin = parts.services.station_admin

    @router.get("", summary="List the connectors of a station")
    async def list_connectors(identity: str, asked: PageQuery) -> PageOf[ConnectorStatus]:
        """Those that it reported, by number, each with its latest status."""
        station = admin.known(identity)
        where = {"station_id": station.id}
        name = f"stations/{station.id}/connectors"
        return await read_page(name, asked, parts.storage, ConnectorRow, where, _show, order="connector_id")

    @router.get("/{connector_id}", summary="Read the latest status of a connector")
    async def read_connector(identity: str, connector_id: _ConnectorId) -> ConnectorStatus:
        where = {"station_id": admin.known(identity).id, "connector_id": connector_id}
        rows = await parts.storage.page(ConnectorRow, where, limit=1)
        if not rows:
            raise NotFound("connector", str(connector_id))
        return _show(rows[0])

    @router.get("/{connector_id}/statuses", summary="List what a connector reported")
    async def list_statuses(identity: str, connector_id: _ConnectorId, asked: PageQuery) -> PageOf[ConnectorStatus]:
        """The last received first."""
        station = admin.known(identity)
        where = {"station_id": station.id, "connector_id": connector_id}
        name = f"stations/{station.id}/connectors/{connector_id}/statuses"
        return await read_page(
            name, asked, parts.storage, ConnectorStatusRow, where, _show, order="received_at", descending=True
        )

    return router
