"""What stations tell of their security: events (use case A04), and requests for certificates (use case A02)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog

from chargewright.csms.ports import CallContext, Ledger
from chargewright.csms.services.events import make_event
from chargewright.csms.services.service import Service
from chargewright.csms.storage.base import NO_STATION, Storage, StorageError
from chargewright.csms.storage.rows.base import Removal
from chargewright.csms.storage.rows.upkeep import CertificateRequestRow, SecurityEventRow
from chargewright.protocol.v16.base import UnsetType
from chargewright.protocol.v16.security import (
    GenericStatus,
    SecurityEventNotificationRequest,
    SignCertificateRequest,
)
from chargewright.protocol.v16.security_events import CRITICAL_SECURITY_EVENTS

__all__ = ["CERTIFICATE_REQUESTS_PER_STATION", "SecurityEventsService", "is_critical"]

# Of more requests for a certificate, the oldest go.
CERTIFICATE_REQUESTS_PER_STATION: Final = 10
# How long the work waits, in seconds, after the database did not do what it should.
_PATIENCE_SECONDS: Final = 30.0
# Rows removed at once.
_STEP: Final = 100

_CRITICAL: Final = frozenset(event.value.casefold() for event in CRITICAL_SECURITY_EVENTS)

_log = structlog.get_logger(__name__)


def is_critical(kind: str) -> bool:
    """Whether the whitepaper (§8) calls events of that type critical; a vendor's own are not. Case does not count."""
    return kind.casefold() in _CRITICAL


class SecurityEventsService(Service):
    """Keeps security events and certificate requests. `new_id` makes opaque ids."""

    def __init__(self, storage: Storage, ledger: Ledger, new_id: Callable[[], str]) -> None:
        self._storage = storage
        self._ledger = ledger
        self._new_id = new_id
        self._requests: dict[int, int] = {}  # by station: how many rows there are
        self._crowded: set[int] = set()
        self._is_crowded = asyncio.Event()

    async def load(self) -> None:
        """Read which stations asked for a certificate."""
        counts = await self._storage.count(CertificateRequestRow, by="station_id")
        for station_id, count in counts.items():
            self._counted(station_id, count)

    def work(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The loop that removes the oldest requests for certificates."""
        return {"certificate requests": self._thin_out}

    def receive(self, call: CallContext, request: SecurityEventNotificationRequest) -> None:
        """Keep an event, whatever its type (A04.FR.03)."""
        tech_info = None if isinstance(request.tech_info, UnsetType) else request.tech_info
        row = SecurityEventRow(
            station_id=call.station.id,
            type=request.type,
            critical=is_critical(request.type),
            instant=call.instant(request.timestamp),
            station_time=request.timestamp.text,
            tech_info=tech_info,
            received_at=call.received_at,
        )
        call.add(row)
        body = {"type": row.type, "critical": row.critical, "timestamp": row.station_time}
        call.add(make_event("security.event", body if tech_info is None else {**body, "techInfo": tech_info}))

    def certificate_requested(self, call: CallContext, request: SignCertificateRequest) -> GenericStatus:
        """Keep a request for a certificate; the answer. There is no authority yet that it could be passed on to: it
        cannot be processed, and the station is told so (A02.FR.04)."""
        status = GenericStatus.REJECTED
        row = CertificateRequestRow(
            certificate_request_id=self._new_id(),
            station_id=call.station.id,
            csr=request.csr,
            status=status.value,
            received_at=call.received_at,
        )
        call.add(row)
        body = {"status": row.status, "certificateRequestId": row.certificate_request_id}
        call.add(make_event("security.certificate_requested", body))
        call.after_commit(lambda: self._counted(call.station.id, self._requests.get(call.station.id, 0) + 1))
        return status

    def has_asked(self, station_id: int) -> bool:
        """Whether the station asked for a certificate, as far as that is kept."""
        return self._requests.get(station_id, 0) > 0

    async def certificate_requests(self, station_id: int) -> Sequence[CertificateRequestRow]:
        """The station's newest requests, newest first."""
        return await self._storage.page(
            CertificateRequestRow,
            {"station_id": station_id},
            descending=True,
            limit=CERTIFICATE_REQUESTS_PER_STATION,
        )

    def _counted(self, station_id: int, count: int) -> None:
        self._requests[station_id] = count
        if count > CERTIFICATE_REQUESTS_PER_STATION:
            self._crowded.add(station_id)
            self._is_crowded.set()

    async def _thin_out(self) -> None:
        while True:
            await self._is_crowded.wait()
            try:
                await self.thin_out()
            except StorageError as error:
                _log.warning("old requests for certificates were not removed", error=str(error))
                await asyncio.sleep(_PATIENCE_SECONDS)

    async def thin_out(self) -> None:
        """Remove what is too much, of every station that has too much; raises `StorageError`."""
        while self._crowded:
            station_id = next(iter(self._crowded))
            kept = await self.certificate_requests(station_id)
            old = await self._storage.page(
                CertificateRequestRow,
                {"station_id": station_id},
                descending=True,
                after=(kept[-1].id, kept[-1].id) if len(kept) == CERTIFICATE_REQUESTS_PER_STATION else (0, 0),
                limit=_STEP,
            )
            if not old:
                self._crowded.discard(station_id)
                self._requests[station_id] = len(kept)
                continue
            removals = (
                Removal(CertificateRequestRow, {"certificate_request_id": row.certificate_request_id}) for row in old
            )
            await self._ledger.write(NO_STATION, *removals)
        self._is_crowded.clear()
