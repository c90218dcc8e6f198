"""Security events and requests for certificates, as stations sent them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from chargewright.csms.api.models import Instant, View
from chargewright.csms.api.paging import PageOf, PageQuery, read_page
from chargewright.csms.api.parts import ApiParts
from chargewright.csms.storage.rows.upkeep import CertificateRequestRow, SecurityEventRow

__all__ = ["security_events"]

_Critical = Annotated[bool | None, Query(description="Only those that the whitepaper calls critical, or only others")]
_Type = Annotated[str | None, Query(max_length=50, description="Only this type, letter by letter")]


class SecurityEvent(View):
    """One SecurityEventNotification."""

    station: str
    type: str
    critical: bool
    timestamp: Instant
    """When it happened, says the station."""
    station_time: str
    """The same as it was sent."""
    tech_info: str | None
    received_at: Instant


class CertificateRequest(View):
    """One SignCertificate."""

    id: str
    csr: str
    """PKCS#10 in PEM."""
    status: str
    """What it was answered with."""
    received_at: Instant


def security_events(parts: ApiParts) -> APIRouter:
    """Routes `/security-events`, and `/security-events` and `/certificate-requests` of a station."""
    router = APIRouter()
    admin = parts.services.station_admin

    def show(row: SecurityEventRow) -> SecurityEvent:
        return SecurityEvent(
            station=admin.identity(row.station_id),
            type=row.type,
            critical=row.critical,
            timestamp=row.instant,
            station_time=row.station_time,
            tech_info=row.tech_info,
            received_at=row.received_at,
        )

    async def page(name: str, asked: PageQuery, where: dict[str, Any]) -> PageOf[SecurityEvent]:
        present = {column: value for column, value in where.items() if value is not None}
        return await read_page(name, asked, parts.storage, SecurityEventRow, present, show, descending=True)

    @router.get("/security-events", summary="List security events of all stations", tags=["security-events"])
    async def list_security_events(
        asked: PageQuery, critical: _Critical = None, type: _Type = None
    ) -> PageOf[SecurityEvent]:
        """The last received first."""
        return await page("security-events", asked, {"critical": critical, "type": type})

    @router.get("/stations/{identity}/security-events", summary="List security events of a station", tags=["stations"])
    async def list_station_security_events(
        identity: str, asked: PageQuery, critical: _Critical = None, type: _Type = None
    ) -> PageOf[SecurityEvent]:
        """The last received first."""
        station = admin.known(identity)
        where = {"station_id": station.id, "critical": critical, "type": type}
        return await page(f"stations/{station.id}/security-events", asked, where)

    @router.get(
        "/stations/{identity}/certificate-requests", summary="List a station's certificate requests", tags=["stations"]
    )
    async def list_certificate_requests(identity: str, asked: PageQuery) -> PageOf[CertificateRequest]:
        """The newest few that are kept, the last received first."""
        station = admin.known(identity)
        name = f"stations/{station.id}/certificate-requests"
        where = {"station_id": station.id}
        return await read_page(
            name, asked, parts.storage, CertificateRequestRow, where, _certificate_request, descending=True
        )

    return router


def _certificate_request(row: CertificateRequestRow) -> CertificateRequest:
    return CertificateRequest(
        id=row.certificate_request_id, csr=row.csr, status=row.status, received_at=row.received_at
    )
